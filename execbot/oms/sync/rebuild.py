"""Derives orders, fills and positions again from the append-only events.

`rebuild` does it within one journal, `rebuilt_into` in a copy, compared with the journal: what
differs was damaged there, or decided by rules that have changed since. An impossible report (a
quantity beyond reason, an id that leads out of its path; docs/evidence.md, rows E-VAL) is left out
of the copy and named, and so is a row that cannot be read back. The journal itself is only read.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from execbot.journal.care.copies import (
    Unreadable,
    copied_to,
    default_target,
    derived_set_aside,
    differing_rows,
    leave_out,
    readable_events,
)
from execbot.journal.journal import Journal
from execbot.journal.records import EventRecord
from execbot.model.enums import EventSource
from execbot.model.plausible import (
    client_id_trouble,
    id_trouble,
    number_trouble,
    qty_trouble,
    time_trouble,
)
from execbot.model.row_checks import order_trouble, said_trouble
from execbot.oms.ledger import Ledger
from execbot.oms.machine.events import OrderEvent
from execbot.oms.position_ledger import lay_archived
from execbot.oms.sync.gaps import SYNC_KEY

INTERNAL = frozenset(
    {
        *("status_at", "snapshot_at", "reported_qty", "reported_avg_price", "reported_at"),
        *("latest_qty", "latest_avg_price", "latest_at", "lowest_qty"),
        *("chain_qty", "chain_value", "chain_open", "chain_changed_at", "ended_as", "evidence"),
    }
)
"""Columns that only the state machine reads: they are derived, and differ with its version."""


EVENTS_A_LEDGER = 5000
"""A ledger remembers the orders it has touched; of a long history that would be all of them."""


class LeftOut(Struct, frozen=True):
    """An event of the journal that is not in the rebuilt one."""

    seq: int
    kind: str
    client_order_id: str
    why: str


class RowDifference(Struct, frozen=True):
    """One value that came out differently; None where there is no such row (or no value)."""

    table: str
    key: str
    column: str
    was: str | None
    now: str | None


class Rebuilt(Struct, frozen=True):
    """A journal derived anew in a file of its own."""

    source: Path
    path: Path
    events: int
    left_out: tuple[LeftOut, ...] = ()
    differences: tuple[RowDifference, ...] = ()

    @property
    def is_same(self) -> bool:
        return not self.left_out and not self.differences


def rebuild(journal: Journal) -> int:
    """Throw the derived tables away and replay the whole history; returns the events replayed.

    One transaction: other processes see the old tables or the new ones. The result is identical
    to what was there, unless the tables were damaged or the rules have changed since.
    """
    with journal.transaction():
        journal.clear_derived()
        lay_archived(journal)
        count, since = 0, journal.lives_since()
        for events in _in_batches(journal.all_events(), since):
            ledger = Ledger(journal, replaying=True, lives_since=since)
            for record in events:
                ledger.replay(OrderEvent.from_record(record))
            ledger.flush()
            count += len(events)
    return count


def _in_batches(events: Iterator[EventRecord], since: int) -> Iterator[list[EventRecord]]:
    """None has events of before and after `since`: with the first one after it lives begin, by what
    the journal holds then."""
    while batch := list(itertools.islice(events, EVENTS_A_LEDGER)):
        before = [event for event in batch if event.seq <= since]
        yield from filter(None, (before, batch[len(before) :]))


def rebuilt_into(source: Path, now: datetime, target: Path | None = None) -> Rebuilt:
    """Derive the journal at `source` anew in `target`, a new file, and compare the two.

    Raises JournalError; then there is no target.
    """
    path = target or default_target(source, now)
    copy = copied_to(source, path)
    try:
        left_out = list(_not_believed(copy))
        leave_out(copy, [item.seq for item in left_out])
        if left_out:  # what they told falsely is read from the broker once more
            copy.meta_delete(SYNC_KEY)
        with derived_set_aside(copy):
            events = rebuild(copy)
            differences = tuple(_differences(copy))
    except BaseException:
        copy.close()
        path.unlink(missing_ok=True)
        raise
    copy.close()
    return Rebuilt(source, path, events, tuple(left_out), differences)


# --- what is impossible ------------------------------------------------------------------------


def _not_believed(journal: Journal) -> Iterator[LeftOut]:
    for item in readable_events(journal):
        if isinstance(item, Unreadable):
            yield LeftOut(item.seq, "?", "", item.why)
            continue
        why = trouble_of(item)
        if why:
            yield LeftOut(item.seq, item.kind, item.client_order_id, why)


def trouble_of(record: EventRecord) -> str:
    """Why a report cannot be believed; empty for one that can, and for what we did ourselves."""
    if record.source is EventSource.LOCAL:
        return ""
    for name, trouble in _checks(record):
        if trouble:
            return f"{name}: {trouble}"
    return ""


def _checks(record: EventRecord) -> Iterator[tuple[str, str]]:
    yield "order id", id_trouble(record.order_id, is_brokers=True) if record.order_id else ""
    yield "client_order_id", client_id_trouble(record.client_order_id)
    if record.at is not None:
        yield "at", time_trouble(record.at, record.recorded_at)
    for name in ("qty", "cum_qty", "position_qty"):
        value: Decimal | None = getattr(record, name)
        yield name, qty_trouble(value) if value is not None else ""
    yield "price", number_trouble(record.price) if record.price is not None else ""
    if not record.client_order_id:  # an adjustment
        yield "qty", said_trouble(record.details.get("qty"), is_qty=True)
        yield "price", said_trouble(record.details.get("price"))
    order = record.raw.get("order")
    if isinstance(order, Mapping):  # as the border judges it today
        yield "order", order_trouble(order, may_lack=True)


# --- what differs --------------------------------------------------------------------------


def _differences(copy: Journal) -> Iterator[RowDifference]:
    for row in differing_rows(copy, ignored=INTERNAL):
        yield from _row_differences(row.table, row.key, row.was, row.now)


def _row_differences(
    table: str, key: str, old: Mapping[str, object] | None, new: Mapping[str, object] | None
) -> Iterator[RowDifference]:
    if old is None or new is None:
        found = old or new or {}
        words = ", ".join(str(found[name]) for name in _TELLING[table] if found.get(name))
        yield RowDifference(table, key, "", words if old else None, words if new else None)
        return
    for column in old:
        if column not in INTERNAL and old[column] != new[column]:
            yield RowDifference(table, key, column, _text(old[column]), _text(new[column]))


_TELLING = {
    "orders": ("symbol", "side", "status", "qty", "filled_qty"),
    "fills": ("symbol", "side", "state", "net_qty", "net_price"),
    "positions": ("symbol", "qty", "avg_entry_price"),
    "position_days": ("day", "body"),
    "position_lives": ("state", "cause", "qty", "at"),
}
"""What is shown of a row that is only on one side."""


def _text(value: object) -> str | None:
    return None if value is None else str(value)
