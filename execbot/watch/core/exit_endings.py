"""What it means when an exit ends: taken, gone with its pair, expired, refused late, or taken away.

An exit that somebody else cancels is put back once; the second time within minutes it is the
trader's will, and the plan rests until told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from execbot.exits.plan.plan import PlanStatus
from execbot.exits.rules.actions import SavePlan
from execbot.exits.rules.failures import exit_rejected_late, stepped_down
from execbot.journal.records import PROTECTIVE_ROLES, OrderRecord, Role
from execbot.model.enums import TRADED, OrderStatus, TimeInForce
from execbot.model.numbers import is_whole
from execbot.watch.core.jobs import Job, Save
from execbot.watch.core.memory import CoreMemory
from execbot.watch.core.notes import alarm, rejected_text
from execbot.watch.core.symbol_state import SymbolState

TAKEN_AWAY_MAX = 2
"""Protection that somebody else cancels this often in a row is not put back: it is their will."""

SAME_BURST = timedelta(seconds=1)

TAKEN_AWAY_WINDOW = timedelta(minutes=5)

HANDS_OFF = timedelta(seconds=3)
"""How long a symbol is left alone when another process has asked for a cancel of its exits: it
is closing or changing the position and needs the shares."""


@dataclass
class ExitEndings:
    """See the module. Called with every order whose status has changed."""

    memory: CoreMemory

    def status_changed(
        self,
        state: SymbolState,
        before: OrderRecord | None,
        record: OrderRecord,
        now: datetime,
    ) -> list[Job]:
        """An exit of ours was refused late, or somebody else took it away."""
        if _is_refused_way_out(state, before, record):
            state.memory = exit_rejected_late(state.memory, now)
            return []
        if record.role not in PROTECTIVE_ROLES or before is None:
            return []
        if record.status is OrderStatus.REJECTED and before.status is not OrderStatus.PENDING:
            if record.order.replaces:  # a move that came too late; the kind of exit was not refused
                refused = state.memory.moves_refused + 1
                state.memory = replace(state.memory, moves_refused=refused)
                return []
            state.memory = stepped_down(state.memory, now)
            return [alarm("exit_rejected", state.symbol, rejected_text(record))]
        if record.status is OrderStatus.EXPIRED and state.qty != 0:
            return _expired(state, record)
        gone = record.status is OrderStatus.CANCELED
        if not gone or record.client_order_id in self.memory.our_cancels or state.qty == 0:
            return []
        if not _ended_by_its_pair(state, record, TRADED):
            state.canceled_at = now
        return self._taken_away(state, record, now)

    def _taken_away(self, state: SymbolState, record: OrderRecord, now: datetime) -> list[Job]:
        """A stop was canceled, not by us. Put back once or twice, then taken as a wish."""
        if _ended_by_its_pair(state, record) or record.parent_id in self.memory.our_cancels:
            return []
        lifted = state.plan is not None and state.plan.lift is not None
        if lifted or (state.hands_off_until is not None and now < state.hands_off_until):
            return []  # a command of ours takes them off, and says so
        # The broker's time of it: a frame that comes late is no second cancel.
        at = min(record.order.canceled_at or now, now)
        burst = self.memory.of_ours(SAME_BURST)
        if state.taken_at is not None and abs(at - state.taken_at) < burst:
            return []  # the other leg of the same pair, or of another pair
        recent = state.taken_at is not None and at - state.taken_at < TAKEN_AWAY_WINDOW
        state.taken_away = state.taken_away + 1 if recent else 1
        state.taken_at = max(at, state.taken_at or at)
        if state.taken_away < TAKEN_AWAY_MAX or state.plan is None:
            return []
        return self._suspend(state, "its exits were canceled again and again elsewhere", now)

    def _suspend(self, state: SymbolState, why: str, now: datetime) -> list[Job]:
        plan = state.plan
        if plan is None or plan.status is not PlanStatus.ACTIVE:
            return []
        suspended = plan.changed(now, status=PlanStatus.SUSPENDED, exit=None, note=why)
        state.plan, state.is_dirty = suspended, True
        words = alarm(
            "protection_suspended",
            state.symbol,
            f"{state.symbol} is not protected: {why}; `execbot protect {state.symbol}` resumes",
            critical=True,
        )
        return [Save(SavePlan(suspended, why)), words]

    def cancel_by_others(self, record: OrderRecord, now: datetime) -> None:
        """Another process has asked for a cancel of an exit: it needs the shares, do not race."""
        if record.client_order_id in self.memory.our_cancels or record.role == Role.ENTRY:
            return
        state = self.memory.state_of(record.symbol)
        state.hands_off_until = now + self.memory.of_ours(HANDS_OFF)
        state.is_dirty = True


def _is_refused_way_out(
    state: SymbolState, before: OrderRecord | None, record: OrderRecord
) -> bool:
    """An exit that the broker took and then rejected. One it refused at once has no id there; one
    first seen while nothing is under way is history, read at the start."""
    if record.status is not OrderStatus.REJECTED or record.role != Role.EXIT:
        return False
    return bool(record.order_id) and (before is not None or state.is_busy)


def _expired(state: SymbolState, record: OrderRecord) -> list[Job]:
    """A day exit ended with its day. That of a fraction is a day order by need, and renewed."""
    order = record.order
    fraction = order.qty is not None and not is_whole(order.qty)
    if fraction or order.time_in_force is not TimeInForce.DAY or _has_stop_beside(state, record):
        return []
    words = f"the day {record.role} of {state.symbol} ended with the session"
    if state.plan is not None and state.plan.status is PlanStatus.ACTIVE:
        words += "; its plan puts a gtc one in its place"
    return [alarm("exit_expired", state.symbol, words)]


def _has_stop_beside(state: SymbolState, record: OrderRecord) -> bool:
    """The target of a pair: what is told of its stop says it all."""
    family = {record.parent_id, record.client_order_id} - {None}
    stops = [o for o in state.orders.values() if o.role == Role.STOP]
    return record.role == Role.TARGET and any(stop.parent_id in family for stop in stops)


def _ended_by_its_pair(
    state: SymbolState,
    record: OrderRecord,
    took: frozenset[OrderStatus] = TRADED | {OrderStatus.REPLACED},
) -> bool:
    """The other exit of the pair was taken, and this one went with it."""
    pair = {record.parent_id, record.client_order_id} - {None}
    for other in state.orders.values():
        if other.client_order_id == record.client_order_id or other.status not in took:
            continue
        if other.status is OrderStatus.REPLACED and not _gave_way(state, other):
            continue
        is_sibling = other.parent_id in pair
        same_side = other.order.side is record.order.side
        is_parent = other.client_order_id == record.parent_id and same_side
        if is_sibling or is_parent:
            return True
    return False


def _gave_way(state: SymbolState, replaced: OrderRecord) -> bool:
    """A target that its stop took the place of; an exit that was only moved was not taken."""
    new = replaced.order.replaced_by
    after = next((o for o in state.orders.values() if o.order_id == new), None)
    return after is not None and after.order.type is not replaced.order.type
