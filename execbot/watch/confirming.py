"""Confirming executions while `watch` runs: on a thread and a journal connection of its own.

Nothing that protects a position ever waits for it. The loop reports what it finds, each version
once: the mark of what was reported is written a turn later.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from msgspec.structs import replace

from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.quality.cash_check import CashCheck, cash_alert_words
from execbot.quality.confirmer import Confirmer
from execbot.quality.shown import as_text, confirmation_json, in_words
from execbot.quality.telling import ALERTED, REPORTED, NewVersion, alerts_in, news_since
from execbot.watch.core.jobs import Note
from execbot.watch.core.notes import alarm

log = logging.getLogger("execbot.watch")

TURN_SECONDS = 0.5
LOOKS_A_TURN = 4
BATCHES_A_TURN = 4
GOODBYE_SECONDS = 2.0


def confirmation_note(new: NewVersion) -> Note:
    item = new.item
    data = {"event_id": new.event_id, **as_text(confirmation_json(item))}
    return Note("confirmation", in_words(item), data)


def alarms_of(new: NewVersion) -> list[Note]:
    """What differs for the first time. All of it is sent as an alert too."""
    notes = []
    for kind, symbol, words in alerts_in(new):
        note = alarm(kind, symbol, words, critical=True)
        data = {**note.data, "event_id": f"{new.event_id}:{kind}"}
        notes.append(replace(note, data=data))
    return notes


class ConfirmationNews:
    """The versions that are to be reported next. Reads and writes may raise JournalError.

    The first run on a journal tells nothing that was confirmed before this was made.
    """

    def __init__(self, journal: Journal, now: Callable[[], datetime]) -> None:
        self._journal = journal
        self._now = now
        self._mark: int | None = None
        self._saved = 0
        with suppress(JournalError):  # read with the first look then
            self._begin()

    def _begin(self) -> int:
        """Where to read on from."""
        if self._mark is None:
            kept = self._journal.meta_get(REPORTED)
            is_kept = isinstance(kept, int)
            self._mark = kept if is_kept else self._journal.last_confirmation_seq()
            self._saved = self._mark if is_kept else -1
        return self._mark

    def read_on(self) -> list[Note]:
        """What anybody has written since the last look."""
        journal, mark = self._journal, self._begin()
        last = journal.last_confirmation_seq()
        if last <= mark:
            return []
        alerted, notes = journal.meta_get(ALERTED, 0), list[Note]()
        for new in news_since(journal, mark, last, self._now()):
            notes.append(confirmation_note(new))
            notes += alarms_of(new) if new.seq > alerted else []
        self._mark = last
        return notes

    def save(self) -> None:
        """What was reported before this turn is not reported again."""
        if self._mark is None or self._mark <= self._saved:
            return
        with self._journal.transaction(recoverable=True):
            self._journal.meta_set(REPORTED, self._mark)
            if self._mark > self._journal.meta_get(ALERTED, 0):
                self._journal.meta_set(ALERTED, self._mark)
        self._saved = self._mark


class Confirming:
    """The thread. `tell` puts a note into the loop's inbox."""

    def __init__(self, confirmer: Confirmer, tell: Callable[[Note], None]) -> None:
        self._confirmer = confirmer
        self._tell = tell
        self._news = ConfirmationNews(confirmer.journal, confirmer.now)
        self._cash = CashCheck(confirmer.journal, confirmer.client, confirmer.now)
        self._failure = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="confirming", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=GOODBYE_SECONDS)

    def turn(self) -> None:
        """Confirm, tell, look up. Raises JournalError."""
        self._news.save()
        self._confirmer.take_in(batches=BATCHES_A_TURN)
        for note in self._news.read_on():
            self._tell(note)
        self._confirmer.look_up(LOOKS_A_TURN)
        if self._cash.turn():
            for words in cash_alert_words(self._cash.journal, self._cash.now()):
                self._tell(alarm("cash", "", words, critical=True))

    def _run(self) -> None:
        while not self._stopping.wait(TURN_SECONDS):
            self.guarded_turn()

    def guarded_turn(self) -> None:
        """A turn that never raises. A failure is logged once for as long as it stays the same."""
        failure = ""
        try:
            self.turn()
        except JournalError as error:
            failure = str(error)
            if failure != self._failure:
                log.error("confirmations: %s", error)
        except Exception as error:
            failure = repr(error)
            if failure != self._failure:
                log.exception("confirmations")
        if self._failure and not failure:
            log.warning("confirmations go on")
        self._failure = failure
