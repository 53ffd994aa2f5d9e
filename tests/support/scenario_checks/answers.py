"""Checks of the scenarios in which an answer is not true while the exchange itself is right."""

from __future__ import annotations

from typing import Any

from support.scenario_checks import check, event_names, found, order, refused, resting


def positions(bench: Any) -> dict[str, str]:
    return {row["symbol"]: row["qty"] for row in bench.get("/v2/positions")}


def held(bench: Any, *symbols: str) -> None:
    """Buys one share of each."""
    for symbol in symbols:
        assert bench.buy(symbol).status == 200
    bench.step(1)


@check
def positions_empty(bench: Any) -> None:
    held(bench, "AAPL", "MSFT")
    assert positions(bench) == {}
    refused(bench.call("GET", "/v2/positions/AAPL"), 404, "position does not exist")
    bench.step(10)
    assert positions(bench) == {"AAPL": "1", "MSFT": "1"}
    assert event_names(bench).count("fill") == 2


@check
def position_of_one_symbol_missing(bench: Any) -> None:
    held(bench, "AAPL", "MSFT")
    assert positions(bench) == {"MSFT": "1"}
    assert bench.call("GET", "/v2/positions/MSFT").status == 200
    refused(bench.call("GET", "/v2/positions/AAPL"), 404, "position does not exist")
    bench.step(10)
    assert positions(bench) == {"AAPL": "1", "MSFT": "1"}


@check
def positions_lag_fills(bench: Any) -> None:
    order(bench, qty="10")
    bench.step(1)
    assert found(bench).json["status"] == "filled"
    assert positions(bench) == {}
    refused(bench.call("GET", "/v2/positions/AAPL"), 404, "position does not exist")
    bench.step(3)
    assert positions(bench) == {"AAPL": "10"}
    bench.call("DELETE", "/v2/positions/AAPL?qty=4")
    bench.step(1)
    assert positions(bench) == {"AAPL": "10"}
    assert bench.get("/v2/positions/AAPL")["qty"] == "10"
    bench.step(3)
    assert positions(bench) == {"AAPL": "6"}


@check
def equity_zero_once(bench: Any) -> None:
    shown = bench.get("/v2/account")
    assert (shown["equity"], shown["cash"], shown["buying_power"]) == ("0", "0", "0")
    assert shown["status"] == "ACTIVE"
    assert bench.get("/v2/account")["equity"] == "100000"


@check
def equity_far_from_its_parts(bench: Any) -> None:
    held(bench, "AAPL")
    shown = bench.get("/v2/account")
    parts = float(shown["cash"]) + float(shown["long_market_value"])
    assert abs(float(shown["equity"]) - 0.7 * parts) < 1
    bench.step(30)
    shown = bench.get("/v2/account")
    assert abs(float(shown["equity"]) - parts) < 10


@check
def order_denied_by_every_look_up(bench: Any) -> None:
    made = resting(bench)
    refused(found(bench), 404, "order not found for mine")
    refused(bench.call("GET", f"/v2/orders/{made['id']}"), 404, "order not found")
    assert bench.get("/v2/orders?status=all") == []
    refused(order(bench), 422, "client_order_id must be unique")
    bench.step(60)
    assert found(bench).json["status"] == "new"
    assert [row["id"] for row in bench.get("/v2/orders")] == [made["id"]]


@check
def canceled_by_stream_working_by_rest(bench: Any) -> None:
    made = resting(bench)
    bench.step(10)
    assert bench.call("DELETE", f"/v2/orders/{made['id']}").status == 204
    bench.step(1)
    assert event_names(bench)[-1] == "canceled"
    assert found(bench).json["status"] == "new"
    assert [row["status"] for row in bench.get("/v2/orders")] == ["new"]
    assert bench.get("/v2/orders?status=closed") == []
    bench.step(5)
    assert found(bench).json["status"] == "canceled"
    assert bench.get("/v2/orders") == []


@check
def canceled_by_rest_silent_by_stream(bench: Any) -> None:
    made = resting(bench)
    assert bench.call("DELETE", f"/v2/orders/{made['id']}").status == 204
    bench.step(1)
    assert found(bench).json["status"] == "canceled"
    assert "canceled" not in event_names(bench)


@check
def fill_row_with_a_rounded_price(bench: Any) -> None:
    bench.post("/sim/price", {"symbol": "BTC/USD", "price": "61234.5678"})
    order(bench, symbol="BTC/USD", qty="0.01", time_in_force="gtc")
    bench.step(1)
    told = [event["price"] for event in bench.events() if event["event"] == "fill"]
    rows = bench.get("/v2/account/activities/FILL")
    assert told == ["61234.5678"] and [row["price"] for row in rows] == ["61234.57"]


@check
def frame_that_cannot_be_read(bench: Any) -> None:
    held(bench, "AAPL", "MSFT")
    legs = [event["order"]["legs"] for event in bench.events() if event["event"] == "fill"]
    assert legs == [7, None]


@check
def position_beyond_reason(bench: Any) -> None:
    held(bench, "AAPL")
    assert positions(bench) == {"AAPL": float("inf")}
    assert positions(bench) == {"AAPL": "1"}


@check
def lone_surrogate_in_a_position(bench: Any) -> None:
    held(bench, "AAPL")
    assert positions(bench) == {"\ud800": "1"}
    assert positions(bench) == {"AAPL": "1"}


@check
def data_stream_open_and_silent(bench: Any) -> None:
    frame = '[{"T":"q","S":"AAPL","bp":1}]'
    assert bench.venue.data_frames("iex", "k", [frame]) == []
    bench.step(60)
    assert bench.venue.data_frames("iex", "k", [frame]) == [frame]


@check
def blind_for_half_a_minute(bench: Any) -> None:
    held(bench, "AAPL")
    assert bench.call("GET", "/v2/positions").status == 500
    assert bench.events() == []
    bench.step(30)
    assert positions(bench) == {"AAPL": "1"}
