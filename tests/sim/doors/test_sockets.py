"""Goal: what the venue decides really happens on sockets. Method: plain HTTP and WebSockets."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgpack
import pytest
from support.waiting import eventually
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from execbot.sim.doors.serve import Complaints

WAIT = 60.0
SECRET = "secret"


def http_call(
    server: Any,
    method: str,
    target: str,
    body: Any = None,
    key: str | None = "k",
    headers: dict[str, str] | None = None,
    timeout: float = WAIT,
) -> tuple[int, Any, bytes]:
    where = urlsplit(server["rest"])
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=timeout)
    sent = dict(headers or {})
    if key is not None:
        sent |= {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": SECRET}
    try:
        raw = None if body is None else json.dumps(body).encode()
        connection.request(method, target, body=raw, headers=sent)
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read()
    finally:
        connection.close()


def call(server: Any, method: str, target: str, body: Any = None, key: str = "k") -> Any:
    status, _, answer = http_call(server, method, target, body, key)
    assert status < 300, answer
    return json.loads(answer) if answer else None


def buy(server: Any, key: str = "k", **fields: Any) -> Any:
    order = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market"}
    return call(server, "POST", "/v2/orders", {**order, "time_in_force": "day", **fields}, key)


def test_at_the_end_only_a_socket_that_is_closed_is_not_worth_a_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The loop wants to listen again where there is nothing left to listen to."""
    loop, reported = asyncio.new_event_loop(), list[Any]()
    loop.default_exception_handler = reported.append  # type: ignore[method-assign]
    complaints = Complaints()
    closed = socket.socket()
    closed.close()
    with pytest.raises(ValueError) as of_socket:
        loop.add_reader(closed, lambda: None)
    with pytest.raises(ValueError) as of_ours:
        int("Invalid file descriptor: -1")
    for complaints.is_ending in (True, False):
        for caught in (of_socket, of_ours):
            complaints(loop, {"exception": caught.value})
    loop.close()
    assert [each["exception"] for each in reported] == [of_ours.value, of_socket.value]
    assert capsys.readouterr().err == ""


def is_up(server: Any) -> bool:
    try:
        call(server, "GET", "/v2/orders")
    except (OSError, http.client.HTTPException):
        return False
    return True


def is_accepted(server: Any) -> bool:
    """Whether the stream lets a connection in."""
    try:
        with stream(server):
            return True
    except InvalidStatus:
        return False


@contextmanager
def stream(server: Any, key: str = "k", **options: Any) -> Iterator[Any]:
    """A connection that listens to trade updates."""
    with connect(server["stream"], open_timeout=WAIT, **options) as ws:
        ws.send(json.dumps({"action": "auth", "key": key, "secret": SECRET}))
        assert read(ws)["data"]["status"] == "authorized"
        ws.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        assert read(ws)["data"]["streams"] == ["trade_updates"]
        yield ws


def read(ws: Any) -> Any:
    return json.loads(ws.recv(timeout=WAIT))


def events(ws: Any, count: int) -> list[str]:
    return [read(ws)["data"]["event"] for _ in range(count)]


def test_events_come_over_the_socket_as_binary_frames(exchange: Any) -> None:
    with stream(exchange, "binary") as ws:
        buy(exchange, "binary")
        raw = [ws.recv(timeout=WAIT) for _ in range(3)]
    assert all(isinstance(frame, bytes) for frame in raw)
    names = [json.loads(frame)["data"]["event"] for frame in raw]
    assert names == ["pending_new", "new", "fill"]


def test_text_frames_where_chosen(serve: Callable[..., Any]) -> None:
    server = serve(frames="text")
    with stream(server) as ws:
        buy(server)
        assert isinstance(ws.recv(timeout=WAIT), str)


def test_msgpack_for_a_client_that_asks_for_it(exchange: Any) -> None:
    headers = {"Content-Type": "application/msgpack"}
    with connect(exchange["stream"], additional_headers=headers) as ws:
        ws.send(json.dumps({"action": "auth", "key": "packed", "secret": SECRET}))
        reply = msgpack.unpackb(ws.recv(timeout=WAIT))
        assert reply["data"]["status"] == "authorized"


