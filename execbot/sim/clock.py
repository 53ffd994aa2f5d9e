"""The exchange's clock: the wall clock, or a virtual one that is set, stepped or sped up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from execbot.sim.config import SPEED_MAX, SimConfig
from execbot.sim.types import LATEST, SECOND, Ns


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
        return min(self.base + int((self.wall() - self.wall_base) * self.speed), LATEST)

    def set(self, at: Ns) -> None:
        """Moves to `at`. Raises `ValueError` for a moment in the past, and for one after 2100."""
        if at < self.now():
            raise ValueError("the clock cannot be set back")
        if at >= LATEST:
            raise ValueError("the clock ends with the year 2100")
        self.base, self.wall_base, self.virtual = at, self.wall(), True

    def step(self, by: Ns) -> None:
        self.set(self.now() + by)

    def set_speed(self, speed: float) -> None:
        """Runs at `speed` times the wall clock from here on. Raises `ValueError` for a speed below
        0 or above `SPEED_MAX`.
        """
        if not 0 <= speed <= SPEED_MAX:
            raise ValueError(f"speed must be between 0 and {SPEED_MAX}")
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
