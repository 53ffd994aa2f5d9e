"""Which hours are played and which are stepped through, by the exchange's own calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from week.hours import Session, Span

NEW_YORK = ZoneInfo("America/New_York")

AROUND = timedelta(minutes=6)
"""Played before an open and after a close, too."""

SHORTLY = timedelta(minutes=1)

EVENING = timedelta(minutes=90)
"""After a close, before its day is judged: by then the hourly jobs have come round."""

MORNING = timedelta(minutes=50)
"""Before an open: what companies do takes effect, and protection is put back."""

MORNING_LASTS = timedelta(minutes=12)

OUT_OF_HOURS = (time(20, 5), time(4, 5), time(18, 0))
OUT_OF_HOURS_LASTS = timedelta(minutes=6)
"""Short spells of the overnight, the pre-market and the after-hours session."""


@dataclass(frozen=True)
class Course:
    """`sessions` by day of New York; `played` are the spans in which the clock runs; between
    `weeks` the machine is switched off."""

    sessions: dict[date, Session]
    played: Sequence[Span]
    start: datetime
    end: datetime

    def played_at(self, at: datetime) -> bool:
        return any(span.holds(at) for span in self.played)

    def next_played(self, at: datetime) -> datetime | None:
        return min((span.start for span in self.played if span.start > at), default=None)


def sessions_of(
    calendar: Sequence[dict[str, Any]], session_minutes: float | None = None
) -> dict[date, Session]:
    """Of the rows of `/v2/calendar`."""
    found = {}
    for row in calendar:
        day = date.fromisoformat(row["date"])
        opens, closes = _moment(day, row["open"]), _moment(day, row["close"])
        found[day] = Session(opens, closes, _played_of(opens, closes, session_minutes))
    return found


def _moment(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), NEW_YORK).astimezone(UTC)


def course_of(
    calendar: Sequence[dict[str, Any]],
    *,
    session_minutes: float | None = None,
    is_short: bool = False,
) -> Course:
    """All sessions whole, or of each only the first and the last minutes, half of `session_minutes`
    each. A short course leaves the spells out of hours out. Pure."""
    sessions = sessions_of(calendar, session_minutes)
    spans: list[Span] = []
    for day, session in sessions.items():
        spans += _with_edges(session, SHORTLY if is_short else AROUND)
        if not is_short:
            spans.append(
                Span(session.open - MORNING, session.open - MORNING + timedelta(minutes=12))
            )
            spans += _out_of_hours(day, session)
    last = max(session.close for session in sessions.values())
    first = min(span.start for span in spans)
    return Course(sessions, sorted(spans, key=lambda span: span.start), first, last + EVENING * 2)


def _played_of(opens: datetime, closes: datetime, minutes: float | None) -> Sequence[Span]:
    if minutes is None:
        return (Span(opens, closes),)
    half = timedelta(minutes=minutes / 2)
    return (Span(opens, opens + half), Span(closes - half, closes))


def _with_edges(session: Session, around: timedelta) -> Sequence[Span]:
    first, *_, last = (*session.played, session.played[-1])
    if first is last:
        return (Span(first.start - around, last.end + around),)
    return (Span(first.start - around, first.end), Span(last.start, last.end + around))


def _out_of_hours(day: date, session: Session) -> list[Span]:
    found = []
    for clock in OUT_OF_HOURS:
        begin = datetime.combine(day, clock, NEW_YORK).astimezone(UTC)
        if not session.open <= begin <= session.close:
            found.append(Span(begin, begin + OUT_OF_HOURS_LASTS))
    return found
