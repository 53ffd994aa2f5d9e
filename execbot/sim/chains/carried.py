"""Strikes that splits have made: of 250 dollars, after four shares for one, 62.50.

Where a split makes whole contracts of each, their strikes are divided to the cent, and listed on
beside the new ones as long as their dates are. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal

from execbot.sim.chains import grid
from execbot.sim.types import Ns

CENT = Decimal("0.01")

Splits = Sequence[tuple[Ns, Decimal]]
"""When, and new shares for one old one; oldest first."""


def is_whole(ratio: Decimal) -> bool:
    """Whether each contract becomes several of the same size. All other splits leave number and
    strike of contracts alone and change what they deliver."""
    return ratio > 1 and ratio == ratio.to_integral_value()


def carried_ratios(splits: Splits, until: Ns | None = None) -> list[Decimal]:
    """By how much strikes of each generation have been divided up to a moment. A split that makes
    no whole contracts ends what was before: that went to a root of its own."""
    found: list[Decimal] = []
    for at, ratio in splits:
        if until is not None and at > until:
            break
        found = [*(before * ratio for before in found), ratio] if is_whole(ratio) else []
    return found


def divided(strike: Decimal, ratio: Decimal) -> Decimal:
    return (strike / ratio).quantize(CENT, ROUND_HALF_UP)


def is_carried(underlying: str, strike: Decimal, ratio: Decimal) -> bool:
    """Whether a strike is what such a split has made of one of the grid."""
    before = strike * ratio
    step = grid.strike_step(underlying, before)
    near = (before / step).to_integral_value() * step
    return grid.is_strike(underlying, near) and divided(near, ratio) == strike


def carried_strikes(underlying: str, low: float, high: float, ratio: Decimal) -> Iterator[Decimal]:
    """All such strikes from `low` to `high`, ascending."""
    for strike in grid.strikes(underlying, low * float(ratio), high * float(ratio)):
        yield divided(strike, ratio)
