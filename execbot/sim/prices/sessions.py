"""Synthetic prices that rest while the exchange is closed.

Outside the sessions of a symbol nothing ticks, and the last quote and trade of the session stay
in force. Symbols without the attribute `overnight_tradable` also rest from 20:00 to 04:00.
Crypto never rests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from execbot.sim.assets import Directory
from execbot.sim.calendar import AFTER_CLOSE, LONGEST_CLOSURE_DAYS, new_york
from execbot.sim.prices.source import MarketPrices, merged_bar
from execbot.sim.types import (
    AssetClass,
    Bar,
    Calendar,
    Crossing,
    Level,
    Ns,
    Quote,
    Tick,
    Trade,
    TradingDay,
)


class SessionPrices:
    """A price source seen through the hours of a calendar."""

    def __init__(self, source: MarketPrices, calendar: Calendar, directory: Directory) -> None:
        self._source = source
        self._calendar = calendar
        self._nights = {
            asset.symbol: "overnight_tradable" in asset.attributes
            for asset in directory.all()
            if asset.asset_class is AssetClass.US_EQUITY
        }
        self._window = lru_cache(maxsize=2048)(self._open_window)
        # The window asked for last, for symbols that rest at night and for those that do not.
        self._latest: dict[bool, tuple[Ns, Ns, Ns]] = {}

    def _begin(self, day: TradingDay, night: bool) -> Ns:
        if not night:
            return day.pre_open
        evening = date.fromisoformat(day.date) - timedelta(days=1)
        return new_york(evening.isoformat(), AFTER_CLOSE)

    def _open_window(self, trading_date: str, night: bool) -> tuple[Ns, Ns, Ns]:
        """Of a trading date: begin and end of its sessions, end of those of the date before."""
        day = self._calendar.day(trading_date)
        assert day is not None
        today = date.fromisoformat(trading_date)
        start = (today - timedelta(days=LONGEST_CLOSURE_DAYS)).isoformat()
        yesterday = (today - timedelta(days=1)).isoformat()
        before = self._calendar.days(start, yesterday)[-1].after_close
        return self._begin(day, night), day.after_close, before

    def _window_at(self, at: Ns, night: bool) -> tuple[Ns, Ns, Ns]:
        """The window of the trading date that `at` belongs to."""
        latest = self._latest.get(night)
        if latest is None or not latest[2] <= at < latest[1]:
            latest = self._window(self._calendar.trading_date(at), night)
            self._latest[night] = latest
        return latest

    def _in_force(self, symbol: str, at: Ns) -> Ns:
        """The instant whose prices are in force at `at`."""
        night = self._nights.get(symbol)
        if night is None:
            return at
        begin, _, before = self._window_at(at, night)
        return at if at >= begin else before - 1

    def _windows(self, symbol: str, after: Ns, until: Ns) -> Iterator[tuple[Ns, Ns]]:
        """The open parts of `(after, until]`, again as `(after, until]`."""
        night = self._nights.get(symbol)
        if night is None:
            yield after, until
            return
        at = after + 1
        while at <= until:
            begin, end, _ = self._window_at(at, night)
            if begin > until:
                return
            yield max(after, begin - 1), min(until, end - 1)
            at = end

    def symbols(self) -> Sequence[str]:
        return self._source.symbols()

    def quote(self, symbol: str, at: Ns) -> Quote | None:
        return self._source.quote(symbol, self._in_force(symbol, at))

    def last_trade(self, symbol: str, at: Ns) -> Trade | None:
        return self._source.last_trade(symbol, self._in_force(symbol, at))

    def official(self, symbol: str, at: Ns) -> Decimal | None:
        return self._source.official(symbol, at)

    def book(self, symbol: str, at: Ns, side: Literal["bid", "ask"]) -> Sequence[Level]:
        return self._source.book(symbol, self._in_force(symbol, at), side)

    def next_tick(self, symbol: str, after: Ns, until: Ns) -> Tick | None:
        for begin, end in self._windows(symbol, after, until):
            found = self._source.next_tick(symbol, begin, end)
            if found is not None:
                return found
        return None

    def ticks(self, symbol: str, after: Ns, until: Ns) -> Iterator[Tick]:
        for begin, end in self._windows(symbol, after, until):
            yield from self._source.ticks(symbol, begin, end)

    def first_crossing(self, symbol: str, after: Ns, until: Ns, condition: Crossing) -> Tick | None:
        for begin, end in self._windows(symbol, after, until):
            found = self._source.first_crossing(symbol, begin, end, condition)
            if found is not None:
                return found
        return None

    def peak(self, symbol: str, after: Ns, until: Ns, *, highest: bool) -> Decimal | None:
        windows = self._windows(symbol, after, until)
        found = [self._source.peak(symbol, *window, highest=highest) for window in windows]
        known = [price for price in found if price is not None]
        if not known or len(known) < len(found):
            return None
        return max(known) if highest else min(known)

    def trades(self, symbol: str, start: Ns, end: Ns) -> Iterator[Trade]:
        for begin, stop in self._windows(symbol, start - 1, end):
            yield from self._source.trades(symbol, begin + 1, stop)

    def quotes(self, symbol: str, start: Ns, end: Ns) -> Iterator[Quote]:
        for begin, stop in self._windows(symbol, start - 1, end):
            yield from self._source.quotes(symbol, begin + 1, stop)

    def bar(self, symbol: str, start: Ns, end: Ns) -> Bar | None:
        windows = self._windows(symbol, start - 1, end - 1)
        parts = (self._source.bar(symbol, begin + 1, stop + 1) for begin, stop in windows)
        return merged_bar(start, (part for part in parts if part is not None))

    def bars(self, symbol: str, width: Ns, start: Ns, end: Ns) -> Iterator[Bar]:
        # A bar may begin before the window that it ends in.
        done = start - 1
        for begin, stop in self._windows(symbol, start - 1, end):
            first = max((begin + 1) // width * width, start, done + 1)
            for at in range(-(-first // width) * width, stop + 1, width):
                found = self.bar(symbol, at, at + width)
                done = at
                if found is not None:
                    yield found
