"""Goal: shares, directions and the account's own orders are kept apart as Alpaca does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.scripted_market import Desk, refusal_of, refused

WASH = "potential wash trade detected. use complex orders"


def test_a_position_has_alpacas_figures() -> None:
    desk = Desk("2026-10-07 15:00")
    desk.filled(qty="10")
    desk.until("2026-10-08 10:00")
    desk.market("ABC", "102.00", "102.02", last="102.00")
    desk.filled(qty="10")
    view = desk.position()
    assert view["qty"] == "20" and view["side"] == "long"
    assert view["avg_entry_price"] == "101.02"
    assert (view["cost_basis"], view["market_value"]) == ("2020.4", "2040")
    assert (view["unrealized_pl"], view["unrealized_plpc"]) == ("19.6", "0.0097")
    assert (view["lastday_price"], view["change_today"]) == ("100", "0.02")
    assert view["unrealized_intraday_pl"] == "19.8"
    assert view["unrealized_intraday_plpc"] == "0.0098"


def test_a_short_position_is_shown_with_negative_figures() -> None:
    desk = Desk()
    desk.filled(side="sell", qty="3")
    desk.market("ABC", "98.00", "98.02", last="98.00")
    view = desk.position()
    assert (view["qty"], view["side"], view["qty_available"]) == ("-3", "short", "-3")
    assert (view["market_value"], view["cost_basis"]) == ("-294", "-300")
    assert (view["unrealized_pl"], view["unrealized_plpc"]) == ("6", "0.02")


def test_the_average_is_weighted_by_day_and_first_in_first_out_overnight() -> None:
    desk = Desk("2026-10-07 15:00")
    desk.filled(qty="10")
    desk.market("ABC", "110.00", "110.02")
    desk.filled(qty="10")
    assert desk.position()["avg_entry_price"] == "105.02"
    desk.filled(qty="10", side="sell")
    assert desk.position()["avg_entry_price"] == "105.02"
    desk.until("2026-10-08 10:00")
    assert desk.position()["avg_entry_price"] == "110.02"


def test_nothing_is_left_of_a_closed_position() -> None:
    desk = Desk()
    desk.filled()
    desk.filled(side="sell")
    assert desk.exchange.positions(desk.id) == []
    for symbol in ("ABC", "XYZ"):
        assert refused(lambda s=symbol: desk.position(s)) == (
            404, 40410000, "position does not exist",
        )  # fmt: skip


def test_shares_come_back_a_moment_after_the_cancel() -> None:
    desk = Desk()
    desk.filled()
    order = desk.place(side="sell", type="limit", limit_price="120")
    desk.run()
    assert desk.position()["qty_available"] == "0"
    desk.cancel(order)
    desk.run(0.007)
    assert desk.status(order) == "canceled"
    error = refusal_of(lambda: desk.place(side="sell"))
    assert error.message.startswith("insufficient qty available for order")
    assert error.extra["related_orders"] == [order["id"]]
    desk.run(0.06)
    assert desk.position()["qty_available"] == "10"
    assert desk.place(side="sell")["status"] == "pending_new"


def test_one_order_never_crosses_zero() -> None:
    desk = Desk()
    desk.filled(qty="1")
    error = refusal_of(lambda: desk.place(side="sell", qty="2"))
    assert error.message == "insufficient qty available for order (requested: 2, available: 1)"
    assert error.extra == {
        "available": "1", "existing_qty": "1", "held_for_orders": "0", "symbol": "ABC",
    }  # fmt: skip
    desk = Desk()
    desk.filled(qty="1", side="sell")
    assert desk.refusal(qty="2")[2] == (
        "insufficient qty available for order (requested: 2, available: 1)"
    )


def test_one_direction_at_a_time_while_flat() -> None:
    desk = Desk()
    desk.place(type="limit", limit_price="90")
    assert desk.refusal(side="sell") == (
        403, 40310000, "cannot open a short sell while a long buy order is open",
    )  # fmt: skip
    desk = Desk()
    desk.place(side="sell", type="limit", limit_price="110")
    assert desk.refusal() == (
        403, 40310000, "cannot open a long buy while a short sell order is open",
    )  # fmt: skip


MARKET: dict[str, Any] = {"type": "market"}


def at(kind: str, price: str) -> dict[str, Any]:
    return {"type": kind, f"{kind}_price": price}


@pytest.mark.parametrize(
    ("working", "new", "reason"),
    [
        (at("limit", "90"), MARKET, "opposite side limit order exists"),
        (at("limit", "90"), at("stop", "80"), "opposite side limit order exists"),
        (at("limit", "90"), at("limit", "90"), "opposite side limit order exists"),
        (at("limit", "90"), at("limit", "90.01"), None),
        (at("stop", "110"), at("limit", "120"), "opposite side market/stop order exists"),
        (at("stop", "110"), MARKET, "opposite side market/stop order exists"),
        (at("limit", "90"), {"type": "trailing_stop", "trail_price": "5"}, None),
        ({"type": "trailing_stop", "trail_price": "5"}, MARKET, None),
        (at("limit", "90"), {"order_class": "oco", "type": "limit",
         "take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "80"}}, None),
    ],
)  # fmt: skip
def test_an_order_that_could_meet_ones_own_is_a_wash_trade(
    working: dict[str, Any], new: dict[str, Any], reason: str | None
) -> None:
    desk = Desk()
    desk.filled()
    first = desk.place(**working)
    desk.run()
    if reason is None:
        assert desk.place(side="sell", **new)["status"] == "pending_new"
        return
    error = refusal_of(lambda: desk.place(side="sell", **new))
    assert (error.status, error.code, error.message) == (403, 40310000, WASH)
    assert error.extra == {"existing_order_id": first["id"], "reject_reason": reason}


def test_a_position_is_closed_by_a_plain_market_order() -> None:
    desk = Desk()
    desk.filled()
    order = desk.exchange.close_position(desk.id, "ABC")
    assert (order["type"], order["side"], order["qty"], order["time_in_force"]) == (
        "market", "sell", "10", "day",
    )  # fmt: skip
    desk.run()
    assert desk.exchange.positions(desk.id) == []
    assert refused(lambda: desk.exchange.close_position(desk.id, "ABC")) == (
        404, 40410000, "position does not exist",
    )  # fmt: skip
    assert refused(lambda: desk.exchange.close_position(desk.id, "NOPE")) == (
        404, 40410000, "symbol not found: NOPE",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("held", "query", "expected"),
    [
        ("10", {"qty": "4"}, "4"),
        ("10", {"percentage": "50"}, "5"),
        ("10", {"percentage": "33"}, "3"),
        ("1.5", {"percentage": "50"}, "0.75"),
        ("10", {"percentage": "100"}, "10"),
    ],
)
def test_part_of_a_position_can_be_closed(held: str, query: dict[str, str], expected: str) -> None:
    desk = Desk()
    desk.filled(qty=held)
    assert desk.exchange.close_position(desk.id, "ABC", query)["qty"] == expected


def test_what_closing_a_part_refuses() -> None:
    desk = Desk()
    desk.filled()

    def close(**query: str) -> str:
        return refused(lambda: desk.exchange.close_position(desk.id, "ABC", query))[2]

    assert close(qty="1", percentage="1") == "only one of qty or percentage is accepted"
    assert close(percentage="0") == "percentage must be between 0 and 100"
    assert close(percentage="101") == "percentage must be between 0 and 100"
    assert close(qty="11").startswith("insufficient qty available")


def test_closing_everything_names_each_position_and_what_holds_it() -> None:
    desk = Desk()
    desk.filled("ABC")
    desk.filled("XYZ")
    stop = desk.place(side="sell", type="stop", stop_price="90")
    desk.run()
    items = desk.exchange.close_all(desk.id)
    assert [(item["symbol"], item["status"]) for item in items] == [("ABC", 403), ("XYZ", 200)]
    assert items[0]["body"]["held_for_orders"] == "10"
    items = desk.exchange.close_all(desk.id, cancel_orders=True)
    assert [(item["symbol"], item["status"]) for item in items[:1]] == [(stop["id"], 200)]
    assert {item["symbol"]: item["status"] for item in items}["ABC"] == 403
    desk.run(2)
    desk.exchange.close_all(desk.id)
    desk.run()
    assert desk.exchange.positions(desk.id) == []


def test_crypto_is_one_symbol_under_two_names() -> None:
    desk = Desk()
    order = desk.filled("BTCUSD", qty="0.1", time_in_force="gtc")
    assert order["symbol"] == "BTC/USD"
    view = desk.exchange.position(desk.id, "BTC/USD")
    assert view["symbol"] == "BTCUSD" == desk.exchange.position(desk.id, "BTCUSD")["symbol"]
    closing = desk.exchange.close_position(desk.id, "BTCUSD")
    assert (closing["time_in_force"], closing["qty"]) == ("gtc", view["qty"])


def test_the_taker_fee_of_crypto_is_taken_from_what_is_received() -> None:
    desk = Desk()
    desk.filled("BTC/USD", qty="1", time_in_force="gtc")
    assert desk.position("BTCUSD")["qty"] == "0.9975"
    assert desk.exchange.events[-1].data["position_qty"] == "0.9975"
    desk.filled("BTC/USD", side="sell", qty="0.5")
    bought, gained = Decimal(50_010), Decimal("0.5") * 50_000 * (1 - Decimal("0.0025"))
    assert Decimal(desk.account()["cash"]) == 100_000 - bought + gained
    fees = desk.exchange.activities(desk.id, ["CFEE"], {"direction": "asc"})
    assert [(fee["qty"], fee["net_amount"]) for fee in fees] == [("-0.0025", "0"), ("0", "-62.5")]


def test_a_crypto_market_order_by_notional_falls_two_percent_short() -> None:
    desk = Desk()
    order = desk.filled("BTC/USD", qty=None, notional="1000")
    spent = Decimal(order["filled_qty"]) * Decimal(order["filled_avg_price"])
    assert Decimal("979") < spent < Decimal("981")


def test_a_notional_entry_is_refused_while_a_close_is_working() -> None:
    desk = Desk()
    desk.filled()
    desk.place(side="sell", type="limit", limit_price="120")
    assert desk.refusal(qty=None, notional="50") == (
        403, 40310000,
        "unable to open new notional orders while having open closing position orders",
    )  # fmt: skip


def test_hard_to_borrow_stock_can_be_shorted_for_the_day() -> None:
    assert Desk().filled("HTB", side="sell")["filled_qty"] == "10"
