"""Orders found, listed, and shown with their whole history.

They are named by the broker's id, by their client_order_id, or by the short form that tables show
on a terminal: the head of the one or the tail of the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.errors import AmbiguousId, EmptyId
from execbot.desk.executions import Confirmation, confirm_fills, confirmation_json
from execbot.desk.following import alarm_of, successor_of
from execbot.desk.look.freshen import as_recorded, freshen, journal_warnings
from execbot.desk.look.order_ends import Ending, ending_warnings, endings_of
from execbot.desk.look.order_json import audit_json, event_json, fill_json, record_json
from execbot.journal.errors import JournalError
from execbot.journal.order_book import Which
from execbot.journal.records import EXIT_ROLES, AuditRow, EventRecord, FillState, OrderRecord
from execbot.model.enums import FAILED, OrderStatus
from execbot.model.order import Fill, Order
from execbot.risk.account_rows import fees_of_order

if TYPE_CHECKING:
    from execbot.report.span import Span

__all__ = [
    "HISTORY_COLUMNS",
    "History",
    "Listing",
    "Which",
    "full_id",
    "has_filled",
    "history_of",
    "list_orders",
    "living_legs",
    "newest",
    "record_of",
]

SHORT_LENGTH_MIN = 6
LOOKS_FOR_ONE = 4
"""Requests for past quotes and the position before one order is shown."""

RECENT = 1000
"""Short forms are looked for among this many recent orders."""


class Listing(Struct, frozen=True):
    """Newest first. `warnings` say what may be old or missing; `ends` when `watch` takes which
    order back, by client_order_id: those of which the moment is known."""

    orders: Sequence[OrderRecord]
    warnings: Sequence[str] = ()
    ends: Mapping[str, datetime] = {}
    hidden: int = 0
    """Orders and legs that were left out as `is_heap` says."""


class History(Struct, frozen=True):
    """One order with everything that happened to it and every decision about it."""

    record: OrderRecord
    events: Sequence[EventRecord]
    audit: Sequence[AuditRow]
    fills: Sequence[Fill]
    alarm: str = ""
    warnings: Sequence[str] = ()
    ending: Ending | None = None
    confirmation: Confirmation | None = None


def history_json(found: History) -> dict[str, Any]:
    """The fields of `orders show --json`."""
    return {
        **record_json(found.record),
        "cancel_at": found.ending.at if found.ending is not None else None,
        "history": [event_json(event) for event in found.events],
        "decisions": [audit_json(row) for row in found.audit],
        "fills": [fill_json(fill) for fill in found.fills],
        "confirmation": confirmation_json(found.confirmation),
    }


HISTORY_COLUMNS = (
    *("at", "recorded_at", "kind", "source", "status", "result", "qty", "price", "cum_qty"),
    *("execution_id", "rule", "note", "seq"),
)


def history_rows(found: History) -> list[dict[str, Any]]:
    """Events and decisions in one list, in the order in which they were recorded; a decision is
    told by its source."""
    rows = [event_json(event) for event in found.events]
    for row in found.audit:
        rows.append({**audit_json(row), "recorded_at": row.at, "source": "decision"})
    return sorted(rows, key=itemgetter("recorded_at"))


# --- finding -----------------------------------------------------------------------------------


def full_id(desk: Desk, word: str) -> str:
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


def record_of(desk: Desk, word: str) -> OrderRecord:
    """The order as the journal has it. Raises UnknownOrder, EmptyId, AmbiguousId."""
    return desk.oms.record(full_id(desk, word))


def newest(desk: Desk, identifier: str) -> str:
    """The id of the order that stands now: a replaced one lives on in its successor."""
    while successor := successor_of(_present(desk, identifier)):
        identifier = successor
    return identifier


def _present(desk: Desk, identifier: str) -> OrderRecord:
    """A replace by somebody else, or one just asked for, is not in the journal yet."""
    record = desk.journal.find_order(identifier)
    if record is not None and (record.order.is_terminal or not record.order_id):
        return record
    return desk.oms.refresh(identifier)


# --- showing -----------------------------------------------------------------------------------


class _Wanted(Struct, frozen=True):
    """`filled`: in whole or in part."""

    which: Which | None
    symbol: str | None
    since: datetime | None
    limit: int | None
    strategy: str | None
    filled: bool
    heap: bool

    def takes(self, record: OrderRecord) -> bool:
        if self.symbol is not None and record.symbol != self.symbol:
            return False
        if self.strategy is not None and record.strategy_id != self.strategy:
            return False
        return not self.filled or has_filled(record.order)


def has_filled(order: Order) -> bool:
    """An order, or one of its legs, in whole or in part."""
    return bool(order.filled_qty) or any(has_filled(leg) for leg in order.legs)


def list_orders(
    desk: Desk,
    which: Which | None = None,
    *,
    symbol: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
    strategy: str | None = None,
    filled: bool = False,
    heap: bool | None = None,
) -> Listing:
    """Orders, newest first. With neither `which` nor `since`: open ones and today's.

    `heap`: with those that `is_heap`; by default where a status is asked for. Raises BrokerError
    where even the journal's word is not to be had.
    """
    warnings = freshen(desk)
    wanted = _Wanted(
        which, symbol, since, limit, strategy, filled, bool(which if heap is None else heap)
    )
    if which is not None or since is not None:
        found, hidden = _chosen(desk, wanted)
        return Listing(found, warnings, hidden=hidden)
    from execbot.report.span import Span

    today = Span.at(desk.now())
    of_today = desk.journal.orders_of_days(today.start, today.end, with_open=True, legs=False)
    found, hidden = _parted([r for r in of_today if _is_of(r, today)], wanted)
    endings = endings_of(desk, found)
    ends = {name: ending.at for name, ending in endings.items() if ending.at is not None}
    return Listing(found, [*warnings, *ending_warnings(endings)], ends, hidden)


def _chosen(desk: Desk, wanted: _Wanted) -> tuple[list[OrderRecord], int]:
    """As many as are wanted, and how many of what was looked at are left out."""
    ask = wanted.limit
    while True:
        read = desk.journal.orders(
            wanted.which or "all", symbol=wanted.symbol, since=wanted.since, legs=False, limit=ask
        )
        found, hidden = _parted(read, wanted)
        if ask is None or len(read) < ask or wanted.limit == len(found):
            return found, hidden
        ask *= 4


def _parted(records: Sequence[OrderRecord], wanted: _Wanted) -> tuple[list[OrderRecord], int]:
    """What is shown, and how many orders are left out."""
    taken = [record for record in records if wanted.takes(record)]
    shown = taken if wanted.heap else [record for record in taken if not is_heap(record)]
    return shown[: wanted.limit], len(taken) - len(shown)


def is_heap(record: OrderRecord) -> bool:
    """An order that is no news: its successor stands in its place, or it was an exit, or a change,
    that was refused and is tried anew. What has filled is none."""
    order = record.order
    if order.filled_qty:
        return False
    if order.status is OrderStatus.REPLACED or order.is_refused_change:
        return True
    return record.role in EXIT_ROLES and order.status in FAILED


def living_legs(order: Order) -> tuple[Order, ...]:
    """The legs that were neither replaced nor refused."""
    gone = FAILED | {OrderStatus.REPLACED}
    return tuple(leg for leg in order.legs if leg.filled_qty or leg.status not in gone)


def _is_of(record: OrderRecord, day: Span) -> bool:
    order = record.order
    moments = (record.intent_at, order.submitted_at, order.filled_at, order.canceled_at)
    return order.is_open or any(day.holds(moment) for moment in moments)


def history_of(desk: Desk, word: str) -> History:
    """One order by any of its names. Raises UnknownOrder, AmbiguousId, BrokerError."""
    record, warnings = _now_or_last_known(desk, full_id(desk, word))
    name = record.client_order_id
    if any(e.state is FillState.INFERRED for e in desk.journal.executions_of(name)):
        with suppress(BrokerError, JournalError):  # the reports of its fills, instead of its total
            desk.oms.gap_fill()
    warnings = [*warnings, *confirm_fills(desk, looks=LOOKS_FOR_ONE)]
    ending = endings_of(desk, [record]).get(name)
    return History(
        record,
        desk.journal.events_of(name),
        desk.journal.audit_of(name),
        _fills(desk, name),
        alarm_of(record),
        [*warnings, *journal_warnings(desk), *(ending.warnings() if ending is not None else [])],
        ending,
        desk.journal.confirmation(name),
    )


def _fills(desk: Desk, client_order_id: str) -> list[Fill]:
    """Its executions, with what is known of their fees."""
    executions = desk.journal.executions_of(client_order_id)
    fees = fees_of_order(desk.journal, executions)
    return [
        replace(
            item.as_fill(),
            fee=None if (fee := fees.get(item.execution_id)) is None else fee.amount,
            fee_estimated=fee is not None and fee.estimated,
        )
        for item in executions
    ]


def _now_or_last_known(desk: Desk, identifier: str) -> tuple[OrderRecord, list[str]]:
    """The order as the broker has it now; as last recorded where the broker is away, or cannot know
    it yet."""
    known = desk.journal.find_order(identifier)
    if known is not None and (known.order.is_terminal or known.status is OrderStatus.QUEUED):
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
