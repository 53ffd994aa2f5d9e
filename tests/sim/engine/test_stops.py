"""Goal: stops and trailing stops fire when they should. Method: a scripted market."""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.scripted_market import MS, Desk, new_york

from execbot.sim.types import Quote, Tick, Trade


def test_a_sell_stop_fires_on_a_print_and_sells_at_the_bid() -> None:
    desk = Desk()
    desk.filled()
    order = desk.place(side="sell", type="stop", stop_price="95")
    desk.run()
    assert desk.status(order) == "new"
    desk.market("ABC", "94.90", "95.10", last="95.01")
    desk.run()
    assert desk.status(order) == "new"
    desk.market("ABC", "94.90", "95.10", last="95.00")
    assert desk.status(order) == "new"
    desk.run(0.05)
    assert desk.fills()[-1]["price"] == "94.9"


def test_a_gap_through_a_sell_stop_sells_far_below_it() -> None:
    desk = Desk("2026-10-08 15:00")
    desk.filled()
    order = desk.place(side="sell", type="stop", stop_price="95", time_in_force="gtc")
    desk.until("2026-10-08 18:00")
    desk.market("ABC", "80.00", "80.10", last="80.00")
    desk.run(60)
    assert desk.status(order) == "new"
    desk.prices.tick("ABC", new_york("2026-10-09 09:30"), "79.50", "79.60", last="79.55")
    desk.until("2026-10-09 09:30:01")
    assert desk.fills()[-1]["price"] == "79.5"
    assert desk.fills()[-1]["transaction_time"] == "2026-10-09T13:30:00.05Z"


def before_the_open(desk: Desk, last: str) -> None:
    """A print far off in the pre-market; at the open a quote comes first, then a print at 100."""
    desk.prices.tick("ABC", new_york("2026-10-09 08:00"), "99", "101", last=last)
    old = Trade("ABC", new_york("2026-10-09 08:00"), Decimal(last), Decimal(100))
    at = new_york("2026-10-09 09:30:00.5")
    quote = Quote("ABC", at, Decimal(99), Decimal(1000), Decimal(101), Decimal(1000))
    desk.prices.script["ABC"].append(Tick(at, quote, old))
    desk.prices.tick("ABC", new_york("2026-10-09 09:30:02"), "99", "101", last="100")


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "stop", "stop_price": "95"},
        {"type": "stop_limit", "stop_price": "95", "limit_price": "70"},
        {"type": "trailing_stop", "trail_price": "5"},
    ],
)
def test_a_print_of_before_the_open_elects_no_stop(fields: dict[str, str]) -> None:
    """80 is traded before the open, 100 is the first print of the session: nothing is sold."""
    desk = Desk("2026-10-08 15:00")
    desk.filled()
    order = desk.place(side="sell", time_in_force="gtc", **fields)
    desk.until("2026-10-08 19:59")
    before_the_open(desk, "80")
    desk.until("2026-10-09 09:30:10")
    assert desk.status(order) == "new"
    desk.market("ABC", "94", "94.10", last="94")
    desk.run()
    assert desk.fills()[-1]["price"] == "94"


def test_a_print_of_before_the_open_moves_no_mark() -> None:
    desk = Desk("2026-10-08 15:00")
    desk.filled()
    order = desk.place(side="sell", type="trailing_stop", trail_price="5", time_in_force="gtc")
    desk.until("2026-10-08 19:59")
    before_the_open(desk, "150")
    desk.until("2026-10-09 09:30:10")
    assert (desk.status(order), desk.order(order)["hwm"]) == ("new", "100")


def test_a_print_of_before_the_open_fills_no_limit() -> None:
    """With `trade_through`, for an order that trades in the regular session only."""
    desk = Desk("2026-10-08 15:00", trade_through=True)
    order = desk.place(type="limit", limit_price="95", time_in_force="gtc")
    desk.until("2026-10-08 19:59")
    before_the_open(desk, "80")
    desk.until("2026-10-09 09:30:10")
    assert desk.status(order) == "new"


def test_a_stop_sent_right_after_the_open_waits_for_a_print_of_the_session() -> None:
    desk = Desk("2026-10-08 15:00")
    desk.filled()
    desk.until("2026-10-08 19:59")
    before_the_open(desk, "80")
    desk.until("2026-10-09 09:30:00")
    order = desk.place(side="sell", type="stop", stop_price="79", time_in_force="gtc")
    desk.until("2026-10-09 09:30:10")
    assert desk.status(order) == "new"


