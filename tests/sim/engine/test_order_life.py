"""Goal: an order lives and trades as Alpaca's do. Method: a scripted market, exact events."""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.scripted_market import Desk, refusal_of, refused

from execbot.sim.types import Level

IN_FILLED = (422, 42210000, 'order is already in "filled" state')


def prices_of(desk: Desk) -> list[tuple[str, str]]:
    return [(row["price"], row["qty"]) for row in desk.fills()]


def test_a_market_order_is_pending_then_new_then_filled_at_the_ask() -> None:
    desk = Desk()
    order = desk.place()
    assert (order["status"], order["order_class"], order["legs"]) == ("pending_new", "", None)
    assert order["expires_at"] == "2026-10-08T20:00:00Z"
    desk.run(0.003)
    assert desk.status(order) == "new"
    desk.run(0.05)
    done = desk.order(order)
    assert (done["status"], done["filled_qty"], done["filled_avg_price"]) == (
        "filled", "10", "100.02",
    )  # fmt: skip
    assert done["submitted_at"] == "2026-10-08T14:00:00.003Z"
    assert done["filled_at"] == "2026-10-08T14:00:00.053Z"
    assert desk.events(order) == ["pending_new", "new", "fill"]


def test_the_fill_frame_carries_execution_position_and_settlement() -> None:
    desk = Desk()
    desk.filled()
    frame = desk.exchange.events[-1].data
    assert (frame["price"], frame["qty"], frame["position_qty"]) == ("100.02", "10", "10")
    assert frame["settle_date"] == "2026-10-09"
    assert len(frame["execution_id"]) == 36 and len(frame["event_id"]) == 26
    assert "source" not in frame["order"] and frame["order"]["cancel_requested_at"] is None


def test_event_ids_ascend_and_identify() -> None:
    desk = Desk()
    for _ in range(5):
        desk.filled(qty="1")
    ids = [event.data["event_id"] for event in desk.exchange.events]
    assert ids == sorted(ids) and len(set(ids)) == len(ids)
    assert [event.seq for event in desk.exchange.events] == list(range(1, len(ids) + 1))
    assert desk.exchange.events_since(12, desk.id) == list(desk.exchange.events)[12:]
    assert desk.exchange.events_since(0, "other") == []


def test_a_large_order_walks_the_book_and_waits_for_the_next_quote() -> None:
    desk = Desk()
    desk.prices.deeper["ABC", "ask"] = (Level(Decimal("100.05"), Decimal(500)),)
    order = desk.place(qty="2000")
    desk.run()
    assert prices_of(desk) == [("100.02", "1000"), ("100.05", "500")]
    assert desk.status(order) == "partially_filled"
    desk.run(60)
    assert desk.status(order) == "partially_filled"
    desk.market("ABC", "100.08", "100.10")
    assert prices_of(desk)[2:] == [("100.1", "500")]
    assert desk.order(order)["filled_avg_price"] == "100.0475"
    assert desk.events(order)[2:] == ["partial_fill", "partial_fill", "fill"]


def test_the_displayed_size_is_taken_only_once_by_an_account() -> None:
    desk = Desk()
    desk.filled(qty="900")
    order = desk.place(qty="200")
    desk.run()
    assert desk.order(order)["filled_qty"] == "100"
    other = desk.exchange.account_id("OTHER")
    body = desk.body(qty="1000")
    theirs = desk.exchange.place(other, body)
    desk.run()
    assert desk.exchange.order(other, theirs["id"])["status"] == "filled"


def test_a_participation_share_limits_each_look() -> None:
    desk = Desk(participation=Decimal("0.1"))
    order = desk.place(qty="250")
    desk.run()
    assert desk.order(order)["filled_qty"] == "100"
    desk.market("ABC", "100.00", "100.02")
    desk.market("ABC", "100.00", "100.03")
    assert prices_of(desk) == [("100.02", "100"), ("100.02", "100"), ("100.03", "50")]


def test_a_resting_limit_fills_when_the_quote_comes_at_the_better_price() -> None:
    desk = Desk()
    order = desk.place(type="limit", limit_price="99")
    desk.run()
    assert desk.status(order) == "new"
    desk.market("ABC", "98.98", "99.01")
    assert desk.status(order) == "new"
    desk.run(1)
    desk.market("ABC", "98.50", "98.55")
    assert prices_of(desk) == [("98.55", "10")]


