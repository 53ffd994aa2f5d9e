"""How often orders failed and how often they recovered, by category: what the report counts.

Read from the audit trail. An episode begins with a failure and ends in one of three ways: the
order went out after all or is queued (`recovered`), it was given up (`lost`), or it is in doubt
and reconcile has the word (`open`). Fatal failures are shown, but are no episode to recover from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from execbot.journal.records import AuditRow
from execbot.model.enums import ErrorCategory


class RecoveryCount(Struct, frozen=True):
    """One category. `rate` is recovered / (recovered + lost), None without either."""

    category: ErrorCategory
    recovered: int = 0
    lost: int = 0
    open: int = 0

    @property
    def failures(self) -> int:
        return self.recovered + self.lost + self.open

    @property
    def rate(self) -> float | None:
        ended = self.recovered + self.lost
        return None if ended == 0 else self.recovered / ended


ENDS = {"recovered": "recovered", "queue": "recovered", "stop": "lost", "settle": "open"}
"""Results that end an episode; `retry` and `adjust` are steps on the way."""


def count_recoveries(rows: Iterable[AuditRow]) -> list[RecoveryCount]:
    """One count for each category in which something failed. Pure."""
    ends: Counter[tuple[ErrorCategory, str]] = Counter()
    for row in rows:
        end = ENDS.get(row.result)
        if end is not None:
            ends[ErrorCategory(row.facts.get("category", ErrorCategory.FATAL)), end] += 1
    return [
        RecoveryCount(category, *(ends[category, name] for name in ("recovered", "lost", "open")))
        for category in ErrorCategory
        if any(ends[category, name] for name in ("recovered", "lost", "open"))
    ]


def overall_rate(counts: Iterable[RecoveryCount]) -> float | None:
    """Over everything that could be recovered from: fatal failures are left out."""
    kept = [count for count in counts if count.category is not ErrorCategory.FATAL]
    recovered, lost = sum(c.recovered for c in kept), sum(c.lost for c in kept)
    return None if recovered + lost == 0 else recovered / (recovered + lost)