def test_a_buy_stop_has_a_limit_of_its_own() -> None:
    for stop, far, near in (("110", "112.76", "112.75"), ("40", "41.61", "41.60")):
        desk = Desk()
        low = str(float(stop) - 5)
        desk.market("ABC", low, low, last=low)
        order = desk.place(type="stop", stop_price=stop)
        desk.run()
        desk.market("ABC", far, far, last=stop)
        desk.run()
        assert desk.status(order) == "new", "beyond the collar it waits"
        desk.market("ABC", near, near, last=stop)
        assert desk.status(order) == "filled"


def test_a_stop_limit_rests_at_its_limit_once_fired() -> None:
    desk = Desk()
    desk.filled()
    order = desk.place(side="sell", type="stop_limit", stop_price="95", limit_price="94.50")
    desk.run()
    desk.market("ABC", "94.00", "94.10", last="94.00")
    desk.run(60)
    assert desk.status(order) == "new"
    desk.market("ABC", "94.60", "94.70", last="94.60")
    assert desk.fills()[-1]["price"] == "94.6"


def test_a_trailing_stop_follows_the_high_and_never_comes_back() -> None:
    desk = Desk()
    desk.filled()
    order = desk.place(side="sell", type="trailing_stop", trail_percent="5")
    assert (order["hwm"], order["stop_price"], order["trail_percent"]) == ("100", "95", "5")
    desk.run()
    desk.market("ABC", "110.00", "110.02", last="110.01")
    seen = desk.order(order)
    assert (seen["hwm"], seen["stop_price"]) == ("110.01", "104.5095")
    desk.market("ABC", "105.00", "105.02", last="105.00")
    assert desk.order(order)["hwm"] == "110.01"
    desk.market("ABC", "104.00", "104.02", last="104.50")
    desk.run()
    assert desk.fills()[-1]["price"] == "104"


def test_a_trailing_buy_follows_the_low() -> None:
    desk = Desk()
    desk.filled(side="sell")
    order = desk.place(type="trailing_stop", trail_price="5")
    assert (order["hwm"], order["stop_price"]) == ("100", "105")
    desk.run()
    desk.market("ABC", "90.00", "90.02", last="90.00")
    assert desk.order(order)["stop_price"] == "95"
    desk.market("ABC", "94.98", "95.02", last="95.00")
    desk.run()
    assert desk.fills()[-1]["price"] == "95.02"


def test_a_trailing_stop_sees_every_tick_between_two_looks() -> None:
    desk = Desk()
    desk.filled()
    order = desk.place(side="sell", type="trailing_stop", trail_price="2", time_in_force="gtc")
    start = desk.now
    path = ["100", "103", "106", "105", "104.50", "104", "110", "109"]
    for step, last in enumerate(path, start=1):
        desk.prices.tick("ABC", start + step * 1000 * MS, last, last, last=last)
    desk.run(60)
    done = desk.order(order)
    assert (done["status"], done["hwm"]) == ("filled", "106")
    assert desk.fills()[-1]["price"] == "104"


def test_a_trailing_stop_sleeps_outside_regular_hours() -> None:
    desk = Desk("2026-10-08 15:59")
    desk.filled()
    order = desk.place(side="sell", type="trailing_stop", trail_price="2", time_in_force="gtc")
    desk.until("2026-10-08 17:00")
    desk.market("ABC", "150.00", "150.02", last="150.00")
    desk.until("2026-10-08 19:00")
    desk.market("ABC", "100.00", "100.02", last="100.00")
    desk.until("2026-10-09 10:00")
    assert (desk.status(order), desk.order(order)["hwm"]) == ("new", "100")


def test_the_trail_can_be_replaced() -> None:
    desk = Desk()
    desk.filled()
    order = desk.place(side="sell", type="trailing_stop", trail_price="5")
    desk.run()
    new = desk.replace(order, trail="3")
    desk.run()
    assert desk.order(new)["stop_price"] == "97"
    desk.market("ABC", "97.00", "97.02", last="97.00")
    desk.run()
    assert desk.status(new) == "filled"