def test_a_sell_limit_fills_at_the_bid_and_never_below_its_limit() -> None:
    desk = Desk()
    desk.filled()
    order = desk.place(type="limit", limit_price="101", side="sell")
    desk.run()
    desk.market("ABC", "100.99", "101.02")
    assert desk.status(order) == "new"
    desk.market("ABC", "101.00", "101.02")
    assert prices_of(desk)[1:] == [("101", "10")]


def test_a_print_through_the_limit_fills_only_where_it_is_told_to() -> None:
    for told, expected in ((False, "new"), (True, "filled")):
        desk = Desk(trade_through=told)
        order = desk.place(type="limit", limit_price="99")
        desk.run()
        desk.market("ABC", "99.50", "99.60", last="98.90")
        assert desk.status(order) == expected
    assert prices_of(desk) == [("99", "10")]


@pytest.mark.parametrize(
    ("tif", "qty", "status", "filled"),
    [
        ("ioc", "1500", "canceled", "1000"),
        ("ioc", "400", "filled", "400"),
        ("fok", "1500", "canceled", "0"),
        ("fok", "1000", "filled", "1000"),
    ],
)
def test_immediate_orders_take_what_is_there_or_nothing(
    tif: str, qty: str, status: str, filled: str
) -> None:
    desk = Desk()
    order = desk.place(type="limit", limit_price="100.02", qty=qty, time_in_force=tif)
    desk.run()
    assert (desk.status(order), desk.order(order)["filled_qty"]) == (status, filled)


def test_an_ioc_away_from_the_market_is_canceled_whole() -> None:
    desk = Desk()
    order = desk.place(type="limit", limit_price="99", time_in_force="ioc")
    desk.run()
    assert desk.events(order) == ["pending_new", "new", "canceled"]


def test_a_cancel_is_pending_then_canceled() -> None:
    desk = Desk()
    order = desk.place(type="limit", limit_price="90")
    desk.run()
    desk.cancel(order)
    assert desk.status(order) == "pending_cancel"
    assert refused(lambda: desk.cancel(order)) == (422, 42210000, "order pending cancel")
    desk.run(0.007)
    done = desk.order(order)
    assert done["status"] == "canceled"
    assert done["canceled_at"] == "2026-10-08T14:00:01.007Z"
    assert desk.events(order) == ["pending_new", "new", "canceled"]


def test_a_fill_can_win_against_a_cancel() -> None:
    desk = Desk()
    order = desk.place()
    desk.run(0.052)
    desk.cancel(order)
    desk.run(0.001)
    assert desk.status(order) == "filled"
    desk.run()
    assert desk.status(order) == "filled"
    assert desk.events(order)[-1] == "fill"


def test_a_partial_fill_before_the_cancel_keeps_its_quantity() -> None:
    desk = Desk()
    order = desk.place(qty="1500")
    desk.run()
    desk.cancel(order)
    desk.run()
    done = desk.order(order)
    assert (done["status"], done["filled_qty"]) == ("canceled", "1000")


def test_a_finished_or_unknown_order_cannot_be_canceled() -> None:
    desk = Desk()
    order = desk.filled()
    assert refused(lambda: desk.cancel(order)) == IN_FILLED
    ghost = "00000000-0000-4000-8000-000000000000"
    assert refused(lambda: desk.cancel(ghost)) == (
        404, 40410000, f"order not found for {ghost}",
    )  # fmt: skip
    assert refused(lambda: desk.cancel("fake_id")) == (422, 40010001, "order_id is missing")
    with_client_id = refusal_of(lambda: desk.exchange.order_by_client_id(desk.id, "nope"))
    assert (with_client_id.status, with_client_id.message) == (404, "order not found for nope")


def test_one_account_does_not_see_the_orders_of_another() -> None:
    desk = Desk()
    order = desk.place(type="limit", limit_price="90", client_order_id="shared")
    other = desk.exchange.account_id("OTHER")
    error = refusal_of(lambda: desk.exchange.order(other, order["id"]))
    assert error.status == 404
    desk.exchange.place(other, desk.body(client_order_id="shared"))


