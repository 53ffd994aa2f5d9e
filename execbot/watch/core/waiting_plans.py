"""Plans of one symbol whose entries wait: each keeps its exits until its entry fills or ends.

Of those that have begun the newest counts for all that is held.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.rules.actions import SavePlan
from execbot.exits.rules.outlived import NEVER_FILLED, SOLD
from execbot.model.amounts import price_words
from execbot.model.enums import OVER
from execbot.model.numbers import ZERO, text
from execbot.watch.core.jobs import Job, Note, Save
from execbot.watch.core.notes import alarm
from execbot.watch.core.symbol_state import SymbolState, without_memory


def begin(state: SymbolState, plan: ExitPlan) -> None:
    state.plan, state.is_dirty = plan, True
    state.taken_away, state.hands_off_until = 0, None


def wait(state: SymbolState, plan: ExitPlan) -> None:
    """As it is now, if it still may come to be."""
    _wait_no_more(state, plan)
    if plan.status is not PlanStatus.CLOSED:
        state.waiting = tuple(sorted((*state.waiting, plan), key=lambda one: one.created_at))
    state.is_dirty = True


def begin_waiting(state: SymbolState, now: datetime) -> list[Job]:
    """Who enters again at once has a new plan before the old one has ended: it begins with the
    first share of its own entry. Once both entries have filled, the newest counts for all."""
    jobs: list[Job] = []
    for plan in state.waiting:
        jobs += _begin_if_due(state, plan, now)
    return jobs


def _begin_if_due(state: SymbolState, new: ExitPlan, now: datetime) -> list[Job]:
    old, filled = state.plan, _filled(state, new)
    if new.status is PlanStatus.PENDING and _came_to_nothing(state, new):
        _wait_no_more(state, new)
        return [_ended(new, NEVER_FILLED, now)]
    if 0 < filled <= _sold(state, new):
        _wait_no_more(state, new)
        return [_ended(new, SOLD, now)]
    if old is None or old.status is PlanStatus.CLOSED:
        _wait_no_more(state, new)
        without_memory(state)
        begin(state, new)
        return []
    if not (filled or new.status is not PlanStatus.PENDING):
        return []
    brought = sum((_filled(state, plan) for plan in state.waiting), ZERO)
    _wait_no_more(state, new)
    has_begun = old.status is not PlanStatus.PENDING or bool(_filled(state, old))
    if has_begun and new.created_at < old.created_at and abs(state.qty) > brought:
        return [_ended(new, REPLACED, now), *_joined(state, new, old, filled)]
    without_memory(state)
    begin(state, new)
    if has_begun:
        note = SOLD if abs(state.qty) <= brought else REPLACED
        return [_ended(old, note, now), *_joined(state, old, new, filled)]
    wait(state, old)  # its entry may rest still, and outlive what this one brought
    return []


def _wait_no_more(state: SymbolState, plan: ExitPlan) -> None:
    state.waiting = tuple(one for one in state.waiting if one.plan_id != plan.plan_id)


def _filled(state: SymbolState, plan: ExitPlan) -> Decimal:
    """What the entry of the plan has filled."""
    return sum((record.order.filled_qty for record in state.entry_of(plan)), ZERO)


def _sold(state: SymbolState, plan: ExitPlan) -> Decimal:
    """What its exits have filled."""
    exits = (r for r in state.orders.values() if r.plan_id == plan.plan_id)
    return sum((r.order.filled_qty for r in exits if r.order.side is plan.exit_side), ZERO)


def _came_to_nothing(state: SymbolState, plan: ExitPlan) -> bool:
    """Its entry has ended unfilled."""
    entry = state.entry_of(plan)
    return bool(entry) and entry[-1].order.status in OVER and not _filled(state, plan)


def _joined(state: SymbolState, old: ExitPlan, new: ExitPlan, filled: Decimal) -> list[Note]:
    """Two entries with exits of their own have filled: shares of the first may risk more now.
    `filled`: by the one that came last."""
    if abs(state.qty) <= filled:
        return []
    message = (
        f"the exits of its newest entry count for all {text(abs(state.qty))} now: "
        f"stop {_stop_words(new)}, where the first had {_stop_words(old)}"
    )
    return [alarm("plan_replaced", state.symbol, message)]


def _stop_words(plan: ExitPlan) -> str:
    if plan.stop.price is not None:
        return price_words(plan.stop.price, plan.symbol)
    return str(plan.stop.spec or plan.stop.trail or "none")


REPLACED = "a newer plan took its place"
"""The note of a plan whose shares are held on, under another one."""


def _ended(plan: ExitPlan, note: str, now: datetime) -> Job:
    """A plan without a position must not wake up for a later one."""
    return Save(SavePlan(plan.changed(now, status=PlanStatus.CLOSED, note=note), note))
