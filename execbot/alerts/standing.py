"""Alarms that were reported and are not over: each is reported once and counted, and so is its end.

The journal keeps them, so that a `watch` that starts again goes on counting where the one before
it stopped, and reports the end of what that one reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field

from execbot.alerts.alert import Alert, Severity
from execbot.journal.errors import JournalError
from execbot.model.times import iso, parse_time, show_age

META_KEY = "alerts:standing"

REMIND = timedelta(hours=1)
"""An alarm that still comes after so long is reported again: the first message may have been
overlooked."""


class Standing(Struct, frozen=True):
    """One alarm: when it was first raised, when it was reported last, how often it came."""

    since: datetime
    reported_at: datetime
    times: int = 1


class StandingAlarms(Struct, eq=False):
    """`recall` and `keep` are the journal's; while it fails, what is known here counts."""

    recall: Callable[[], object] = lambda: None
    keep: Callable[[Mapping[str, object]], None] = lambda standing: None
    _of: dict[str, Standing] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    """Raised in this process: the others are left over from an earlier one."""
    _is_kept: bool = True

    def is_reported(self, alert: Alert, now: datetime) -> bool:
        """True where it was reported, is not over, and needs no reminder yet; it is counted."""
        if not alert.lasts:
            return False
        self._read()
        standing = self._of.get(alert.key)
        if standing is None:
            return False
        self._seen.add(alert.key)
        self._set(alert.key, Standing(standing.since, standing.reported_at, standing.times + 1))
        return timedelta(0) <= now - standing.reported_at < REMIND

    def tell(self, alert: Alert, now: datetime) -> str:
        """It goes out now; what to add to its words."""
        self._seen.add(alert.key)
        before = self._of.get(alert.key) or Standing(now, now)
        self._set(alert.key, Standing(before.since, now, before.times))
        if before.times == 1:
            return ""
        return f" (for {_age(before.since, now)}, {before.times} times)"

    def end(self, kind: str, subject: str, words: str, now: datetime) -> Alert | None:
        """The alert that tells its end; None if the alarm itself was never reported."""
        self._read()
        standing = self._of.get(f"{kind}|{subject}")
        if standing is None:
            return None
        self._set(f"{kind}|{subject}", None)
        came = "once" if standing.times == 1 else f"{standing.times} times"
        lasted = f"resolved after {_age(standing.since, now)}, came {came}: {words}"
        return Alert(f"resolved {kind}", lasted, subject, Severity.INFO)

    def left_over(self) -> list[tuple[str, str]]:
        """Kinds and subjects of what stands and was not raised in this process."""
        self._read()
        names = (key.partition("|") for key in self._of if key not in self._seen)
        return [(kind, subject) for kind, _, subject in names]

    def _read(self) -> None:
        if not self._is_kept:
            return
        try:
            self._of = _standing(self.recall(), self._of)
        except JournalError:
            return

    def _set(self, key: str, standing: Standing | None) -> None:
        self._of = {name: one for name, one in self._of.items() if name != key}
        if standing is not None:
            self._of[key] = standing
        plain = {name: [iso(s.since), iso(s.reported_at), s.times] for name, s in self._of.items()}
        try:
            self.keep(plain)
            self._is_kept = True
        except JournalError:
            self._is_kept = False  # what is here is newer than what is there


def _standing(stored: object, known: dict[str, Standing]) -> dict[str, Standing]:
    """As `_set` has kept them; what cannot be read is passed over. `known` where none are kept."""
    if not isinstance(stored, dict):
        return known
    found = {}
    for key, words in stored.items():
        match words:
            case [str() as since, str() as reported_at, int() as times]:
                begun, reported = parse_time(since), parse_time(reported_at)
                if begun is not None and reported is not None:
                    found[str(key)] = Standing(begun, reported, times)
    return found


def _age(since: datetime, now: datetime) -> str:
    return show_age(max(int((now - since).total_seconds()), 0))
