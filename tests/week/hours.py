"""Spans of time, and the sessions of the market. Plain values."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Span:
    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def holds(self, at: datetime) -> bool:
        return self.start <= at < self.end


@dataclass(frozen=True)
class Session:
    """The regular session of one day; the clock runs in `played`, the rest of it is stepped."""

    open: datetime
    close: datetime
    played: Sequence[Span]

    def moment(self, chance: random.Random, least: float = 0.05, most: float = 0.9) -> datetime:
        """One in which the clock runs, so far into what is played of it."""
        left = sum((span.length for span in self.played), timedelta()) * chance.uniform(least, most)
        for span in self.played:
            if left <= span.length:
                return span.start + left
            left -= span.length
        raise AssertionError("beyond its end")
