"""Goal: one impossible value or frame reaches the client exactly as it was written.
Method: the bytes that come out of the exchange, in process and on sockets.
"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from websockets.sync.client import connect

from execbot.sim.faults.spoilt import spoil

DIGITS = "9" * 3000


def spoilt(payload: Any, **params: Any) -> bytes:
    return spoil(json.dumps(payload).encode(), {"field": "", "json": None, "text": None, **params})


@pytest.mark.parametrize(
    ("payload", "params", "wanted"),
    [
        ({"legs": None, "id": "1"}, {"field": "legs", "json": 7}, b'{"legs":7,"id":"1"}'),
        ({"a": {"b": "1"}}, {"field": "a.b", "json": "1e999"}, b'{"a":{"b":1e999}}'),
        ([{"q": "1"}, {"q": "2"}], {"field": "1.q", "json": "null"}, b'[{"q":"1"},{"q":null}]'),
        ([{"q": "1"}, {"q": "2"}], {"field": "*.q", "json": "0"}, b'[{"q":0},{"q":0}]'),
        ({"q": "1"}, {"field": "q", "json": '"\\ud800"'}, b'{"q":"\\ud800"}'),
        ({"q": "1"}, {"field": "new", "json": "[]"}, b'{"q":"1","new":[]}'),
        ({"q": "1"}, {"field": "q.deeper", "json": "1"}, b'{"q":1}'),
        ({"q": "1"}, {"json": "{"}, b"{"),
        ({"q": "1"}, {"text": "no JSON at all"}, b"no JSON at all"),
        ({"q": "1"}, {"field": "q", "json": DIGITS}, b'{"q":' + DIGITS.encode() + b"}"),
    ],
)
def test_the_value_stands_there_as_it_was_written(
    payload: Any, params: dict[str, Any], wanted: bytes
) -> None:
    assert spoilt(payload, **params) == wanted


def test_what_is_no_json_is_left_alone() -> None:
    assert spoil(b"<html>", {"field": "a", "json": "1", "text": None}) == b"<html>"


def test_an_answer_is_spoilt_once_and_is_right_again(bench: Any) -> None:
    bench.buy()
    bench.step(1)
    bench.fault("value_spoilt", path="/v2/positions", field="0.qty", json="1e999", count=1)
    assert math.isinf(bench.get("/v2/positions")[0]["qty"])
    assert bench.get("/v2/positions")[0]["qty"] == "1"


def test_a_value_is_spoilt_after_what_else_the_answer_tells_falsely(bench: Any) -> None:
    bench.fault("value_spoilt", path="/v2/account", field="equity", json="{}")
    bench.fault("equity_off", path="/v2/account", params={"factor": 2})
    bench.fault("fill_row_rounded", params={"decimals": 2})
    bench.fault("value_spoilt", path="/v2/account/activities", field="*.price", json="{}")
    bench.buy()
    bench.step(1)
    assert bench.get("/v2/account")["equity"] == {}
    assert all(row["price"] == {} for row in bench.get("/v2/account/activities"))


def test_an_error_is_spoilt_as_well(bench: Any) -> None:
    bench.fault("value_spoilt", field="message", json="7")
    assert bench.get("/v2/orders/x")["message"] == 7


@pytest.mark.parametrize("extra", [False, True])
def test_a_frame_is_spoilt_or_comes_besides_the_true_one(bench: Any, extra: bool) -> None:
    bench.fault(
        "frame_spoilt", event="fill", field="data.order.legs", json="7", count=1, extra=extra
    )
    bench.buy()
    bench.step(1)
    legs = [e["order"]["legs"] for e in bench.events() if e["event"] == "fill"]
    assert legs == ([7, None] if extra else [7])


@pytest.mark.parametrize("content_type", ["application/json", "application/msgpack"])
@pytest.mark.parametrize("raw", ['"\\ud800"', DIGITS, "1e999", "{"])
def test_a_spoilt_frame_passes_every_encoding_of_the_trade_stream(
    serve: Any, raw: str, content_type: str
) -> None:
    fault = {"kind": "frame_spoilt", "event": "fill", "field": "data.qty", "json": raw, "count": 1}
    server = serve(seed=1, faults=[fault])
    with connect(
        server["stream"], open_timeout=60, additional_headers={"Content-Type": content_type}
    ) as ws:
        ws.send(json.dumps({"action": "auth", "key": "k", "secret": "s"}))
        ws.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        for _ in range(2):
            ws.recv(timeout=60)
        import urllib.request

        order = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market"}
        for _ in range(2):
            request = urllib.request.Request(
                f"{server['rest']}/v2/orders",
                data=json.dumps({**order, "time_in_force": "day"}).encode(),
                headers={"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"},
            )
            urllib.request.urlopen(request, timeout=60).close()
        frames = [ws.recv(timeout=60) for _ in range(6)]
        assert len(frames) == 6  # two orders of three events each: the stream goes on


# --- data streams ------------------------------------------------------------------------------

QUOTE = '[{"T":"q","S":"AAPL","bp":1}]'


def test_data_streams_of_one_symbol_are_silent_for_a_time(bench: Any) -> None:
    bench.fault("data_muted", symbol="AAPL", for_seconds=5)
    other = QUOTE.replace("AAPL", "MSFT")
    assert bench.venue.data_frames("iex", "k", [QUOTE, other]) == [other]
    bench.step(5)
    assert bench.venue.data_frames("iex", "k", [QUOTE, other]) == [QUOTE, other]


def test_a_frame_of_data_is_spoilt_on_the_feed_that_is_named(bench: Any) -> None:
    bench.fault("data_frame_spoilt", path="iex", field="0.bp", json="1e999", count=1)
    frames = [QUOTE, QUOTE]
    assert bench.venue.data_frames("sip", "k", frames) == frames
    assert bench.venue.data_frames("iex", "k", frames) == [QUOTE.replace("1}", "1e999}"), QUOTE]


def test_data_faults_happen_on_sockets_too(serve: Any) -> None:
    fault = {"kind": "data_frame_spoilt", "field": "0.bp", "json": "1e999", "count": 1}
    server = serve(seed=1, faults=[fault])
    base = server["stream"].removesuffix("/stream")
    with connect(f"{base}/v2/iex", open_timeout=60) as ws:
        ws.recv(timeout=60)
        ws.send(json.dumps({"action": "auth", "key": "k", "secret": "s"}))
        ws.send(json.dumps({"action": "subscribe", "quotes": ["AAPL"]}))
        for _ in range(2):
            ws.recv(timeout=60)
        assert "1e999" in ws.recv(timeout=60)
        assert "1e999" not in ws.recv(timeout=60)