def test_an_absurd_limit_is_taken_and_rejected_later() -> None:
    desk = Desk()
    order = desk.place(type="limit", limit_price="1000.01", qty="1")
    assert order["status"] == "pending_new"
    desk.run()
    done = desk.order(order)
    assert (done["status"], done["failed_at"]) == ("rejected", "2026-10-08T14:00:00.003Z")
    assert desk.events(order) == ["pending_new", "rejected"]


def test_a_notional_order_buys_what_the_money_reaches() -> None:
    desk = Desk()
    order = desk.place(qty=None, notional="5")
    assert (order["qty"], order["notional"]) == (None, "5")
    desk.run(0.004)
    done = desk.order(order)
    assert (done["status"], done["qty"], done["filled_qty"]) == ("filled", None, "0.049990001")
    assert Decimal(done["filled_qty"]) * Decimal("100.02") <= 5


def test_a_fractional_position_can_be_sold_to_the_last_bit() -> None:
    desk = Desk()
    desk.filled(qty="1.5")
    desk.filled(qty=None, notional="20")
    held = desk.position()["qty"]
    desk.filled(side="sell", qty=held)
    assert desk.exchange.positions(desk.id) == []


def test_a_missing_side_of_the_market_is_waited_out() -> None:
    desk = Desk()
    desk.market("ABC", "100.00", "0", last="100.00")
    order = desk.place()
    limit = desk.place("ABC", type="limit", limit_price="100.05")
    desk.run(5)
    assert (desk.status(order), desk.status(limit)) == ("new", "new")
    desk.market("ABC", "100.00", "100.04")
    assert (desk.status(order), desk.status(limit)) == ("filled", "filled")


def test_a_halted_symbol_takes_orders_and_trades_after_the_resumption() -> None:
    desk = Desk()
    desk.exchange.halt("ABC", "T1")
    order = desk.place()
    desk.run(60)
    assert desk.status(order) == "new"
    assert desk.exchange.halted() == {"ABC": "T1"}
    desk.filled("XYZ")
    desk.exchange.resume("ABC")
    desk.market("ABC", "95.00", "95.02")
    assert desk.status(order) == "filled"


def test_nothing_trades_outside_limit_up_limit_down() -> None:
    desk = Desk()
    desk.exchange.set_band("ABC", Decimal("95"), Decimal("100.01"))
    order = desk.place()
    desk.run()
    assert desk.status(order) == "new"
    desk.exchange.set_band("ABC", Decimal("95"), Decimal("101"))
    desk.market("ABC", "100.00", "100.02")
    assert desk.status(order) == "filled"


def test_time_runs_forward_only() -> None:
    desk = Desk()
    with pytest.raises(ValueError, match="time runs forward"):
        desk.exchange.advance(desk.now - 1)


def test_the_next_event_is_known_and_looking_changes_nothing() -> None:
    desk = Desk()
    order = desk.place(type="limit", limit_price="99")
    assert desk.exchange.next_event_at(desk.now + 10**9) == desk.now + 3_000_000
    desk.run()
    at = desk.now + 3600 * 10**9
    assert desk.exchange.next_event_at(at) is None
    desk.prices.tick("ABC", at, "98.00", "98.02")
    assert desk.exchange.next_event_at(at) == at
    before = desk.exchange.dump()
    desk.exchange.next_event_at(at)
    assert desk.exchange.dump() == before
    desk.exchange.advance(at)
    assert desk.status(order) == "filled"


def test_papers_random_partial_fills_can_be_switched_on() -> None:
    desk = Desk(partial_fill_share=Decimal(1))
    order = desk.place()
    desk.run()
    assert (desk.status(order), desk.order(order)["filled_qty"]) == ("partially_filled", "5")
    desk.run(2.7)
    assert desk.events(order) == ["pending_new", "new", "partial_fill", "fill"]
    assert desk.filled(qty="1")["filled_qty"] == "1"


def test_a_cancel_that_lost_against_a_fill_can_be_told() -> None:
    desk = Desk(cancel_rejected_event=True)
    order = desk.place()
    desk.run(0.052)
    desk.cancel(order)
    desk.run()
    assert desk.events(order)[-2:] == ["fill", "order_cancel_rejected"]
    assert desk.status(order) == "filled"
