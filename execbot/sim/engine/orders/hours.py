"""When an order may trade, and when it ends. All instants in nanoseconds."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from enum import StrEnum

from execbot.sim.calendar import new_york_date
from execbot.sim.chains.contract import LATE_CLOSE_ATTRIBUTE
from execbot.sim.chains.expiries import LATE
from execbot.sim.engine.order import Order, OrderType, TimeInForce
from execbot.sim.engine.render import at_new_york, wall_time
from execbot.sim.types import SECOND, Asset, AssetClass, Calendar, Ns, TradingDay, TradingSession

OVERNIGHT_LENGTH: Ns = 8 * 3600 * SECOND  # 20:00 to 04:00, before each trading day
GTC_DAYS = 90
CHUNK_DAYS = 400
AGED_CANCEL_DELAY: Ns = 15 * 60 * SECOND  # a GTC order of 90 days is canceled at 16:15


class Window(StrEnum):
    """The sessions an order can trade in."""

    ALWAYS = "always"
    REGULAR = "regular"
    LATE = "late"  # regular and a quarter of an hour more: options of some funds
    EXTENDED = "extended"  # pre-market, regular, after-hours
    AROUND = "around"  # those and the overnight session


class Hours:
    """Answers from a calendar, with the trading days around an instant kept at hand."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self._days: list[TradingDay] = []
        self._ends: list[Ns] = []
        self._from: Ns = 0
        self._to: Ns = 0

    def day(self, at: Ns) -> TradingDay:
        """The first trading day whose after-hours session ends later than `at`."""
        if not self._from <= at < self._to:
            self._load(wall_time(at).date())
        return self._days[bisect_right(self._ends, at)]

    def _load(self, base: date) -> None:
        first, last = base - timedelta(days=10), base + timedelta(days=CHUNK_DAYS)
        self._from = at_new_york(first, 0)
        self._to = at_new_york(last - timedelta(days=30), 0)
        self._days = list(self.calendar.days(first.isoformat(), last.isoformat()))
        self._ends = [day.after_close for day in self._days]

    def _span(self, window: Window, at: Ns) -> tuple[Ns, Ns]:
        """The first opening span of a window that ends later than `at`."""
        day = self.day(at)
        if window in (Window.REGULAR, Window.LATE):
            more = LATE if window is Window.LATE else 0
            if at >= day.close + more:
                day = self.day(day.after_close)
            return day.open, day.close + more
        if window is Window.EXTENDED:
            return day.pre_open, day.after_close
        return day.pre_open - OVERNIGHT_LENGTH, day.after_close

    def is_open(self, window: Window, at: Ns) -> bool:
        if window is Window.ALWAYS or self.calendar.always_open:
            return True
        start, end = self._span(window, at)
        return start <= at < end

    def open_until(self, window: Window, at: Ns) -> Ns | None:
        """The end of the span that `at` lies in; None when it never ends."""
        if window is Window.ALWAYS or self.calendar.always_open:
            return None
        return self._span(window, at)[1]

    def open_since(self, window: Window, at: Ns) -> Ns | None:
        """The beginning of the span that `at` lies in or comes before; None when it is always
        open.
        """
        if window is Window.ALWAYS or self.calendar.always_open:
            return None
        return self._span(window, at)[0]

    def opens_at(self, window: Window, at: Ns) -> Ns:
        """The first instant from `at` on at which the window is open."""
        if window is Window.ALWAYS or self.calendar.always_open:
            return at
        return max(at, self._span(window, at)[0])

    # --- orders ----------------------------------------------------------------------------

    def session(self, at: Ns) -> TradingSession:
        return self.calendar.session(at)

    def routed_at(self, window: Window, at: Ns) -> Ns:
        """When an order sent at `at` goes to the venue: at once, or when its day begins.

        Orders for the regular session are taken from the pre-market on; what comes after the
        close is queued (`accepted`) until about 04:00 of the next trading day.
        """
        if window is Window.ALWAYS or self.calendar.always_open:
            return at
        if window not in (Window.REGULAR, Window.LATE):
            return self.opens_at(window, at)
        day = self.day(at)
        if at >= self._span(window, day.open)[1]:
            day = self.day(day.after_close)
        return max(at, day.pre_open)

    def day_end(self, window: Window, at: Ns) -> Ns:
        """When a day order sent at `at` expires."""
        if window is Window.ALWAYS or self.calendar.always_open:
            return self.calendar.next_close(at)
        if window in (Window.REGULAR, Window.LATE):
            return self._span(window, at)[1]
        return self.day(at).after_close

    def gtc_end(self, at: Ns) -> Ns:
        """16:00 New York, 90 days on."""
        return at_new_york(wall_time(at).date() + timedelta(days=GTC_DAYS), 16)

    def auction_at(self, tif: TimeInForce, at: Ns) -> Ns:
        """The opening or closing auction an order sent at `at` takes part in."""
        if tif is TimeInForce.OPG:
            return self.calendar.next_open(at)
        return self.calendar.next_close(at)

    def trading_date(self, at: Ns) -> str:
        """The date whose sessions `at` belongs to; after the regular close still the same."""
        if self.calendar.always_open:
            return new_york_date(at)
        return self.day(at).date

    def end_of(self, date_: str) -> Ns:
        """When a trading date is over: the end of its last session."""
        day = self.calendar.day(date_)
        if self.calendar.always_open or day is None:
            return at_new_york(date.fromisoformat(date_) + timedelta(days=1), 0)
        return day.after_close

    def date_before(self, at: Ns) -> str:
        """The trading date of the last regular close before the present one began."""
        if self.calendar.always_open:  # midnight, which ended the day before
            return new_york_date(self.previous_close(at) - 1)
        self.day(at)
        index = bisect_right(self._ends, at)
        return self._days[max(index - 1, 0)].date

    def previous_close(self, at: Ns) -> Ns:
        """The last regular close before the trading date of `at` began."""
        if self.calendar.always_open:
            local = wall_time(at).date()
            return at_new_york(local, 0)
        day = self.day(at)
        index = bisect_right(self._ends, at)
        return self._days[index - 1].close if index else day.pre_open


def option_window(asset: Asset) -> Window:
    return Window.LATE if LATE_CLOSE_ATTRIBUTE in asset.attributes else Window.REGULAR


def window_of(order: Order, asset: Asset, overnight_allowed: bool) -> Window:
    """Which sessions an order can trade in."""
    if order.asset_class is AssetClass.CRYPTO:
        return Window.ALWAYS
    if order.asset_class is AssetClass.US_OPTION:
        return option_window(asset)
    if not order.extended_hours or order.type is not OrderType.LIMIT:
        return Window.REGULAR
    if overnight_allowed and "overnight_tradable" in asset.attributes:
        return Window.AROUND
    return Window.EXTENDED
