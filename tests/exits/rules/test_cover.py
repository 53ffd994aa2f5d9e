"""Goal: only what the broker would execute counts as protection.

Method: one small world a test, built by hand: position, plan and living orders.
"""

from __future__ import annotations

from msgspec.structs import replace
from support.exit_views import cancels, kinds, later, order, pair, plan, submits, view
from support.wishes import target

from execbot.exits.rules.actions import (
    Refresh,
)
from execbot.exits.rules.decide import decide
from execbot.exits.rules.view import Memory
from execbot.model.enums import OrderClass, OrderStatus, OrderType


def test_a_held_stop_leg_whose_pair_is_gone_is_no_protection_until_asked() -> None:
    limit, leg = pair(1, "10", "105", status=OrderStatus.CANCELED)
    decision = decide(view("10", plan("95", target("105", shares=100)), limit, leg))
    assert decision.coverage.covered == 0
    assert Refresh in kinds(decision)


def test_a_held_stop_leg_that_stays_without_its_pair_gives_its_shares_back() -> None:
    """The broker goes on showing it: it will never be armed, and keeps a new stop away."""
    one = plan("95", target("105", shares=100))
    gone, orphan = pair(1, "10", "105", status=OrderStatus.CANCELED)
    memory = Memory()
    for seconds, canceled in ((60, set()), (62, set()), (63, {"leg-1"})):
        decision = decide(view("10", one, gone, orphan, memory=memory, now=later(seconds)))
        assert cancels(decision) == canceled
        assert not submits(decision)
        memory = decision.memory


def test_a_replaced_stop_leg_still_belongs_to_its_pair() -> None:
    limit, leg = pair(1, "10", "105")
    old = replace(leg, order=replace(leg.order, status=OrderStatus.REPLACED))
    new = order(
        "leg-1b",
        OrderType.STOP,
        "10",
        OrderStatus.HELD,
        stop="96",
        order_class=OrderClass.OTO,
        replaces=old.order.id,
        role="stop",
    )
    decision = decide(view("10", plan("96", target("105", shares=100)), limit, old, new))
    assert decision.coverage.covered == 10
    assert decision.actions == ()


def test_a_partly_filled_target_has_lowered_its_stop() -> None:
    limit, leg = pair(1, "10", "105", filled="4", status=OrderStatus.PARTIALLY_FILLED)
    decision = decide(view("6", plan("95", target("105", shares=100)), limit, leg))
    assert decision.coverage.covered == 6
    assert not cancels(decision)
