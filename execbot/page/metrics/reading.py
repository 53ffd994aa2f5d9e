"""What metrics are made of: read anew at each scrape, the counters from where the last one ended.

It reads files alone: the journal (read-only, so that it waits for no lock of an order), the
heartbeat of `watch`, the store of signals.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.broker.error_table import ROWS
from execbot.config.paths import JOURNAL_NAME
from execbot.exits.protection import Surroundings, protections
from execbot.exits.rules.view import Guarded
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.journal.records import AuditRow, FillState
from execbot.model.account import Position
from execbot.model.enums import OrderStatus, PositionSide, Side
from execbot.model.symbols import multiplier_of
from execbot.model.times import day_begins, eastern
from execbot.page.metrics.tally import Tally
from execbot.risk.checks import CHECKS
from execbot.risk.halting import current
from execbot.risk.kill_switch import Level
from execbot.risk.options.held import contracts_held, largest_loss_of
from execbot.watch.heartbeat import Heartbeat, heartbeat_of
from execbot.watch.lock import holder_of

if TYPE_CHECKING:
    from execbot.desk.account import Desk

BUSY_SECONDS = 1.0
BATCH = 1000
LATE = timedelta(minutes=2)
"""A row of the audit trail may carry a time from before the last look."""

LINGERS = timedelta(minutes=2)
"""So long after midnight the figures of the day that has ended are still told, whole: a scrape in
that time sees what happened after the last one before. The new day's begin behind it."""

EQUITY_AGE_MAX = timedelta(days=5)
"""Older than a long weekend it says nothing any more."""

REJECTION_KINDS = frozenset(
    {
        *(row.kind for row in ROWS),
        "broker.rejected",
        *(f"risk.{check.code}" for check in CHECKS),
    }
)
_NO_TRADE = frozenset({FillState.ADJUSTMENT})


class HeldTotals(Struct, frozen=True):
    """What is held, at what it cost, in dollars; shares without a stop by whether a plan promises
    one."""

    counts: dict[PositionSide, int]
    cost: dict[PositionSide, Decimal]
    guards: dict[Guarded, int]
    uncovered_promised: Decimal
    uncovered_other: Decimal
    contracts: dict[PositionSide, Decimal]
    contracts_max_loss: Decimal | None
    """None where it has no end."""


class OrdersNow(Struct, frozen=True):
    open: int
    queued: int
    in_doubt: int


class Traded(Struct, frozen=True):
    """Executions of today, a busted one included: it was one."""

    counts: dict[Side, int]
    dollars: dict[Side, Decimal]


class FromJournal(Struct, frozen=True):
    """All that the journal says. `tally` goes on to be counted in."""

    tally: Tally
    traded: Traded
    holding: HeldTotals
    orders: OrdersNow
    equity: Decimal | None
    level: Level
    last_event_at: datetime | None


class Figures(Struct, frozen=True):
    """One scrape. `journal` is None while it cannot be read; `trouble` then says why."""

    journal: FromJournal | None
    trouble: str
    sizes: dict[str, int]
    is_watched: bool
    heartbeat: Heartbeat | None


