"""The order state machine: one order and one event in, what became of it out. Pure.

`apply_event` looks the event up in the table (`table`), books its execution if it has one
(`executions`), works out what the totals say beyond (`totals`), and settles the consequences. It
reads no clock and writes nothing: the same events give the same order, whoever applies them, and
reports that arrive twice, late or out of order end in the same state.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from msgspec.structs import replace

from execbot.journal.records import EventResult, Execution, OrderRecord, Progress
from execbot.model.enums import (
    ENDS,
    REPORTS,
    SHOWS_FILLS,
    TERMINAL_STATUSES,
    OrderStatus,
)
from execbot.model.numbers import ZERO
from execbot.model.order import Fill
from execbot.model.times import parse_time
from execbot.oms.machine import executions as books
from execbot.oms.machine import totals
from execbot.oms.machine.acts import apply_act, empty_state
from execbot.oms.machine.alarms import STANDING, standing
from execbot.oms.machine.events import Applied, OrderEvent, OrderState, detail_decimal
from execbot.oms.machine.table import (
    BUST,
    CORRECTION,
    EXECUTIONS,
    RANK,
    REVERSALS,
    UNTIMED,
    Verdict,
    verdict,
)


def apply_event(state: OrderState | None, event: OrderEvent) -> Applied:
    """Apply one event to an order (None: an order not known so far). Never raises on bad data."""
    if event.is_act:
        return apply_act(state, event)
    start = state if state is not None else _adopt(event)
    before = state.record if state is not None else None
    draft = _Draft(start.record)
    _take_report(draft, event)
    booking = _book(start, draft, event)
    executions = booking.executions
    if event.details.get("infer", True):
        executions = _infer(draft, executions, event.stamp or event.recorded_at)
    said, contradiction, alarm = _move(draft, event, executions)
    _settle(draft, executions)
    record = draft.finished()
    stands = standing(start.record, record, executions.values())
    if stands is None and record.alarm in STANDING:
        record = replace(record, alarm=None)
    fresh = stands if stands != record.alarm else None
    if contradiction and fresh:
        alarm = fresh  # of a report with another state and other totals, the totals are told
    alarm = booking.alarm or alarm or fresh
    result = _result(state, record, executions, booking, said)
    note = booking.note or contradiction
    if booking.result is EventResult.ILLEGAL:
        contradiction = booking.note
    if state is not None and result is not EventResult.APPLIED:
        return Applied(state, result, before, (), ZERO, note, contradiction, alarm)
    if alarm:
        record = replace(record, alarm=alarm)
    return Applied(
        state=OrderState(record, executions),
        result=result,
        before=before,
        fills=_fresh_fills(start.executions, executions),
        filled_delta=record.order.filled_qty - start.record.order.filled_qty,
        note=note,
        contradiction=contradiction,
        alarm=alarm,
    )


class _Draft:
    """An order being worked on: what changes is gathered and copied once, not at every step."""

    __slots__ = ("described", "order", "progress", "record", "status", "words")

    def __init__(self, record: OrderRecord) -> None:
        self.record = record
        self.described = record.order
        """The order that the other fields are taken from: ours, or the one in the report."""
        self.status = record.order.status
        self.progress = record.progress
        self.order: dict[str, Any] = {}
        self.words: dict[str, Any] = {}

    def finished(self) -> OrderRecord:
        """The record with everything gathered; the very same one if nothing was."""
        if self.described is self.record.order and not self.order:
            order = self.described
        else:
            order = replace(self.described, **self.order)
        if order is self.record.order and self.progress is self.record.progress and not self.words:
            return self.record
        return replace(self.record, order=order, progress=self.progress, **self.words)


# --- reports -------------------------------------------------------------------------------


def _adopt(event: OrderEvent) -> OrderState:
    """An order we did not know: foreign, or a leg or replacement of one of ours.

    It starts as an intent that was surely sent, and the report in the event moves it from there.
    """
    if event.order is None:
        return empty_state(event)
    details = event.details
    order = event.order
    start = replace(
        order,
        client_order_id=event.client_order_id,
        status=OrderStatus.PENDING,
        filled_qty=ZERO,
        filled_avg_price=None,
        legs=(),
    )
    first_seen = order.submitted_at or order.created_at or event.at or event.recorded_at
    record = OrderRecord(
        order=start,
        origin=details.get("origin") or "foreign",
        strategy_id=details.get("strategy_id"),
        plan_id=details.get("plan_id"),
        signal_id=details.get("signal_id"),
        role=details.get("role"),
        parent_id=details.get("parent_id"),
        cancel_after=detail_decimal(event, "cancel_after"),
        for_the_day=bool(details.get("for_the_day")),
        intent_at=min(first_seen, event.recorded_at),
        sent_at=first_seen,
    )
    return OrderState(record)


def _book(state: OrderState, draft: _Draft, event: OrderEvent) -> books.Booking:
    """The executions with what the event says of them, told apart by all that is known now.

    A multi-leg option order has none: it trades no symbol, its legs do.
    """
    if draft.described.is_spread:
        return books.Booking(state.executions, EventResult.NO_CHANGE)
    order, progress = state.record.order, draft.progress
    if not order.id and event.order_id:
        order = replace(order, id=event.order_id)
    booking = books.Booking(state.executions, EventResult.NO_CHANGE)
    if event.kind in EXECUTIONS:
        booking = books.book(state.executions, order, event, progress)
    elif event.kind in (BUST, CORRECTION):
        bust = event.kind == BUST
        booking = books.undo(state.executions, order, event, progress, bust=bust)
    if booking.executions is state.executions and _totals_of(progress) != _totals_of(
        state.record.progress
    ):
        anew = books.identified(state.executions, order, progress)
        return replace(booking, executions=anew)
    return booking


_totals_of = attrgetter("chain_qty", "reported_qty", "latest_qty", "latest_avg_price")
"""By what reports are told apart, beside themselves."""


def _take_report(draft: _Draft, event: OrderEvent) -> None:
    """Take over what the broker's order describes (not status, not quantity), youngest wins."""
    old, shown = draft.record.order, event.order
    seen, stamp = draft.progress.snapshot_at, event.stamp
    is_older = seen is not None and (stamp is None or stamp < seen)
    if shown is None or is_older:
        draft.progress = _progress(draft.progress, event, seen)
        if not old.id and event.order_id:
            draft.order["id"] = event.order_id
        return
    draft.progress = _progress(draft.progress, event, stamp or seen)
    draft.described = shown
    draft.order = {
        "id": shown.id or old.id,
        "client_order_id": old.client_order_id,
        "status": old.status,
        "filled_qty": old.filled_qty,
        "filled_avg_price": old.filled_avg_price,
        "legs": (),
        "qty": shown.qty if shown.qty is not None else old.qty,
    }
    said = _lasting(old)
    if any(said):
        for name, before in zip(_LASTING, said, strict=True):
            if before is not None and getattr(shown, name) is None:
                draft.order[name] = before
    if event.details:
        for name in _INHERITED:
            if event.details.get(name):
                draft.words[name] = event.details[name]


