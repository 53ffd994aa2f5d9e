"""Goal: what the trader moves at the broker goes into the plan; nothing else is taken for a move.

Method: one small world a test, built by hand: the order that was replaced, the one that took its
place, and a plan.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace
from support.exit_views import D, entry, later, order, pair, plan, stop_order, view
from support.wishes import target

from execbot.exits.levels import LevelFacts
from execbot.exits.living_orders import SymbolOrder
from execbot.exits.plan.plan import (
    AdjustRules,
    ExitIntent,
    ExitPlan,
    ExitStage,
    Lift,
    PlanStatus,
    Trail,
    TrailKind,
)
from execbot.exits.plan.trailing import follow, overruled
from execbot.exits.rules.actions import Alarm, Cancel, Moved, Refresh, Replace, SavePlan, Submit
from execbot.exits.rules.decide import decide
from execbot.exits.rules.moved_by_trader import PATIENCE
from execbot.exits.rules.view import Decision, Guarded, Memory, SymbolMarket
from execbot.model.enums import OrderStatus, OrderType, PositionSide, Side

AT = later(30)


def replaced(item: SymbolOrder, by: str | None = None) -> SymbolOrder:
    """The order as it ended: something took its place."""
    return replace(item, order=replace(item.order, status=OrderStatus.REPLACED, replaced_by=by))


def moved(
    item: SymbolOrder, name: str = "9f2c", at: datetime | None = AT, **fields: Any
) -> list[SymbolOrder]:
    """The order that a PATCH has ended, and the one it made."""
    new = replace(
        item.order,
        id=f"id-{name}",
        client_order_id=name,
        replaces=item.order.id,
        submitted_at=at,
        **fields,
    )
    return [replaced(item, new.id), replace(item, order=new)]


def of(kind: type[Any], decision: Decision) -> list[Any]:
    return [a for a in decision.actions if isinstance(a, kind)]


def taken(decision: Decision) -> ExitPlan:
    assert decision.plan is not None
    return decision.plan


def quiet(decision: Decision) -> bool:
    """Nothing goes to the broker that could change an order."""
    return not any(isinstance(a, Submit | Cancel | Replace) for a in decision.actions)


def test_a_tighter_stop_is_taken_over_and_nothing_is_sent() -> None:
    decision = decide(view("10", plan(), *moved(stop_order("10"), stop_price=D(97)), now=AT))
    assert taken(decision).stop.price == 97
    assert taken(decision).stop.initial == 95, "R is measured as before"
    [saved] = of(SavePlan, decision)
    assert (saved.plan, saved.reason) == (decision.plan, "moved at the broker: stop 95.00 -> 97.00")
    [told] = of(Moved, decision)
    assert (told.what, told.was, told.price) == ("stop", 95, 97)
    assert not of(Alarm, decision)
    assert quiet(decision)


@pytest.mark.parametrize(
    ("side", "qty", "was", "to"),
    [(PositionSide.LONG, "10", "95", "93"), (PositionSide.SHORT, "-10", "105", "107")],
)
def test_a_looser_stop_is_taken_over_with_an_alarm(
    side: PositionSide, qty: str, was: str, to: str
) -> None:
    closing = Side.SELL if side is PositionSide.LONG else Side.BUY
    orders = moved(stop_order("10", was, side=closing), stop_price=D(to))
    decision = decide(view(qty, plan(was, side=side), *orders, now=AT, price="100"))
    assert taken(decision).stop.price == D(to)
    [alarm] = of(Alarm, decision)
    assert (alarm.kind, alarm.critical) == ("stop_loosened", False)
    assert "20.00 USD more" in alarm.message
    assert quiet(decision)


def test_one_look_is_enough() -> None:
    orders = moved(stop_order("10"), stop_price=D(97))
    first = decide(view("10", plan(), *orders, now=AT))
    again = decide(view("10", taken(first), *orders, now=later(31)))
    assert again.actions == ()
    trailed = taken(first).changed(AT, stop=replace(taken(first).stop, price=D(98)))
    [move] = of(Replace, decide(view("10", trailed, *orders, now=later(32))))
    assert move.change.stop_price == 98, "a rule goes on from there"


def test_a_replacement_without_another_price_is_no_move() -> None:
    orders = moved(stop_order("10"), qty=D(8))
    decision = decide(view("10", plan(), *orders, now=AT))
    assert taken(decision).stop.price == 95
    [action] = of(Submit, decision)
    assert (action.request.qty, action.request.stop_price) == (2, 95)
    by_a_rule = plan("96")
    decision = decide(view("10", by_a_rule, *moved(stop_order("10")), now=AT))
    [move] = of(Replace, decision)
    assert move.change.stop_price == 96


def test_a_replacement_of_ours_is_no_move() -> None:
    orders = moved(stop_order("10"), name="execbot-x-s-2", stop_price=D(97))
    decision = decide(view("10", plan(), *orders, now=AT))
    [move] = of(Replace, decision)
    assert (move.client_order_id, move.change.stop_price) == ("execbot-x-s-2", 95)


def test_a_replacement_that_may_still_come_to_nothing_is_waited_for() -> None:
    old, new = moved(stop_order("10"), stop_price=D(97))
    old = replace(old, order=replace(old.order, status=OrderStatus.PENDING_REPLACE))
    decision = decide(view("10", plan(), old, new, now=AT))
    assert taken(decision).stop.price == 95
    assert quiet(decision)


def test_an_order_known_by_its_predecessor_alone_is_asked_for_and_nothing_is_sent() -> None:
    limit, leg = pair(1, "10", "110")
    one = plan("95", target("110", shares=100))
    decision = decide(view("10", one, limit, replaced(leg, "id-new"), now=AT))
    assert [a.order_id for a in of(Refresh, decision)] == ["id-new"]
    assert decision.coverage.state is Guarded.ARRIVING
    assert quiet(decision)
    again = decide(
        view("10", one, limit, replaced(leg, "id-new"), now=later(30.5), memory=decision.memory)
    )
    assert not of(Refresh, again), "not more than once a second"


def test_an_entry_known_by_its_predecessor_alone_is_asked_for_too() -> None:
    """The trader moved a resting entry; its plan waits for what it became."""
    waits = plan(status=PlanStatus.PENDING)
    decision = decide(view("0", waits, replaced(entry("10"), "id-new"), now=AT))
    assert [a.order_id for a in of(Refresh, decision)] == ["id-new"]
    assert taken(decision).status is PlanStatus.PENDING


def test_our_own_change_in_doubt_is_no_stranger() -> None:
    old = replaced(stop_order("10"), "id-new")
    ours = stop_order(
        "10", "97", name="execbot-x-s-2", status=OrderStatus.IN_DOUBT, replaces=old.order.id
    )
    decision = decide(view("10", plan("97"), old, ours, now=AT))
    assert "id-new" not in [a.order_id for a in of(Refresh, decision)]
    assert taken(decision).stop.price == 97
    assert quiet(decision)


def test_the_last_word_is_the_younger_one() -> None:
    orders = moved(stop_order("10"), stop_price=D(93))
    later_word = plan("96")
    later_word = replace(later_word, stop=replace(later_word.stop, moved_at=later(40)))
    [move] = of(Replace, decide(view("10", later_word, *orders, now=later(41))))
    assert move.change.stop_price == 96
    made_later = plan("96", created_at=later(40))
    [move] = of(Replace, decide(view("10", made_later, *orders, now=later(41))))
    assert move.change.stop_price == 96


def test_two_moves_in_a_row_are_one() -> None:
    first, second = moved(stop_order("10"), stop_price=D(93))
    second, third = moved(second, "a1b2", later(31), stop_price=D(97))
    decision = decide(view("10", plan(), first, second, third, now=later(32)))
    assert taken(decision).stop.price == 97
    assert not of(Alarm, decision)
    there_and_back = moved(moved(stop_order("10"), stop_price=D(93))[1], "c3", stop_price=D(95))
    orders = (moved(stop_order("10"), stop_price=D(93))[0], *there_and_back)
    assert decide(view("10", plan(), *orders, now=later(32))).actions == ()


def test_a_stop_beyond_the_price_is_put_back_when_an_open_market_does_not_take_it() -> None:
    orders = moved(stop_order("10"), stop_price=D(103))
    first = decide(view("10", plan(), *orders, now=AT))
    assert quiet(first)
    assert taken(first).stop.price == 95
    second = decide(view("10", plan(), *orders, now=AT + PATIENCE, memory=first.memory))
    [move] = of(Replace, second)
    assert move.change.stop_price == 95
    assert [a.kind for a in of(Alarm, second)] == ["move_undone"]
    third = decide(view("10", taken(second), *orders, now=AT + 2 * PATIENCE, memory=second.memory))
    assert not of(Alarm, third), "told once"


@pytest.mark.parametrize("state", ["closed", "halted"])
def test_a_stop_beyond_the_price_is_left_where_nothing_trades(state: str) -> None:
    price = D(101)
    market = SymbolMarket(
        price, price, price, is_open=state != "closed", is_halted=state == "halted"
    )
    orders = moved(stop_order("10"), stop_price=D(103))
    memory, kinds = Memory(), []
    for second in range(60):
        decision = decide(
            view("10", plan(), *orders, now=later(30 + second), memory=memory, market=market)
        )
        memory = decision.memory
        assert quiet(decision)
        kinds += [a.kind for a in of(Alarm, decision)]
    assert kinds == ["stop_beyond_price"]


def test_a_price_that_may_be_of_a_split_judges_no_move() -> None:
    orders = moved(stop_order("10"), stop_price=D(97))
    decision = decide(view("10", plan(), *orders, now=AT, is_price_doubtful=True))
    assert taken(decision).stop.price == 95
    assert quiet(decision)


def test_where_the_order_before_is_not_known_the_safe_stop_stands() -> None:
    [_, looser] = moved(stop_order("10"), stop_price=D(93))
    first = decide(view("10", plan(), looser, now=AT))
    assert [a.order_id for a in of(Refresh, first)] == [looser.order.replaces]
    assert quiet(first)
    second = decide(view("10", plan(), looser, now=AT + PATIENCE, memory=first.memory))
    [move] = of(Replace, second)
    assert move.change.stop_price == 95
    assert [a.kind for a in of(Alarm, second)] == ["move_undone"]
    [_, tighter] = moved(stop_order("10"), stop_price=D(97))
    assert taken(decide(view("10", plan(), tighter, now=AT))).stop.price == 97


def test_the_order_before_is_enough_where_those_before_it_are_forgotten() -> None:
    trailed = stop_order("10", name="execbot-x-s-7", replaces="id-long-gone")
    decision = decide(view("10", plan(), *moved(trailed, stop_price=D(93)), now=AT))
    assert taken(decision).stop.price == 93
    assert [a.kind for a in of(Alarm, decision)] == ["stop_loosened"]


def test_a_moved_target_changes_only_itself_and_serves_the_same_number() -> None:
    two = plan("95", target("105", shares=50), target("110", shares=50))
    near, near_leg = pair(1, "5", "105")
    far, far_leg = pair(2, "5", "110")
    orders = [near, near_leg, *moved(far, limit_price=D(112)), far_leg]
    decision = decide(view("10", two, *orders, now=AT))
    assert [t.price for t in taken(decision).targets] == [105, 112]
    [told] = of(Moved, decision)
    assert (told.what, told.was, told.price) == ("target 2", 110, 112)
    assert quiet(decision)
    assert decide(view("10", taken(decision), *orders, now=later(31))).actions == ()


@pytest.mark.parametrize("to", ["95", "94"])
def test_a_target_beyond_the_stop_is_put_back(to: str) -> None:
    limit, leg = pair(1, "10", "110")
    orders = [*moved(limit, limit_price=D(to)), leg]
    decision = decide(
        view("10", plan("95", target("110", shares=100)), *orders, now=AT, price="98")
    )
    [move] = of(Replace, decision)
    assert (move.change.limit_price, move.tag) == (110, "t1")
    assert [a.kind for a in of(Alarm, decision)] == ["move_undone"]


def test_one_stop_moved_moves_the_stop_of_every_pair() -> None:
    two = plan("95", target("105", shares=50), target("110", shares=50))
    near, near_leg = pair(1, "5", "105")
    far, far_leg = pair(2, "5", "110")
    decision = decide(
        view("10", two, near, *moved(near_leg, stop_price=D(97)), far, far_leg, now=AT)
    )
    assert taken(decision).stop.price == 97
    [move] = of(Replace, decision)
    assert (move.client_order_id, move.change.stop_price) == ("leg-2", 97)


def test_a_stop_that_goes_to_work_and_replaces_its_target_was_not_moved() -> None:
    limit, leg = pair(1, "10", "110")
    fired = replace(leg, order=replace(leg.order, status=OrderStatus.NEW, replaces=limit.order.id))
    fired = replace(fired, order=replace(fired.order, submitted_at=AT))
    one = plan("94", target("110", shares=100))
    decision = decide(view("10", one, replaced(limit, leg.order.id), fired, now=AT))
    assert taken(decision).stop.price == 94
    assert quiet(decision)


@pytest.mark.parametrize(
    "state",
    [
        {"exit": ExitIntent("stop", later(0), ExitStage.MARKET, later(0))},
        {"lift": Lift("scale in", later(90), "more")},
    ],
)
def test_a_position_in_other_hands_takes_no_move_over(state: dict[str, Any]) -> None:
    orders = moved(stop_order("10"), stop_price=D(93))
    assert taken(decide(view("10", plan(**state), *orders, now=AT))).stop.price == 95


def test_another_trail_is_the_plans_too() -> None:
    trailing = plan("98")
    trailing = replace(
        trailing,
        stop=replace(trailing.stop, trail=Trail(TrailKind.PERCENT, D(2)), high_water=D(101)),
    )
    own = order("execbot-x-s-1", OrderType.TRAILING_STOP, "10", role="stop", stop="98.98")
    own = replace(own, order=replace(own.order, trail_percent=D(2), hwm=D(101)))
    decision = decide(view("10", trailing, *moved(own, trail_percent=D(4)), now=AT))
    assert taken(decision).stop.trail == Trail(TrailKind.PERCENT, D(4))
    assert taken(decision).stop.price == D("96.96")
    assert [a.kind for a in of(Alarm, decision)] == ["stop_loosened"]
    assert quiet(decision)


# --- the rules afterwards ----------------------------------------------------------------------


def ruled(mark: str, stop: str, **rules: Any) -> ExitPlan:
    made = plan(
        stop, target("120", shares=100), rules=AdjustRules(**rules), facts=LevelFacts(atr=D(1))
    )
    return replace(made, stop=replace(made.stop, initial=D(95), high_water=D(mark)))


def put(made: ExitPlan, at: str) -> ExitPlan:
    changed = overruled(made, D(at))
    return replace(changed, stop=replace(changed.stop, price=D(at)))


@pytest.mark.parametrize("kind", list(TrailKind))
def test_a_trail_does_not_take_the_traders_stop_back_and_follows_in_favour(kind: TrailKind) -> None:
    made = ruled("110", "108")
    made = replace(made, stop=replace(made.stop, trail=Trail(kind, D(2))))
    after = put(made, "104")
    assert follow(after, D(110), AT).stop.price == 104
    assert follow(after, D(112), AT).stop.price == 106


def test_break_even_and_tightening_that_were_overruled_are_over() -> None:
    made = ruled("106", "100", breakeven_at_r=D(1))
    assert follow(put(made, "97"), D(111), AT).stop.price == 97
    made = ruled("119.5", "118.9", tighten_within_pct=D(1))
    assert follow(put(made, "110"), D("119.8"), AT).stop.price == 110


def test_rules_that_were_not_overruled_go_on() -> None:
    made = ruled("102", "95", breakeven_at_r=D(1))
    assert follow(put(made, "93"), D(105), AT).stop.price == 100


def test_a_stop_that_was_moved_by_hand_is_never_widened() -> None:
    made = ruled("102", "95", widen_atr=D(6))
    tighter = put(made, "100")
    assert follow(tighter, D(101), AT).stop.price == 100
