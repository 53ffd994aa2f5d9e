"""The exchange's clock: the wall clock, or a virtual one that is set, stepped or sped up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from execbot.sim.types import SECOND, Ns

if TYPE_CHECKING:
    from execbot.sim.config import SimConfig


def format_ns(at: Ns) -> str:
    """RFC 3339 in UTC, nanoseconds with trailing zeros trimmed: `2026-10-08T15:10:18.09Z`."""
    whole, fraction = divmod(at, SECOND)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{fraction:09d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"


def http_date(at: Ns) -> str:
    """The form of the HTTP `Date` header: `Tue, 08 Oct 2013 13:30:00 GMT`."""
    return _http_date(at // SECOND)


@lru_cache(maxsize=8)
def _http_date(seconds: int) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds))


def parse_time(text: str) -> Ns:
    """An instant as people write it. Without an offset it is New York time.

    Takes `2013-10-08 09:30`, `2013-10-08T09:30:00.5Z`, `2013-10-08`, with a space or a `T`.
    Raises `ValueError` when it is none of these.
    """
    head, dot, rest = text.strip().partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    fraction, tail = rest[:digits], rest[digits:]
    if len(fraction) > 9 or (dot and not fraction):
        raise ValueError(f"time was not understood: {text!r}")
    try:
        moment = datetime.fromisoformat(head + tail)
    except ValueError:
        raise ValueError(
            f"time was not understood: {text!r} (write 2013-10-08 09:30, New York)"
        ) from None
    if moment.tzinfo is None:
        from zoneinfo import ZoneInfo

        moment = moment.replace(tzinfo=ZoneInfo("America/New_York"))
    return int(moment.timestamp()) * SECOND + int(fraction.ljust(9, "0") or "0")


@dataclass(slots=True)
class VenueClock:
    """`now = base + (wall - wall_base) * speed`.

    The wall clock is the special case of speed 1 and equal bases; a clock of speed 0 stands
    still until it is stepped. Time never runs backwards.
    """

    base: Ns
    wall_base: Ns
    speed: float = 1.0
    virtual: bool = False
    wall: Callable[[], Ns] = field(default=time.time_ns, repr=False)

    @classmethod
    def on_the_wall(cls, wall: Callable[[], Ns] = time.time_ns, offset: Ns = 0) -> VenueClock:
        now = wall()
        return cls(now + offset, now, 1.0, False, wall)

    @classmethod
    def starting(cls, at: Ns, speed: float, wall: Callable[[], Ns] = time.time_ns) -> VenueClock:
        return cls(at, wall(), speed, True, wall)

    @classmethod
    def of(cls, config: SimConfig, wall: Callable[[], Ns] = time.time_ns) -> VenueClock:
        """The clock that settings ask for: virtual from `at` on, else the wall's."""
        start = config.start
        if start is not None:
            return cls.starting(start, config.speed, wall)
        clock = cls.on_the_wall(wall, int(config.offset_seconds * SECOND))
        if config.speed != 1.0:
            clock.set_speed(config.speed)
        return clock

    def now(self) -> Ns:
        if self.speed == 0:
            return self.base
        return self.base + int((self.wall() - self.wall_base) * self.speed)

    def set(self, at: Ns) -> None:
        """Moves to `at`. Raises `ValueError` for a moment in the past."""
        if at < self.now():
            raise ValueError("the clock cannot be set back")
        self.base, self.wall_base, self.virtual = at, self.wall(), True

    def step(self, by: Ns) -> None:
        self.set(self.now() + by)

    def set_speed(self, speed: float) -> None:
        """Runs at `speed` times the wall clock from here on. Raises `ValueError` below zero."""
        if not 0 <= speed <= 1_000_000:
            raise ValueError("speed must be between 0 and 1000000")
        self.base, self.wall_base = self.now(), self.wall()
        self.speed, self.virtual = speed, True

    def wall_seconds_until(self, at: Ns) -> float | None:
        """Seconds of real time until the clock shows `at`; None while it stands still."""
        if self.speed == 0:
            return None
        return max(0.0, (at - self.now()) / SECOND / self.speed)

    def dump(self) -> dict[str, Any]:
        return {
            "base": self.base,
            "wall_base": self.wall_base,
            "speed": self.speed,
            "virtual": self.virtual,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.base, self.wall_base = state["base"], state["wall_base"]
        self.speed, self.virtual = state["speed"], state["virtual"]
