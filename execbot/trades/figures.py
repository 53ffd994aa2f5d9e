"""A figure with what it rests on: how many observations, how many it needs, its interval. Pure.

No figure is given below its minimum: a win rate of three trades is noise that looks like a fact.
The minima are ours; the intervals are of 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from statistics import fmean, stdev

from msgspec import Struct

Z = 1.959963984540054
"""Of the normal distribution: 95 % lie within so many deviations."""

TRADES_MIN = 10
"""For rates and means over trades: below, the interval of a win rate spans more than half of all
that is possible."""

CLASS_MIN = 3
"""For a mean over winners alone, or over losers alone, beside `TRADES_MIN` of all."""

SESSIONS_MIN = 30
"""For Sharpe and Sortino: with fewer the interval is wider than any difference of interest."""

YEAR_SESSIONS = 252
"""Sessions a year; fewer are not extrapolated to a year."""


class Figure(Struct, frozen=True):
    """`value` is None below `least` observations, or where it is not defined (no loss to divide
    by); `n` is how many there are. `low` and `high` are the interval, where there is one."""

    value: Decimal | float | None
    n: int
    least: int = 1
    low: float | None = None
    high: float | None = None


def figure(value: Decimal | float | None, n: int, least: int = 1) -> Figure:
    return Figure(value if n >= least else None, n, least)


def rate(hits: int, n: int, least: int = TRADES_MIN) -> Figure:
    """A share of trades with Wilson's interval, which stays within 0 and 1 and holds for few."""
    if n < least or not n:
        return Figure(None, n, least)
    share, square = hits / n, Z * Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = Z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return Figure(share, n, least, max(middle - half, 0.0), min(middle + half, 1.0))


def mean(values: Sequence[Decimal], least: int = TRADES_MIN) -> Figure:
    """A mean of amounts, with the interval of a mean (normal)."""
    n = len(values)
    if n < least or not n:
        return Figure(None, n, least)
    value = sum(values, Decimal(0)) / n
    if n < 2:
        return Figure(value, n, least)
    half = Z * stdev(map(float, values)) / math.sqrt(n)
    return Figure(value, n, least, float(value) - half, float(value) + half)


# --- of returns by session ---------------------------------------------------------------------


def sharpe(returns: Sequence[float], least: int = SESSIONS_MIN) -> Figure:
    """Mean over deviation (ddof 1) of returns by session, a year of 252; no risk-free rate taken
    off. Interval: the standard error of Lo (2002) for independent returns."""
    n = len(returns)
    deviation = stdev(returns) if n > 1 else 0.0
    if n < max(least, 2) or _is_nothing(deviation, returns):
        return Figure(None, n, least)
    each = fmean(returns) / deviation
    return _of_a_year(each, math.sqrt((1 + each * each / 2) / n), n, least)


def sortino(returns: Sequence[float], least: int = SESSIONS_MIN) -> Figure:
    """Mean over the downside deviation from 0 (the root of the mean square of the losses, over all
    sessions). Interval by the delta method, for independent returns."""
    n = len(returns)
    down = math.sqrt(fmean(min(r, 0.0) ** 2 for r in returns)) if n else 0.0
    if n < max(least, 2) or _is_nothing(down, returns):
        return Figure(None, n, least)
    middle = fmean(returns)
    influence = [
        (r - middle) / down - middle * (min(r, 0.0) ** 2 - down * down) / (2 * down**3)
        for r in returns
    ]
    return _of_a_year(middle / down, stdev(influence) / math.sqrt(n), n, least)


def _is_nothing(deviation: float, returns: Sequence[float]) -> bool:
    """Equal returns deviate by what floats round: to divide by that makes figures of 1e16."""
    return deviation <= 1e-12 * max(map(abs, returns), default=0.0) or deviation == 0.0


def _of_a_year(each: float, error: float, n: int, least: int) -> Figure:
    year = math.sqrt(YEAR_SESSIONS)
    return Figure(each * year, n, least, (each - Z * error) * year, (each + Z * error) * year)