class Reader:
    """Keeps where it is in the history; used by one thread at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._path = desk.directory / JOURNAL_NAME
        self._day: date | None = None
        self._tally = Tally(REJECTION_KINDS)
        self._seq = self._confirmation_seq = 0
        self._audited_at: datetime | None = None
        self._audited: set[int] = set()

    def read(self) -> Figures:
        """Never raises for what cannot be read."""
        journal, trouble = None, ""
        try:
            with Journal.open(
                self._path, read_only=True, busy_timeout_seconds=BUSY_SECONDS
            ) as opened:
                journal = self._from(opened)
        except JournalError as error:
            trouble = error.message
        return Figures(
            journal,
            trouble,
            {name: _size(path) for name, path in files_of(self._path).items()},
            holder_of(self._desk.directory) is not None,
            heartbeat_of(self._desk.directory),
        )

    def _from(self, journal: Journal) -> FromJournal:
        now = self._desk.now()
        today = eastern(now - LINGERS).date()
        began, ends = day_begins(today), day_begins(today + timedelta(days=1))
        if today != self._day or journal.last_seq() < self._seq:
            self._begin(journal, today, began, ends)
        self._count(journal, began, ends)
        return FromJournal(
            self._tally,
            _traded(journal, began, ends),
            self._holding(journal, now),
            _orders(journal),
            _equity(journal, now),
            current(journal).level,
            journal.last_written(),
        )

    def _begin(self, journal: Journal, today: date, began: datetime, ends: datetime) -> None:
        """A new day, or another file in the journal's place."""
        self._tally = Tally(REJECTION_KINDS)
        self._seq = journal.seq_before(began)
        self._confirmation_seq = journal.last_confirmation_seq()
        for item in journal.confirmations(began, ends):
            self._tally.confirmation(item)
        self._audited_at, self._audited = None, set()
        self._day = today

    def _count(self, journal: Journal, began: datetime, ends: datetime) -> None:
        """What came since the last look. What is of the next day is counted when that begins."""
        while events := journal.changes_since(self._seq, limit=BATCH):
            self._seq = events[-1].seq
            for event in events:
                if event.recorded_at < ends:
                    self._tally.event(event)
        while found := journal.confirmations_since(self._confirmation_seq, limit=BATCH):
            self._confirmation_seq = found[-1][0]
            for _, item in found:
                if began <= (item.times.first_fill or item.made_at) < ends:
                    self._tally.confirmation(item)
        since = began if self._audited_at is None else max(began, self._audited_at - LATE)
        for row in self._unseen([*journal.reported(since, ends), *journal.recoveries(since, ends)]):
            if row.kind == "recovery":
                self._tally.recovery(row)
            else:
                self._tally.audit(row)

    def _unseen(self, rows: list[AuditRow]) -> list[AuditRow]:
        new = [row for row in rows if row.seq not in self._audited]
        self._audited.update(row.seq for row in new)
        if rows:
            latest = max(row.at for row in rows)
            self._audited_at = max(latest, self._audited_at or latest)
        return new

    def _holding(self, journal: Journal, now: datetime) -> HeldTotals:
        """What is held, by the fills alone; `watch` and `health` ask what the broker would add."""
        around = Surroundings(
            now,
            self._desk.hours(now),
            self._desk.settings.trading,
            holder_of(self._desk.directory) is not None,
        )
        held = [record for record in journal.positions() if record.qty]
        contracts = contracts_held(
            Position(r.symbol, r.qty, avg_entry_price=r.avg_entry_price) for r in held
        )
        guarded = protections(journal, (), around)
        states = Counter(one.state for one in guarded)
        promised = [one for one in guarded if not one.has_no_plan]
        other = [one for one in guarded if one.has_no_plan]
        return HeldTotals(
            {side: sum(PositionSide.of(r.qty) is side for r in held) for side in PositionSide},
            {
                side: sum((abs(r.cost) for r in held if PositionSide.of(r.qty) is side), Decimal(0))
                for side in PositionSide
            },
            {state: states[state] for state in Guarded},
            sum((one.bare_qty for one in promised), Decimal(0)),
            sum((one.bare_qty for one in other), Decimal(0)),
            {
                PositionSide.LONG: sum((one.long for one in contracts), Decimal(0)),
                PositionSide.SHORT: sum((one.short for one in contracts), Decimal(0)),
            },
            largest_loss_of(contracts),
        )


def files_of(path: Path) -> dict[str, Path]:
    return {"journal": path, "wal": path.with_name(f"{path.name}-wal")}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _traded(journal: Journal, began: datetime, ends: datetime) -> Traded:
    executions = journal.executions(since=began, until=ends)
    rows = [row for row in executions if row.state not in _NO_TRADE]
    counts = Counter(row.side for row in rows)
    dollars = {side: Decimal(0) for side in Side}
    for row in rows:
        dollars[row.side] += row.qty * row.price * multiplier_of(row.symbol)
    return Traded({side: counts[side] for side in Side}, dollars)


def _orders(journal: Journal) -> OrdersNow:
    found = Counter(record.status for record in journal.orders("open", legs=False))
    queued, in_doubt = found[OrderStatus.QUEUED], found[OrderStatus.IN_DOUBT]
    return OrdersNow(found.total() - queued, queued, in_doubt)


def _equity(journal: Journal, now: datetime) -> Decimal | None:
    samples = journal.equity_samples(since=now - EQUITY_AGE_MAX)
    return samples[-1].equity if samples else None
