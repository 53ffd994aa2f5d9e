"""The trading day of US equities: which session an instant lies in, and when it changes.

Pure functions over a `SessionTable` (see `calendar_cache`). Wall times are New York's and are
turned into instants date by date, so both daylight-saving switches come out right.

    20:00 (day before) - 04:00   overnight   only before a trading day (24/5, Blue Ocean ATS)
    04:00 - open                 pre-market
    09:30 - 16:00                regular     13:00 on early-close days
    close - close + 4 h          after-hours 20:00, or 17:00 on early-close days

Crypto trades round the clock and has no table: `crypto_now` is its only answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct, field

from execbot.model.account import CalendarDay, Clock
from execbot.model.times import eastern, new_york

OVERNIGHT_START = time(20, 0)
PRE_START = time(4, 0)
REGULAR_OPEN = time(9, 30)
REGULAR_CLOSE = time(16, 0)
AFTER_HOURS = timedelta(hours=4)
"""After-hours lasts four hours after the close, so 13:00 closes are followed until 17:00."""

_ONE_DAY = timedelta(days=1)


class Session(StrEnum):
    OVERNIGHT = "overnight"
    PRE = "pre"
    REGULAR = "regular"
    AFTER = "after"
    CLOSED = "closed"


EXTENDED = frozenset({Session.PRE, Session.AFTER, Session.OVERNIGHT})
"""Open, but for marked limit orders only."""


class SessionTable(Struct, frozen=True):
    """The exceptions to Monday-Friday 09:30-16:00 between `first` and `last`, both inclusive.

    `holidays` are full closures on weekdays; `odd_hours` maps a trading day to its own open and
    close. Outside the range nothing is known, and the answer is CLOSED: waiting is the safe side.
    """

    first: date
    last: date
    holidays: frozenset[date] = frozenset()
    odd_hours: Mapping[date, tuple[time, time]] = field(default_factory=dict)
    source: str = ""

    def covers(self, day: date) -> bool:
        return self.first <= day <= self.last

    def is_trading_day(self, day: date) -> bool:
        return self.covers(day) and day.weekday() < 5 and day not in self.holidays


class TradingDay(Struct, frozen=True):
    """One trading day; all instants in UTC, ascending."""

    date: date
    overnight_open: datetime
    pre_open: datetime
    open: datetime
    close: datetime
    after_close: datetime
    is_early_close: bool

    def session_at(self, at: datetime) -> Session:
        if not self.overnight_open <= at < self.after_close:
            return Session.CLOSED
        for start, session in (
            (self.close, Session.AFTER),
            (self.open, Session.REGULAR),
            (self.pre_open, Session.PRE),
        ):
            if at >= start:
                return session
        return Session.OVERNIGHT


class MarketNow(Struct, frozen=True):
    """The market at one instant. `day` is the trading day that `session` belongs to.

    `disagreement` says in words where our table and the broker's clock differ; the stricter of
    both is what `session` then shows.
    """

    at: datetime
    session: Session
    day: TradingDay | None
    next_open: datetime | None
    next_close: datetime | None
    never_closes: bool = False
    disagreement: str | None = None

    @property
    def is_open(self) -> bool:
        return self.session is Session.REGULAR

    @property
    def minutes_since_open(self) -> float | None:
        """Within the regular session of a market that closes, else None."""
        if not self.is_open or self.day is None:
            return None
        return (self.at - self.day.open).total_seconds() / 60

    @property
    def minutes_to_close(self) -> float | None:
        if not self.is_open or self.day is None:
            return None
        return (self.day.close - self.at).total_seconds() / 60


def crypto_now(at: datetime) -> MarketNow:
    """Crypto at any instant: open, with no close ahead."""
    return MarketNow(at, Session.REGULAR, None, None, None, never_closes=True)


@lru_cache(maxsize=1024)  # asked for a few days, many times a second
def _instant(day: date, wall: time) -> datetime:
    return datetime.combine(day, wall, tzinfo=new_york()).astimezone(UTC)


def trading_day(table: SessionTable, day: date) -> TradingDay | None:
    """The hours of a New York date, or None on weekends, holidays and outside the table."""
    if not table.is_trading_day(day):
        return None
    opens, closes = table.odd_hours.get(day, (REGULAR_OPEN, REGULAR_CLOSE))
    close = _instant(day, closes)
    return TradingDay(
        date=day,
        overnight_open=_instant(day - _ONE_DAY, OVERNIGHT_START),
        pre_open=_instant(day, PRE_START),
        open=_instant(day, opens),
        close=close,
        after_close=close + AFTER_HOURS,
        is_early_close=closes < REGULAR_CLOSE,
    )


def trading_days(table: SessionTable, start: date, end: date) -> Iterator[TradingDay]:
    """Trading days between two dates, both inclusive, ascending."""
    day = max(start, table.first)
    while day <= min(end, table.last):
        found = trading_day(table, day)
        if found is not None:
            yield found
        day += _ONE_DAY


def session_day(table: SessionTable, at: datetime) -> TradingDay | None:
    """The trading day whose overnight, pre, regular or after-hours session `at` lies in."""
    today = eastern(at).date()
    for candidate in (today, today + _ONE_DAY):
        day = trading_day(table, candidate)
        if day is not None and day.session_at(at) is not Session.CLOSED:
            return day
    return None


def market_now(table: SessionTable, at: datetime) -> MarketNow:
    """The market by our own table."""
    day = session_day(table, at)
    session = Session.CLOSED if day is None else day.session_at(at)
    today = eastern(at).date()
    ahead = trading_days(table, today, table.last)
    opens: datetime | None = None
    closes: datetime | None = None
    for candidate in ahead:
        if opens is None and candidate.open > at:
            opens = candidate.open
        if closes is None and candidate.close > at:
            closes = candidate.close
        if opens and closes:
            break
    return MarketNow(at, session, day, opens, closes)


def never_closes(clock: Clock) -> bool:
    """An exchange whose next close is its next open (the built-in one by default) never closes."""
    return clock.is_open and clock.next_open is not None and clock.next_open == clock.next_close


def agreed_now(table: SessionTable, at: datetime, clock: Clock | None) -> MarketNow:
    """Our table and the broker's clock together: open only where both say open.

    The broker's clock tells the regular session alone, so it cannot confirm or deny the others.
    """
    ours = market_now(table, at)
    if clock is None:
        return ours
    if never_closes(clock):
        return MarketNow(
            at, Session.REGULAR, None, clock.next_open, clock.next_close, never_closes=True
        )
    if clock.is_open == ours.is_open:
        return ours
    state = "open" if clock.is_open else "closed"
    disagreement = (
        f"the broker's clock says {state}, our calendar says {ours.session}; taken as closed"
    )
    closed = Session.CLOSED if ours.is_open else ours.session
    return MarketNow(
        at,
        closed,
        None if ours.is_open else ours.day,
        clock.next_open if ours.is_open else ours.next_open,
        ours.next_close,
        disagreement=disagreement,
    )


def holidays_ahead(table: SessionTable, after: date, count: int) -> list[tuple[date, time | None]]:
    """The next closures and early closes from a date on: (date, closing time or None if shut)."""
    shut = {day: None for day in table.holidays if day >= after}
    early = {
        day: closes
        for day, (_, closes) in table.odd_hours.items()
        if day >= after and closes < REGULAR_CLOSE
    }
    both: dict[date, time | None] = {**shut, **early}
    return sorted(both.items(), key=lambda item: item[0])[:count]


class CalendarDifference(Struct, frozen=True):
    """One date on which our table and another calendar say different things."""

    date: date
    ours: str
    theirs: str


def compare_calendars(
    table: SessionTable, broker_days: Sequence[CalendarDay], start: date, end: date
) -> list[CalendarDifference]:
    """Every date of a range where our regular hours differ from the broker's calendar."""
    theirs = {day.date: f"{day.open}-{day.close}" for day in broker_days}
    return _differences(table, lambda day: theirs.get(day.isoformat(), "closed"), start, end)


def compare_tables(
    table: SessionTable, other: SessionTable, start: date, end: date
) -> list[CalendarDifference]:
    """Every date of a range where our regular hours differ from another table's."""
    return _differences(table, lambda day: _hours_text(other, day), start, end)


def _differences(
    table: SessionTable, theirs: Callable[[date], str], start: date, end: date
) -> list[CalendarDifference]:
    days = (date.fromordinal(n) for n in range(start.toordinal(), end.toordinal() + 1))
    pairs = ((day, _hours_text(table, day), theirs(day)) for day in days)
    return [CalendarDifference(*pair) for pair in pairs if pair[1] != pair[2]]


def _hours_text(table: SessionTable, day: date) -> str:
    if not table.is_trading_day(day):
        return "closed"
    opens, closes = table.odd_hours.get(day, (REGULAR_OPEN, REGULAR_CLOSE))
    return f"{opens:%H:%M}-{closes:%H:%M}"
