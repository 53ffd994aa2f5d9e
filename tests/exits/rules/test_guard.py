"""Goal: shares without a stop alarm in time, whatever the reason, and nothing is fought over.

Method: one small world a test, built by hand: position, plan and living orders.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.exit_views import T0, D, later, order, plan, stop_order, submits, view

from execbot.config.schema import EmergencyAction
from execbot.exits.plan.plan import Lift, PlanStatus
from execbot.exits.rules.actions import (
    Alarm,
)
from execbot.exits.rules.decide import decide
from execbot.exits.rules.failures import Outcome, learned
from execbot.exits.rules.view import Decision, Guarded, Limits, Memory, View
from execbot.journal.records import Origin
from execbot.model.enums import OrderStatus, OrderType, Side


def blocked(seconds: float, memory: Memory, limits: Limits) -> View:
    """Ten shares that a foreign sell order holds, so that no stop can be placed."""
    holder = order("theirs", OrderType.LIMIT, "10", limit="120", origin="foreign")
    return view("10", plan(), holder, now=later(seconds), memory=memory, limits=limits)


def test_shares_without_a_stop_alarm_after_the_configured_time() -> None:
    first = decide(blocked(0, Memory(), Limits()))
    assert first.coverage.state is Guarded.UNPROTECTED
    assert not any(isinstance(a, Alarm) for a in first.actions)
    second = decide(blocked(5, first.memory, Limits()))
    [alarm] = [a for a in second.actions if isinstance(a, Alarm)]
    assert alarm.kind == "unprotected"
    third = decide(blocked(6, second.memory, Limits()))
    assert not any(isinstance(a, Alarm) for a in third.actions)


@pytest.mark.parametrize(
    ("heard_after", "held_before", "alarms_at"),
    [
        (0, "5", 5.0),
        (2, "5", 5.0),  # from the purchase, not from when it was told
        (60, "5", 62.5),  # half the alarm time at most: the broker's clock is not ours
        (2, None, 7.0),  # the first look of a run: nothing is known of what was before
        (2, "10", 7.0),  # no purchase has uncovered them
    ],
)
def test_shares_bought_unheard_of_are_naked_since_their_purchase(
    heard_after: float, held_before: str | None, alarms_at: float
) -> None:
    bought = order("entry-1", OrderType.LIMIT, "10", OrderStatus.FILLED, side=Side.BUY,
                   filled="10", limit="100", origin=Origin.SUBMIT)  # fmt: skip
    bought = replace(bought, order=replace(bought.order, filled_at=T0))
    memory = Memory(size=None if held_before is None else D(held_before))
    seen = blocked(heard_after, memory, Limits())
    decision = decide(replace(seen, orders=(*seen.orders, bought)))
    for now, is_due in ((alarms_at - 0.1, False), (alarms_at, True)):
        seen = blocked(now, decision.memory, Limits())
        looked = decide(replace(seen, orders=(*seen.orders, bought)))
        assert any(isinstance(a, Alarm) for a in looked.actions) is is_due, now


def test_the_emergency_action_leaves_the_position() -> None:
    limits = Limits(emergency_action=EmergencyAction.MARKET_EXIT)
    first = decide(blocked(0, Memory(), limits))
    second = decide(blocked(5, first.memory, limits))
    assert second.plan is not None
    assert second.plan.exit is not None
    assert second.plan.exit.reason == "emergency"


def test_the_emergency_exit_is_decided_again_after_it_was_refused() -> None:
    limits = Limits(emergency_action=EmergencyAction.MARKET_EXIT)
    refused_before = Memory(
        uncovered_since=T0, exposed_since=T0, is_alarmed=True, exit_not_before=later(8)
    )
    early = decide(blocked(7, refused_before, limits))
    assert early.plan is not None
    assert early.plan.exit is None
    again = decide(blocked(8, early.memory, limits))
    assert again.plan is not None
    assert again.plan.exit is not None
    assert again.plan.exit.reason == "emergency"
    assert not any(isinstance(a, Alarm) for a in again.actions)


def test_shares_whose_stop_was_watched_here_are_exposed_only_once_nobody_watches_it() -> None:
    limits = Limits(emergency_action=EmergencyAction.MARKET_EXIT)
    first = decide(blocked(0, Memory(is_held_here=True), limits))
    second = decide(blocked(60, first.memory, limits))
    assert (first.coverage.state, second.coverage.state) == (Guarded.EMULATED, Guarded.EMULATED)
    third = decide(blocked(61, replace(second.memory, is_held_here=False), limits))
    fourth = decide(blocked(66, third.memory, limits))
    assert third.coverage.state is Guarded.UNPROTECTED
    assert third.plan is not None and third.plan.exit is None
    assert fourth.plan is not None and fourth.plan.exit is not None


def lifted_for(seconds: float) -> Lift:
    return Lift("scale in", later(seconds), "more", "process 77")


def alarms(decision: Decision) -> list[Alarm]:
    return [a for a in decision.actions if isinstance(a, Alarm)]


def test_contracts_are_told_as_contracts() -> None:
    first = replace(view("2", plan(lift=lifted_for(20))), symbol="AAPL261218C00250000")
    seen = decide(first)
    second = decide(replace(first, now=later(5), memory=seen.memory))
    assert "2 contracts without a stop for 5 s" in alarms(second)[0].message


def test_shares_whose_stop_is_lifted_alarm_and_the_alarm_names_the_addition() -> None:
    limits = Limits(emergency_action=EmergencyAction.MARKET_EXIT)
    lifted = plan(lift=lifted_for(20))
    first = decide(view("10", lifted, limits=limits))
    assert first.coverage.state is Guarded.LIFTED
    assert not first.actions
    second = decide(view("10", lifted, now=later(5), memory=first.memory, limits=limits))
    [alarm] = alarms(second)
    assert (alarm.kind, alarm.critical) == ("stop_lifted", True)
    assert "10 shares without a stop for 5 s" in alarm.message
    assert "addition is under way by order more of process 77" in alarm.message
    third = decide(view("10", lifted, now=later(19), memory=second.memory, limits=limits))
    assert third.actions == (), "told once, and nothing is sold into the hands of the addition"


def test_a_lease_given_by_a_clock_that_was_an_hour_ahead_is_over() -> None:
    """Its holder was killed and the clock came back: nobody lengthens it, nobody would end it."""
    [action] = submits(decide(view("10", plan(lift=lifted_for(3603)))))
    assert (action.role, action.request.qty) == ("stop", 10)


def test_a_lease_that_has_run_out_ends_in_the_stop_and_not_in_an_emergency_exit() -> None:
    limits = Limits(emergency_action=EmergencyAction.MARKET_EXIT)
    lifted = plan(lift=lifted_for(8))
    first = decide(view("10", lifted, limits=limits))
    told = decide(view("10", lifted, now=later(7.9), memory=first.memory, limits=limits))
    back = decide(view("10", lifted, now=later(8), memory=told.memory, limits=limits))
    [action] = submits(back)
    assert (action.role, action.request.qty) == ("stop", 10)
    assert back.plan is not None
    assert back.plan.exit is None


def test_a_stop_that_does_not_come_back_after_an_addition_is_told_anew_and_left_in_time() -> None:
    limits = Limits(emergency_action=EmergencyAction.MARKET_EXIT)
    memory, the_plan = Memory(), plan(lift=lifted_for(8))
    heard: list[tuple[float, str]] = []
    left_at = None
    for second in range(20):
        seen = replace(blocked(second, memory, limits), plan=the_plan)
        decision = decide(seen)
        memory, changed = decision.memory, decision.plan
        assert changed is not None
        the_plan = changed
        heard += [(second, a.kind) for a in alarms(decision) if a.critical]
        if left_at is None and the_plan.exit is not None:
            left_at = second
    assert heard == [(5, "stop_lifted"), (13, "unprotected")]
    assert left_at == 13


def test_an_addition_after_a_spell_without_a_stop_starts_no_new_count() -> None:
    first = decide(blocked(0, Memory(), Limits()))
    lifted = replace(blocked(3, first.memory, Limits()), plan=plan(lift=lifted_for(9)))
    second = decide(lifted)
    third = decide(replace(lifted, now=later(5), memory=second.memory))
    assert [a.kind for a in alarms(third)] == ["stop_lifted"]


def test_stops_that_were_refused_do_not_count_against_the_way_out() -> None:
    limits = Limits(emergency_action=EmergencyAction.MARKET_EXIT)
    stops_refused = Memory(uncovered_since=T0, exposed_since=T0, failures=7, retry_at=later(7))
    first = decide(blocked(5, stops_refused, limits))
    assert first.plan is not None
    assert first.plan.exit is not None
    second = decide(
        view("10", first.plan, now=later(5.1), memory=first.memory, available=D(10), limits=limits)
    )
    [action] = submits(second)
    assert (action.role, action.request.type) == ("exit", OrderType.MARKET)


def test_a_suspended_plan_is_not_fought_over() -> None:
    suspended = plan(status=PlanStatus.SUSPENDED)
    decision = decide(view("10", suspended, now=later(60)))
    assert decision.actions == ()
    assert decision.coverage.state is Guarded.UNPROTECTED


def test_a_suspended_plan_whose_shares_others_cover_is_suspended() -> None:
    suspended = plan(status=PlanStatus.SUSPENDED)
    decision = decide(view("10", suspended, stop_order("10", "95"), now=later(60)))
    assert decision.coverage.state is Guarded.SUSPENDED


def test_a_lifted_stop_comes_back_when_its_time_is_over() -> None:
    lifted = plan(lift=Lift("scale in", later(10)))
    assert decide(view("10", lifted, now=later(9))).actions == ()
    back = decide(view("10", lifted, now=later(10)))
    assert submits(back)[0].request.qty == 10


def test_a_stop_of_another_program_counts_for_shares_without_a_plan() -> None:
    """Every surface shows it: what it covers is told, though no plan of ours asked for it."""
    stop = stop_order("6", "96", name="theirs", origin="foreign")
    coverage = decide(view("10", None, stop)).coverage
    assert (coverage.state, coverage.covered, coverage.uncovered) == (Guarded.NO_PLAN, 6, 4)


def test_shares_that_stay_without_a_stop_are_told_each_minute_with_the_cause() -> None:
    """E-PROT-4."""
    first = decide(view("10", plan()))
    (wanted,) = submits(first)
    memory = learned(first.memory, wanted, Outcome("broker.strange", "no stops today"), later(0))
    told: list[float] = []
    for seconds in (6, 30, 60, 67, 100, 128):
        decision = decide(view("10", plan(), now=later(seconds), memory=memory))
        memory = decision.memory
        alarms = [action for action in decision.actions if isinstance(action, Alarm)]
        assert all("no stops today" in alarm.message for alarm in alarms)
        told += [seconds for _ in alarms]
    assert told == [6, 67, 128]
