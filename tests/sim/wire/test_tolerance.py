"""Goal: what clients of Alpaca send a little differently is understood, as a tolerant server does.
Method: each form beside the plain one, in process and on sockets; the answers are the same.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import connect

from execbot.sim.wire.data_query import Unit, timeframe

ORDER = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "limit_price": "1"}
ORDER |= {"time_in_force": "gtc", "client_order_id": "mine"}


@pytest.mark.parametrize("text", ["1Min", "1min", "1MIN", "1T"])
def test_words_of_a_timeframe_come_in_any_case(bench: Any, text: str) -> None:
    bench.step(300)
    path = "/v2/stocks/AAPL/bars?start=2026-10-08T14:30:00Z&timeframe="
    assert bench.get(path + text)["bars"] == bench.get(path + "1Min")["bars"] != []


def test_one_letter_keeps_its_meaning() -> None:
    assert timeframe("1M").unit is Unit.MONTH
    assert timeframe("1Month") == timeframe("1month") == timeframe("1M")
    assert timeframe("1day") == timeframe("1D") and timeframe("4HOUR") == timeframe("4H")
    for wrong in ("1m", "1d", "1mins", "1 min"):
        with pytest.raises(Exception, match="invalid timeframe"):
            timeframe(wrong)


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/v2/assets?status=&exchange=&attributes=&asset_class=", "/v2/assets?status=all"),
        ("/v2/assets?exchange=&status=active", "/v2/assets?status=active"),
        ("/v2/orders?status=&symbols=&side=&after=&until=&limit=&direction=&nested=", "/v2/orders"),
        ("/v2/account/activities?activity_types=&date=&page_size=", "/v2/account/activities"),
        ("/v2/account/portfolio/history?pnl_reset=&period=", "/v2/account/portfolio/history"),
        ("/v2/calendar?start=&end=2026-10-09", "/v2/calendar?end=2026-10-09"),
        ("/v3/clock?markets=&time=", "/v3/clock"),
        (
            "/v2/stocks/AAPL/bars?timeframe=1Day&adjustment=&feed=",
            "/v2/stocks/AAPL/bars?timeframe=1Day",
        ),
        (
            "/v2/stocks/quotes/latest?symbols=AAPL&currency=",
            "/v2/stocks/quotes/latest?symbols=AAPL",
        ),
    ],
)
def test_an_empty_filter_is_none(bench: Any, path: str, plain: str) -> None:
    bench.call("POST", "/v2/orders", ORDER)
    bench.step(1)
    told, wanted = bench.call("GET", path), bench.call("GET", plain)
    assert (told.status, told.json) == (200, wanted.json)


def test_assets_of_every_status(bench: Any) -> None:
    count = {s: len(bench.get(f"/v2/assets?status={s}")) for s in ("all", "active", "inactive")}
    assert count["all"] == count["active"] + count["inactive"] and count["inactive"] > 0


def test_a_byte_order_mark_before_a_body_is_no_part_of_it(bench: Any) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(ORDER).encode()
    assert bench.call("POST", "/v2/orders", body).json["client_order_id"] == "mine"
    stepped = bench.call("POST", "/sim/clock", b'\xef\xbb\xbf{"step": 1}')
    assert stepped.json["now"] == "2026-10-08T14:30:01Z"


@pytest.mark.parametrize(
    "path",
    [
        "//v2/orders:by_client_order_id",
        "/v2//orders:by_client_order_id",
        "/v2/orders%3Aby_client_order_id",
        "/v2/orders%3aby_client_order_id/",
    ],
)
def test_a_path_is_read_as_it_was_meant(bench: Any, path: str) -> None:
    bench.call("POST", "/v2/orders", ORDER)
    assert bench.get(f"{path}?client_order_id=mine")["client_order_id"] == "mine"


def test_faults_strike_a_path_however_it_is_written(bench: Any) -> None:
    bench.fault("server_error", path="/v2/orders:by_client_order_id")
    assert bench.call("GET", "//v2/orders%3Aby_client_order_id?client_order_id=x").status == 500


def test_a_pair_keeps_its_encoded_slash(bench: Any) -> None:
    bench.buy("BTC/USD", qty="0.1", time_in_force="gtc")
    bench.step(1)
    assert bench.get("//v2/positions/BTC%2FUSD")["symbol"] == "BTCUSD"


def test_double_slashes_reach_requests_and_streams_on_sockets(exchange: Any) -> None:
    import http.client

    where = urlsplit(exchange["rest"])
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)
    keys = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
    connection.request("GET", "//v2/account", headers=keys)
    assert connection.getresponse().status == 200
    connection.close()
    with connect(f"ws://{where.netloc}//stream", open_timeout=60) as ws:
        ws.send(json.dumps({"action": "auth", "key": "k", "secret": "s"}))
        assert json.loads(ws.recv(timeout=60))["data"]["status"] == "authorized"
