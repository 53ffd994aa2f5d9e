"""Keeps a journal's write-ahead log short while many events are written."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from execbot.journal.connection import Connection
from execbot.journal.errors import JournalError

log = logging.getLogger("execbot.journal")

EVENTS_BETWEEN = 250
"""Events between two checkpoints: committed a few at a time they fill about 2,000 pages."""


class Checkpointer:
    """Folds the log back from a thread and a connection of its own.

    Without it the commit that finds the log full (`CHECKPOINT_PAGES`) copies all of it into the
    database, and every event behind that commit waits. A checkpoint from here waits for no reader
    and no writer and lets none wait; it leaves little over. It may fail: commits then fold the log
    back as before.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = 0
        self._is_due = False
        self._is_closing = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wrote(self, events: int) -> None:
        """So many events have been committed. Called by one thread."""
        self._written += events
        if self._written >= EVENTS_BETWEEN:
            self._written = 0
            self._is_due = True
            self._wake.set()

    def close(self) -> None:
        """Finish a checkpoint that is due or under way, and end the thread."""
        self._is_closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            with Connection.open(self._path) as connection:
                while not self._is_closing or self._is_due:
                    self._wake.wait()
                    self._wake.clear()
                    if self._is_due:
                        self._is_due = False
                        connection.checkpoint()
        except JournalError as error:
            log.warning("checkpoint: %s", error)
