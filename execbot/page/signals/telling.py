"""Where the listener and the worker report: to the log, to the page (as an event), and to a person.

A thread of its own hands alerts over: they note their times in the journal, whose lock must hold up
neither the answer nor the next signal.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from execbot.alerts import Alert, Alerter
from execbot.model.printable import harmless_line
from execbot.oms.signals.result import SignalResult
from execbot.page.signals.answers import state_of
from execbot.page.signals.feed import CONTRADICTS
from execbot.page.signals.refusals import NotTaken
from execbot.page.signals.reversals import NOT_CLOSED
from execbot.page.signals.rows import Kept, Row
from execbot.page.signals.store import StoreFailed

log = logging.getLogger("execbot.page")

Publish = Callable[[dict[str, Any]], None]
"""Takes an event: `type` and what belongs to it. Called from any thread; returns at once."""


class Teller:
    """`publish` reaches whoever looks at the page."""

    def __init__(self, alerter: Alerter, publish: Publish = lambda event: None) -> None:
        self._alerter, self._publish = alerter, publish
        self._hands = ThreadPoolExecutor(1, "signal alerts")

    def close(self) -> None:
        self._hands.shutdown()

    # --- of the listener -------------------------------------------------------------------

    def kept(self, kept: Kept) -> None:
        self._event("signal_taken", kept.row)
        if kept.entry is not None:
            self._event("signal_taken", kept.entry)

    def repeated(self, kept: Kept) -> None:
        log.info("signals: %s came again", kept.row.id)
        self._event("signal_repeated", kept.row)
        if kept.differs:
            words = f"Another signal came under the id {kept.row.id}; nothing was done for it."
            self._alert("signals.id_reused", words, kept.row.signal.symbol)

    def wrong_secret(self, count: int) -> None:
        times = "once" if count == 1 else f"{count} times"
        words = f"Signals came with a wrong secret, or without one: {times}. Nothing was taken."
        self._alert("signals.wrong_secret", words)

    def refused(self, refusal: NotTaken) -> None:
        field = f"{refusal.field}: " if refusal.field else ""
        said = refusal.message.removeprefix(field)
        self._alert("signals.refused", f"A signal was not taken: {field}{said} ({refusal.kind})")

    def not_kept(self, error: StoreFailed) -> None:
        self._alert("signals.not_kept", f"A signal was not taken: {error.message}")

    # --- of the worker ---------------------------------------------------------------------

    def done(self, row: Row, result: SignalResult | None) -> None:
        """`result` is None where only its order went on."""
        self._event("signal_update" if result is None else "signal_result", row)
        if result is None:
            return
        what = f"{row.signal.words} ({row.id})"
        log.info("signals: %s: %s %s", what, result.outcome, result.code)
        if result.is_failure:
            self._alert("signals.failed", f"{what}: {result.message}", row.signal.symbol)
        elif result.code == CONTRADICTS:
            words = f"{what} was not acted on: {result.message}"
            self._alert("signals.contradicts", words, row.signal.symbol)
        elif result.code == NOT_CLOSED:
            words = f"{what}, the other side of a reversal, was not entered: {result.message}"
            self._alert("signals.not_reversed", words, row.signal.symbol)

    def unreadable(self, number: int, why: str) -> None:
        words = f"A signal that was taken cannot be read back, nothing is done for it: {why}"
        self._alert("signals.unreadable", f"{words} (number {number} in signals.db)")

    def silence(self, hours: str) -> None:
        self._alert("signals.silent", f"No signal has come for {hours} hours.")

    # --- inside ----------------------------------------------------------------------------

    def _event(self, kind: str, row: Row) -> None:
        self._publish({"type": kind, **state_of(row)})

    def _alert(self, kind: str, words: str, subject: str = "") -> None:
        log.warning("%s: %s", kind, harmless_line(words))
        self._publish({"type": "alert", "kind": kind, "message": words, "subject": subject})
        self._hands.submit(self._alerter.alert, Alert(kind, words, subject))