_LASTING = (
    *("replaces", "replaced_by", "filled_at", "canceled_at", "expired_at", "failed_at"),
    "expires_at",
)
"""Once said, these stay: a later report that leaves them out has only less to say."""

_lasting = attrgetter(*_LASTING)

_INHERITED = ("parent_id", "role", "origin", "strategy_id", "plan_id")
"""What a leg or a replacement takes over when its parent or predecessor becomes known."""


def _progress(progress: Progress, event: OrderEvent, snapshot_at: datetime | None) -> Progress:
    """Remember the highest, the youngest and the lowest cumulative quantity reported.

    That of a FILL row is not among them: it may count the chain of a replacement where the order
    does not, and what it counts before itself has rows of its own.
    """
    order, stamp = event.order, event.stamp
    changes = _chain_changes(progress, event)
    if snapshot_at != progress.snapshot_at:
        changes["snapshot_at"] = snapshot_at
    if order is None:
        return replace(progress, **changes) if changes else progress
    total, average = order.filled_qty, order.filled_avg_price
    if total > progress.reported_qty:
        changes["reported_qty"], changes["reported_avg_price"] = total, average
        changes["reported_at"] = stamp or event.recorded_at
    elif total == progress.reported_qty and total:
        if progress.reported_avg_price is None and average:
            changes["reported_avg_price"] = average
        if stamp is not None and progress.reported_at is not None:
            changes["reported_at"] = min(stamp, progress.reported_at)
    lowest = progress.lowest_qty
    if total > 0 and (lowest is None or total < lowest):
        changes["lowest_qty"] = total
    changes |= _youngest(progress, total, average, stamp)
    return replace(progress, **changes) if changes else progress


