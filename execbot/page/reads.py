"""What the page reads of journal and broker: in one thread, with a journal of its own.

Everything here waits for disk and network, so nothing of it runs in the thread that serves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.look.account_state import AccountState, read_state
from execbot.desk.look.positions import positions
from execbot.desk.look.reports import span_report
from execbot.desk.queueing import queue
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.market.halts import HALTS_KEY, book_from_json
from execbot.model.errors import ExecbotError
from execbot.model.printable import harmless_line
from execbot.model.times import eastern
from execbot.page import rows
from execbot.report.span import Span
from execbot.risk.halting import current
from execbot.schemas.board import (
    BoardAccount,
    BoardConfirmation,
    BoardEvent,
    BoardHalt,
    BoardMarket,
    BoardOrder,
    BoardPosition,
    BoardQuality,
    BoardQueued,
    BoardScore,
)
from execbot.watch.show.frames import Priced

T = TypeVar("T")

JOURNAL_SECONDS = 3.0
"""How long the page waits for a journal that another process has locked."""

UNREAD = -1
EVENTS_KEPT = 200
CONFIRMATIONS_KEPT = 30
FOR_REPORTS = ("pace",)
"""Kept in the audit for figures; the page does not show them."""


class Fresh(Struct, frozen=True):
    """What the page has from the journal alone."""

    orders: dict[str, BoardOrder]
    confirmations: tuple[BoardConfirmation, ...]
    alerts: tuple[BoardEvent, ...]
    events: tuple[BoardEvent, ...]
    halt: BoardHalt


class Asked(Struct, frozen=True):
    """What the broker says too. `positions` are only there where they were asked for."""

    account: BoardAccount
    market: BoardMarket | None = None
    queue: tuple[BoardQueued, ...] | None = None
    positions: dict[str, BoardPosition] | None = None
    is_away: bool = False
    """The broker did not answer."""


class Reads:
    """Calls are carried out one after the other."""

    def __init__(self, desk: Desk) -> None:
        self._origin = desk
        self._desk: Desk | None = None
        self._version = UNREAD
        self._day: date | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="page-reads")

    async def call(self, work: Callable[[Desk], T]) -> T:
        """Call it in the thread. Raises what it raises, and JournalError."""

        def whole() -> T:
            try:
                return work(self._opened())
            finally:
                # It may have written itself, and SQLite counts the writes of others only.
                self._version = UNREAD

        return await self._in_thread(whole)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """What is under way is not waited for."""
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _opened(self) -> Desk:
        if self._desk is None:
            journal = Journal.open(self._origin.journal.path, busy_timeout_seconds=JOURNAL_SECONDS)
            self._desk = replace(self._origin, journal=journal, _closers=[])
        return self._desk

    def _close(self) -> None:
        if self._desk is not None:
            self._desk.journal.close()

    async def fresh(self) -> Fresh | None:
        """What is in the journal of today; None where nobody can have written to it since the last
        look, and that was today."""

        def look() -> Fresh | None:
            desk = self._opened()
            version, day = desk.journal.data_version(), eastern(desk.now()).date()
            if (version, day) == (self._version, self._day):
                return None
            found = read_fresh(desk)
            self._version, self._day = version, day
            return found

        return await self._in_thread(look)


def read_fresh(desk: Desk) -> Fresh:
    """Raises JournalError."""
    today = Span.at(desk.now())
    records = desk.journal.orders_of_days(today.start, today.end, with_open=True)
    confirmed = sorted(desk.journal.confirmations(today.start), key=lambda one: one.made_at)
    events = [rows.audit_event(row) for row in desk.journal.reported(today.start)]
    events = [row for row in events if row.text and row.type not in FOR_REPORTS][-EVENTS_KEPT:]
    return Fresh(
        orders={row.client_order_id: row for row in map(rows.record_row, records)},
        confirmations=tuple(map(rows.confirmation_row, confirmed[-CONFIRMATIONS_KEPT:])),
        alerts=tuple(row for row in events if row.is_alarm),
        events=tuple(events),
        halt=rows.halt_line(current(desk.journal)),
    )


def ask_broker(desk: Desk, *, with_positions: bool) -> Asked:
    """Ask the broker for the account, the session and the queue, and for the positions where no
    watch shows them. What cannot be had is named in the account's `trouble`."""
    try:
        state, views = _state(desk, with_positions=with_positions)
    except (BrokerError, JournalError) as error:
        trouble = harmless_line(error.message)
        return Asked(BoardAccount(trouble=trouble), is_away=isinstance(error, BrokerError))
    halts = [halt.symbol for halt in book_from_json(desk.journal.meta_get(HALTS_KEY)).known(
        state.market.at)]  # fmt: skip
    now = desk.now()
    return Asked(
        rows.account_line(state, now), rows.market_line(state.market, halts), _queue(desk), views
    )


def _state(
    desk: Desk, *, with_positions: bool
) -> tuple[AccountState, dict[str, BoardPosition] | None]:
    if not with_positions:
        return read_state(desk, desk.client.get_positions()), None
    found = positions(desk, totals=True)
    state = found.state or read_state(desk, desk.client.get_positions())
    now = desk.now()
    return state, {
        view.symbol: rows.position_row(
            view,
            Priced(view.current_price, None, None, now),
            found.openings[view.symbol].at if view.symbol in found.openings else None,
        )
        for view in found.views
    }


def _queue(desk: Desk) -> tuple[BoardQueued, ...] | None:
    try:
        return tuple(map(rows.queue_row, queue(desk)))
    except (BrokerError, JournalError):
        return None


def read_quality(desk: Desk, on: datetime) -> BoardQuality:
    """Today's execution quality and scorecard, as `report --daily` has them."""
    try:
        found = span_report(desk, Span.at(on))
    except ExecbotError as error:
        return BoardQuality(trouble=harmless_line(error.message))
    period = found.period
    cost, success = period.executions.all, period.executions.success
    return BoardQuality(
        day=period.span.on,
        sent=success.sent,
        taken=success.taken,
        rejected=success.rejected,
        fills=len(found.books.fills),
        mean_bps=rows.rounded(cost.by_notional),
        median_bps=rows.rounded(cost.median),
        worst_bps=rows.rounded(cost.worst),
        cost_usd=rows.cents(cost.usd),
        measured=cost.measured,
        scorecard=tuple(
            BoardScore(
                name=line.name,
                goal=line.goal,
                figure=rows.rounded(line.figure),
                unit=line.unit or None,
                n=line.n,
                judged=str(line.judged),
                basis=line.basis,
            )
            for line in period.scorecard
        ),
        notes=_lines([*period.notes, *found.warnings]),
        at=on,
    )


def _lines(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(harmless_line(line) for line in words))
