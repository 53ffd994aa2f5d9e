"""Goal: a bust or a correction changes order, position and cash, and says which execution it means.
Method: an exchange in process at forced prices; every figure is worked out by hand.
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def day(bench: Any) -> Any:
    """AAPL at 100, a thousand shares a side."""
    bench.post("/sim/price", {"symbol": "AAPL", "price": 100})
    return bench


def trade(bench: Any, side: str, qty: int, wait: float = 1, **fields: Any) -> Any:
    order = {"symbol": "AAPL", "qty": str(qty), "side": side, "type": "market"}
    made = bench.post("/v2/orders", {**order, "time_in_force": "day", **fields})
    bench.step(wait)
    return made


def told(bench: Any, kind: str) -> Any:
    return [event for event in bench.events() if event["event"] == kind]


def figures(bench: Any) -> tuple[str, str, str]:
    """Position, its average price, and cash."""
    rows = bench.get("/v2/positions")
    held = (rows[0]["qty"], rows[0]["avg_entry_price"]) if rows else ("0", "")
    return (*held, bench.get("/v2/account")["cash"])


def test_correction_of_the_price_changes_average_and_cash_not_the_quantity(day: Any) -> None:
    made = trade(day, "buy", 10)
    fill = told(day, "fill")[0]
    day.post("/sim/executions/correct", {"order_id": made["id"], "price": "101"})
    event = told(day, "trade_correct")[0]
    assert event["previous_execution_id"] == fill["execution_id"] != event["execution_id"]
    assert (event["qty"], event["price"], event["position_qty"]) == ("10", "101", "10")
    assert event["order"]["filled_avg_price"] == "101"
    assert figures(day) == ("10", "101", "98990")


def partly_filled(bench: Any) -> Any:
    """A limit order of 10, 6 filled; the market has gone away."""
    bench.post("/sim/price", {"symbol": "AAPL", "price": 100, "size": 6})
    made = trade(bench, "buy", 10, wait=0.5, type="limit", limit_price="100")
    bench.post("/sim/price", {"symbol": "AAPL", "price": 105})
    return made


@pytest.mark.parametrize(("qty", "cash"), [("12", "98800"), ("7", "99300")])
def test_correction_of_the_quantity_up_or_down_is_in_order_position_and_cash(
    day: Any, qty: str, cash: str
) -> None:
    made = trade(day, "buy", 10)
    day.post("/sim/executions/correct", {"qty": qty})
    shown = day.get(f"/v2/orders/{made['id']}")
    assert (shown["status"], shown["qty"], shown["filled_qty"]) == ("filled", "10", qty)
    assert figures(day) == (qty, "100", cash)


def test_bust_takes_back_the_execution_and_the_order_keeps_its_status(day: Any) -> None:
    made = trade(day, "buy", 10)
    answer = day.post("/sim/executions/bust", {"symbol": "AAPL"})
    assert answer["order_id"] == made["id"]
    event = told(day, "trade_bust")[0]
    assert event["previous_execution_id"] == told(day, "fill")[0]["execution_id"]
    assert (event["qty"], event["position_qty"]) == ("10", "0")
    shown = day.get(f"/v2/orders/{made['id']}")
    assert (shown["status"], shown["filled_qty"], shown["filled_avg_price"]) == (
        "filled", "0", None,
    )  # fmt: skip
    assert figures(day) == ("0", "", "100000")
    again = day.call("POST", "/sim/executions/bust", {"order_id": made["id"]})
    assert again.status == 422


def test_bust_of_a_sale_brings_the_shares_back_at_what_they_had_cost(day: Any) -> None:
    trade(day, "buy", 10)
    day.post("/sim/price", {"symbol": "AAPL", "price": 110})
    trade(day, "sell", 10)
    assert figures(day) == ("0", "", "100100")
    day.post("/sim/executions/bust")
    assert figures(day) == ("10", "100", "99000")


def test_bust_of_a_purchase_that_was_sold_leaves_a_short(day: Any) -> None:
    bought = trade(day, "buy", 10)
    trade(day, "sell", 4)
    day.post("/sim/executions/bust", {"order_id": bought["id"]})
    assert figures(day)[0] == "-4"
    assert day.get("/v2/account")["cash"] == "100400"


def test_an_open_order_trades_again_what_was_taken_back(day: Any) -> None:
    made = partly_filled(day)
    before = day.get(f"/v2/orders/{made['id']}")
    assert (before["status"], before["filled_qty"]) == ("partially_filled", "6")
    day.post("/sim/executions/bust", {"order_id": made["id"]})
    day.post("/sim/price", {"symbol": "AAPL", "price": 100})
    day.step(2)
    shown = day.get(f"/v2/orders/{made['id']}")
    assert (shown["status"], shown["filled_qty"]) == ("filled", "10")
    assert figures(day)[0] == "10"


def test_a_correction_of_a_replaced_order_reaches_the_one_that_took_over(day: Any) -> None:
    made = partly_filled(day)
    new = day.call("PATCH", f"/v2/orders/{made['id']}", {"limit_price": "99"}).json
    day.step(1)
    filled = int(day.get(f"/v2/orders/{new['id']}")["filled_qty"])
    assert filled == 6
    day.post("/sim/executions/bust", {"order_id": made["id"]})
    old, now = day.get(f"/v2/orders/{made['id']}"), day.get(f"/v2/orders/{new['id']}")
    assert (old["filled_qty"], now["filled_qty"]) == ("0", "0")


def test_what_is_left_of_a_position_never_has_an_average_below_nothing(day: Any) -> None:
    """Dear shares are taken back of which the cheap ones that are left were the average."""
    trade(day, "buy", 10)
    day.post("/sim/price", {"symbol": "AAPL", "price": 200})
    made = trade(day, "buy", 10)
    trade(day, "sell", 9)
    assert figures(day)[:2] == ("11", "150")
    day.post("/sim/executions/bust", {"order_id": made["id"]})
    assert figures(day)[:2] == ("1", "150")


@pytest.mark.parametrize("body", [{}, {"qty": "10"}, {"price": "0"}, {"order_id": "x", "qty": "1"}])
def test_a_correction_that_changes_nothing_or_means_nothing_is_refused(
    day: Any, body: dict[str, str]
) -> None:
    trade(day, "buy", 10)
    assert day.call("POST", "/sim/executions/correct", body).status == 422
    assert figures(day) == ("10", "100", "99000")


def test_nothing_executed_is_refused(day: Any) -> None:
    assert day.call("POST", "/sim/executions/bust", {"key": "test-key"}).status == 422


def test_a_finished_order_is_corrected_in_the_shared_file_too(tmp_path: Any) -> None:
    import json

    from execbot.sim.doors.transport import open_shared

    headers = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}

    def call(method: str, path: str, body: Any = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        with_ = open_shared(tmp_path, at="2026-10-08 10:30", speed=0)
        return json.loads(with_.request(method, path, headers, raw)[2])

    call("POST", "/sim/price", {"symbol": "AAPL", "price": 100})
    made = call(
        "POST",
        "/v2/orders",
        {"symbol": "AAPL", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"},
    )
    call("POST", "/sim/clock", {"step": 1})
    call("POST", "/sim/executions/correct", {"order_id": made["id"], "qty": "12"})
    assert call("GET", f"/v2/orders/{made['id']}")["filled_qty"] == "12"
    assert call("GET", "/v2/positions")[0]["qty"] == "12"
