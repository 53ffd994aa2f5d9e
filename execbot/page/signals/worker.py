"""Carries out what was taken, by the code of `execbot signal -`, and writes down what came of it.

A thread runs as long as the listener does. When a run ends with an error (the journal, the broker)
the next one begins with a desk opened anew; what the first had begun is looked up by the second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, cast

from execbot.desk.signals.stream import Became, LineResult, run_lines
from execbot.journal.errors import JournalError
from execbot.model.enums import Outcome
from execbot.model.errors import ExecbotError
from execbot.model.retrying import Growing
from execbot.oms.signals.claims import CLAIMED, OPEN
from execbot.oms.signals.result import REPEATED, SignalResult
from execbot.page.signals.feed import Feed
from execbot.page.signals.rows import State

if TYPE_CHECKING:
    from execbot.desk.account import Desk
    from execbot.journal.records import OrderRecord
    from execbot.page.signals.rows import Row
    from execbot.page.signals.store import SignalStore

log = logging.getLogger("execbot.page")

PAUSES = Growing(first=1.0, most=30.0, factor=2.0)
"""Before a run is begun anew."""

END_SECONDS = 25.0
"""How long the end waits for what is under way: an order that was sent is answered and kept."""


_ON_ITS_WAY = frozenset({Outcome.ACCEPTED, Outcome.PARTIALLY_FILLED, Outcome.QUEUED})
"""Outcomes that were written down while the order could still become something else."""


class Worker:
    """One thread for one account. `open_desk` opens it anew for each run; `done` hears of every
    outcome, and of what became of orders later."""

    def __init__(
        self,
        store: SignalStore,
        open_desk: Callable[[], Desk],
        done: Callable[[Row, SignalResult | None], None],
    ) -> None:
        self._store, self._open_desk, self._done = store, open_desk, done
        self._feed: Feed | None = None
        self._stop = threading.Event()
        self._trouble = ""
        self._thread = threading.Thread(target=self._run_all, name="signal worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self, row: Row) -> None:
        """Note that a signal has come, or may be given again."""
        feed = self._feed
        if feed is not None:
            feed.wake(row)

    @property
    def trouble(self) -> str:
        """Why nothing is carried out at the moment; empty where it is."""
        feed = self._feed
        return self._trouble or (feed.trouble if feed is not None else "")

    def stop(self) -> None:
        """After what is under way has been answered."""
        self._stop.set()
        feed = self._feed
        if feed is not None:
            feed.close()
        self._thread.join(END_SECONDS)

    def _run_all(self) -> None:
        pause = PAUSES.first
        while not self._stop.is_set():
            try:
                self._run()
                pause = PAUSES.first
            except ExecbotError as error:
                self._trouble = error.message
                log.warning("signals: %s", error.message)
            except Exception as error:  # a bug must not end the thread: signals would only pile up
                self._trouble = f"an internal error: {type(error).__name__}"
                log.exception("signals: the worker failed")
            if self._stop.wait(pause):
                return
            pause = min(pause * PAUSES.factor, PAUSES.most)

    def _run(self) -> None:
        desk = self._open_desk()
        heard = _Heard(desk, self._store, self._done)
        feed = heard.feed
        try:
            self._feed, self._trouble = feed, ""
            if self._stop.is_set():
                return
            run_lines(desk, cast(IO[bytes], feed), heard, follow=True, wait_seconds=0.0)
        finally:
            self._feed = None
            feed.close()
            desk.close()


class _Heard:
    """The listener of one run: keeps in the store what the run reports."""

    def __init__(
        self, desk: Desk, store: SignalStore, done: Callable[[Row, SignalResult | None], None]
    ) -> None:
        self._desk, self._store, self._done = desk, store, done
        self.feed = Feed(desk, store, self._skipped)

    def result(self, line: LineResult) -> None:
        """Keep the outcome, or have the signal handed out once more."""
        under_way = self.feed.of_line(line.number)
        data, result = _said(line), line.result
        record = None if result is None else result.record
        is_open = record is not None and not record.order.is_terminal
        if result is not None and isinstance(result.error, JournalError):
            self.feed.again(line.number)  # nothing was claimed: it is good as long as its time
            return
        if result is not None and result.code == REPEATED and under_way.was_begun:
            found = self._made_before(under_way.row, record)
            if found is None:
                self.feed.again(line.number)
                return
            data = {**data, **found}
        if record is not None and not is_open and under_way.row.order is not None:
            ended = Became(under_way.row.id, line.number, record, is_final=True)
            self._store.follow(under_way.row.number, _order_of(ended), is_final=True)
        if not (under_way.row.state is State.DONE and is_open):
            self._finish(under_way.row, data, result, is_followed=is_open)
        self.feed.answered(line.number)
        if not is_open:
            self.feed.forget(line.number)

    def became(self, update: Became) -> None:
        row = self.feed.of_line(update.line).row
        self._store.follow(row.number, _order_of(update), is_final=update.is_final)
        self._tell(row, None)
        if update.is_final:
            self.feed.forget(update.line)

    def unreleased(self, error: ExecbotError) -> None:
        log.warning("signals: entries that waited were not all sent: %s", error.message)

    def trouble(self, words: str) -> None:
        log.warning("signals: could not read what happened at the broker: %s", words)

    # --- inside ----------------------------------------------------------------------------

    def _skipped(self, row: Row, result: SignalResult) -> None:
        self._finish(row, result.to_dict(), result)

    def _finish(
        self,
        row: Row,
        data: dict[str, Any],
        result: SignalResult | None,
        *,
        is_followed: bool = False,
    ) -> None:
        known = self._desk.journal.signal(row.id)
        is_open = known is not None and known.outcome == OPEN
        now = self._desk.now()
        self._store.finish(row.number, now, data, is_followed=is_followed, may_come_again=is_open)
        self._tell(row, result)

    def _tell(self, row: Row, result: SignalResult | None) -> None:
        self._done(self._store.row(row.id) or row, result)

    def _made_before(self, row: Row, record: OrderRecord | None) -> dict[str, Any] | None:
        """What the journal says of one that an earlier attempt has carried out, by its order as it
        is now; None where that attempt may still be at it."""
        known = self._desk.journal.signal(row.id)
        if known is None or known.outcome == CLAIMED:
            return None
        said = self._desk.journal.last_audit("signal", row.id)
        code = said.rule if said is not None and "." in said.rule else None
        outcome = Outcome.NOT_SENT.value if known.outcome == OPEN else known.outcome
        if record is not None and outcome in _ON_ITS_WAY:
            outcome = record.outcome.value
        return {
            "outcome": outcome,
            "reason": code,
            "message": known.reason,
            "client_order_id": known.client_order_id,
        }


def _said(line: LineResult) -> dict[str, Any]:
    """Without the number of a line that nobody has written."""
    return {name: value for name, value in line.to_dict().items() if name != "line"}


def _order_of(update: Became) -> dict[str, Any]:
    return {name: value for name, value in update.to_dict().items() if name != "line"}
