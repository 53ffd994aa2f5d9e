"""Goal: orders misbehave on demand, and only as often as told. Method: one test per kind."""

from __future__ import annotations

from decimal import Decimal

from support.scripted_market import Desk

from execbot.sim.engine import FaultKind, OrderFault

LOW = {"type": "limit", "limit_price": "90"}
SECOND = 1_000_000_000


def test_a_wrong_filled_price_is_shown_while_the_books_are_right() -> None:
    desk = Desk()
    desk.exchange.inject(OrderFault(FaultKind.WRONG_FILLED_PRICE, factor=Decimal("1.5")))
    wrong, right = desk.filled(), desk.filled()
    assert (wrong["filled_avg_price"], right["filled_avg_price"]) == ("150.03", "100.02")
    assert [row["price"] for row in desk.fills()] == ["100.02", "100.02"]
    assert desk.position()["avg_entry_price"] == "100.02"


def test_part_is_filled_and_the_venue_cancels_the_rest() -> None:
    desk = Desk()
    desk.exchange.inject(OrderFault(FaultKind.PARTIAL_THEN_CANCEL, factor=Decimal("0.3")))
    order = desk.place()
    desk.run()
    done = desk.order(order)
    assert (done["status"], done["filled_qty"]) == ("canceled", "3")
    assert desk.events(order) == ["pending_new", "new", "partial_fill", "canceled"]


def test_a_lost_cancel_leaves_the_order_working() -> None:
    desk = Desk()
    order = desk.place(**LOW)
    desk.run()
    desk.exchange.inject(OrderFault(FaultKind.CANCEL_LOST))
    desk.cancel(order)
    desk.run(60)
    assert desk.status(order) == "new"
    desk.cancel(order)
    desk.run()
    assert desk.status(order) == "canceled"


def test_a_cancel_can_stay_pending_for_ever_or_for_a_while() -> None:
    for delay, expected in ((0, "pending_cancel"), (10 * SECOND, "canceled")):
        desk = Desk()
        order = desk.place(**LOW)
        desk.run()
        desk.exchange.inject(OrderFault(FaultKind.STUCK_PENDING_CANCEL, delay=delay))
        desk.cancel(order)
        desk.run(9)
        assert desk.status(order) == "pending_cancel"
        desk.run(9)
        assert desk.status(order) == expected


def test_a_stuck_order_still_fills() -> None:
    desk = Desk()
    order = desk.place(**LOW)
    desk.run()
    desk.exchange.inject(OrderFault(FaultKind.STUCK_PENDING_CANCEL))
    desk.cancel(order)
    desk.market("ABC", "89.00", "89.02")
    assert desk.status(order) == "filled"


def test_an_accepted_order_is_rejected_instead_of_acknowledged_or_later() -> None:
    for delay, events in (
        (0, ["pending_new", "rejected"]),
        (5, ["pending_new", "new", "rejected"]),
    ):
        desk = Desk()
        desk.exchange.inject(OrderFault(FaultKind.ACCEPTED_THEN_REJECTED, delay=delay * SECOND))
        order = desk.place(**LOW)
        assert order["status"] == "pending_new"
        desk.run(10)
        assert desk.events(order) == events
        assert desk.order(order)["failed_at"] is not None


def test_a_rejected_entry_takes_its_legs_along() -> None:
    desk = Desk()
    desk.exchange.inject(OrderFault(FaultKind.ACCEPTED_THEN_REJECTED))
    parent = desk.place(
        order_class="bracket", take_profit={"limit_price": "110"}, stop_loss={"stop_price": "90"}
    )
    desk.run()
    assert [desk.status(leg) for leg in parent["legs"]] == ["canceled", "canceled"]


def test_a_fault_strikes_its_symbol_account_and_count_only() -> None:
    desk = Desk()
    other = desk.exchange.account_id("OTHER")
    fault = OrderFault(FaultKind.ACCEPTED_THEN_REJECTED, symbol="XYZ", account_id=desk.id, count=2)
    desk.exchange.inject(fault)
    theirs = desk.exchange.place(other, desk.body("XYZ"))
    desk.filled("ABC")
    statuses = []
    for _ in range(3):
        order = desk.place("XYZ", qty="1")
        desk.run()
        statuses.append(desk.status(order))
    assert statuses == ["rejected", "rejected", "filled"]
    assert desk.exchange.order(other, theirs["id"])["status"] == "filled"
    desk.exchange.inject(OrderFault(FaultKind.CANCEL_LOST))
    desk.exchange.clear_faults()
    assert desk.exchange.dump()["faults"] == []
