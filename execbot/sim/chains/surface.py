"""The volatility surface and the rate, by seed: what a day's prices of contracts are made of.

A surface stands for a whole day: the volatility of a strike depends on where the stock stood when
the day began, not on where it stands now. So on each day a call rises with its stock, second by
second, and two contracts of one strike and date share one volatility (put-call parity).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from math import log, sqrt

RATE_LOW, RATE_HIGH = 0.035, 0.05
SIGMA_LOW, SIGMA_HIGH = 0.05, 3.0
WEEK_DAYS = 7
FAR = 3.0  # deviations beyond which the smile is flat
SHORTEST_YEARS = 2 / 365


def rate(seed: int) -> float:
    """Yearly, the same for all dates."""
    return RATE_LOW + (RATE_HIGH - RATE_LOW) * _share(seed, "rate", 0)


def level(seed: int, underlying: str, ordinal: int) -> float:
    """How nervous the market of a stock is on a day, around 1; `ordinal` counts days. It drifts
    from week to week.
    """
    week, rest = divmod(ordinal, WEEK_DAYS)
    begin, end = (_share(seed, underlying, week + i) for i in (0, 1))
    return 0.9 + 0.3 * (begin + (end - begin) * rest / WEEK_DAYS)


def sigma(
    base: float, nervous: float, strike: float, reference: float, years: float, lean: float
) -> float:
    """The volatility of a strike: `base` of the stock, a smile that leans to low strikes, and
    short dates more restless than long ones.
    """
    years = max(years, SHORTEST_YEARS)
    middle = base * nervous * (1.0 + 0.06 * (sqrt(0.25 / max(years, 0.02)) - 1.0) * (nervous - 0.9))
    away = log(strike / reference) / (base * sqrt(years)) if reference > 0 else 0.0
    away = min(max(away, -FAR), FAR)
    found = middle * (1.0 - lean * away + 0.025 * away * away)
    return min(max(found, SIGMA_LOW), SIGMA_HIGH)


@lru_cache(maxsize=4096)
def _share(seed: int, name: str, number: int) -> float:
    """A number from 0 to 1 that depends on nothing else."""
    raw = blake2b(f"{seed} {name} {number}".encode(), digest_size=4).digest()
    return int.from_bytes(raw, "big") / 2**32
