"""Reads the alert settings, and keeps what became of the last alert."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from execbot.alerts.alert import Severity
from execbot.alerts.alerter import Policy
from execbot.alerts.receivers import Delivery
from execbot.config.quiet_hours import quiet_hours
from execbot.config.schema import AlertSettings
from execbot.journal.journal import Journal
from execbot.model.times import iso, parse_time

META_KEY = "alerts:delivery"


class LastDelivery(Struct, frozen=True):
    """`refused` names who did not take it; empty where everybody did."""

    at: datetime
    taken: int
    refused: tuple[str, ...]

    @property
    def words(self) -> str:
        of = self.taken + len(self.refused)
        return f"{len(self.refused)} of {of} receivers did not take it: {', '.join(self.refused)}"


def policy_of(settings: AlertSettings) -> Policy:
    """`load` has looked at the quiet hours."""
    quiet = quiet_hours(settings.quiet_hours) if settings.quiet_hours else None
    return Policy(
        float(settings.min_interval_seconds),
        Severity(settings.min_severity.value),
        quiet,
        settings.resolved,
    )


def keep_delivery(journal: Journal, delivery: Delivery) -> None:
    """Written only when it is news: a thread of alerts should not keep the journal busy."""
    last = last_delivery(journal)
    refused = delivery.who or ("a receiver",) * delivery.refused
    if last is not None and last.refused == refused and not refused:
        return
    told = {"at": iso(datetime.now(UTC)), "taken": delivery.taken, "refused": list(refused)}
    journal.meta_set(META_KEY, told)


def last_delivery(journal: Journal) -> LastDelivery | None:
    """None where no alert ever went out, or the word of it cannot be read."""
    stored = journal.meta_get(META_KEY)
    match stored:
        case {"at": str() as at, "taken": int() as taken, "refused": list() as refused}:
            moment = parse_time(at)
            if moment is not None:
                return LastDelivery(moment, taken, tuple(str(name) for name in refused))
    return None
