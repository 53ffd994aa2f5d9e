"""A journal that was put back: what was done between its last event and then, nobody here knows."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from execbot.journal.journal import Journal
from execbot.model.times import iso, maybe_iso, parse_time

RESTORED_KEY = "restored"


class Restored(Struct, frozen=True):
    """The gap reaches from `until` (None: an empty journal) to `at`. While it `is_pending` what was
    sent in it has not been looked for at the broker, and entries stay halted."""

    at: datetime
    until: datetime | None
    source: str
    is_pending: bool = True


def restored_of(journal: Journal) -> Restored | None:
    """The last time that this journal was put back. Raises JournalError."""
    kept = journal.meta_get(RESTORED_KEY)
    at = parse_time(kept.get("at")) if isinstance(kept, dict) else None
    if at is None:
        return None
    return Restored(at, parse_time(kept.get("until")), str(kept["source"]), bool(kept["pending"]))


def remember_restored(journal: Journal, restored: Restored) -> None:
    """Raises JournalError."""
    journal.meta_set(
        RESTORED_KEY,
        {
            "at": iso(restored.at),
            "until": maybe_iso(restored.until),
            "source": restored.source,
            "pending": restored.is_pending,
        },
    )