def _youngest(
    progress: Progress, total: Decimal, average: Decimal | None, stamp: datetime | None
) -> dict[str, Any]:
    """Of two reports of one instant the higher total is the later one."""
    since = progress.latest_at
    if stamp is None or (since is not None and stamp < since):
        return {}
    if stamp == since and total < progress.latest_qty:
        return {}
    if stamp == since and total == progress.latest_qty and not average:
        return {}
    return {"latest_qty": total, "latest_avg_price": average, "latest_at": stamp}


def _chain_changes(progress: Progress, event: OrderEvent) -> dict[str, Any]:
    """Changes that the event reports of the orders that this one replaced (see `chains`)."""
    details = event.details
    if "chain_qty" not in details:
        return {}
    said = {
        "chain_qty": detail_decimal(event, "chain_qty") or ZERO,
        "chain_value": detail_decimal(event, "chain_value") or ZERO,
        "chain_open": bool(details.get("chain_open")),
        "chain_changed_at": parse_time(details.get("chain_changed_at")),
    }
    return {name: value for name, value in said.items() if value != getattr(progress, name)}


def _move(
    draft: _Draft, event: OrderEvent, executions: Mapping[str, Execution]
) -> tuple[Verdict | None, str | None, str | None]:
    """Follow the reported status where the table and the times allow it.

    Returns the table's verdict (None: nothing was reported), a contradiction, an alarm.
    """
    reported = event.reported_status
    if reported is None:
        return None, None, None
    if reported not in REPORTS:
        reported = OrderStatus.UNKNOWN
    current, alarm = draft.status, None
    if current in TERMINAL_STATUSES and draft.progress.status_at is None:
        current, alarm = OrderStatus.PENDING, "reopened_by_broker"
    undone_at = _undone_at(draft, executions)
    is_older = undone_at is not None and (event.stamp is None or event.stamp < undone_at)
    if undone_at is not None and not is_older and current is OrderStatus.FILLED:
        current = OrderStatus.PARTIALLY_FILLED
    said = verdict(current, reported)
    if said is Verdict.MOVE and reported is OrderStatus.FILLED and is_older:
        said = Verdict.STAY
    if said is Verdict.MOVE and not _younger(draft.progress, current, reported, event):
        said = Verdict.STAY
    if said is Verdict.MOVE:
        draft.status = draft.order["status"] = reported
        draft.progress = replace(draft.progress, status_at=event.stamp or UNTIMED)
        if event.details.get("reason"):
            draft.words["note"] = event.details["reason"]
        return said, None, alarm
    if current in ENDS and _contradicts(draft.progress, reported, event):
        said = Verdict.ILLEGAL
    elif draft.progress.ended_as == reported.value:
        said = Verdict.STAY  # so it ended; that it is whole follows from its executions
    if said is Verdict.ILLEGAL:
        words = f"{event.kind} reports {reported.value}, but the order is {current.value}"
        return said, words, "contradiction"
    return said, None, None


def _undone_at(draft: _Draft, executions: Mapping[str, Execution]) -> datetime | None:
    """When the last bust or correction took back what had completed the quantity, if it did."""
    times = [item.changed_at for item in executions.values() if item.changed_at is not None]
    if draft.progress.chain_changed_at is not None:
        times.append(draft.progress.chain_changed_at)
    if not times:
        return None
    qty = draft.order.get("qty", draft.record.order.qty)
    filled, _ = books.net(executions.values())
    return max(times) if qty is not None and filled + draft.progress.chain_qty < qty else None


