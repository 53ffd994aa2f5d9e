"""The character of a symbol's synthetic market: volatility, spread, depth, and its special shape.

A shape is added to the random path. It is a function of time alone and says how far it can
reach over a stretch, so that a search can still skip what cannot matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Protocol

from execbot.sim.calendar import new_york, new_york_date
from execbot.sim.types import SECOND

DAY = 86_400


class Regime(StrEnum):
    NORMAL = "normal"
    CALM = "calm"
    TRENDING = "trending"
    VOLATILE = "volatile"
    GAP = "gap"
    CRASH = "crash"
    THIN = "thin"


class Shape(Protocol):
    """Something added to the path, as a fraction of the base price."""

    def value(self, second: int) -> float: ...

    def bounds(self, first: int, last: int) -> tuple[float, float]:
        """Lowest and highest value in `[first, last]`, or further apart."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Factors on a symbol's own volatility, spread and sizes, and its shape."""

    volatility: float = 1.0
    spread: float = 1.0
    size: float = 1.0
    seconds_per_tick: int = 1
    levels: int = 5
    shape: Callable[[bytes], Shape] | None = None


def unit(key: bytes, number: int) -> float:
    """A number in [0, 1) that depends on the key and the number only."""
    digest = blake2b(number.to_bytes(8, "little", signed=True), key=key, digest_size=6).digest()
    return int.from_bytes(digest, "little") / float(1 << 48)


class Trend:
    """Two hours up, two hours down, 3 % each way."""

    HALF = 7_200
    REACH = 0.015

    def __init__(self, key: bytes) -> None:
        self._phase = int(unit(key, 0) * 2 * self.HALF)

    def value(self, second: int) -> float:
        position = (second + self._phase) % (2 * self.HALF)
        done = position / self.HALF if position < self.HALF else 2.0 - position / self.HALF
        return self.REACH * (2.0 * done - 1.0)

    def bounds(self, first: int, last: int) -> tuple[float, float]:
        if (first + self._phase) // self.HALF != (last + self._phase) // self.HALF:
            return -self.REACH, self.REACH
        a, b = self.value(first), self.value(last)
        return (a, b) if a < b else (b, a)


class Gaps:
    """A jump at 09:30 New York time every day; up to 5 % either side of the base."""

    REACH = 0.05

    def __init__(self, key: bytes) -> None:
        self._key = key

    def value(self, second: int) -> float:
        today = new_york_date(second * SECOND)
        opening = new_york(today, 9 * 60 + 30) // SECOND
        session = opening if second >= opening else opening - DAY
        # The hour of the opening moves with daylight saving; the day's number does not.
        return self.REACH * (2.0 * unit(self._key, session // DAY) - 1.0)

    def bounds(self, first: int, last: int) -> tuple[float, float]:
        if last - first > DAY // 8:
            return -self.REACH, self.REACH
        a, b = self.value(first), self.value(last)
        return (a, b) if a < b else (b, a)


class Crashes:
    """Once a day, at a random moment between 13:35 and 19:35 UTC, the price falls 8 to 15 %
    within two minutes; 60 % of it comes back within an hour, the rest within two more.
    """

    REACH = 0.15
    FALL, REBOUND, RECOVERY = 120, 3_600, 7_200

    def __init__(self, key: bytes) -> None:
        @lru_cache(maxsize=64)
        def crash(day: int) -> tuple[int, float]:
            begin = day * DAY + 13 * 3600 + 35 * 60 + int(unit(key, 2 * day) * 6 * 3600)
            return begin, 0.08 + 0.07 * unit(key, 2 * day + 1)

        self.crash = crash

    def value(self, second: int) -> float:
        begin, depth = self.crash(second // DAY)
        since = second - begin
        if since <= 0:
            return 0.0
        if since <= self.FALL:
            return -depth * since / self.FALL
        since -= self.FALL
        if since <= self.REBOUND:
            return -depth * (1.0 - 0.6 * since / self.REBOUND)
        since -= self.REBOUND
        if since <= self.RECOVERY:
            return -0.4 * depth * (1.0 - since / self.RECOVERY)
        return 0.0

    def bounds(self, first: int, last: int) -> tuple[float, float]:
        if first // DAY != last // DAY:
            return -self.REACH, 0.0
        begin, depth = self.crash(first // DAY)
        bottom = begin + self.FALL
        a, b = self.value(first), self.value(last)
        low = -depth if first <= bottom <= last else min(a, b)
        high = 0.0 if first <= begin <= last else max(a, b)
        return low, high


TRAITS: dict[Regime, Traits] = {
    Regime.NORMAL: Traits(),
    Regime.CALM: Traits(volatility=0.4),
    Regime.TRENDING: Traits(volatility=0.6, shape=Trend),
    Regime.VOLATILE: Traits(volatility=3.0, spread=2.5, size=0.6),
    Regime.GAP: Traits(volatility=0.8, shape=Gaps),
    Regime.CRASH: Traits(spread=1.5, size=0.7, shape=Crashes),
    Regime.THIN: Traits(spread=15.0, size=0.1, seconds_per_tick=15, levels=2),
}