def test_events_of_another_account_do_not_come(exchange: Any) -> None:
    with stream(exchange, "mine") as ws:
        buy(exchange, "theirs")
        own = buy(exchange, "mine")
        first = read(ws)
    assert first["data"]["order"]["id"] == own["id"]


def test_refused_key_on_rest_and_stream(serve: Callable[..., Any]) -> None:
    server = serve(bad_keys=["bad"])
    assert http_call(server, "GET", "/v2/account", key="bad")[0] == 401
    with connect(server["stream"]) as ws:
        ws.send(json.dumps({"action": "auth", "key": "bad", "secret": SECRET}))
        assert read(ws)["data"]["status"] == "unauthorized"


def test_no_keys_get_the_page_of_a_proxy(exchange: Any) -> None:
    status, headers, body = http_call(exchange, "GET", "/v2/account", key=None)
    assert status == 401
    assert headers["Content-Type"] == "text/html" and b"nginx" in body


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer user"},
        {"apca-api-key-id": "user", "apca-api-secret-key": "pass"},
    ],
)
def test_three_ways_to_say_who_one_is(exchange: Any, headers: dict[str, str]) -> None:
    status, _, body = http_call(exchange, "GET", "/v2/account", key=None, headers=headers)
    assert status == 200
    assert json.loads(body)["id"] == call(exchange, "GET", "/v2/account", key="user")["id"]


def test_unknown_path_wrong_method_and_broken_body(exchange: Any) -> None:
    assert http_call(exchange, "GET", "/v2/nowhere")[0] == 404
    assert http_call(exchange, "PUT", "/v2/orders", {})[0] == 405
    where = urlsplit(exchange["rest"])
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=WAIT)
    headers = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
    connection.request("POST", "/v2/orders", body=b"{broken", headers=headers)
    reply = connection.getresponse()
    assert reply.status == 400 and json.loads(reply.read())["code"] == 40010000
    connection.close()


