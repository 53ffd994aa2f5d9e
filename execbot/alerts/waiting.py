"""Alerts that no receiver has taken yet. The journal keeps each until one does.

Every alert is written down before it is sent and struck out when a receiver has taken it. One that
meets a dead network, a refusing receiver or the end of its process is sent again: by the same
process, by a running `watch`, by the next `reconcile`, or beside the next alert that goes out.
While the journal cannot be written they wait in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.model.times import iso, maybe_iso, parse_time

META_KEY = "alerts:waiting"
KEPT_MAX = 100
KEPT_FOR = timedelta(hours=24)
"""An alarm of yesterday is in the log and in the audit; as an alert it would only mislead."""

CLAIM = timedelta(seconds=60)
"""How long whoever sends an alert keeps others from sending it too; then its sender is dead."""

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)


class Parcel(Struct, frozen=True):
    """An alert to be sent. `raised_at` is the trading clock's time, the others the machine's.

    `due_at` is when it may be tried again, after a pause that grows with `tries`; `sent_until` is
    how long it counts as being sent by somebody.
    """

    title: str
    body: str
    raised_at: datetime
    id: str = ""
    tries: int = 0
    kept_at: datetime | None = None
    due_at: datetime | None = None
    sent_until: datetime | None = None
    quiet_until: datetime | None = None
    """Kept for a person's quiet hours until then."""

    @property
    def was_quiet(self) -> bool:
        return self.quiet_until is not None and self.tries == 0

    def is_due(self, at: datetime) -> bool:
        return self.is_free(at) and not _lies_ahead(self.due_at, at, LONGEST_PAUSE)

    def is_free(self, at: datetime) -> bool:
        """No process is sending it now, and nobody sleeps."""
        return not _lies_ahead(self.sent_until, at, CLAIM) and not _lies_ahead(
            self.quiet_until, at, KEPT_FOR
        )

    def is_outdated(self, at: datetime) -> bool:
        return self.kept_at is not None and at - self.kept_at > KEPT_FOR


def _lies_ahead(moment: datetime | None, at: datetime, longest: timedelta) -> bool:
    """Too far ahead: it was written before somebody set the clock back."""
    return moment is not None and at < moment <= at + longest


class WaitingAlerts(Protocol):
    """The memory of an alerter. No method raises."""

    def keep(self, parcel: Parcel, *, claimed: bool) -> Parcel:
        """Store it; returns the parcel with its id. `claimed`: the caller sends it now."""

    def strike(self, parcel_id: str) -> None:
        """Forget it: a receiver took it."""

    def put_back(self, parcel_id: str) -> None:
        """No receiver took it: let it wait for its next try."""

    def claim(self, *, at_once: bool = False) -> Parcel | None:
        """Take the oldest due alert, for this caller alone; `at_once` ignores the pauses."""

    def has_due(self) -> bool: ...


class JournalWaiting:
    """The waiting alerts of an account, shared by all its processes.

    `journal` gives the journal of the moment, or None where there is none; `clock` is the
    machine's own.
    """

    def __init__(
        self,
        journal: Callable[[], Journal | None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._memory: list[Parcel] = []
        """Those that the journal could not take."""

    def keep(self, parcel: Parcel, *, claimed: bool) -> Parcel:
        import secrets

        now = self._clock()
        until = now + CLAIM if claimed else None
        kept = replace(parcel, id=secrets.token_hex(6), kept_at=now, sent_until=until)
        self._change(lambda parcels: [*parcels, kept])
        return kept

    def strike(self, parcel_id: str) -> None:
        self._change(lambda parcels: [p for p in parcels if p.id != parcel_id])

    def put_back(self, parcel_id: str) -> None:
        now = self._clock()

        def later(parcel: Parcel) -> Parcel:
            pause = min(FIRST_PAUSE * 2 ** min(parcel.tries, 10), LONGEST_PAUSE)
            return replace(parcel, tries=parcel.tries + 1, due_at=now + pause, sent_until=None)

        self._change(lambda parcels: [later(p) if p.id == parcel_id else p for p in parcels])

    def claim(self, *, at_once: bool = False) -> Parcel | None:
        now = self._clock()
        claimed: list[Parcel] = []

        def take(parcels: list[Parcel]) -> list[Parcel]:
            claimed.clear()
            for number, parcel in enumerate(parcels):
                if parcel.is_free(now) if at_once else parcel.is_due(now):
                    claimed.append(parcel)
                    mine = replace(parcel, sent_until=now + CLAIM)
                    return [*parcels[:number], mine, *parcels[number + 1 :]]
            return parcels

        self._change(take)
        return claimed[0] if claimed else None

    def has_due(self) -> bool:
        now = self._clock()
        return any(parcel.is_due(now) for parcel in self.all())

    def all(self) -> list[Parcel]:
        try:
            journal = self._journal()
            stored = journal.meta_get(META_KEY) if journal is not None else None
        except JournalError:
            stored = None
        return _still_wanted([*_read(stored), *self._memory], self._clock())

    def _change(self, change: Callable[[list[Parcel]], list[Parcel]]) -> None:
        """Change the list in one transaction, so that one process claims an alert; or in memory."""
        try:
            journal = self._journal()
            if journal is not None:
                with journal.transaction():
                    before = [*_read(journal.meta_get(META_KEY)), *self._memory]
                    after = change(_still_wanted(before, self._clock()))
                    if after != before:
                        journal.meta_set(META_KEY, [_plain(parcel) for parcel in after])
                self._memory.clear()
                return
        except JournalError:
            pass
        self._memory = change(_still_wanted(self._memory, self._clock()))


def _still_wanted(parcels: list[Parcel], now: datetime) -> list[Parcel]:
    return [parcel for parcel in parcels if not parcel.is_outdated(now)][-KEPT_MAX:]


def _plain(parcel: Parcel) -> dict[str, Any]:
    return {
        "id": parcel.id,
        "title": parcel.title,
        "body": parcel.body,
        "raised_at": iso(parcel.raised_at),
        "tries": parcel.tries,
        "kept_at": maybe_iso(parcel.kept_at),
        "due_at": maybe_iso(parcel.due_at),
        "sent_until": maybe_iso(parcel.sent_until),
        "quiet_until": maybe_iso(parcel.quiet_until),
    }


def _read(stored: object) -> list[Parcel]:
    """Skips entries that it cannot read: this is only a list of messages."""
    found: list[Parcel] = []
    for item in stored if isinstance(stored, list) else ():
        raised = parse_time(item.get("raised_at")) if isinstance(item, Mapping) else None
        if raised is None:
            continue
        found.append(
            Parcel(
                str(item.get("title") or ""),
                str(item.get("body") or ""),
                raised,
                str(item.get("id") or ""),
                int(item.get("tries") or 0),
                parse_time(item.get("kept_at")),
                parse_time(item.get("due_at")),
                parse_time(item.get("sent_until")),
                parse_time(item.get("quiet_until")),
            )
        )
    return found
