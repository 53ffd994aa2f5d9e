"""Signals from the store as the lines of `execbot signal -`, each when its turn has come.

A signal that a process before this one had begun is looked up first: the journal says whether
anything was done for it, and its order's id follows from its own, so it cannot act twice.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.desk.protect import watched_by
from execbot.desk.signals.acting import executor_of
from execbot.journal.errors import JournalError
from execbot.model.enums import UNSETTLED_STATUSES
from execbot.model.numbers import ZERO
from execbot.model.symbols import symbol_key
from execbot.model.timer import boot_seconds
from execbot.oms.errors import OmsError
from execbot.oms.signals.claims import CLAIMED, OPEN, UNFINISHED_SECONDS
from execbot.oms.signals.result import SignalResult
from execbot.oms.signals.rules import Skip
from execbot.page.signals.choosing import next_of
from execbot.page.signals.contradictions import contradiction, standing
from execbot.page.signals.intake import line_of
from execbot.page.signals.reversals import (
    Close,
    close_of,
    may_be_mended,
    refused_short,
    why_failed,
    why_late,
)
from execbot.page.signals.rows import Row, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from execbot.desk.account import Desk
    from execbot.page.signals.store import SignalStore

log = logging.getLogger("execbot.page")

READ_MAX = 500
"""Rows of one read; what waits is kept here until its turn has come."""

AGAIN_SECONDS = 1.0
"""Between two looks at a signal that cannot go on yet."""

CONTRADICTS = "signal.contradicts"


class UnderWay(Struct, frozen=True):
    """A signal that was handed out. `was_begun`: by a process before, or in an attempt before; one
    that is done is handed out so that its order is followed."""

    row: Row
    was_begun: bool


class Feed:
    """The lines of one run; `readline` is called by one thread, the rest by any."""

    def __init__(
        self, desk: Desk, store: SignalStore, on_skip: Callable[[Row, SignalResult], None]
    ) -> None:
        """`on_skip` is called with each signal that is not handed out, and with why."""
        self._desk, self._store, self._on_skip = desk, store, on_skip
        self._changed = threading.Condition()
        self._is_closed = False
        self._lines = 0
        self._handed: dict[int, UnderWay] = {}
        self._busy: dict[int, Row] = {}
        self._not_before: dict[int, float] = {}
        self._to_follow = store.followed()
        self._waiting: dict[int, Row] = {}
        self._read_to = 0
        self.trouble = ""
        """Why the last one could not be begun; empty when it could."""

    # --- for whoever acts ------------------------------------------------------------------

    def readline(self, limit: int = -1) -> bytes:
        """The next signal, when there is one; empty when the feed was closed. Raises OSError: then
        the run ends, and another one begins."""
        del limit  # a line of ours is no longer than what the store took
        try:
            while (row := self._wait()) is not None:
                line = self._prepared(row)
                if line is not None:
                    return line
        except Exception as error:
            log.exception("signals: the next one could not be read")
            raise OSError(str(error)) from error
        return b""

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def wake(self, row: Row) -> None:
        """Note that this signal has come; or has come again, and may be given again.

        A new one may stand in the store, and be found there, before this is called: it does not
        wait twice."""
        with self._changed:
            if row.state is State.BEGUN and row.number <= self._read_to:
                self._waiting[row.number] = row
            self._changed.notify_all()

    # --- for whoever hears what became of them ---------------------------------------------

    def of_line(self, number: int) -> UnderWay:
        with self._changed:
            return self._handed[number]

    def answered(self, number: int) -> None:
        """Free its symbol for the next signal; `of_line` goes on to know it."""
        with self._changed:
            self._busy.pop(number, None)
            self._changed.notify_all()

    def forget(self, number: int) -> None:
        """Note that nothing more is to come of it: what waits for its end goes on."""
        with self._changed:
            gone = self._handed.pop(number, None)
            for row in self._waiting.values():
                if gone is not None and row.after == gone.row.id:
                    self._not_before.pop(row.number, None)
            self._changed.notify_all()

    def again(self, number: int, seconds: float = AGAIN_SECONDS) -> None:
        """Hand it out once more, so much later: nothing could be made of it yet."""
        with self._changed:
            self._busy.pop(number, None)
            row = self._handed.pop(number).row
            self._put_off(replace(row, state=State.BEGUN), seconds)
            self._changed.notify_all()

    # --- inside ----------------------------------------------------------------------------

    def _wait(self) -> Row | None:
        """The row whose turn it is; None when the feed was closed."""
        while True:
            with self._changed:
                if self._is_closed:
                    return None
            row = self._to_follow.pop() if self._to_follow else self._next()
            if row is not None:
                return row
            with self._changed:
                if not self._is_closed:
                    self._changed.wait(AGAIN_SECONDS)

    def _next(self) -> Row | None:
        """Taken out of those that wait."""
        while new := self._store.unfinished(self._read_to, READ_MAX):
            with self._changed:
                self._waiting |= {row.number: row for row in new}
                self._read_to = new[-1].number
        with self._changed:
            busy = {symbol_key(row.signal.symbol) for row in self._busy.values()}
            entries = sum(row.signal.side.opens for row in self._busy.values())
            now = boot_seconds()
            late = (self._waiting[number] for number, at in self._not_before.items() if at > now)
            busy |= {symbol_key(row.signal.symbol) for row in late if not self._is_overtaken(row)}
            row = next_of(
                (self._waiting[number] for number in sorted(self._waiting)), busy, entries
            )
            if row is not None:
                del self._waiting[row.number]
                self._not_before.pop(row.number, None)
        return row

    def _prepared(self, row: Row) -> bytes | None:
        """The line of a signal, once it may be acted on; None where it is put off, or is not acted
        on."""
        was_begun = row.state is not State.WAITING
        try:
            may_go = self._can_go_on(row) if was_begun else self._fits(row)
            may_go = may_go and (row.after is None or self._may_enter(row, row.after))
        except (BrokerError, JournalError, OmsError) as error:
            self.trouble = error.message
            with self._changed:
                self._put_off(row, AGAIN_SECONDS)
            return None
        self.trouble = ""
        if not may_go:
            return None
        if not was_begun and not self._store.begin(row.number, self._desk.now()):
            return None
        with self._changed:
            self._lines += 1
            self._handed[self._lines] = UnderWay(row, was_begun)
            self._busy[self._lines] = row
        return line_of(row.signal)

    def _fits(self, row: Row) -> bool:
        """Whether it agrees with what is held. Skips it where it does not."""
        if row.previous is None:
            return True
        words = contradiction(row.previous, standing(self._desk, row.signal.symbol))
        if not words:
            return True
        skip = Skip(CONTRADICTS, f"{words}; an alert may have been missed")
        self._on_skip(row, executor_of(self._desk).skip(row.signal, skip))
        return False

    def _may_enter(self, row: Row, close_id: str) -> bool:
        """Whether the turn of a reversal's entry has come: its close is filled, nothing is held.
        Puts it off until then, and skips it where that does not come."""
        known, executor = self._desk.journal.signal(row.id), executor_of(self._desk)
        is_decided = known is not None and known.outcome not in (CLAIMED, OPEN)
        if is_decided or executor.order_of(row.signal) is not None:
            return True  # it has acted, or was decided; what became of it is reported
        trading = self._desk.settings.trading
        skip = refused_short(row.signal, allows_short=trading.risk.allow_short)
        first, may_come_again = self._store.row(close_id), False
        stage = close_of(first)
        if skip is None and stage is Close.FAILED:
            skip, may_come_again = why_failed(close_id, first), may_be_mended(first)
        elif skip is None:
            held = ZERO
            if stage is Close.DONE:
                held = standing(self._desk, row.signal.symbol).qty
                if not held:
                    return True
            is_overtaken = self._is_overtaken(row)
            if not is_overtaken and self._desk.now() < row.signal.expires_at(
                trading.signal_ttl_seconds
            ):
                with self._changed:
                    self._put_off(row, AGAIN_SECONDS)
                return False
            skip = why_late(close_id, stage, held, is_overtaken=is_overtaken)
        self._on_skip(row, executor.skip(row.signal, skip, may_come_again=may_come_again))
        return False

    def _is_overtaken(self, row: Row) -> bool:
        """Whether an exit of its symbol has come after the reversal: it is not held up by one."""
        key = symbol_key(row.signal.symbol)
        with self._changed:
            return row.after is not None and any(
                other.number > row.number
                and not other.signal.side.opens
                and symbol_key(other.signal.symbol) == key
                for other in self._waiting.values()
            )

    def _can_go_on(self, row: Row) -> bool:
        """Of one that was begun before: whether its process is known to be done with it, and
        whether its order has left is known too. One that has not is sent, as it was promised."""
        known = self._desk.journal.signal(row.id)
        if known is None or known.outcome != CLAIMED:
            return True
        age = (self._desk.now() - known.updated_at) / timedelta(seconds=1)
        if age < UNFINISHED_SECONDS:
            with self._changed:
                self._put_off(row, min(AGAIN_SECONDS, UNFINISHED_SECONDS - age))
            return False
        if watched_by(self._desk) is None:
            self._desk.oms.settle()
        executor = executor_of(self._desk)
        record = executor.order_of(row.signal)
        if record is None:
            return True  # nothing was made of it, or what was made has never left: its turn is now
        if record.status in UNSETTLED_STATUSES:
            with self._changed:
                self._put_off(row, AGAIN_SECONDS)
            return False
        executor.made_elsewhere(row.signal)  # written down: it may be too old to be acted on
        return True

    def _put_off(self, row: Row, seconds: float) -> None:
        self._waiting[row.number] = row
        self._not_before[row.number] = boot_seconds() + seconds
