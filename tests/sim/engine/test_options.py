"""Goal: contracts placed elsewhere are in positions, orders, cash and rows as Alpaca shows them.
Method: control requests to an exchange in process; every figure is worked out by hand.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from execbot.sim.chains.contract import Contract

CALL, PUT = "AAPL261218C00190000", "AAPL261218P00170000"


def hold(bench: Any, symbol: str = CALL, qty: int = 2, price: str = "6.05") -> Any:
    body = {"key": "test-key", "symbol": symbol, "qty": qty, "price": price}
    return bench.call("POST", "/sim/options/position", body)


def act(bench: Any, what: str, **body: Any) -> Any:
    return bench.call("POST", f"/sim/options/{what}", {"key": "test-key", **body})


def rows(bench: Any, *kinds: str) -> list[Any]:
    found: list[Any] = bench.get(
        f"/v2/account/activities?activity_types={','.join(kinds)}&direction=asc"
    )
    return found


def held(bench: Any) -> dict[str, str]:
    return {row["symbol"]: row["qty"] for row in bench.get("/v2/positions")}


def cash(bench: Any) -> str:
    return str(bench.get("/v2/account")["cash"])


# --- contracts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "underlying", "expires", "is_call", "strike"),
    [
        ("AAPL250117C00190000", "AAPL", "2025-01-17", True, "190"),
        ("QS240301P00006500", "QS", "2024-03-01", False, "6.5"),
        ("F260116C00000500", "F", "2026-01-16", True, "0.5"),
        ("XOM2260116C00100000", "XOM2", "2026-01-16", True, "100"),
    ],
)
def test_an_occ_symbol_is_read_from_the_right(
    symbol: str, underlying: str, expires: str, is_call: bool, strike: str
) -> None:
    found = Contract.parse(symbol)
    assert found is not None
    assert (found.underlying, found.expires, found.is_call) == (underlying, expires, is_call)
    assert found.strike == Decimal(strike)


@pytest.mark.parametrize("symbol", ["AAPL", "BTC/USD", "AAPL250117X00190000", "250117C00190000"])
def test_what_is_no_contract_is_none(symbol: str) -> None:
    assert Contract.parse(symbol) is None


# --- positions ---------------------------------------------------------------------------------


def test_a_position_is_worth_a_hundred_times_its_price(bench: Any) -> None:
    assert hold(bench).status == 200
    (row,) = bench.get("/v2/positions")
    assert (row["symbol"], row["asset_class"], row["exchange"]) == (CALL, "us_option", "")
    assert (row["qty"], row["avg_entry_price"], row["current_price"]) == ("2", "6.05", "6.05")
    assert (row["market_value"], row["cost_basis"]) == ("1210", "1210")
    act(bench, "mark", symbol=CALL, price="7")
    row = bench.get(f"/v2/positions/{CALL}")
    assert (row["market_value"], row["unrealized_pl"]) == ("1400", "190")
    account = bench.get("/v2/account")
    assert (account["cash"], account["long_market_value"], account["equity"]) == (
        "98790", "1400", "100190",
    )  # fmt: skip


def test_a_sold_contract_is_a_negative_position(bench: Any) -> None:
    hold(bench, PUT, -3, "2")
    (row,) = bench.get("/v2/positions")
    assert (row["qty"], row["side"], row["market_value"]) == ("-3", "short", "-600")
    account = bench.get("/v2/account")
    assert (account["cash"], account["short_market_value"], account["equity"]) == (
        "100600", "-600", "100000",
    )  # fmt: skip


def test_a_position_has_its_order_its_fill_and_its_frames(bench: Any) -> None:
    order_id = hold(bench).json["order_id"]
    order = bench.get(f"/v2/orders/{order_id}")
    assert (order["symbol"], order["asset_class"], order["status"]) == (CALL, "us_option", "filled")
    assert (order["filled_avg_price"], order["position_intent"]) == ("6.05", "buy_to_open")
    (row,) = rows(bench, "FILL")
    assert (row["symbol"], row["qty"], row["price"]) == (CALL, "2", "6.05")
    assert [event["event"] for event in bench.events()][-1] == "fill"
    shown = bench.get("/v2/orders?status=all&asset_class=us_option")
    assert [row["id"] for row in shown] == [order_id]


def test_contracts_are_held_outside_the_session_too(make_bench: Any) -> None:
    bench = make_bench(calendar="exchange", at="2026-10-10 12:00")
    assert hold(bench).status == 200
    assert held(bench) == {CALL: "2"}


# --- closing -----------------------------------------------------------------------------------


def sell(bench: Any, **fields: Any) -> Any:
    order = {"symbol": CALL, "qty": "2", "side": "sell", "type": "market", "time_in_force": "day"}
    return bench.call("POST", "/v2/orders", {**order, **fields})


def test_an_order_of_the_client_closes_contracts_at_the_mark(bench: Any) -> None:
    hold(bench)
    act(bench, "mark", symbol=CALL, price="7")
    assert sell(bench, position_intent="sell_to_close").status == 200
    bench.step(1)
    assert held(bench) == {} and cash(bench) == "100190"


def test_a_request_to_close_the_position_does_the_same(bench: Any) -> None:
    hold(bench)
    assert bench.call("DELETE", f"/v2/positions/{CALL}").status == 200
    bench.step(1)
    assert held(bench) == {} and cash(bench) == "100000"


def test_a_resting_limit_meets_a_mark_that_moves(bench: Any) -> None:
    hold(bench)
    sell(bench, type="limit", limit_price="8", time_in_force="gtc")
    bench.step(10)
    act(bench, "mark", symbol=CALL, price="7.99")
    bench.step(1)
    assert held(bench) == {CALL: "2"}
    act(bench, "mark", symbol=CALL, price="8.10")
    bench.step(1)
    assert held(bench) == {} and cash(bench) == "100410"


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"qty": "3"}, 403, "insufficient qty available for order (requested: 3, available: 2)"),
        ({"qty": "1.5"}, 422, "qty must be integer for options trading"),
        ({"qty": None, "notional": "100"}, 422, "notional orders are not supported"),
        ({"time_in_force": "ioc"}, 422, "order_time_in_force provided not supported"),
        ({"type": "trailing_stop", "trail_price": "1"}, 422, "invalid order type for options"),
        ({"type": "limit", "limit_price": "9", "extended_hours": True}, 422, "extended hours is"),
        ({"position_intent": "sell_to_open"}, 422, "position intent mismatch"),
        ({"symbol": "AAPL261218P00170300"}, 422, "not found"),
        ({"symbol": "AAPL261217P00170000"}, 422, "not found"),
    ],
)
def test_what_contracts_cannot_do_is_refused_in_alpacas_words(
    bench: Any, fields: dict[str, Any], status: int, words: str
) -> None:
    hold(bench)
    reply = sell(bench, **fields)
    assert (reply.status, words in reply.json["message"]) == (status, True), reply.json
    assert held(bench) == {CALL: "2"}


def test_market_orders_wait_for_no_session(make_bench: Any) -> None:
    bench = make_bench(calendar="exchange", at="2026-10-10 12:00")
    hold(bench)
    reply = sell(bench)
    words = "options market orders are only allowed during market hours"
    assert (reply.status, reply.json["message"]) == (422, words)


# --- orders of several contracts ---------------------------------------------------------------

SPREAD = {
    "order_class": "mleg",
    "qty": "2",
    "type": "limit",
    "limit_price": "-1.20",
    "time_in_force": "day",
    "legs": [
        {"symbol": CALL, "ratio_qty": "1", "position_intent": "sell_to_open", "mark": "6"},
        {
            "symbol": "AAPL261218C00200000",
            "ratio_qty": "1",
            "position_intent": "buy_to_open",
            "mark": "4.5",
        },
    ],
}


def test_the_parent_of_several_has_no_symbol_and_its_legs_no_type(bench: Any) -> None:
    parent = act(bench, "order", **SPREAD).json
    assert [parent[n] for n in ("symbol", "asset_class", "asset_id", "side")] == ["", "", "", ""]
    assert (parent["status"], parent["qty"], parent["limit_price"]) == ("new", "2", "-1.2")
    first = parent["legs"][0]
    assert (first["symbol"], first["qty"], first["ratio_qty"]) == (CALL, "2", "1")
    assert (first["type"], first["order_type"], first["limit_price"]) == ("", "", None)
    (listed,) = bench.get("/v2/orders?nested=true")
    assert listed["id"] == parent["id"] and len(listed["legs"]) == 2
    assert held(bench) == {} and cash(bench) == "100000"


def test_several_fill_together_and_one_frame_says_so(bench: Any) -> None:
    parent = act(bench, "order", **SPREAD).json
    filled = act(bench, "fill", order_id=parent["id"]).json
    assert (filled["status"], filled["filled_qty"], filled["filled_avg_price"]) == (
        "filled", "2", "-1.5",
    )  # fmt: skip
    assert held(bench) == {CALL: "-2", "AAPL261218C00200000": "2"}
    assert cash(bench) == "100300"
    event = bench.events()[-1]
    assert (event["event"], event["price"], event["qty"]) == ("fill", "-1.5", "2")
    assert event["position_qtys"] == {CALL: "-2", "AAPL261218C00200000": "2"}
    assert [leg["qty"] for leg in event["legs"]] == ["2", "2"]
    assert len(rows(bench, "FILL")) == 2


def test_several_are_canceled_by_their_parent_only(bench: Any) -> None:
    parent = act(bench, "order", **SPREAD).json
    leg = parent["legs"][0]["id"]
    refusal = bench.call("DELETE", f"/v2/orders/{leg}")
    assert (refusal.status, refusal.json["message"]) == (
        422, "leg order is already in new state",
    )  # fmt: skip
    assert bench.call("DELETE", f"/v2/orders/{parent['id']}").status == 204
    bench.step(1)
    assert bench.get("/v2/orders") == []


def test_several_expire_with_their_day(make_bench: Any) -> None:
    bench = make_bench(calendar="exchange")
    parent = act(bench, "order", **SPREAD).json
    bench.post("/sim/clock", {"set": "2026-10-08 16:01"})
    shown = bench.get(f"/v2/orders/{parent['id']}?nested=true")
    assert [shown["status"], *(leg["status"] for leg in shown["legs"])] == ["expired"] * 3


def test_cancel_all_names_the_parent_once(bench: Any) -> None:
    parent = act(bench, "order", **SPREAD).json
    items = bench.call("DELETE", "/v2/orders").json
    assert [item["id"] for item in items] == [parent["id"]]


# --- the end -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("qty", "row"), [(2, "-2"), (-2, "2")])
def test_expired_contracts_are_gone_and_one_row_says_so(bench: Any, qty: int, row: str) -> None:
    hold(bench, qty=qty)
    before = cash(bench)
    sell(bench, type="limit", limit_price="20") if qty > 0 else None
    seen = len(bench.events())
    assert act(bench, "expire", symbol=CALL).status == 200
    assert held(bench) == {} and cash(bench) == before
    assert [(r["symbol"], r["qty"], r["net_amount"]) for r in rows(bench, "OPEXP")] == [
        (CALL, row, "0")
    ]
    assert bench.get("/v2/orders") == []
    assert [e["event"] for e in bench.events()[seen:]] in ([], ["canceled"])


@pytest.mark.parametrize(
    ("what", "symbol", "qty", "kind", "shares", "strike"),
    [
        ("exercise", CALL, 2, "OPEXC", "200", 190),
        ("exercise", PUT, 2, "OPEXC", "-200", 170),
        ("assign", CALL, -2, "OPASN", "-200", 190),
        ("assign", PUT, -2, "OPASN", "200", 170),
    ],
)
def test_contracts_become_shares_at_the_strike(
    bench: Any, what: str, symbol: str, qty: int, kind: str, shares: str, strike: int
) -> None:
    hold(bench, symbol, qty)
    before = float(cash(bench))
    assert act(bench, what, symbol=symbol).status == 200
    assert held(bench) == {"AAPL": shares}
    assert float(cash(bench)) == before - int(shares) * strike
    option, stock = rows(bench, kind, "OPTRD")
    assert (option["symbol"], option["qty"], option["net_amount"]) == (symbol, str(-qty), "0")
    assert (stock["symbol"], stock["qty"], stock["price"]) == ("AAPL", shares, str(strike))
    assert stock["net_amount"] == str(-int(shares) * strike)
    assert option["group_id"] == stock["group_id"]


def test_some_of_the_contracts_are_assigned_and_the_rows_come_the_next_day(bench: Any) -> None:
    hold(bench, PUT, -3, "2")
    act(bench, "assign", symbol=PUT, qty=1, row_after=86_400)
    assert held(bench) == {PUT: "-2", "AAPL": "100"}
    assert rows(bench, "OPASN", "OPTRD") == []
    bench.step(86_400)
    assert [row["qty"] for row in rows(bench, "OPASN", "OPTRD")] == ["1", "100"]


def test_shares_that_go_out_by_assignment_may_turn_the_position_round(bench: Any) -> None:
    bench.buy(qty="50")
    bench.step(1)
    hold(bench, CALL, -1, "6")
    act(bench, "assign", symbol=CALL)
    assert held(bench) == {"AAPL": "-50"}


@pytest.mark.parametrize("what", ["expire", "exercise", "assign"])
def test_what_is_not_held_does_not_end(bench: Any, what: str) -> None:
    assert act(bench, what, symbol=CALL).status == 422
    assert act(bench, what, symbol="AAPL").status == 422


def test_history_counts_a_hundred_for_one(bench: Any) -> None:
    hold(bench)
    act(bench, "mark", symbol=CALL, price="7")
    bench.step(120)
    shown = bench.get("/v2/account/portfolio/history?period=1D&timeframe=1Min")
    assert shown["equity"][-1] == 100_190


def test_contracts_are_kept_in_the_shared_file(tmp_path: Any) -> None:
    import json

    from execbot.sim.doors.transport import open_shared

    def call(method: str, path: str, body: Any = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        door = open_shared(tmp_path, at="2026-10-08 10:30", speed=0)
        headers = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
        return json.loads(door.request(method, path, headers, raw)[2])

    call("POST", "/sim/options/position", {"key": "k", "symbol": CALL, "qty": 2, "price": "6.05"})
    assert call("GET", "/v2/positions")[0]["market_value"] == "1210"
    call("POST", "/sim/options/mark", {"symbol": CALL, "price": "7"})
    assert call("GET", f"/v2/positions/{CALL}")["market_value"] == "1400"
