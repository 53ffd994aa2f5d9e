"""How fast deliveries may come, and how often the same trouble is reported."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Pace:
    """A token bucket: `per_second` on average, twice that at once. `seconds` is a clock that only
    goes forward."""

    per_second: float
    seconds: Callable[[], float]
    _level: float = field(default=math.inf)
    _at: float = field(default=-math.inf)

    def take(self) -> int:
        """0 when one more may come, else the seconds after which to try again."""
        now, most = self.seconds(), 2.0 * self.per_second
        gained = (now - self._at) * self.per_second if self._at > -math.inf else most
        self._level, self._at = min(most, min(self._level, most) + gained), now
        if self._level < 1.0:
            return max(1, math.ceil((1.0 - self._level) / self.per_second))
        self._level -= 1.0
        return 0


@dataclass
class OnceAMinute:
    """Counts what repeats itself, so that it is reported at once, then at most once a minute."""

    seconds: Callable[[], float]
    every: float = 60.0
    _reported_at: float = field(default=-math.inf)
    _count: int = 0

    def count(self) -> int:
        """One more. How many to report now: 0 while the last report is younger than a minute, else
        all since that one.
        """
        self._count += 1
        if self.seconds() - self._reported_at < self.every:
            return 0
        self._reported_at, since_then = self.seconds(), self._count
        self._count = 0
        return since_then
