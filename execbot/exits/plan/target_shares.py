"""How many shares each target takes: quantities that always sum to the position.

Whole shares only, by largest remainder, so that 5 shares at 50 % and 50 % become 3 and 2: an odd
share goes to the nearer target, because a profit taken early is the safer one.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal

from execbot.model.numbers import ZERO

ONE = Decimal(1)
PART_STEP = Decimal("1e-20")
"""Coarser than what 28 digits hold, so that parts add up without a rounding of their own."""

DIGITS = 9
"""As many as a quantity has; a difference of two shares' parts below that is none."""


def split_whole(qty: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Divide whole `qty` by `weights` (any positive numbers); the parts sum to `qty` exactly.

    Raises ValueError for a fractional or negative quantity or weights that are not positive.
    """
    if qty < 0 or qty != qty.to_integral_value():
        raise ValueError(f"quantity was {qty}: not a whole number of shares")
    if not weights:
        return []
    if any(weight <= 0 for weight in weights):
        raise ValueError("weights must be above zero")
    total = sum(weights, ZERO)
    exact = [qty * weight / total for weight in weights]
    parts = [value.to_integral_value(ROUND_FLOOR) for value in exact]
    # Thirds are never exact: what differs by less is a tie, and the nearer target's.
    order = sorted(range(len(parts)), key=lambda i: (round(parts[i] - exact[i], DIGITS), i))
    missing = int(qty - sum(parts, ZERO))
    for i in order[:missing]:
        parts[i] += ONE
    return parts


def equal_parts(count: int, whole: Decimal) -> list[Decimal]:
    """`count` equal weights that sum to `whole` exactly; what does not divide goes to the first."""
    if count < 1:
        return []
    part = (whole / count).quantize(PART_STEP, ROUND_FLOOR)
    return [whole - part * (count - 1), *[part] * (count - 1)]
