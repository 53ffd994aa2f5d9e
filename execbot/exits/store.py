"""Exit plans in the journal: read, write as the next version, change from any process.

Two processes may change one plan at the same time; the first to write a version wins, and the
other one reads it and decides again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from msgspec.structs import replace

from execbot.exits.plan.plan import LIFT_LONGEST, ExitPlan, Lift, PlanStatus
from execbot.exits.plan.plan_json import from_data, to_data
from execbot.journal.connection import UNREADABLE
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, PlanRecord, PositionRecord
from execbot.model.numbers import ZERO
from execbot.model.timer import of_ours

LIFT_LEASE = timedelta(seconds=3)
"""A lift that nobody lengthens ends after this: so much sooner than the alarm (5 s) that the stop
is back before it, even when the first request for it gets lost."""

LEASE_LONGEST = LIFT_LONGEST - timedelta(seconds=15)
"""Whose clock is a little behind the holder's must not take it for one that is wrong."""


def lease(now: Callable[[], datetime]) -> timedelta:
    """`LIFT_LEASE` by the account's clock: the holder works in this machine's seconds."""
    return min(of_ours(LIFT_LEASE, now), LEASE_LONGEST)


CHANGE_ATTEMPTS = 5

OPEN = (PlanStatus.PENDING, PlanStatus.ACTIVE, PlanStatus.SUSPENDED, PlanStatus.SLEEPING)

KEPT = (PlanStatus.PENDING, PlanStatus.ACTIVE)
"""Plans whose exits belong at the broker. A plan that nobody has watched yet is still pending."""


def save_plan(journal: Journal, plan: ExitPlan) -> bool:
    """Write this version; False when another process has written it first."""
    return journal.save_plan(
        plan.plan_id,
        plan.symbol,
        plan.status.value,
        to_data(plan),
        plan.updated_at,
        version=plan.version,
    )


def open_plans(journal: Journal) -> list[ExitPlan]:
    """Every plan that is not closed, oldest first."""
    found = _plans_of(journal, journal.plans(statuses=OPEN))
    return sorted(found, key=lambda plan: (plan.created_at, plan.plan_id))


def plan_of(journal: Journal, symbol: str) -> ExitPlan | None:
    """The open plan of a symbol; of several the one in force."""
    plans = _plans_of(journal, journal.plans(symbol=symbol, statuses=OPEN))
    return in_force(journal, plans)


def in_force(journal: Journal, plans: Sequence[ExitPlan]) -> ExitPlan | None:
    """Of the open plans of one symbol the newest that has begun; the newest if none has.

    One whose entry still rests says nothing of the shares that another entry has brought. Where
    nobody watches, a plan stays pending although its entry has filled.
    """
    if len(plans) < 2:
        return plans[0] if plans else None
    return max(plans, key=lambda plan: (_has_begun(journal, plan), plan.created_at))


def _has_begun(journal: Journal, plan: ExitPlan) -> bool:
    if plan.status is not PlanStatus.PENDING:
        return True
    entry = journal.order_by_client_id(plan.entry_client_order_id or "")
    if entry is None:
        return False
    return any(one.order.filled_qty > 0 for one in (entry, *journal.successors((entry,))))


def every_plan(journal: Journal, symbol: str) -> list[ExitPlan]:
    """Every plan that the symbol ever had, oldest first."""
    return _plans_of(journal, journal.plans(symbol=symbol, statuses=tuple(PlanStatus)))


def last_plans(
    journal: Journal, positions: Iterable[PositionRecord], but: Iterable[ExitPlan]
) -> tuple[ExitPlan, ...]:
    """The closed plan of each of these positions that has no plan any more, where there was one."""
    has_plan = {plan.symbol for plan in but}
    bare = [item.symbol for item in positions if item.qty and item.symbol not in has_plan]
    found = [journal.newest_plan(symbol, PlanStatus.CLOSED) for symbol in bare]
    return tuple(_plans_of(journal, [record for record in found if record is not None]))


def plan_by_id(journal: Journal, plan_id: str) -> ExitPlan | None:
    record = journal.plan(plan_id)
    found = _plans_of(journal, [record] if record is not None else [])
    return found[0] if found else None


def _plans_of(journal: Journal, records: Sequence[PlanRecord]) -> list[ExitPlan]:
    """Raises JournalCorrupt for one that cannot be read back, unless another journal stands in for
    the damaged one: that does not know it then."""
    found = []
    for record in records:
        try:
            found.append(from_data(record.body))
        except UNREADABLE as error:
            journal.unreadable(f"the exit plan {record.plan_id}", error)
    return found


def change_plan(
    journal: Journal, plan_id: str, change: Callable[[ExitPlan], ExitPlan]
) -> ExitPlan | None:
    """Apply `change` to the version in force and write the result; None for an unknown plan.

    `change` returns its argument to leave the plan alone; it may be called again when another
    process was faster. Errors of `change` pass through.
    """
    plan: ExitPlan | None = None
    for _ in range(CHANGE_ATTEMPTS):
        plan = plan_by_id(journal, plan_id)
        if plan is None:
            return None
        changed = change(plan)
        if changed == plan or save_plan(journal, changed):
            return changed
    return plan


