"""Whose halts `watch` follows beside those of what it holds, and telling other processes of it.

An entry is judged by whatever process it is given to, and none of these hears of halts: they read
in the journal what is halted, and whether a halt of their symbol would have been heard of at all.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.market.halts import FOLLOWED_KEY, WITNESS
from execbot.risk.counting import day_start

LOOK_EVERY = timedelta(seconds=2)


@dataclass
class HaltInterest:
    """The symbols of the day's signals, and the one that tells of the whole market. What waits in
    the queue is among what the loop wants anyway."""

    journal: Journal
    symbols: frozenset[str] = frozenset({WITNESS})
    looked_at: datetime | None = None
    reported: frozenset[str] | None = None

    def look(self, now: datetime) -> frozenset[str]:
        """Whose halts matter now. While the journal cannot be read it stays as it was."""
        if self.looked_at is None or not timedelta(0) <= now - self.looked_at < LOOK_EVERY:
            self.looked_at = now
            with suppress(JournalError):  # told by whoever needs it
                self.symbols = self.journal.signal_symbols(day_start(now)) | {WITNESS}
        return self.symbols

    def tell(self, followed: frozenset[str]) -> None:
        """Keep for other processes whose halts would be heard of, where that has changed."""
        if followed == self.reported:
            return
        try:
            self.journal.meta_set(FOLLOWED_KEY, sorted(followed))
        except JournalError:
            return  # the next look tries again
        self.reported = followed
