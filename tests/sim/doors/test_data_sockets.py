"""Goal: the data stream's control and error frames on real sockets, whoever misbehaves."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

WAIT = 60.0


def control(server: Any, path: str, body: Any) -> Any:
    url = f"{server['control']}/{path}"
    request = urllib.request.Request(url, data=json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=WAIT) as reply:
        return json.load(reply)


def read(ws: Any) -> Any:
    return json.loads(ws.recv(timeout=WAIT))


def auth(ws: Any, key: str = "k") -> Any:
    ws.send(json.dumps({"action": "auth", "key": key, "secret": "s"}))
    return read(ws)[0]


@contextmanager
def data_stream(server: Any, feed: str = "v2/iex", **options: Any) -> Iterator[Any]:
    """A greeted connection."""
    base = server["stream"].removesuffix("/stream")
    with connect(f"{base}/{feed}", open_timeout=WAIT, max_size=None, **options) as ws:
        greeting = ws.recv(timeout=WAIT)
        if isinstance(greeting, str):
            assert json.loads(greeting) == [{"T": "success", "msg": "connected"}]
        yield ws


def subscribe(ws: Any, **channels: list[str]) -> Any:
    ws.send(json.dumps({"action": "subscribe", **channels}))
    return read(ws)[0]


def test_greeting_auth_subscription_and_data(exchange: Any) -> None:
    with data_stream(exchange) as ws:
        assert auth(ws) == {"T": "success", "msg": "authenticated"}
        ack = subscribe(ws, quotes=["AAPL"], statuses=["*"])
        assert ack["T"] == "subscription" and ack["quotes"] == ["AAPL"]
        quote = read(ws)[0]
        assert quote["T"] == "q" and quote["S"] == "AAPL" and quote["bp"] > 0


def test_keys_in_the_upgrade_authenticate(exchange: Any) -> None:
    headers = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
    with data_stream(exchange, additional_headers=headers) as ws:
        assert read(ws) == [{"T": "success", "msg": "authenticated"}]


@pytest.mark.parametrize(
    ("message", "code"),
    [("{", 400), ('{"action":"dance"}', 400), ('{"action":"subscribe","trades":["AAPL"]}', 401)],
)
def test_bad_syntax_and_missing_auth(exchange: Any, message: str, code: int) -> None:
    with data_stream(exchange) as ws:
        ws.send(message)
        assert read(ws)[0]["code"] == code
        assert auth(ws)["msg"] == "authenticated"
        assert auth(ws)["code"] == 403


def test_refused_key_is_told_and_closed(serve: Callable[..., Any]) -> None:
    with data_stream(serve(bad_keys=["bad"])) as ws:
        assert auth(ws, "bad") == {"T": "error", "code": 402, "msg": "auth failed"}
        with pytest.raises(ConnectionClosed):
            ws.recv(timeout=WAIT)


def test_free_plan_has_limits(serve: Callable[..., Any]) -> None:
    server = serve(plan="basic")
    with data_stream(server, "v2/sip") as ws:
        assert auth(ws)["code"] == 409
    with data_stream(server) as ws:
        auth(ws)
        symbols = [f"S{number}" for number in range(31)]
        assert subscribe(ws, trades=symbols)["code"] == 405
        assert subscribe(ws, bars=symbols)["T"] == "subscription"


def test_second_connection_to_a_feed_is_told_406(serve: Callable[..., Any]) -> None:
    server = serve(single_stream=True)
    with data_stream(server) as first:
        auth(first)
        with data_stream(server) as second:
            assert auth(second)["code"] == 406
        with data_stream(server, "v1beta3/crypto/us") as other_feed:
            assert auth(other_feed)["msg"] == "authenticated"


def test_reader_that_does_not_read_is_cut(serve: Callable[..., Any]) -> None:
    server = serve(at="2026-10-08 10:30", speed=0)
    with data_stream(server, max_queue=1, compression=None) as ws:
        auth(ws)
        subscribe(ws, quotes=["*"], trades=["*"])
        for _ in range(8):
            control(server, "clock", {"step": 250})
            time.sleep(0.2)
        deadline = time.monotonic() + WAIT
        while _streams(server):
            assert time.monotonic() < deadline, "the slow reader is still there"
            time.sleep(0.1)


def _streams(server: Any) -> Any:
    with urllib.request.urlopen(server["control"] + "/status", timeout=WAIT) as reply:
        return json.load(reply)["streams"]


def test_msgpack_for_a_client_that_asks_for_it(exchange: Any) -> None:
    headers = {"Content-Type": "application/msgpack"}
    with data_stream(exchange, additional_headers=headers) as ws:
        ws.send(msgpack.packb({"action": "auth", "key": "k", "secret": "s"}))
        assert msgpack.unpackb(ws.recv(timeout=WAIT))[0]["msg"] == "authenticated"


def test_halts_and_bands_are_told(serve: Callable[..., Any]) -> None:
    server = serve()
    with data_stream(server) as ws:
        auth(ws)
        subscribe(ws, statuses=["AAPL"], lulds=["AAPL"])
        control(server, "halt", {"symbol": "AAPL", "reason": "T1"})
        assert (read(ws)[0]["T"], "AAPL") == ("s", "AAPL")
        control(server, "band", {"symbol": "AAPL", "low": 95, "high": 105})
        band = read(ws)[0]
        assert (band["T"], band["u"], band["d"]) == ("l", 105, 95)


def test_connections_die_on_command_and_new_ones_are_refused(serve: Callable[..., Any]) -> None:
    server = serve()
    with data_stream(server) as ws:
        control(server, "streams/cut", {"data": True})
        with pytest.raises(ConnectionClosed):
            ws.recv(timeout=WAIT)
    control(server, "faults", {"kind": "stream_refused", "path": "/v2/*", "count": 1})
    with pytest.raises(InvalidStatus) as refused:
        connect(server["data_stream"])
    assert refused.value.response.status_code == 429
    with data_stream(server):
        pass


def test_path_given_twice_and_unknown_feeds(exchange: Any) -> None:
    with data_stream(exchange, "v2/iex/v2/iex") as ws:
        assert auth(ws)["msg"] == "authenticated"
    with pytest.raises(InvalidStatus) as refused:
        connect(exchange["stream"].removesuffix("/stream") + "/v2/nonsense")
    assert refused.value.response.status_code == 404
