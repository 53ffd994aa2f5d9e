"""When the whole journal was last looked through, and what was found: `doctor` shows its age."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from execbot.journal.journal import Journal
from execbot.model.times import iso, parse_time

VERIFIED_KEY = "verified"


class Verified(Struct, frozen=True):
    """The last look at all of it."""

    at: datetime
    is_sound: bool


def last_verified(journal: Journal) -> Verified | None:
    """Raises JournalError."""
    kept = journal.meta_get(VERIFIED_KEY)
    at = parse_time(kept.get("at")) if isinstance(kept, dict) else None
    return None if at is None else Verified(at, bool(kept.get("sound")))


def remember_verified(journal: Journal, verified: Verified) -> None:
    """Raises JournalError."""
    journal.meta_set(VERIFIED_KEY, {"at": iso(verified.at), "sound": verified.is_sound})
