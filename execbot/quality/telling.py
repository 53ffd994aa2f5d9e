"""Which confirmations are reported and which raise an alert: each once, whichever process does it.

Two marks in the journal name the last version that was reported, and the last that was alerted of.
A process that is killed between reporting and marking reports again, under the same id.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from execbot.journal.confirmation import Confirmation
from execbot.journal.journal import Journal
from execbot.quality.shown import head_of, is_news, new_findings

ALERTED = "quality:alerted_seq"
REPORTED = "watch:told_confirmation"

NEWS_FOR = timedelta(hours=24)
"""What filled longer ago is history: it is in the reports, and nobody is woken for it."""


class NewVersion(Struct, frozen=True):
    """One version with the one before it; `seq` is its number in the journal."""

    seq: int
    item: Confirmation
    previous: Confirmation | None = None

    @property
    def event_id(self) -> str:
        return f"confirmation:{self.item.client_order_id}:{self.item.version}"


class Alerts(Struct, frozen=True):
    """What is to be alerted of: kind, symbol and words of each."""

    alerts: tuple[tuple[str, str, str], ...]
    until: int

    def remember(self, journal: Journal) -> None:
        if self.until > journal.meta_get(ALERTED, 0):
            journal.meta_set(ALERTED, self.until)


def versions_since(journal: Journal, mark: int, until: int, now: datetime) -> Iterator[NewVersion]:
    """Every version after the mark that is no history yet, as they were written.

    `until` is the last that is read, and the next mark: another process may write meanwhile.
    """
    while rows := journal.confirmations_since(mark):
        for seq, item in rows:
            if seq > until:
                return
            if not is_past(item, now):
                yield NewVersion(seq, item, _before(journal, item))
        mark = rows[-1][0]


def is_past(item: Confirmation, now: datetime) -> bool:
    moment = item.times.last_fill or item.times.done or item.made_at
    return now - moment > NEWS_FOR


def _before(journal: Journal, item: Confirmation) -> Confirmation | None:
    if item.version == 1:
        return None
    versions = journal.confirmation_versions(item.client_order_id)
    return next((one for one in reversed(versions) if one.version < item.version), None)


def news_since(
    journal: Journal, mark: int, until: int, now: datetime, *, patient: bool = True
) -> Iterator[NewVersion]:
    """Those of `versions_since` that are worth reporting (`is_news`)."""
    for new in versions_since(journal, mark, until, now):
        if is_news(new.previous, new.item, patient=patient):
            yield new


def alerts_of(journal: Journal, now: datetime) -> Alerts:
    """What nobody has been alerted of yet."""
    mark, last = journal.meta_get(ALERTED, 0), journal.last_confirmation_seq()
    if last <= mark:
        return Alerts((), mark)
    versions = versions_since(journal, mark, last, now)
    return Alerts(tuple(alert for new in versions for alert in alerts_in(new)), last)


def alerts_in(new: NewVersion) -> list[tuple[str, str, str]]:
    item = new.item
    return [
        (f"execution_{found.kind}", item.symbol, f"{head_of(item)}: {found.words}")
        for found in new_findings(new.previous, item)
    ]
