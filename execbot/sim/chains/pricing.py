"""Black and Scholes: values, greeks, and the volatility behind a price. All in floats.

Contracts are American and pay no dividends here, so a call is worth what a European one is, and a
put no less than what exercising it at once would bring.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, exp, log, pi, sqrt

YEAR_DAYS = 365
_ROOT_HALF = sqrt(0.5)
_DENSITY = 1.0 / sqrt(2.0 * pi)


@dataclass(frozen=True, slots=True)
class Greeks:
    """For one share: `theta` a calendar day, `vega` and `rho` a point (0.01) of their rate."""

    delta: float
    gamma: float
    theta: float
    vega: float
    rho: float


def normal(x: float) -> float:
    """The share of a normal distribution below `x`."""
    return 0.5 * erfc(-x * _ROOT_HALF)


def value(
    spot: float, strike: float, years: float, sigma: float, rate: float, is_call: bool
) -> float:
    """The fair price of one contract for each share."""
    floor = max(0.0, spot - strike if is_call else strike - spot)
    if years <= 0.0 or spot <= 0.0:
        return floor
    deviation = sigma * sqrt(years)
    d1 = log(spot / strike) / deviation + (rate / sigma) * sqrt(years) + 0.5 * deviation
    d2 = d1 - deviation
    later = strike * exp(-rate * years)
    if is_call:
        found = spot * normal(d1) - later * normal(d2)
    else:
        found = later * normal(-d2) - spot * normal(-d1)
    return max(floor, found)


def greeks(
    spot: float, strike: float, years: float, sigma: float, rate: float, is_call: bool
) -> Greeks:
    """How the price moves. `years` is above zero."""
    root = sqrt(years)
    d1 = (log(spot / strike) + (rate + 0.5 * sigma * sigma) * years) / (sigma * root)
    d2 = d1 - sigma * root
    density = _DENSITY * exp(-0.5 * d1 * d1)
    later, sign = strike * exp(-rate * years), 1.0 if is_call else -1.0
    decay = -spot * density * sigma / (2.0 * root) - sign * rate * later * normal(sign * d2)
    return Greeks(
        delta=normal(d1) if is_call else normal(d1) - 1.0,
        gamma=density / (spot * sigma * root),
        theta=decay / YEAR_DAYS,
        vega=spot * density * root / 100.0,
        rho=sign * later * years * normal(sign * d2) / 100.0,
    )


def spot_for(
    price: float,
    strike: float,
    years: float,
    sigma: float,
    rate: float,
    is_call: bool,
    *,
    near: float,
) -> float:
    """The price of the stock at which a contract is worth `price`, by halving around `near`."""
    low, high = near / 16.0, near * 16.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = value(middle, strike, years, sigma, rate, is_call) >= price
        if above == is_call:
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)
