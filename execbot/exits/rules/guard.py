"""The guard: how well a position is covered, since when it is not, and what then happens."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from execbot.config.schema import EmergencyAction
from execbot.exits.living_orders import SymbolOrders
from execbot.exits.plan.plan import ExitPlan, Lift, PlanStatus
from execbot.exits.rules.actions import Action, Alarm, SavePlan, WaitFor
from execbot.exits.rules.leave import wants_out
from execbot.exits.rules.shape import Ladder
from execbot.exits.rules.view import Coverage, Guarded, Memory, View
from execbot.exits.structures.standing import NOBODY_LOOKS, how_to_protect
from execbot.model.enums import ARRIVING
from execbot.model.numbers import ZERO, text
from execbot.model.symbols import units_word

_NO_ORDERS = SymbolOrders()
_FRESH = Memory()


def coverage_of(
    view: View, plan: ExitPlan | None, orders: SymbolOrders = _NO_ORDERS, memory: Memory = _FRESH
) -> Coverage:
    """How the position stands by its living orders."""
    if view.qty == 0:
        return Coverage(Guarded.FLAT)
    if view.is_dust and not orders.entries:
        return Coverage(Guarded.DUST)
    leaving = sum((e.leaves for e in orders.exits if e.order.status not in ARRIVING), ZERO)
    coverage = Coverage(
        Guarded.NO_PLAN, view.size, orders.covered, orders.arriving, min(leaving, view.size)
    )
    is_unplanned = plan is None or plan.status is PlanStatus.CLOSED
    if view.is_pending and (is_unplanned or view.is_option):
        return replace(coverage, state=Guarded.PENDING, leaving=view.size)
    if plan is None or is_unplanned:
        return _by_structure(view, coverage)
    return replace(coverage, state=_state(view, plan, coverage, memory))


def _by_structure(view: View, coverage: Coverage) -> Coverage:
    """Without a plan of its own a contract is protected by that of its structure, or not at all."""
    plan = view.structure.plan
    if plan is None:
        return coverage
    if any(o.plan_id == plan.plan_id and o.is_alive for o in view.orders):
        return replace(coverage, state=Guarded.LEAVING, leaving=view.size)
    if not plan.has_stop:
        return coverage
    kept, bare = view.structure.is_kept, view.structure.bare
    if kept and bare:  # of a part; the rest has no plan, and that is how the whole stands
        return replace(coverage, covered=view.size - bare)
    return replace(coverage, state=Guarded.EMULATED if kept else Guarded.UNPROTECTED)


def _state(view: View, plan: ExitPlan, coverage: Coverage, memory: Memory) -> Guarded:
    if plan.status is PlanStatus.SUSPENDED:
        return Guarded.SUSPENDED if coverage.uncovered <= 0 else Guarded.UNPROTECTED
    if plan.exit is not None or coverage.leaving > 0:
        return Guarded.LEAVING
    if plan.lift is not None and plan.lift.lasts(view.now):
        return Guarded.LIFTED
    if coverage.covered >= coverage.size:
        return _held_by_broker(view)
    if memory.ladder is Ladder.EMULATED or memory.is_held_here:
        return Guarded.EMULATED
    if coverage.covered + coverage.arriving >= coverage.size:
        return Guarded.ARRIVING
    return Guarded.UNPROTECTED


def _held_by_broker(view: View) -> Guarded:
    """Stops elect in the regular session only: outside of it they are there and do nothing."""
    if view.market.is_open:
        return Guarded.PROTECTED
    return Guarded.EMULATED if view.market.is_extended else Guarded.DORMANT


WATCHED = frozenset(
    {
        Guarded.UNPROTECTED,
        Guarded.ARRIVING,
        Guarded.LEAVING,
        Guarded.EMULATED,
        Guarded.LIFTED,
    }
)
"""States whose uncovered shares run against the alarm time."""


def watch_over(
    view: View, plan: ExitPlan, coverage: Coverage, memory: Memory
) -> tuple[list[Action], ExitPlan, Memory]:
    """Count how long shares are without a stop; past the limit alarm and act as configured.

    The alarm is repeated each minute with its cause, and anew when an addition has ended since. The
    emergency exit is decided again for as long as shares stay without a stop: one that was refused
    has changed nothing. Shares that a suspended plan leaves bare were reported when it was
    suspended.
    """
    began = _began(view, plan, memory)
    memory = replace(memory, size=view.size)
    is_counted = coverage.state in WATCHED and plan.status is not PlanStatus.SUSPENDED
    if coverage.uncovered <= 0 or not is_counted:
        return [], plan, _covered(memory)
    memory = _counted(view, coverage, memory, began)
    assert memory.uncovered_since is not None
    since = memory.uncovered_since
    if view.now - since < view.limits.unprotected_alarm:
        return [], plan, memory
    alarms: list[Action] = []
    last = memory.alarmed_at
    again = last is not None and view.now - last >= ALARM_AGAIN
    if not memory.is_alarmed or again:
        seconds = int((view.now - since).total_seconds())
        alarms.append(_alarm(view, plan, coverage, seconds, memory.refusal))
        memory = replace(memory, is_alarmed=True, alarmed_at=view.now)
    if not _is_emergency(view, plan, coverage, memory):
        return alarms, plan, memory
    out = wants_out(plan, "emergency", view.now)
    memory = replace(memory, failures=0, retry_at=None)  # those of the stops that were refused
    return [*alarms, SavePlan(out, "emergency exit")], out, memory


def watch_over_unplanned(
    view: View, coverage: Coverage, memory: Memory
) -> tuple[list[Action], Memory]:
    """Where every position must have a plan: report one without it past the limit, once until that
    changes, or more of it is bought. No order is sent: there is no level to send it at.

    A structure whose stop is no longer looked after is reported in any case; one whose legs have
    gone, by the look that found it."""
    is_left = coverage.state is Guarded.UNPROTECTED and view.structure.trouble == NOBODY_LOOKS
    is_bare = coverage.state is Guarded.NO_PLAN and view.limits.every_position
    if not (is_left or is_bare) or coverage.uncovered <= 0:
        memory = memory if memory.uncovered_since is None else _covered(memory)
        return _more_bare(view, coverage, memory)
    memory = replace(memory, uncovered_since=memory.uncovered_since or view.now)
    assert memory.uncovered_since is not None
    due = memory.uncovered_since + view.limits.unprotected_alarm
    if view.now < due:
        return [WaitFor(due, "a position without a plan")], memory
    if memory.is_alarmed:
        is_more, memory = _is_more(view, coverage, memory)
        if not (is_bare and is_more):
            return [], memory
    message = (
        f"the stop of its structure is not kept: {view.structure.trouble}"
        if is_left
        else f"no plan: {text(coverage.uncovered)} of {text(coverage.size)} have no stop, and "
        f"exits.every_position asks for one: {how_to_protect(view.symbol, view.structure)}"
    )
    alarm = Alarm("unprotected", view.symbol, message, critical=True)
    if is_bare:
        memory = replace(memory, bare_told=coverage.uncovered, more_since=None)
    return [alarm], replace(memory, is_alarmed=True, alarmed_at=view.now)


def _more_bare(view: View, coverage: Coverage, memory: Memory) -> tuple[list[Action], Memory]:
    """The plan ended while shares were held, and it was told how many have no stop: more of them
    are told, too."""
    told, bare = memory.bare_told, coverage.uncovered
    if view.qty == 0 and told is not None:
        return [], replace(memory, bare_told=None, more_since=None)
    if told is None or coverage.state is not Guarded.NO_PLAN:
        return [], memory
    is_more, memory = _is_more(view, coverage, memory)
    if not is_more:
        return [], memory if bare >= told else replace(memory, bare_told=bare)
    next_step = how_to_protect(view.symbol, view.structure)
    message = f"{text(bare)} have no stop, their plan has ended: {next_step}"
    alarm = Alarm("plan_outlived", view.symbol, message)
    return [alarm], replace(memory, bare_told=bare, more_since=None)


def _is_more(view: View, coverage: Coverage, memory: Memory) -> tuple[bool, Memory]:
    """Have more than were told had no stop for the time of an alarm? An order may fill in many
    parts."""
    if coverage.uncovered <= (memory.bare_told or ZERO):
        return False, memory if memory.more_since is None else replace(memory, more_since=None)
    since = memory.more_since or view.now
    is_due = view.now - since >= view.limits.unprotected_alarm
    return is_due, replace(memory, more_since=since)


def _covered(memory: Memory) -> Memory:
    return replace(
        memory,
        uncovered_since=None,
        exposed_since=None,
        is_alarmed=False,
        alarmed_at=None,
        is_held_here=False,
    )


def _began(view: View, plan: ExitPlan, memory: Memory) -> datetime:
    """Since when shares found without a stop now have had none.

    A purchase that is heard of late counts from when it was made, by the broker's clock; half the
    alarm time at most, since that clock and ours may differ.
    """
    if memory.size is None or view.size <= memory.size:
        return view.now
    made = [
        seen.order.filled_at
        for seen in view.orders
        if seen.order.filled_at is not None and seen.order.side is not plan.exit_side
    ]
    earliest = view.now - view.limits.unprotected_alarm / 2
    return min(view.now, max(max(made, default=view.now), earliest))


def _counted(view: View, coverage: Coverage, memory: Memory, began: datetime) -> Memory:
    """Two counts: without a stop, and without one while nobody has the position in hand.

    The first one alarms. The second one lets us act: whoever adds to the position puts the stop
    back, and when its lease has run out we do, before anything is sold. A stop that is watched here
    is in our own hands.
    """
    since = memory.uncovered_since or began
    if coverage.state in (Guarded.LIFTED, Guarded.EMULATED):
        return replace(memory, uncovered_since=since, exposed_since=None)
    if memory.exposed_since is not None:
        return memory
    if memory.is_alarmed:  # of an addition: what comes after it is told anew
        return replace(memory, uncovered_since=view.now, exposed_since=view.now, is_alarmed=False)
    return replace(memory, uncovered_since=since, exposed_since=view.now)


WITHOUT_STOP = frozenset({"unprotected", "stop_lifted"})
"""Kinds of alarms that tell of shares without a stop."""


ALARM_AGAIN = timedelta(seconds=60)
"""Shares that stay without a stop are told again so often, with what the broker last said."""


def _alarm(
    view: View, plan: ExitPlan, coverage: Coverage, seconds: int, refusal: str = ""
) -> Alarm:
    bare = f"{text(coverage.uncovered)} {units_word(view.symbol)}"
    if coverage.state is Guarded.EMULATED:
        message = (
            f"{bare} have no stop at the broker, which refused it; "
            "the stop is watched here and ends with this program"
        )
        return Alarm("stop_emulated", view.symbol, message)
    message = f"{bare} without a stop for {seconds} s"
    if coverage.state is Guarded.LIFTED and plan.lift is not None:
        words = f"{message}: {_whose(plan.lift)}"
        return Alarm("stop_lifted", view.symbol, words, critical=True)
    cause = f"; the broker refuses it: {refusal}" if refusal else ""
    return Alarm("unprotected", view.symbol, message + cause, critical=True)


def _whose(lift: Lift) -> str:
    """Says what has taken the stop off, and when it comes back."""
    what = "an addition" if lift.entry_client_order_id is not None else lift.reason
    by = f" by order {lift.entry_client_order_id}" if lift.entry_client_order_id else ""
    holder = f" of {lift.holder}" if lift.holder else ""
    until = f"{lift.until:%H:%M:%S} UTC"
    return (
        f"{what} is under way{by}{holder}; the stop comes back with its end, "
        f"or at {until} unless that is put off"
    )


def _is_emergency(view: View, plan: ExitPlan, coverage: Coverage, memory: Memory) -> bool:
    acts = view.limits.emergency_action is EmergencyAction.MARKET_EXIT
    exposed = memory.exposed_since
    if exposed is None or view.now - exposed < view.limits.unprotected_alarm:
        return False
    watched_by_us = coverage.state is Guarded.EMULATED
    return acts and not watched_by_us and plan.exit is None and memory.may_leave(view.now)