def _younger(
    progress: Progress, current: OrderStatus, reported: OrderStatus, event: OrderEvent
) -> bool:
    """May this report move a working order? Ends always may; see rule 3 of the table."""
    if reported in ENDS or current not in RANK or event.kind in REVERSALS:
        return True
    since, stamp = progress.status_at, event.stamp
    if since is None or since == UNTIMED or stamp is None or stamp == since:
        return RANK[reported] > RANK[current] or (since == UNTIMED and stamp is not None)
    return stamp > since


def _contradicts(progress: Progress, reported: OrderStatus, event: OrderEvent) -> bool:
    """An order that ended is reported as working, by a younger report."""
    since, stamp = progress.status_at, event.stamp
    if reported in ENDS or since is None or stamp is None or since == UNTIMED:
        return False
    return stamp > since and event.kind not in EXECUTIONS


def _infer(
    draft: _Draft, executions: Mapping[str, Execution], fallback_at: datetime
) -> Mapping[str, Execution]:
    """Book the shortfall, or take back what was inferred; mostly there is neither."""
    if draft.described.is_spread or not (executions or draft.progress.reported_qty):
        return executions
    if totals.is_complete(executions, draft.progress):
        return executions
    return totals.with_inferred(executions, draft.finished(), fallback_at)


def _settle(draft: _Draft, executions: Mapping[str, Execution]) -> None:
    """Bring quantity, average price and the statuses that follow from them in line."""
    old = draft.record.order
    filled, average = books.net(executions.values())
    if draft.described.is_spread:  # its legs have the executions
        filled, average = draft.progress.reported_qty, draft.progress.reported_avg_price
    if filled != old.filled_qty or average != old.filled_avg_price:
        draft.order["filled_qty"], draft.order["filled_avg_price"] = filled, average
    status, ended_as = draft.status, draft.progress.ended_as
    # A replacement's quantity counts what the orders before it had filled.
    qty = draft.order.get("qty", old.qty)
    is_whole = bool(qty is not None and filled and filled + draft.progress.chain_qty >= qty)
    if status in SHOWS_FILLS and filled > 0:
        status = OrderStatus.PARTIALLY_FILLED
    elif is_whole and status in ENDS and status is not OrderStatus.FILLED:
        status, ended_as = OrderStatus.FILLED, status.value
    elif not is_whole and status is OrderStatus.FILLED and ended_as is not None:
        status, ended_as = OrderStatus(ended_as), None  # what had made it whole was taken back
    if status is not draft.status:
        draft.status = draft.order["status"] = status
    if ended_as != draft.progress.ended_as:
        draft.progress = replace(draft.progress, ended_as=ended_as)


def _fresh_fills(old: Mapping[str, Execution], new: Mapping[str, Execution]) -> tuple[Fill, ...]:
    """Executions that were not in the books before under any id; an inferred one included."""
    if old is new:
        return ()
    rows = {item.activity_id for item in old.values()} - {None}
    fresh = [item for name, item in new.items() if name not in old]
    return tuple([item.as_fill() for item in fresh if item.activity_id not in rows])


def _result(
    state: OrderState | None,
    record: OrderRecord,
    executions: Mapping[str, Execution],
    booking: books.Booking,
    said: Verdict | None,
) -> EventResult:
    """An illegal report still brings its executions and totals; without any it changes nothing."""
    if state is None or executions != state.executions:
        return EventResult.APPLIED
    if booking.result is EventResult.ILLEGAL:
        return EventResult.ILLEGAL
    before, after = state.record.progress, record.progress
    if said is Verdict.ILLEGAL and _totals_of(before) == _totals_of(after):
        return EventResult.ILLEGAL
    if said is Verdict.MOVE or record != state.record:
        return EventResult.APPLIED
    if booking.result is EventResult.DUPLICATE:
        return EventResult.DUPLICATE
    return EventResult.LATE if said is Verdict.STAY else EventResult.NO_CHANGE
