"""The executions of one order: how fills, busts, corrections and shortfalls add up. Pure.

Only executions change quantity. They are kept by `execution_id`, so a repeated report changes
nothing. A FILL row carries no execution id; which execution it tells of, and which one a
correction or bust undoes, is decided in `identity`, anew with each report. What the broker's totals
count beyond the reports is inferred in `totals`. So the books depend on the set of the reports
alone, not on the order in which they come, nor on how often.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.journal.records import EventResult, Execution, FillState, Progress
from execbot.model.numbers import ZERO, text
from execbot.model.order import Order
from execbot.model.order_words import price_format
from execbot.oms.machine.events import OrderEvent
from execbot.oms.machine.identity import has_row_of_place, owners_of
from execbot.oms.machine.reports import (
    RECOUNT_PREFIX,
    Reports,
    amendment_of,
    assembled,
    frame_of,
    row_of,
)

Executions = Mapping[str, Execution]

PRICE_STEP = Decimal("0.000000001")
"""Average prices are rounded to nine decimals; Alpaca shows six."""

FILL_ROWS = frozenset({"", "fill", "partial_fill"})
"""What the `type` of a FILL row can be; another word tells of something that is no fill."""


class Booking(Struct, frozen=True, gc=False):
    """The effect of an execution report on the executions of its order."""

    executions: Executions
    result: EventResult
    note: str | None = None
    alarm: str | None = None


def net(executions: Iterable[Execution]) -> tuple[Decimal, Decimal | None]:
    """The order's filled quantity as things stand, and its quantity-weighted price."""
    qty = total = ZERO
    for execution in executions:
        qty += execution.net_qty
        total += execution.net_qty * execution.net_price
    if not qty:
        return qty, None
    return qty, (total / qty).quantize(PRICE_STEP, ROUND_HALF_EVEN)


def book(executions: Executions, order: Order, event: OrderEvent, progress: Progress) -> Booking:
    """Book a fill or partial fill, from the stream or from an activity."""
    if event.qty is None or event.price is None or event.qty <= 0:
        return Booking(executions, EventResult.NO_CHANGE, "execution without quantity or price")
    owner = event.details.get("owned_by")
    if owner:
        return Booking(executions, EventResult.DUPLICATE, f"booked for {owner}")
    activity_id = event.details.get("activity_id")
    if activity_id:
        return _book_row(executions, order, event, progress, str(activity_id))
    return _book_frame(executions, order, event, progress)


def _book_frame(
    executions: Executions, order: Order, event: OrderEvent, progress: Progress
) -> Booking:
    if all(_is_plain(item) for item in executions.values()):
        name = execution_name(event)
        if name not in executions:  # nothing that is known could be the same
            frames = Reports(frames={name: frame_of(event, name)})
            added = assembled(frames, {}, order)
            return Booking({**executions, **added}, EventResult.APPLIED)
    reports = Reports.of(executions.values())
    name = reports.known_as(execution_name(event))
    known = reports.frames.get(name)
    if known is not None:
        if (known.qty, known.price) == (event.qty, event.price):
            return Booking(executions, EventResult.DUPLICATE)
        note = f"the execution was booked as {text(known.qty)} @ {price_format(order)(known.price)}"
        return Booking(executions, EventResult.ILLEGAL, note, "execution_conflict")
    reports.frames[name] = frame_of(event, name)
    return _booked(executions, reports, order, progress)


def _is_plain(item: Execution) -> bool:
    """Told by a frame, or inferred, and nothing else is known of it."""
    return item.is_heard and item.activity_id is None and not item.amendments


def _book_row(
    executions: Executions,
    order: Order,
    event: OrderEvent,
    progress: Progress,
    activity_id: str,
) -> Booking:
    kind = str(event.details.get("row_type") or "")
    if kind not in FILL_ROWS:
        note = f"row {activity_id} is a {kind}, not a fill: it is not booked"
        return Booking(executions, EventResult.ILLEGAL, note, "row_unread")
    reports = Reports.of(executions.values())
    row = row_of(event, activity_id)
    if activity_id in reports.rows or has_row_of_place(reports, row):
        return Booking(executions, EventResult.DUPLICATE)
    reports.rows[activity_id] = row
    return _booked(executions, reports, order, progress)


def undo(
    executions: Executions, order: Order, event: OrderEvent, progress: Progress, *, bust: bool
) -> Booking:
    """Apply a trade bust or correction to the execution it refers to, once."""
    own_id = event.execution_id or ""
    name = event.details.get("previous_execution_id") or own_id
    if not name:
        return Booking(executions, EventResult.ILLEGAL, "it names no execution", "bust_unmatched")
    reports = Reports.of(executions.values())
    if not own_id.startswith(RECOUNT_PREFIX):
        reports.forget_conclusions()
    reports.amend(str(name), amendment_of(event, own_id or str(name), is_bust=bust))
    return _booked(executions, reports, order, progress)


def identified(executions: Executions, order: Order, progress: Progress) -> Executions:
    """The same reports, told apart anew: more of the totals or of the chain has become known."""
    if all(item.activity_id is None and not item.amendments for item in executions.values()):
        return executions
    found = _books(Reports.of(executions.values()), order, progress, executions)
    return executions if found == executions else found


def _booked(executions: Executions, reports: Reports, order: Order, progress: Progress) -> Booking:
    found = _books(reports, order, progress, executions)
    if found == executions:
        return Booking(executions, EventResult.DUPLICATE)
    return Booking(found, EventResult.APPLIED)


def _books(
    reports: Reports, order: Order, progress: Progress, before: Executions
) -> dict[str, Execution]:
    """The reports as executions, beside what had been inferred: `totals` settles that."""
    found = assembled(reports, owners_of(reports, progress), order)
    for name, item in before.items():
        if item.state is FillState.INFERRED:
            found[name] = item
        elif item.fee is not None and name in found:
            found[name] = replace(found[name], fee=item.fee)
    return found


def execution_name(event: OrderEvent) -> str:
    """The execution's id; a server that sends none gets one made of the order and its total."""
    if event.execution_id:
        return event.execution_id
    total = event.cum_qty if event.cum_qty is not None else event.at
    return f"unnamed:{event.order_id or event.client_order_id}:{total}:{event.qty}@{event.price}"