def test_every_reply_has_its_own_request_id(exchange: Any) -> None:
    ids = {http_call(exchange, "GET", "/v2/clock")[1]["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3 and None not in ids


# --- faults ------------------------------------------------------------------------------------


def arm(server: Any, kind: str, **fields: Any) -> None:
    call(server, "POST", "/sim/faults", {"kind": kind, "count": 1, **fields})


@pytest.mark.parametrize(("kind", "arrived"), [("reset_before", 0), ("reset_after", 1)])
def test_reset_is_seen_as_a_lost_connection(
    serve: Callable[..., Any], kind: str, arrived: int
) -> None:
    server = serve()
    arm(server, kind, method="POST", path="/v2/orders")
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        buy(server)
    assert len(call(server, "GET", "/v2/orders?status=all")) == arrived


def test_lost_reply_keeps_the_client_waiting_until_it_gives_up(serve: Callable[..., Any]) -> None:
    server = serve()
    arm(server, "reply_lost", method="POST", path="/v2/orders")
    order = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    with pytest.raises(TimeoutError):
        http_call(server, "POST", "/v2/orders", order, timeout=0.3)
    assert eventually(lambda: len(call(server, "GET", "/v2/orders?status=all")) == 1)


def test_delayed_request_is_carried_out_late_though_nobody_waits(
    serve: Callable[..., Any],
) -> None:
    server = serve()
    arm(server, "request_delayed", method="POST", path="/v2/orders", seconds=5)
    order = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    with pytest.raises(TimeoutError):
        http_call(server, "POST", "/v2/orders", order, timeout=0.1)
    assert call(server, "GET", "/v2/orders?status=all") == []
    assert eventually(lambda: len(call(server, "GET", "/v2/orders?status=all")) == 1)


def test_delayed_request_and_reply_reach_a_patient_client(serve: Callable[..., Any]) -> None:
    server = serve()
    for kind in ("request_delayed", "reply_delayed"):
        arm(server, kind, method="POST", path="/v2/orders", seconds=0.2)
        assert buy(server)["status"] == "pending_new"


def test_body_that_breaks_off(serve: Callable[..., Any]) -> None:
    server = serve()
    arm(server, "truncated_json", method="POST", path="/v2/orders", how="connection")
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        buy(server)
    assert len(call(server, "GET", "/v2/orders?status=all")) == 1


def test_stream_cut_at_an_event_dies_without_a_close_frame(serve: Callable[..., Any]) -> None:
    server = serve()
    arm(server, "stream_cut", event="fill")
    with stream(server) as ws:
        buy(server)
        assert events(ws, 2) == ["pending_new", "new"]
        with pytest.raises(ConnectionClosed) as closed:
            ws.recv(timeout=WAIT)
        assert closed.value.rcvd is None
    with stream(server) as ws:
        buy(server)
        assert events(ws, 3) == ["pending_new", "new", "fill"]


def test_stream_cut_on_command(serve: Callable[..., Any]) -> None:
    server = serve()
    with stream(server) as ws:
        call(server, "POST", "/sim/streams/cut", {})
        with pytest.raises(ConnectionClosed):
            ws.recv(timeout=WAIT)


def test_duplicate_missing_and_late_events_on_the_socket(serve: Callable[..., Any]) -> None:
    server = serve()
    arm(server, "event_duplicated", event="pending_new")
    arm(server, "event_missing", event="new")
    arm(server, "event_late", event="fill", seconds=0.3)
    with stream(server) as ws:
        buy(server)
        assert events(ws, 3) == ["pending_new", "pending_new", "fill"]


def test_muted_stream_answers_pings_and_says_nothing(serve: Callable[..., Any]) -> None:
    server = serve()
    arm(server, "stream_muted", seconds=60)
    with stream(server) as ws:
        buy(server)
        assert ws.ping().wait(WAIT)
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0.5)


def test_error_frame_and_the_end(serve: Callable[..., Any]) -> None:
    server = serve()
    arm(server, "stream_error", event="new")
    with stream(server) as ws:
        buy(server)
        assert read(ws)["data"]["event"] == "pending_new"
        error = read(ws)
        assert error == {"action": "error", "data": {"error_message": "internal server error"}}
        with pytest.raises(ConnectionClosed):
            ws.recv(timeout=WAIT)


def test_refused_connection_and_refused_keys_on_the_stream(serve: Callable[..., Any]) -> None:
    server = serve()
    arm(server, "stream_refused")
    with pytest.raises(InvalidStatus) as refused:
        connect(server["stream"])
    assert refused.value.response.status_code == 429
    arm(server, "stream_unauthorized")
    with connect(server["stream"]) as ws:
        ws.send(json.dumps({"action": "auth", "key": "k", "secret": SECRET}))
        assert read(ws)["data"]["status"] == "unauthorized"
    with stream(server):
        pass


def test_second_connection_of_an_account_is_refused_where_told(serve: Callable[..., Any]) -> None:
    server = serve(single_stream=True)
    with stream(server):
        with pytest.raises(InvalidStatus) as refused:
            connect(server["stream"])
        assert refused.value.response.status_code == 429
    with stream(server):
        pass


def test_dropped_connection_holds_its_place_for_a_while(serve: Callable[..., Any]) -> None:
    server = serve(single_stream=True, stream_linger_seconds=5)
    with stream(server) as first:
        call(server, "POST", "/sim/streams/cut", {})
        with pytest.raises(ConnectionClosed):
            first.recv(timeout=WAIT)
        with pytest.raises(InvalidStatus):
            connect(server["stream"])
    assert eventually(lambda: is_accepted(server))


def test_restart_kills_connections_and_keeps_orders(serve: Callable[..., Any]) -> None:
    server = serve()
    order = buy(server, type="limit", limit_price="1")
    with stream(server) as ws:
        call(server, "POST", "/sim/restart", {"seconds": 5})
        with pytest.raises(ConnectionClosed):
            while True:  # what the order set off may come first
                ws.recv(timeout=WAIT)
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        call(server, "GET", "/v2/orders")
    assert eventually(lambda: is_up(server))
    assert call(server, "GET", f"/v2/orders/{order['id']}")["status"] == "new"


def test_control_plane_shows_streams_and_time(exchange: Any) -> None:
    with stream(exchange, "watched"):
        status = call(exchange, "GET", "/sim/status")
    assert {"key": "watched", "listening": ["trade_updates"], "sent": 2} in status["streams"]
    assert status["clock"]["mode"] == "wall"
