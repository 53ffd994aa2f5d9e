"""Ends of contracts that are booked and whose shares are not: their rows may come later still.

Where the shares of several contracts cancel each other out nothing differs any more, and nothing
would make anybody read the rows again. So it is kept which ends deliveries are owed for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from execbot.journal.journal import Journal
from execbot.model.account import Activity
from execbot.model.times import iso, parse_time
from execbot.oms.sync.options.deliveries import ADOPTED_LATELY
from execbot.oms.sync.row_evidence import DELIVERING_ROWS

OWED_KEY = "options:owed_deliveries"
"""Meta: when each end was booked, by the id of its row."""


def note_owed(journal: Journal, rows: Iterable[Activity], now: datetime) -> None:
    """These rows are booked; call it in the transaction that does so. Raises JournalError."""
    ended = {row.id: iso(now) for row in rows if row.activity_type in DELIVERING_ROWS}
    if ended:
        journal.meta_set(OWED_KEY, {**_kept(journal), **ended})


def is_owed(journal: Journal, now: datetime) -> bool:
    """Whether rows of shares are to be looked for though nothing differs. Raises JournalError."""
    times = (parse_time(at) for at in _kept(journal).values())
    return any(at is not None and now - at < ADOPTED_LATELY for at in times)


def forget_owed(journal: Journal, delivered: Collection[str], now: datetime) -> None:
    """The shares of these ends are booked; what is too old is not waited for any more. Raises
    JournalError."""
    kept = _kept(journal)
    left = {
        name: at
        for name, at in kept.items()
        if name not in delivered
        and (moment := parse_time(at)) is not None
        and now - moment < ADOPTED_LATELY
    }
    if left != kept:
        journal.meta_set(OWED_KEY, left)


def _kept(journal: Journal) -> dict[str, str]:
    kept = journal.meta_get(OWED_KEY)
    return {str(name): str(at) for name, at in kept.items()} if isinstance(kept, dict) else {}
