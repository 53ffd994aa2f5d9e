"""The account's totals read again and again, for a screen that must not wait for them."""

from __future__ import annotations

import threading
from collections.abc import Hashable

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.look.account_state import read_state
from execbot.desk.look.totals import Totals, totals_of
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.model.timer import boot_seconds

__all__ = ["AccountTotals"]

PAUSE_SECONDS = 15.0
"""Between two looks: they cost four or five requests, of 200 a minute, and come after exits."""

SOONEST_SECONDS = 5.0
"""The same where what is held has changed meanwhile, and half of the minute's requests are left."""

AGE_MAX_SECONDS = 60.0
"""Older totals are not shown: a figure that stands still looks like one that is true."""


class AccountTotals:
    """Reads in a thread of its own, from the first question on until the desk is closed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._latest: tuple[float, Totals] | None = None
        self._held: Hashable = None
        self._has_moved = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, held: Hashable = None) -> Totals | None:
        """What was read last; None before that, and when it is too old. `held` is what the screen
        shows beside it: once that changes, the totals are read again soon."""
        if held != self._held:
            self._held = held
            self._has_moved.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._read, name="totals", daemon=True)
            self._thread.start()
            self._desk.on_close(self._close)
        latest = self._latest
        if latest is None or boot_seconds() - latest[0] > AGE_MAX_SECONDS:
            return None
        return latest[1]

    def _read(self) -> None:
        """The watch goes on whatever the broker or the journal say here."""
        try:
            journal = Journal.open(self._desk.journal.path)
        except JournalError:
            return
        # A desk of its own: facts that are kept for orders are not shared between threads.
        desk = replace(self._desk, journal=journal)
        try:
            while not self._closing.is_set():
                self._has_moved.clear()
                try:
                    state = read_state(desk, desk.client.get_positions())
                    self._latest = boot_seconds(), totals_of(state)
                except (BrokerError, JournalError):
                    pass
                self._rest(desk)
        finally:
            journal.close()

    def _rest(self, desk: Desk) -> None:
        """Wait until the next look is due."""
        self._closing.wait(SOONEST_SECONDS)
        rest = PAUSE_SECONDS - SOONEST_SECONDS
        if self._has_moved.wait(rest) and not desk.client.has_room():
            self._closing.wait(rest)

    def _close(self) -> None:
        self._closing.set()
        self._has_moved.set()
