"""The findings of the last reconciliation: `health` shows its age and its breaks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from execbot.journal.journal import Journal
from execbot.model.times import iso, parse_time

KEY = "reconciled_last"
KEPT_MAX = 20
"""So many breaks are kept in words."""


class Reconciliation(Struct, frozen=True):
    """`breaks` are in words, the first of them; `count` counts all."""

    at: datetime
    count: int
    breaks: tuple[str, ...]


def last_reconciliation(journal: Journal) -> Reconciliation | None:
    """Raises JournalError."""
    kept = journal.meta_get(KEY)
    at = parse_time(kept.get("at")) if isinstance(kept, dict) else None
    if at is None:
        return None
    breaks = tuple(str(words) for words in kept.get("breaks") or ())
    return Reconciliation(at, int(kept.get("count") or 0), breaks)


def remember_reconciliation(journal: Journal, at: datetime, breaks: Sequence[str]) -> None:
    """Raises JournalError."""
    kept = list(breaks[:KEPT_MAX])
    journal.meta_set(KEY, {"at": iso(at), "count": len(breaks), "breaks": kept})
