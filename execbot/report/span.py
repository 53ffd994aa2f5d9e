"""What a report is about: a New York day, a week, a month, or any days from one to another. Pure.

Span.of(date(2026, 11, 20))              one day
week_of(date(2026, 11, 20))              Monday to Sunday
month_of(date(2026, 11, 20))             the 1st to the 30th
Span.between(first, last)                both included
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta

from msgspec import Struct

from execbot.model.times import day_begins, eastern

_DAY = timedelta(days=1)


class Span(Struct, frozen=True):
    """From midnight to midnight in New York: pre-market and after-hours belong to their date.

    `on` is the first day and `last` the last one, both included; `start` and `end` are the moments.
    """

    on: date
    start: datetime
    end: datetime
    last: date

    @classmethod
    def of(cls, day: date) -> Span:
        return cls.between(day, day)

    @classmethod
    def at(cls, moment: datetime) -> Span:
        return cls.of(eastern(moment).date())

    @classmethod
    def between(cls, first: date, last: date) -> Span:
        """`last` is not before `first`."""
        if last < first:
            raise ValueError(f"the span was from {first} to {last}")
        return cls(first, day_begins(first), day_begins(last + _DAY), last)

    @property
    def is_day(self) -> bool:
        return self.on == self.last

    @property
    def days(self) -> Iterator[date]:
        return (self.on + _DAY * n for n in range((self.last - self.on).days + 1))

    def holds(self, moment: datetime | None) -> bool:
        return moment is not None and self.start <= moment < self.end

    def __str__(self) -> str:
        return str(self.on) if self.is_day else f"{self.on} to {self.last}"


def week_of(day: date) -> Span:
    """Monday to Sunday."""
    monday = day - _DAY * day.weekday()
    return Span.between(monday, monday + _DAY * 6)


def month_of(day: date) -> Span:
    first = day.replace(day=1)
    following = (first + _DAY * 31).replace(day=1)
    return Span.between(first, following - _DAY)


def span_notes(span: Span, sessions: Collection[date], today: date) -> list[str]:
    """What a reader must know of the days before the figures: closed, to come, not over."""
    if span.on > today:
        return [f"{span} is still to come: there is nothing to report."]
    found = [] if sessions else [_closed(span)]
    if span.last > today:
        found.append(f"{span} is not over: reported is what has happened until {today}.")
    return found


def _closed(span: Span) -> str:
    if not span.is_day:
        return f"The exchange had no session from {span}."
    if span.on.weekday() >= 5:
        return f"{span.on} is a {span.on:%A}: the exchange is closed."
    return f"{span.on} is a holiday: the exchange is closed."
