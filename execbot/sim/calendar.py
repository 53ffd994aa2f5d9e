"""Exchange hours: a market that never closes, and the real hours of US equities.

Real hours, New York time: overnight 20:00-04:00, pre-market 04:00-09:30, regular 09:30-16:00,
after-hours 16:00-20:00. On an early-close day the regular session ends at 13:00 (a few times in
history at another minute) and after-hours at 17:00. An overnight session belongs to the trading
day that follows it: it runs on the evenings from Sunday to Thursday and not before a holiday.

`data/us_equity_calendar.json` lists the weekday holidays and early closes of 1990 to 2040. In
other years every weekday is a trading day. Late openings of the past are not modelled.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from execbot.sim.types import SECOND, Calendar, Ns, TradingDay, TradingSession

NEW_YORK = ZoneInfo("America/New_York")
MINUTES_PER_DAY = 1440
PRE_OPEN, OPEN, CLOSE, AFTER_CLOSE = 4 * 60, 9 * 60 + 30, 16 * 60, 20 * 60
EARLY_AFTER_CLOSE = 17 * 60
LONGEST_CLOSURE_DAYS = 14
T_PLUS_ONE_SINCE = "2024-05-28"  # SEC Rule 15c6-1 as amended in 2023 and in 2017
T_PLUS_TWO_SINCE = "2017-09-05"


@lru_cache(maxsize=65536)  # all days of all years the calendar endpoint may answer
def new_york(day: str, minutes: int = 0) -> Ns:
    """The instant at which New York clocks show `day` (YYYY-MM-DD) 00:00 plus `minutes`."""
    base = date.fromisoformat(day) + timedelta(days=minutes // MINUTES_PER_DAY)
    hour, minute = divmod(minutes % MINUTES_PER_DAY, 60)
    moment = datetime(base.year, base.month, base.day, hour, minute, tzinfo=NEW_YORK)
    return int(moment.timestamp()) * SECOND


def new_york_date(at: Ns) -> str:
    """The date on New York's calendars at an instant."""
    return _date_at_minute(at // (60 * SECOND))


@lru_cache(maxsize=512)
def _date_at_minute(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, NEW_YORK).date().isoformat()


def _plus_days(day: str, count: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=count)).isoformat()


def _dates(start: str, end: str) -> Sequence[str]:
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    return [(first + timedelta(days=i)).isoformat() for i in range((last - first).days + 1)]


class AlwaysOpen:
    """A market that never closes: every date is a trading day from midnight to midnight.

    A first try works on a Sunday night. Day orders end at New York's midnight, and that is also
    the next close and the next open.
    """

    always_open = True

    def session(self, at: Ns) -> TradingSession:
        return TradingSession.REGULAR

    def day(self, date: str) -> TradingDay | None:
        begin, end = new_york(date), new_york(date, MINUTES_PER_DAY)
        return TradingDay(date, begin, begin, end, end, early_close=False)

    def trading_date(self, at: Ns) -> str:
        return new_york_date(at)

    def next_open(self, at: Ns) -> Ns:
        return new_york(new_york_date(at), MINUTES_PER_DAY)

    def next_close(self, at: Ns) -> Ns:
        return new_york(new_york_date(at), MINUTES_PER_DAY)

    def days(self, start: str, end: str) -> Sequence[TradingDay]:
        found = (self.day(date) for date in _dates(start, end))
        return tuple(day for day in found if day is not None)


@cache
def _special_days() -> dict[str, str]:
    """Date -> time of the early close (HH:MM), or "" for a holiday."""
    path = Path(__file__).parent / "data" / "us_equity_calendar.json"
    found: dict[str, str] = {}
    for year, lists in json.loads(path.read_text(encoding="utf-8")).items():
        found.update({f"{year}-{day}": "" for day in lists["holidays"]})
        found.update({f"{year}-{day}": at for day, at in lists["early_closes"].items()})
    return found


@lru_cache(maxsize=65536)  # all days of all years the calendar endpoint may answer
def _exchange_day(day: str) -> TradingDay | None:
    special = _special_days().get(day)
    if special == "" or date.fromisoformat(day).weekday() >= 5:
        return None
    close, after_close = CLOSE, AFTER_CLOSE
    if special is not None:
        close = int(special[:2]) * 60 + int(special[3:])
        after_close = max(EARLY_AFTER_CLOSE, close)
    return TradingDay(
        date=day,
        pre_open=new_york(day, PRE_OPEN),
        open=new_york(day, OPEN),
        close=new_york(day, close),
        after_close=new_york(day, after_close),
        early_close=special is not None,
    )


class ExchangeCalendar:
    """The four sessions of US equities, with holidays, early closes and daylight saving."""

    always_open = False

    def session(self, at: Ns) -> TradingSession:
        today = new_york_date(at)
        day = _exchange_day(today)
        if day is not None:
            if at < day.pre_open:
                return TradingSession.OVERNIGHT
            if at < day.open:
                return TradingSession.PRE
            if at < day.close:
                return TradingSession.REGULAR
            if at < day.after_close:
                return TradingSession.AFTER
        evening = new_york(today, AFTER_CLOSE)
        if at >= evening and _exchange_day(_plus_days(today, 1)) is not None:
            return TradingSession.OVERNIGHT
        return TradingSession.CLOSED

    def day(self, date: str) -> TradingDay | None:
        return _exchange_day(date)

    def trading_date(self, at: Ns) -> str:
        """The date itself until its after-hours session ends, then the next trading day."""
        today = new_york_date(at)
        day = _exchange_day(today)
        if day is not None and at < day.after_close:
            return today
        return self._next_day(today).date

    def _next_day(self, date: str) -> TradingDay:
        """The first trading day after a date."""
        for count in range(1, LONGEST_CLOSURE_DAYS):
            day = _exchange_day(_plus_days(date, count))
            if day is not None:
                return day
        raise AssertionError(f"no trading day within {LONGEST_CLOSURE_DAYS} days of {date}")

    def next_open(self, at: Ns) -> Ns:
        """The next start of a regular session after `at`."""
        today = new_york_date(at)
        day = _exchange_day(today)
        return day.open if day is not None and at < day.open else self._next_day(today).open

    def next_close(self, at: Ns) -> Ns:
        """The next end of a regular session after `at`."""
        today = new_york_date(at)
        day = _exchange_day(today)
        return day.close if day is not None and at < day.close else self._next_day(today).close

    def days(self, start: str, end: str) -> Sequence[TradingDay]:
        return _exchange_days(start, end)


@lru_cache(maxsize=1024)
def _exchange_days(start: str, end: str) -> tuple[TradingDay, ...]:
    found = (_exchange_day(date) for date in _dates(start, end))
    return tuple(day for day in found if day is not None)


def days_to_settle(day: str) -> int:
    """Trading days from a trade in shares of `day` to its settlement: one since May 2024, two
    since September 2017, three before.
    """
    return 1 if day >= T_PLUS_ONE_SINCE else 2 if day >= T_PLUS_TWO_SINCE else 3


def settlement_date(calendar: Calendar, day: str) -> str:
    """When a trade in shares of a trading day settles."""
    following = calendar.days(_plus_days(day, 1), _plus_days(day, LONGEST_CLOSURE_DAYS + 3))
    return following[days_to_settle(day) - 1].date
