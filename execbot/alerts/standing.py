"""Alarms that have been told and are not over: each is told once, counted, and its end told too."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from execbot.alerts.alert import Alert, Severity
from execbot.model.times import show_age

REMIND = timedelta(hours=1)
"""An alarm that still comes after so long is told again: the first message may have been
overlooked."""


@dataclass
class _Standing:
    since: datetime
    told_at: datetime
    times: int = 1


@dataclass
class StandingAlarms:
    """Of one process; what a `watch` that has ended left standing is told anew by the next."""

    _of: dict[str, _Standing] = field(default_factory=dict)

    def is_told(self, alert: Alert, now: datetime) -> bool:
        """True where it was told, is not over, and needs no reminder yet; it is counted."""
        standing = self._of.get(alert.key)
        if standing is None:
            return False
        standing.times += 1
        return now - standing.told_at < REMIND

    def tell(self, alert: Alert, now: datetime) -> str:
        """It goes out now; what to add to its words."""
        standing = self._of.setdefault(alert.key, _Standing(now, now))
        standing.told_at = now
        if standing.times == 1:
            return ""
        return f" (for {_age(standing.since, now)}, {standing.times} times)"

    def end(self, kind: str, subject: str, words: str, now: datetime) -> Alert | None:
        """What is told of its end; None where it was not told."""
        standing = self._of.pop(f"{kind}|{subject}", None)
        if standing is None:
            return None
        came = "once" if standing.times == 1 else f"{standing.times} times"
        lasted = f"resolved after {_age(standing.since, now)}, came {came}: {words}"
        return Alert(f"resolved {kind}", lasted, subject, Severity.INFO)


def _age(since: datetime, now: datetime) -> str:
    return show_age(max(int((now - since).total_seconds()), 0))
