"""Prices to minute bars. Pure.

A price is the last trade where one is told, else the middle of the quote; it belongs to the minute
in which it was made. What is told again without news, as a quiet market is asked for, makes no bar.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.model.numbers import ZERO
from execbot.model.quote import Bar
from execbot.model.times import eastern
from execbot.watch.core.inputs import Price

MINUTE = timedelta(minutes=1)
LATE = timedelta(seconds=3)
"""A minute is over so long after its end: prices of it may still be on their way."""

SYMBOLS_MOST = 1000
"""Of so many it is known what was told last: contracts come and go, and a run may last for months.
"""


class _Running(Struct):
    """A minute that is not over yet."""

    minute: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    def take(self, value: Decimal) -> None:
        self.high, self.low, self.close = max(self.high, value), min(self.low, value), value


class MinuteBars:
    """The running minute of each symbol, and those that are over until they are asked for."""

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}
        self._seen: dict[str, datetime] = {}
        self._over: list[Bar] = []

    def take(self, price: Price, now: datetime) -> None:
        value, at = value_of(price), price.at or now
        seen = self._seen.get(price.symbol)
        if value is None or at > now + MINUTE or (seen is not None and at <= seen):
            return
        self._seen.pop(price.symbol, None)
        self._seen[price.symbol] = at  # the one that was heard of last stands at the end
        while len(self._seen) > SYMBOLS_MOST:
            del self._seen[next(iter(self._seen))]
        minute = at.replace(second=0, microsecond=0)
        running = self._running.get(price.symbol)
        if running is not None and running.minute == minute:
            running.take(value)
            return
        if running is not None:
            self._over.append(_bar(price.symbol, running))
        self._running[price.symbol] = _Running(minute, value, value, value, value)

    def finished(self, now: datetime) -> list[Bar]:
        """Minutes that are over, each once."""
        for symbol, running in list(self._running.items()):
            if running.minute + MINUTE + LATE <= now:
                self._over.append(_bar(symbol, self._running.pop(symbol)))
        over, self._over = self._over, []
        return over

    def rest(self) -> list[Bar]:
        """Everything, the minutes that run too: nobody watches any more."""
        self._over += [_bar(symbol, running) for symbol, running in self._running.items()]
        self._running.clear()
        over, self._over = self._over, []
        return over


def value_of(price: Price) -> Decimal | None:
    if price.last is not None and price.last > 0:
        return price.last
    bid, ask = price.bid, price.ask
    if bid is None or ask is None or not 0 < bid <= ask:
        return None
    return (bid + ask) / 2


def _bar(symbol: str, running: _Running) -> Bar:
    return Bar(symbol, running.minute, running.open, running.high, running.low, running.close, ZERO)


def joined(bars: Iterable[Bar], length: timedelta) -> list[Bar]:
    """Longer bars; those of a day or more are New York's days."""
    found: dict[datetime, Bar] = {}
    for bar in bars:
        if bar.at is None:
            continue
        begin = _begin(bar.at, length)
        other = found.get(begin)
        found[begin] = (
            Bar(bar.symbol, begin, bar.open, bar.high, bar.low, bar.close, bar.volume)
            if other is None
            else merged(other, bar)
        )
    return [found[begin] for begin in sorted(found)]


def merged(one: Bar, later: Bar) -> Bar:
    return Bar(
        one.symbol,
        one.at,
        one.open,
        max(one.high, later.high),
        min(one.low, later.low),
        later.close,
        one.volume + later.volume,
    )


def _begin(at: datetime, length: timedelta) -> datetime:
    if length >= timedelta(days=1):
        local = eastern(at).replace(hour=0, minute=0, second=0, microsecond=0)
        return local.astimezone(at.tzinfo)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (at - midnight) // length * length
