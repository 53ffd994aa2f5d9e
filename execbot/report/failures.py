"""What failed, why, and whether it recovered: by the kind of error, from the audit trail. Pure.

Episodes are those of `recoveries`; here they are told apart by what began them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from execbot.journal.records import AuditRow
from execbot.model.enums import ErrorCategory
from execbot.report.recoveries import ENDS

_LATER_TRY = re.compile(r"\.(r\d+|\d+)$")
"""What the id of another try ends with; the first one's id is before it."""


class Failure(Struct, frozen=True):
    """One cause. `recovered`: the order went out after all or is queued; `lost`: it was given up;
    `open`: in doubt."""

    cause: str
    category: str
    recovered: int = 0
    lost: int = 0
    open: int = 0

    @property
    def failures(self) -> int:
        return self.recovered + self.lost + self.open


def failures_of(rows: Iterable[AuditRow]) -> Sequence[Failure]:
    """The most frequent first. An episode's cause is its last error before the end."""
    causes: dict[str, tuple[str, str]] = {}
    ends: Counter[tuple[tuple[str, str], str]] = Counter()
    for row in rows:
        first = first_try(row.subject)
        kind = row.facts.get("kind")
        if kind:
            category = str(row.facts.get("category", ErrorCategory.FATAL))
            causes[first] = (str(kind), category)
        end = ENDS.get(row.result)
        if end is not None:
            known = causes.get(first)
            ends[known or _by_category(row), end] += 1
    found = [
        Failure(cause, category, *(ends[(cause, category), end] for end in _NAMES))
        for cause, category in {key for key, _ in ends}
    ]
    return sorted(found, key=lambda one: (-one.failures, one.cause, one.category))


_NAMES = ("recovered", "lost", "open")


def _by_category(row: AuditRow) -> tuple[str, str]:
    """Ended with no error of its own on record: after a late rejection of the broker, say."""
    return row.rule, str(row.facts.get("category", ErrorCategory.FATAL))


def first_try(client_order_id: str) -> str:
    while (shorter := _LATER_TRY.sub("", client_order_id)) != client_order_id:
        client_order_id = shorter
    return client_order_id
