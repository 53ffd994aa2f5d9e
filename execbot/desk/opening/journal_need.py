"""What a command needs of the journal, and what it gets when the journal cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from execbot.broker.clock import utc_now
from execbot.model.times import iso

if TYPE_CHECKING:
    from execbot.journal.journal import Journal


class Need(StrEnum):
    """What a command needs of the journal."""

    JOURNAL = "journal"
    """It may send orders: nothing happens without a durable intent."""

    EXIT = "exit"
    """It sends orders that take risk away: it needs the intent as well, but it must not wait long
    before it names the way without the journal."""

    BRAKE = "brake"
    """It takes risk away and is safe to repeat: it must not wait for a repair."""

    LOOK = "look"
    """It only shows, and the broker knows enough to be worth looking at."""


PATIENCE_SECONDS: Mapping[Need, float] = {
    Need.JOURNAL: 10.0,
    Need.EXIT: 1.0,
    Need.BRAKE: 1.0,
    Need.LOOK: 3.0,
}
"""How long a command waits while another process has locked the journal. Write transactions here
take a few milliseconds: who has locked it for a second will not let go soon, and a position that
must be closed does not wait."""


def open_journal(path: Path, need: Need) -> Journal:
    """Open the journal at `path`, or what stands in for it (`trouble` is then set). Raises
    JournalError."""
    from execbot.journal.errors import JournalError
    from execbot.journal.journal import Journal

    patience = PATIENCE_SECONDS[need]
    if need in (Need.JOURNAL, Need.EXIT):
        return Journal.open(path, busy_timeout_seconds=patience)
    try:
        journal = Journal.open(path, busy_timeout_seconds=patience)
        try:
            if need is Need.BRAKE:
                _try_out(journal)
        except JournalError:
            journal.close()
            raise
        return journal
    except JournalError as error:
        from execbot.journal.stand_in_journal import stand_in_journal

        return stand_in_journal(path, error)


def _try_out(journal: Journal) -> None:
    """Better to know before the first order is lifted than in the middle. Raises JournalError."""
    from execbot.journal.care.look_over import damage_in_reach
    from execbot.journal.errors import JournalCorrupt

    journal.orders("open")
    journal.meta_set("brake_pulled", iso(utc_now()))
    damage = damage_in_reach(journal)
    if damage:
        message = f"the journal is damaged: {journal.path} ({damage[0]})"
        raise JournalCorrupt(message, path=journal.path)
