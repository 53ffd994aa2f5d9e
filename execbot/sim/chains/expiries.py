"""When contracts expire: Fridays, third Fridays, Januaries far ahead, and every day for a few.

A Friday without trading gives its place to the trading day before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

from execbot.sim.calendar import ExchangeCalendar, new_york
from execbot.sim.types import SECOND, Ns

DAILY = frozenset({"SPY", "QQQ", "IWM"})
"""Roots with contracts for every trading day."""
DAILY_DAYS, WEEKLY_DAYS, MONTHLY_DAYS, LEAP_DAYS = 14, 56, 370, 3 * 365
FRIDAY = 4
CLOSE_MINUTES = 16 * 60
LATE: Ns = 15 * 60 * SECOND

_HOURS = ExchangeCalendar()
_DAY = timedelta(days=1)


def expiries(root: str, today: str, *, adjusted: bool = False) -> tuple[str, ...]:
    """The dates at which the contracts of a root expire that are listed on `today`, ascending.

    Contracts that a corporate action has changed have the next two months only.
    """
    return _expiries(root if root in DAILY else "", today, adjusted)


@lru_cache(maxsize=256)
def _expiries(root: str, today: str, adjusted: bool) -> tuple[str, ...]:
    first = date.fromisoformat(today)
    found: set[str] = set()
    for day in _fridays(first, first + timedelta(days=LEAP_DAYS)):
        away, third = (day - first).days, 15 <= day.day <= 21
        monthly = third and (away <= MONTHLY_DAYS or day.month == 1)
        if adjusted:
            keep = third and away <= 2 * 31
        else:
            keep = monthly or away <= WEEKLY_DAYS
        if keep:
            found.add(_trading_day(day).isoformat())
    if root and not adjusted:
        days = _HOURS.days(today, (first + timedelta(days=DAILY_DAYS)).isoformat())
        found.update(day.date for day in days)
    return tuple(sorted(day for day in found if day >= today))


def is_expiry(root: str, day: str) -> bool:
    """Whether contracts of a root ever expire on a date."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return False
    if _HOURS.day(day) is None:
        return False
    if root in DAILY:
        return True
    friday = found + timedelta(days=(FRIDAY - found.weekday()) % 7)
    return _trading_day(friday) == found


@lru_cache(maxsize=4096)
def expires_at(day: str) -> Ns:
    """The instant after which a contract of a date is worth what exercising is worth."""
    session = _HOURS.day(day)
    return new_york(day, CLOSE_MINUTES) if session is None else session.close


def _fridays(first: date, last: date) -> Iterator[date]:
    day = first + timedelta(days=(FRIDAY - first.weekday()) % 7)
    while day <= last:
        yield day
        day += 7 * _DAY


def _trading_day(day: date) -> date:
    while _HOURS.day(day.isoformat()) is None:
        day -= _DAY
    return day
