"""Goal: orders trade, wait and end by the hours of the market. Method: moments around them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.scripted_market import Desk, new_york

LIMIT = {"type": "limit", "limit_price": "100.50"}
LOW = {"type": "limit", "limit_price": "90"}
EXTENDED = {**LIMIT, "extended_hours": True}


def test_a_day_order_expires_at_the_close() -> None:
    desk = Desk("2026-10-08 15:30")
    order = desk.place(**LOW)
    desk.until("2026-10-08 16:00")
    done = desk.order(order)
    assert (done["status"], done["expired_at"]) == ("expired", "2026-10-08T20:00:00Z")
    assert desk.events(order) == ["pending_new", "new", "expired"]


def test_a_day_order_expires_early_on_a_half_day() -> None:
    order = Desk("2026-11-27 10:00").place(**LOW)
    assert order["expires_at"] == "2026-11-27T18:00:00Z"


def test_a_gtc_order_lives_for_90_days_and_is_canceled_after_the_close() -> None:
    desk = Desk("2026-08-04 15:52")
    order = desk.place(**LOW, time_in_force="gtc")
    assert order["expires_at"] == "2026-11-02T21:00:00Z"
    desk.until("2026-11-02 16:14")
    assert desk.status(order) == "new"
    desk.until("2026-11-02 16:15")
    assert desk.status(order) == "pending_cancel"
    desk.run()
    assert desk.status(order) == "canceled"


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-10-08 16:30", "2026-10-09"),
        ("2026-10-08 22:00", "2026-10-09"),
        ("2026-10-10 12:00", "2026-10-12"),
        ("2026-11-25 17:00", "2026-11-27"),
    ],
)
def test_an_order_after_the_close_is_accepted_and_new_when_the_day_starts(
    at: str, opens: str
) -> None:
    desk = Desk(at)
    order = desk.place()
    assert order["status"] == "accepted"
    desk.until(f"{opens} 03:59")
    assert desk.status(order) == "accepted"
    desk.until(f"{opens} 04:01")
    assert desk.status(order) == "new"
    desk.until(f"{opens} 09:29:59")
    assert desk.status(order) == "new"
    desk.until(f"{opens} 09:30:01")
    assert desk.status(order) == "filled"
    assert desk.events(order) == ["accepted", "pending_new", "new", "fill"]


def test_a_queued_order_can_be_canceled_but_not_replaced() -> None:
    from support.scripted_market import refused

    desk = Desk("2026-10-10 12:00")
    order = desk.place(**LOW)
    assert refused(lambda: desk.replace(order, limit_price="91")) == (
        422, 42210000, "cannot replace order in accepted status",
    )  # fmt: skip
    desk.cancel(order)
    desk.run()
    assert desk.status(order) == "canceled"


def test_an_order_before_the_open_is_new_and_waits_for_it() -> None:
    desk = Desk("2026-10-08 08:00")
    order = desk.place()
    desk.run(600)
    assert desk.status(order) == "new"
    desk.until("2026-10-08 09:30")
    assert desk.fills()[0]["transaction_time"] == "2026-10-08T13:30:00Z"


@pytest.mark.parametrize("at", ["2026-10-08 04:30", "2026-10-08 12:00", "2026-10-08 19:00"])
def test_an_extended_order_trades_before_and_after_hours(at: str) -> None:
    desk = Desk(at)
    assert desk.filled(**EXTENDED)["filled_avg_price"] == "100.02"


def test_an_extended_day_order_lives_until_the_end_of_after_hours() -> None:
    desk = Desk("2026-10-08 15:30")
    order = desk.place(type="limit", limit_price="90", extended_hours=True)
    assert order["expires_at"] == "2026-10-09T00:00:00Z"
    desk.until("2026-10-08 19:59")
    assert desk.status(order) == "new"
    desk.until("2026-10-08 20:00")
    assert desk.status(order) == "expired"


def test_the_overnight_session_is_for_assets_that_trade_in_it() -> None:
    desk = Desk("2026-10-07 22:00")
    night = desk.place("NIGHT", **EXTENDED)
    day = desk.place("ABC", **EXTENDED)
    assert (night["status"], day["status"]) == ("pending_new", "accepted")
    desk.run()
    assert desk.status(night) == "filled"
    desk.until("2026-10-08 04:00:01")
    assert desk.status(day) == "filled"


def test_no_overnight_session_before_a_holiday_or_on_a_saturday() -> None:
    for at in ("2026-11-25 22:00", "2026-10-10 22:00"):
        assert Desk(at).place("NIGHT", **EXTENDED)["status"] == "accepted"
    assert Desk("2026-10-11 21:00").place("NIGHT", **EXTENDED)["status"] == "pending_new"


def test_overnight_trading_can_be_switched_off() -> None:
    desk = Desk("2026-10-07 22:00")
    desk.exchange.set_configurations(desk.id, {"disable_overnight_trading": True})
    assert desk.place("NIGHT", **EXTENDED)["status"] == "accepted"


def test_a_gtc_extended_order_sleeps_between_sessions() -> None:
    desk = Desk("2026-10-09 19:00")
    order = desk.place(type="limit", limit_price="95", extended_hours=True, time_in_force="gtc")
    desk.until("2026-10-10 12:00")
    desk.market("ABC", "94.00", "94.02")
    desk.until("2026-10-12 03:59:59")
    assert desk.status(order) == "new"
    desk.until("2026-10-12 04:00")
    assert desk.fills()[0]["transaction_time"] == "2026-10-12T08:00:00Z"


def test_daylight_saving_moves_the_open_in_utc() -> None:
    desk = Desk("2026-10-31 12:00")
    order = desk.place()
    desk.until("2026-11-02 10:00")
    assert desk.order(order)["filled_at"] == "2026-11-02T14:30:00Z"


def test_opening_orders_trade_in_the_auction_at_one_price() -> None:
    desk = Desk("2026-10-08 09:00")
    order = desk.place(qty="3000", time_in_force="opg")
    far = desk.place("XYZ", type="limit", limit_price="99", time_in_force="opg")
    desk.until("2026-10-08 09:29")
    desk.market("ABC", "101.00", "101.10", last="101.04")
    desk.until("2026-10-08 09:30")
    done = desk.order(order)
    assert (done["status"], done["filled_avg_price"]) == ("filled", "101.04")
    assert desk.status(far) == "new"
    desk.until("2026-10-08 09:32")
    assert desk.status(far) == "expired"


@pytest.mark.parametrize(("tif", "at"), [("opg", "09:30"), ("cls", "16:00")])
def test_an_auction_trades_at_the_official_price_where_there_is_one(tif: str, at: str) -> None:
    """103.50, though the last print was 101.04 and the quote around it."""
    desk = Desk("2026-10-08 09:00")
    desk.prices.auctions["ABC", new_york(f"2026-10-08 {at}")] = Decimal("103.50")
    order = desk.place(time_in_force=tif)
    near = desk.place("ABC", type="limit", limit_price="103.49", time_in_force=tif)
    desk.market("ABC", "101.00", "101.10", last="101.04")
    desk.until(f"2026-10-08 {at}")
    done = desk.order(order)
    assert (done["status"], done["filled_avg_price"]) == ("filled", "103.5")
    desk.run(130)
    assert desk.status(near) == "expired"


def test_closing_orders_trade_in_the_closing_auction() -> None:
    desk = Desk("2026-10-08 15:00")
    order = desk.place(time_in_force="cls")
    desk.until("2026-10-08 15:59:59")
    assert desk.status(order) == "new"
    desk.until("2026-10-08 16:00")
    assert desk.order(order)["filled_at"] == "2026-10-08T20:00:00Z"


def test_a_halt_through_the_auction_leaves_the_order_to_expire() -> None:
    desk = Desk("2026-10-08 15:00")
    order = desk.place(time_in_force="cls")
    desk.exchange.halt("ABC", "T1")
    desk.until("2026-10-08 16:02")
    assert desk.status(order) == "expired"


def test_immediate_orders_after_the_close_wait_for_the_open() -> None:
    desk = Desk("2026-10-10 12:00")
    order = desk.place(time_in_force="ioc")
    assert order["status"] == "accepted"
    desk.until("2026-10-12 09:31")
    assert desk.status(order) == "filled"


def test_crypto_trades_around_the_clock() -> None:
    desk = Desk("2026-10-11 03:00")
    assert desk.filled("BTC/USD", qty="0.1")["status"] == "filled"


def test_an_exchange_that_never_closes_fills_on_a_sunday() -> None:
    desk = Desk("2026-10-11 03:00", always=True)
    assert desk.filled()["filled_qty"] == "10"
    assert desk.exchange.clock()["is_open"] is True


def test_a_day_of_an_exchange_that_never_closes_begins_with_the_close_of_yesterday() -> None:
    desk = Desk("2026-10-11 03:00", always=True)
    assert desk.exchange.account(desk.id)["balance_asof"] == "2026-10-10"


def test_the_clock_and_the_calendar_speak_new_york() -> None:
    desk = Desk("2026-11-26 12:00")
    clock = desk.exchange.clock()
    assert clock == {
        "timestamp": "2026-11-26T12:00:00-05:00",
        "is_open": False,
        "next_open": "2026-11-27T09:30:00-05:00",
        "next_close": "2026-11-27T13:00:00-05:00",
    }
    days = desk.exchange.calendar_days({"start": "2026-11-26", "end": "2026-11-27"})
    assert [(day["date"], day["open"], day["close"]) for day in days] == [
        ("2026-11-27", "09:30", "13:00")
    ]
