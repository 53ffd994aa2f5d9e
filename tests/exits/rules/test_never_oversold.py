"""Goal: exits never hold more than is held: what is too much goes, and nothing is sent twice.

Method: one small world a test, built by hand: position, plan and living orders.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.exit_views import T0, D, cancels, kinds, order, pair, plan, stop_order, submits, view
from support.wishes import target

from execbot.exits.plan.plan import PlanStatus
from execbot.exits.rules.actions import (
    Alarm,
    Refresh,
    Replace,
    Submit,
    WaitFor,
)
from execbot.exits.rules.decide import decide
from execbot.exits.rules.failures import Outcome, learned
from execbot.exits.rules.view import Guarded
from execbot.journal.records import Origin
from execbot.model.enums import OrderStatus, OrderType, Side


def test_a_smaller_position_shrinks_a_plain_stop_in_place() -> None:
    decision = decide(view("6", plan(), stop_order("10")))
    [action] = decision.actions
    assert isinstance(action, Replace)
    assert action.change.qty == 6


def test_the_quantity_of_a_leg_cannot_be_replaced_so_the_farthest_pair_goes() -> None:
    two = plan("95", target("105", shares=50), target("110", shares=50))
    decision = decide(view("5", two, *pair(1, "5", "105"), *pair(2, "5", "110")))
    assert cancels(decision) == {"execbot-x-t2-1"}
    assert not submits(decision)


@pytest.mark.parametrize("leg", [OrderStatus.HELD, OrderStatus.PENDING_CANCEL])
def test_a_filled_targets_stop_goes_before_a_healthy_pair(leg: OrderStatus) -> None:
    """The report of its end is late or lost; the shares of the second pair stay protected."""
    two = plan("95", target("105", shares=50), target("110", shares=50))
    filled, dying = pair(1, "5", "105", status=OrderStatus.FILLED, filled="5")
    dying = replace(dying, order=replace(dying.order, status=leg))
    decision = decide(view("5", two, filled, dying, *pair(2, "5", "110")))
    assert cancels(decision) == ({"leg-1"} if leg is OrderStatus.HELD else set())
    assert decision.coverage.covered == 5


def test_an_order_in_doubt_takes_no_known_exit_off() -> None:
    doubt = stop_order("5", name="execbot-x-s-2", status=OrderStatus.IN_DOUBT)
    decision = decide(view("10", plan(), stop_order("10"), doubt))
    assert not cancels(decision)
    assert Replace not in kinds(decision)
    assert decision.coverage.covered == 10


def test_a_closed_position_takes_its_exits_along_and_ends_its_plan() -> None:
    decision = decide(view("0", plan(), stop_order("10")))
    assert cancels(decision) == {"execbot-x-s-1"}
    ended = decide(view("0", plan(), stop_order("10", status=OrderStatus.CANCELED)))
    assert ended.plan is not None
    assert ended.plan.status is PlanStatus.SLEEPING
    sold = stop_order("10", status=OrderStatus.FILLED)
    sold = replace(sold, order=replace(sold.order, filled_qty=D(10)))
    ended = decide(view("0", plan(), sold))
    assert ended.plan is not None
    assert ended.plan.status is PlanStatus.CLOSED


def test_a_new_entry_and_its_leg_are_not_taken_for_those_of_the_closed_position() -> None:
    """The trader enters again before the old plan has ended, and its own plan was not read yet."""
    bought = order("entry-2", OrderType.MARKET, "10", side=Side.BUY, origin=Origin.SUBMIT)
    leg = stop_order("10", name="leg", parent="entry-2", status=OrderStatus.HELD)
    new = [replace(item, plan_id="p2") for item in (bought, leg)]
    decision = decide(view("0", plan(), replace(stop_order("10"), plan_id="p1"), *new))
    assert cancels(decision) == {"execbot-x-s-1"}


def test_a_position_on_the_other_side_of_its_plan_alarms_and_sells_nothing_more() -> None:
    decision = decide(view("-5", plan(), stop_order("5")))
    assert cancels(decision) == {"execbot-x-s-1"}
    after = decide(view("-5", plan()))
    assert any(isinstance(a, Alarm) and a.critical for a in after.actions)
    assert not submits(after)
    assert after.plan is not None
    assert after.plan.status is PlanStatus.CLOSED


def test_shares_held_by_a_cancel_on_its_way_are_not_sold_twice() -> None:
    leaving = stop_order("10", status=OrderStatus.PENDING_CANCEL)
    decision = decide(view("10", plan(), leaving))
    assert not submits(decision)
    assert kinds(decision) == {WaitFor, Refresh}


def test_an_order_in_doubt_holds_its_shares_until_the_broker_says_otherwise() -> None:
    doubt = stop_order("10", status=OrderStatus.IN_DOUBT)
    decision = decide(view("10", plan(), doubt))
    assert not submits(decision)
    assert Refresh in kinds(decision)
    free = decide(view("10", plan(), doubt, available=D(10)))
    assert submits(free)[0].request.qty == 10


def test_a_limit_of_the_traders_own_leaves_nothing_and_is_let_alone() -> None:
    own = order("mine", OrderType.LIMIT, "10", limit="140", role="exit", origin="submit")
    decision = decide(view("10", plan(), own))
    assert decision.coverage.state is Guarded.UNPROTECTED
    assert not cancels(decision)
    two = plan("95", target("105", shares=50), target("110", shares=50))
    held = [*pair(1, "4", "105"), *pair(2, "4", "110")]
    small = order("mine", OrderType.LIMIT, "2", limit="140", role="exit", origin="submit")
    decision = decide(view("10", two, *held, small))
    assert Replace not in kinds(decision)
    assert not cancels(decision)
    assert decision.coverage.uncovered == 2


def test_a_replacement_of_a_partly_filled_stop_holds_only_what_its_chain_has_left() -> None:
    """Its quantity counts what the replaced order had filled, so 11 with 4 filled holds 7."""
    moved_stop = replace(stop_order("11"), chain_qty=D(4))
    assert decide(view("7", plan(), moved_stop)).actions == ()
    [action] = decide(view("5", plan(), moved_stop)).actions
    assert isinstance(action, Replace)
    assert action.change.qty == 9
    short_of = decide(view("7", plan(), replace(stop_order("7"), chain_qty=D(4))))
    assert (short_of.coverage.covered, submits(short_of)[0].request.qty) == (3, 4)


def test_an_order_that_a_refusal_names_is_read_before_anything_else_is_sent() -> None:
    """E-PROT-4: what the broker says it holds for another exit is read, not fought."""
    refused = decide(view("10", plan()))
    (wanted,) = submits(refused)
    outcome = Outcome("broker.qty_held_for_orders", "held", named=("unheard-of",))
    memory = learned(refused.memory, wanted, outcome, T0)
    asking = decide(view("10", plan(), memory=memory))
    asked = [a for a in asking.actions if isinstance(a, Refresh)]
    assert [a.order_id for a in asked] == ["unheard-of"]
    assert asking.memory.named == ()
    stop = stop_order("10", name="theirs")
    known = replace(stop, order=replace(stop.order, id="unheard-of"))
    assert not {Refresh, Submit} & kinds(decide(view("10", plan(), known, memory=memory)))