def with_families(
    journal: Journal, records: Sequence[OrderRecord], plans: Sequence[ExitPlan]
) -> tuple[OrderRecord, ...]:
    """Living orders with their legs, parents and the orders that they replaced, and what served
    these plans: all that the exit rules look at."""
    found = {r.client_order_id: r for r in journal.families(records)}
    for plan in plans:
        for served in journal.orders("all", symbol=plan.symbol, since=plan.created_at):
            found.setdefault(served.client_order_id, served)
        entry = journal.order_by_client_id(plan.entry_client_order_id or "")
        if entry is not None:
            found.setdefault(entry.client_order_id, entry)
    # An order whose successor is missing would look as if it had just been replaced elsewhere.
    for new in journal.successors(tuple(found.values())):
        found[new.client_order_id] = new
    return tuple(found.values())


def entry_is(journal: Journal, plan_id: str, entry: OrderRecord, now: datetime) -> None:
    """The order that the plan waits for, which may have gone out under another id in the end: a
    smaller attempt, or one for the open.

    A plan that was closed meanwhile because the first attempt came to nothing waits again.
    """
    name = entry.client_order_id
    if entry.order.is_terminal and not entry.order.filled_qty:
        return

    def follows(plan: ExitPlan) -> ExitPlan:
        was_closed = plan.status is PlanStatus.CLOSED and plan.opened_at is None
        waits = plan.status is PlanStatus.PENDING and plan.entry_client_order_id != name
        if not (was_closed or waits):
            return plan
        return plan.changed(now, status=PlanStatus.PENDING, entry_client_order_id=name, note=None)

    change_plan(journal, plan_id, follows)


def drop_plan(journal: Journal, plan_id: str, now: datetime, reason: str) -> None:
    """The entry never came to be: its plan is closed, unless it protects something by now."""
    change_plan(
        journal,
        plan_id,
        lambda plan: (
            plan
            if plan.status is not PlanStatus.PENDING
            else plan.changed(now, status=PlanStatus.CLOSED, note=reason)
        ),
    )


def suspend_plans(
    journal: Journal, now: datetime, reason: str, symbol: str | None = None
) -> list[str]:
    """The trader takes the exits away: nothing is put back before `protect`. Call it BEFORE the
    cancels are sent, or a running `watch` puts them back. Returns the symbols concerned."""

    def suspended(plan: ExitPlan) -> ExitPlan:
        if plan.status is PlanStatus.CLOSED:
            return plan
        return plan.changed(now, status=PlanStatus.SUSPENDED, exit=None, lift=None, note=reason)

    touched = []
    for plan in open_plans(journal):
        if symbol is None or plan.symbol == symbol:
            change_plan(journal, plan.plan_id, suspended)
            touched.append(plan.symbol)
    return touched


@contextmanager
def lifted(
    journal: Journal,
    symbol: str,
    now: Callable[[], datetime],
    reason: str,
    *,
    entry_client_order_id: str | None = None,
) -> Iterator[ExitPlan | None]:
    """The exits of a symbol are taken off on purpose for the time of the block.

    A running `watch` does not put them back meanwhile. Afterwards, and in any case after
    the lease, whatever is left of the position is protected again. Yields the plan, None when the
    symbol has none.
    """
    plan = plan_of(journal, symbol)
    if plan is None or plan.status not in KEPT:
        yield None
        return
    began = now()
    until = began + lease(now)
    lift = Lift(reason, until, entry_client_order_id, _this_process())
    change_plan(journal, plan.plan_id, lambda p: p.changed(began, lift=lift, note=reason))
    try:
        yield plan
    finally:
        # A journal that fails here must not hide what the block did; the lift runs out by itself.
        with suppress(JournalError):
            change_plan(journal, plan.plan_id, lambda p: _unlifted(p, now(), reason))


def keep_lifted(journal: Journal, plan_id: str, now: datetime, lift: Lift) -> None:
    """Lengthen a lift that runs out soon, or take it up again: for as long as its holder lives."""

    def longer(plan: ExitPlan) -> ExitPlan:
        lasts = plan.lift is not None and plan.lift.lasts(now + (lift.until - now) / 2)
        if lasts or plan.status not in KEPT:
            return plan
        held = replace(lift, holder=lift.holder or _this_process())
        return plan.changed(now, lift=held, note=f"{lift.reason} goes on")

    change_plan(journal, plan_id, longer)


def keep_moves(journal: Journal, plan_id: str, now: datetime) -> None:
    """Take what the trader has moved at the broker into the plan, before its exits are lifted.

    A running `watch` has done that long ago. Without one the exits would be put back where they
    stood before. The orders are those of the journal: read them from the broker first.
    """
    from execbot.exits.living_orders import SymbolOrder
    from execbot.exits.rules.moved_by_trader import with_moves

    def follows(plan: ExitPlan) -> ExitPlan:
        if plan.status not in KEPT:
            return plan
        records = journal.families(journal.orders("open", symbol=plan.symbol))
        held = journal.position(plan.symbol)
        seen = [SymbolOrder.from_record(record) for record in records]
        return with_moves(plan, seen, held.qty if held is not None else ZERO, now)

    change_plan(journal, plan_id, follows)


def _this_process() -> str:
    return f"process {os.getpid()}"


def _unlifted(plan: ExitPlan, now: datetime, reason: str) -> ExitPlan:
    if plan.lift is None:
        return plan
    return plan.changed(now, lift=None, note=f"{reason} has ended")
