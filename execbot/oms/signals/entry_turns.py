"""Entries are decided one at a time; while the order of one is on its way the next is decided.

What is read for an entry, and what is decided by it, belongs to one thread. From its intent on an
order counts for every limit, whoever decides next: so the turn is given up for the time that the
broker takes to answer, as if another process decided meanwhile. What follows from the answer
is done in turn again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OnLeave = Callable[[], None]
"""Told when the order is about to leave, and others may decide."""


class Turn:
    """One thread's turn, from `EntryTurns.taken`."""

    def __init__(self, lock: threading.RLock, on_leave: OnLeave | None) -> None:
        self._lock = lock
        self._on_leave = on_leave
        self.is_ours = True
        """Not while it is given up, nor where taking it again was interrupted."""

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Inside others may decide."""
        self.is_ours = False
        self._lock.release()
        try:
            if self._on_leave is not None:
                self._on_leave()
            yield
        finally:
            self._lock.acquire()
            self.is_ours = True


class EntryTurns:
    """Whose turn it is. A thread that has it may take it once more, and gives up that one alone."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    @contextmanager
    def taken(self, on_leave: OnLeave | None = None) -> Iterator[Turn]:
        """Wait for the turn, and have it inside."""
        self._lock.acquire()
        turn = Turn(self._lock, on_leave)
        try:
            yield turn
        finally:
            if turn.is_ours:
                self._lock.release()
