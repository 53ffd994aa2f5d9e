"""Orders found, listed, and shown with their whole history.

They are named by the broker's id, by their client_order_id, or by the short form that tables show
on a terminal: the head of the one or the tail of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.desk.context import Context
from execbot.desk.errors import AmbiguousId, EmptyId
from execbot.desk.following import alarm_of, successor_of
from execbot.desk.freshen import as_recorded, freshen, journal_warnings
from execbot.journal.errors import JournalError
from execbot.journal.journal import Which
from execbot.journal.records import AuditRow, EventRecord, OrderRecord
from execbot.model.order import Fill

if TYPE_CHECKING:
    from execbot.report.daily import Day

__all__ = [
    "History",
    "Listing",
    "Which",
    "full_id",
    "history_of",
    "list_orders",
    "newest",
    "record_of",
]

SHORT_LENGTH_MIN = 6
RECENT = 1000
"""Short forms are looked for among this many recent orders."""


class Listing(Struct, frozen=True):
    """Newest first. `warnings` say what may be old or missing."""

    orders: Sequence[OrderRecord]
    warnings: Sequence[str] = ()


class History(Struct, frozen=True):
    """One order with everything that happened to it and every decision about it."""

    record: OrderRecord
    events: Sequence[EventRecord]
    audit: Sequence[AuditRow]
    fills: Sequence[Fill]
    alarm: str = ""
    warnings: Sequence[str] = ()


# --- finding -----------------------------------------------------------------------------------


def full_id(desk: Context, word: str) -> str:
    """The id that a short form stands for; any other word as it is. Raises EmptyId, AmbiguousId."""
    if not word.strip():
        raise EmptyId("the ID is empty")
    short = word.removeprefix("..")
    if desk.journal.find_order(word) is not None or len(short) < SHORT_LENGTH_MIN:
        return word
    found = [
        record
        for record in desk.journal.orders("all", limit=RECENT)
        if record.order_id.startswith(short) or record.client_order_id.endswith(short)
    ]
    if len(found) > 1:
        raise AmbiguousId(f"{word} stands for {len(found)} orders")
    return found[0].client_order_id if found else word


def record_of(desk: Context, word: str) -> OrderRecord:
    """The order as the journal has it. Raises UnknownOrder."""
    return desk.oms.record(word)


def newest(desk: Context, identifier: str) -> str:
    """The id of the order that stands now: a replaced one lives on in its successor."""
    while successor := successor_of(_present(desk, identifier)):
        identifier = successor
    return identifier


def _present(desk: Context, identifier: str) -> OrderRecord:
    """A replace by somebody else, or one just asked for, is not in the journal yet."""
    record = desk.journal.find_order(identifier)
    if record is not None and (record.order.is_terminal or not record.order_id):
        return record
    return desk.oms.refresh(identifier)


# --- showing -----------------------------------------------------------------------------------


def list_orders(
    desk: Context,
    which: Which | None = None,
    *,
    symbol: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> Listing:
    """Orders by status, symbol and age. With neither `which` nor `since`: open ones and today's.

    Raises BrokerError where even the journal's word is not to be had.
    """
    warnings = freshen(desk)
    found = desk.journal.orders(which or "all", symbol=symbol, since=since, legs=False)
    if which is None and since is None:
        from execbot.report.daily import Day

        today = Day.at(desk.now())
        # What was refused changed nothing; the full lists and `show` tell of it.
        found = [r for r in found if not r.order.is_refused_change and _is_of(r, today)]
    return Listing(found[:limit], warnings)


def _is_of(record: OrderRecord, day: Day) -> bool:
    order = record.order
    moments = (record.intent_at, order.submitted_at, order.filled_at, order.canceled_at)
    return order.is_open or any(day.holds(moment) for moment in moments)


def history_of(desk: Context, word: str) -> History:
    """One order by any of its names. Raises UnknownOrder, AmbiguousId, BrokerError."""
    record, warnings = _now_or_last_known(desk, full_id(desk, word))
    name = record.client_order_id
    return History(
        record,
        desk.journal.events_of(name),
        desk.journal.audit_of(name),
        [execution.as_fill() for execution in desk.journal.executions_of(name)],
        alarm_of(record),
        [*warnings, *journal_warnings(desk)],
    )


def _now_or_last_known(desk: Context, identifier: str) -> tuple[OrderRecord, list[str]]:
    """The order as the broker has it now; as last recorded where the broker is away."""
    known = desk.journal.find_order(identifier)
    if known is not None and known.order.is_terminal:
        return known, []
    try:
        try:
            return desk.oms.refresh(identifier), []
        except JournalError as error:
            desk.pass_over(error)
            return desk.oms.refresh(identifier), []
    except BrokerError as error:
        if known is None or error.kind.startswith("auth."):
            raise
        return known, [as_recorded(error)]
