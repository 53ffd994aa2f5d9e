"""Exchange hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from execbot.sim.types import SECOND, Ns, Session, TradingDay

NEW_YORK = ZoneInfo("America/New_York")


@lru_cache(maxsize=4096)
def new_york(day: str, minutes: int = 0) -> Ns:
    """The instant at which New York clocks show `day` (YYYY-MM-DD) 00:00 plus `minutes`."""
    base = date.fromisoformat(day) + timedelta(days=minutes // 1440)
    rest = minutes % 1440
    moment = datetime(base.year, base.month, base.day, rest // 60, rest % 60, tzinfo=NEW_YORK)
    return int(moment.timestamp()) * SECOND


def new_york_date(at: Ns) -> str:
    """The date on New York's calendars at an instant."""
    return datetime.fromtimestamp(at // SECOND, NEW_YORK).date().isoformat()


class AlwaysOpen:
    """A market that never closes: every date is a trading day from midnight to midnight.

    A first try works on a Sunday night. Day orders end at New York's midnight, and that is also
    the next close and the next open.
    """

    always_open = True

    def session(self, at: Ns) -> Session:
        return Session.REGULAR

    def day(self, date: str) -> TradingDay | None:
        begin, end = new_york(date), new_york(date, 1440)
        return TradingDay(date, begin, begin, end, end, early_close=False)

    def trading_date(self, at: Ns) -> str:
        return new_york_date(at)

    def next_open(self, at: Ns) -> Ns:
        return new_york(new_york_date(at), 1440)

    def next_close(self, at: Ns) -> Ns:
        return new_york(new_york_date(at), 1440)

    def days(self, start: str, end: str) -> Sequence[TradingDay]:
        first, last = date.fromisoformat(start), date.fromisoformat(end)
        count = (last - first).days + 1
        found = (self.day((first + timedelta(days=i)).isoformat()) for i in range(count))
        return tuple(day for day in found if day is not None)
