"""Prices and strikes on their grids; prices inside are whole cents."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import ceil, floor

PENNY_EVERYWHERE = frozenset({"SPY", "QQQ", "IWM"})
THREE_DOLLARS = 300

TWENTY = (
    *("SPY", "QQQ", "IWM", "AAPL", "MSFT", "NVDA", "TSLA", "AMZN", "META", "GOOGL"),
    *("AMD", "NFLX", "PLTR", "INTC", "BAC", "COIN", "MSTR", "SOFI", "MARA", "F"),
)
"""The underlyings with chains, whatever else was recorded."""
NICKEL = frozenset({"COIN", "MSTR"})
"""Those of the twenty that are not in the Penny Program."""

STRIKE_STEPS: tuple[tuple[Decimal, Decimal], ...] = (
    (Decimal(25), Decimal("0.5")),
    (Decimal(200), Decimal(1)),
    (Decimal(500), Decimal("2.5")),
    (Decimal(1000), Decimal(5)),
    (Decimal(3000), Decimal(10)),
)
WIDEST_STEP = Decimal(50)
STRIKE_MIN, STRIKE_MAX = Decimal("0.5"), Decimal(99_950)


def in_penny_program(underlying: str) -> bool:
    return underlying in TWENTY and underlying not in NICKEL


def steps(underlying: str) -> tuple[int, int]:
    """The price steps in cents: below three dollars, and from there on."""
    if underlying in PENNY_EVERYWHERE:
        return 1, 1
    return (1, 5) if in_penny_program(underlying) else (5, 10)


def step_at(underlying: str, cents: float) -> int:
    below, above = steps(underlying)
    return below if cents < THREE_DOLLARS else above


def on_grid(underlying: str, price: Decimal) -> bool:
    cents = price * 100
    return not cents % step_at(underlying, float(abs(cents)))


def bid_below(cents: float, steps_: tuple[int, int]) -> int:
    """The highest price of the grid that is no higher; 0 where there is none above zero."""
    step = steps_[0] if cents < THREE_DOLLARS else steps_[1]
    return max(floor(cents / step + 1e-9) * step, 0)


def ask_above(cents: float, bid: int, steps_: tuple[int, int]) -> int:
    """The lowest price of the grid that is no lower, and above the bid."""
    step = steps_[0] if cents <= THREE_DOLLARS else steps_[1]
    least = bid + (steps_[0] if bid < THREE_DOLLARS else steps_[1])
    return max(ceil(cents / step - 1e-9) * step, least)


# --- strikes ---------------------------------------------------------------------------------


def strike_step(underlying: str, strike: Decimal) -> Decimal:
    """The distance to the next strike above."""
    if underlying in PENNY_EVERYWHERE:
        return Decimal(1)
    return next((step for below, step in STRIKE_STEPS if strike < below), WIDEST_STEP)


def is_strike(underlying: str, strike: Decimal) -> bool:
    if not STRIKE_MIN <= strike <= STRIKE_MAX:
        return False
    return not strike % strike_step(underlying, strike)


def strikes(underlying: str, low: float, high: float) -> Iterator[Decimal]:
    """All strikes from `low` to `high`, ascending."""
    strike = max(Decimal(floor(low)), STRIKE_MIN)
    while strike <= STRIKE_MAX and float(strike) <= high:
        step = strike_step(underlying, strike)
        if strike % step:
            strike += step - strike % step
            continue
        if float(strike) >= low:
            yield strike
        strike += step
