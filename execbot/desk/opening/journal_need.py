"""What a command needs of the journal, and what it gets when the journal cannot be used."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.broker.clock import utc_now
from execbot.model.times import iso

if TYPE_CHECKING:
    from execbot.journal.errors import JournalError
    from execbot.journal.journal import Journal


class Need(StrEnum):
    """What a command needs of the journal."""

    JOURNAL = "journal"
    """It may send orders: nothing happens without a durable intent."""

    BRAKE = "brake"
    """It takes risk away and is safe to repeat: it must not wait for a repair."""

    LOOK = "look"
    """It only shows, and the broker knows enough to be worth looking at."""


class Opened(Struct, frozen=True):
    """`trouble` is why another journal, in memory, stands in; `is_copy` what that one holds."""

    journal: Journal
    trouble: JournalError | None = None
    is_copy: bool = False


SHORT_PATIENCE_SECONDS = 3.0
"""How long a command that can do without the journal waits while another process has locked it."""


def open_journal(path: Path, need: Need) -> Opened:
    """Open the journal at `path`, or what stands in for it. Raises JournalError."""
    from execbot.journal.errors import JournalError
    from execbot.journal.journal import Journal

    if need is Need.JOURNAL:
        return Opened(Journal.open(path))
    try:
        journal = Journal.open(path, busy_timeout_seconds=SHORT_PATIENCE_SECONDS)
        try:
            if need is Need.BRAKE:
                _try_out(journal)
        except JournalError:
            journal.close()
            raise
        return Opened(journal)
    except JournalError as error:
        from execbot.journal.passing import passing_journal

        passing, is_copy = passing_journal(path)
        return Opened(passing, error, is_copy)


def _try_out(journal: Journal) -> None:
    """Better to know before the first order is lifted than in the middle. Raises JournalError."""
    from execbot.journal.errors import JournalCorrupt

    journal.orders("open")
    journal.meta_set("brake_pulled", iso(utc_now()))
    damage = journal.check()
    if damage:
        message = f"the journal is damaged: {journal.path} ({damage[0]})"
        raise JournalCorrupt(message, path=journal.path)
