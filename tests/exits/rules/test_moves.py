"""Goal: a stop moves in place where the broker allows it, and never leaves shares alone.

Method: one small world a test, built by hand: position, plan and living orders.
"""

from __future__ import annotations

import pytest
from support.exit_views import (
    T0,
    D,
    cancels,
    entry,
    kinds,
    later,
    plan,
    stop_order,
    submits,
    view,
)
from support.wishes import target

from execbot.exits.rules.actions import Replace
from execbot.exits.rules.decide import decide
from execbot.exits.rules.failures import Outcome, learned
from execbot.exits.rules.view import Memory, SymbolMarket
from execbot.model.enums import OrderStatus


def test_a_moved_stop_is_replaced_in_place() -> None:
    [action] = decide(view("10", plan("97"), stop_order("10", "95"))).actions
    assert isinstance(action, Replace)
    assert action.change.stop_price == D(97)


@pytest.mark.parametrize(("kind", "tries"), [("broker.rejected", 2), ("broker.replace_raced", 7)])
def test_a_stop_the_broker_will_not_move_is_placed_anew(kind: str, tries: int) -> None:
    """What is to change by itself, as a move by somebody else, is waited for a little longer."""
    memory = Memory()
    moved = plan("97")
    for _ in range(tries):
        decision = decide(view("10", moved, stop_order("10", "95"), memory=memory, now=later(60)))
        [action] = decision.actions
        assert isinstance(action, Replace)
        memory = learned(decision.memory, action, Outcome(kind), T0)
    assert cancels(decide(view("10", moved, stop_order("10", "95"), memory=memory, now=later(60))))


def test_of_several_stops_that_cannot_be_moved_one_is_taken_off_at_a_time() -> None:
    """The others protect until it stands anew."""
    stops = [stop_order("4", "95", name=f"execbot-x-s-{n}") for n in range(3)]
    decision = decide(view("12", plan("97"), *stops, memory=Memory(moves_refused=2)))
    assert len(cancels(decision)) == 1 and Replace not in kinds(decision)


@pytest.mark.parametrize("origin", ["foreign", "submit"])
def test_beside_an_entry_that_rests_no_stop_is_taken_off_to_be_placed_anew(origin: str) -> None:
    """The broker might take no other one."""
    rests = entry("2", "0", origin=origin)
    memory = Memory(moves_refused=9)
    decision = decide(view("10", plan("97"), stop_order("10", "95"), rests, memory=memory))
    assert not cancels(decision) and kinds(decision) == {Replace}


def test_a_stop_that_was_placed_anew_is_moved_in_place_again() -> None:
    stuck = Memory(moves_refused=2)
    bare = decide(view("10", plan("97"), memory=stuck, now=later(60)))
    [placed] = submits(bare)
    memory = learned(bare.memory, placed, Outcome(), later(60))
    decision = decide(view("10", plan("98"), stop_order("10", "97"), memory=memory, now=later(61)))
    assert kinds(decision) == {Replace}


@pytest.mark.parametrize(
    "kind", ["in_doubt", "network.reset", "broker.rate_limited", "order.not_possible"]
)
def test_a_move_that_got_lost_on_the_way_takes_no_stop_off(kind: str) -> None:
    memory = Memory()
    for _ in range(5):
        decision = decide(
            view("10", plan("97"), stop_order("10", "95"), memory=memory, now=later(60))
        )
        [action] = decision.actions
        assert isinstance(action, Replace)
        memory = learned(decision.memory, action, Outcome(kind), T0)


@pytest.mark.parametrize(
    ("status", "moves"),
    [(OrderStatus.NEW, True), (OrderStatus.PENDING_NEW, False), (OrderStatus.HELD, False)],
)
def test_beside_bare_shares_what_covers_is_moved_and_never_taken_off(
    status: OrderStatus, moves: bool
) -> None:
    """Another program's order rests, so that the broker takes no stop for the rest."""
    theirs, stop = entry("2", "0", origin="foreign"), stop_order("8", "95", status=status)
    for refused in (0, 9):
        memory = Memory(moves_refused=refused, partial_since=T0)
        decision = decide(view("10", plan("97"), stop, theirs, memory=memory, now=later(60)))
        assert not cancels(decision) and not submits(decision)
        assert any(isinstance(a, Replace) for a in decision.actions) is (moves and not refused)


def test_a_closed_market_takes_no_replace_and_the_stop_stays() -> None:
    resting = stop_order("10", "95", status=OrderStatus.ACCEPTED)
    closed = SymbolMarket(D(101), D(101), D(101), is_open=False)
    assert decide(view("10", plan("97"), resting, market=closed)).actions == ()


def test_a_plain_stop_becomes_the_planned_pairs_once_the_entry_has_ended() -> None:
    two = plan("95", target("105", shares=50), target("110", shares=50))
    decision = decide(view("10", two, stop_order("10")))
    assert cancels(decision) == {"execbot-x-s-1"}
    gone = stop_order("10", status=OrderStatus.CANCELED)
    assert len(submits(decide(view("10", two, gone, memory=decision.memory)))) == 2


def test_re_spreading_does_not_go_on_for_ever() -> None:
    two = plan("95", target("105", shares=50), target("110", shares=50))
    decision = decide(view("10", two, stop_order("10"), memory=Memory(reshapes=3)))
    assert decision.actions == ()
