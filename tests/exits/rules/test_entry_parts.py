"""Goal: the parts of an entry that have filled are protected while its rest still works.

Method: one small world a test, built by hand: position, plan and living orders.
"""

from __future__ import annotations

from support.exit_views import cancels, entry, later, order, plan, submits, view
from support.wishes import target

from execbot.exits.plan.plan import PlanStatus
from execbot.exits.rules.actions import (
    Alarm,
)
from execbot.exits.rules.decide import decide
from execbot.exits.rules.view import Guarded
from execbot.model.enums import OrderClass, OrderStatus, OrderType


def test_a_pair_is_placed_while_the_plain_entry_still_rests() -> None:
    resting = entry("10", "4", OrderStatus.PARTIALLY_FILLED)
    one = plan("95", target("105", shares=100), base="0")
    [action] = submits(decide(view("4", one, resting)))
    assert (action.request.order_class, action.request.qty) == (OrderClass.OCO, 4)


def test_a_plain_stop_waits_for_the_entry_and_then_cancels_its_rest() -> None:
    resting = entry("10", "4", OrderStatus.PARTIALLY_FILLED)
    first = decide(view("4", plan(base="0"), resting))
    assert not submits(first)
    assert not cancels(first)
    second = decide(view("4", first.plan, resting, now=later(2), memory=first.memory))
    assert cancels(second) == {"entry-1"}
    third = decide(
        view(
            "4",
            second.plan,
            entry("10", "4", OrderStatus.CANCELED),
            now=later(2.1),
            memory=second.memory,
        )
    )
    assert submits(third)[0].request.qty == 4


def bracket(entry_status: OrderStatus, filled: str, legs: OrderStatus) -> list[object]:
    parent = entry("10", filled, entry_status, order_class=OrderClass.BRACKET)
    return [
        parent,
        order(
            "tp",
            OrderType.LIMIT,
            "10",
            legs,
            limit="105",
            parent="entry-1",
            role="target",
            order_class=OrderClass.BRACKET,
        ),
        order(
            "sl",
            OrderType.STOP,
            "10",
            OrderStatus.HELD,
            stop="95",
            parent="entry-1",
            role="stop",
            order_class=OrderClass.BRACKET,
        ),
    ]


def test_the_legs_of_a_partly_filled_bracket_protect_nothing() -> None:
    one = plan("95", target("105", shares=100), base="0")
    parts = bracket(OrderStatus.PARTIALLY_FILLED, "4", OrderStatus.HELD)
    decision = decide(view("4", one, *parts))  # type: ignore[arg-type]
    assert decision.coverage.covered == 0
    assert not submits(decision)  # its own legs will want the shares
    after = decide(view("4", decision.plan, *parts, now=later(2.5), memory=decision.memory))  # type: ignore[arg-type]
    assert cancels(after) == {"entry-1"}


def test_the_filled_part_of_a_canceled_bracket_is_protected_at_once() -> None:
    one = plan("95", target("105", shares=100), base="0")
    parts = bracket(OrderStatus.CANCELED, "4", OrderStatus.HELD)
    [action] = submits(decide(view("4", one, *parts)))  # type: ignore[arg-type]
    assert (action.request.order_class, action.request.qty) == (OrderClass.OCO, 4)


def test_the_legs_of_a_filled_bracket_protect_all_of_it() -> None:
    one = plan("95", target("105", shares=100))
    parts = bracket(OrderStatus.FILLED, "10", OrderStatus.NEW)
    decision = decide(view("10", one, *parts))  # type: ignore[arg-type]
    assert decision.actions == ()
    assert decision.coverage.state is Guarded.PROTECTED


def test_a_resting_order_of_somebody_else_is_not_canceled_but_told() -> None:
    foreign = entry("10", "0", origin="foreign")
    first = decide(view("4", plan(base="0"), foreign))
    second = decide(view("4", first.plan, foreign, now=later(3), memory=first.memory))
    assert not cancels(second)
    assert any(isinstance(a, Alarm) and a.kind == "stop_blocked" for a in second.actions)
    third = decide(view("4", second.plan, foreign, now=later(3.1), memory=second.memory))
    assert third.coverage.state is Guarded.EMULATED


def test_what_was_bought_elsewhere_is_not_taken_for_an_entry_that_ended_unfilled() -> None:
    pending = plan(status=PlanStatus.PENDING, base="0", opened_at=None)
    ended = entry("10", "0", OrderStatus.CANCELED)
    decision = decide(view("20", pending, ended))
    assert decision.plan is not None
    assert decision.plan.status is PlanStatus.CLOSED
    assert not submits(decision)
    replaced = entry("10", "0", OrderStatus.REPLACED)
    assert submits(decide(view("20", pending, replaced)))
