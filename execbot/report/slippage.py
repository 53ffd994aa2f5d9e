"""Execution against the price when the order was decided: slippage. Pure.

In basis points of the arrival price, positive = worse for us (paid more, received less), as in
implementation shortfall (Perold, 1988) without the opportunity cost of what was not filled.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

from execbot.model.enums import Side
from execbot.model.numbers import ZERO

BASIS_POINTS = Decimal(10_000)
SHOWN = Decimal("0.01")


def slippage_bps(side: Side, arrival: Decimal | None, paid: Decimal | None) -> Decimal | None:
    """None where either price is not known."""
    if arrival is None or paid is None or arrival <= 0:
        return None
    worse = (paid - arrival) * side.sign / arrival * BASIS_POINTS
    return worse.quantize(SHOWN, ROUND_HALF_EVEN)


def weighted_mean(pairs: Iterable[tuple[Decimal, Decimal]]) -> Decimal | None:
    """Mean of (value, weight) pairs; None where there is no weight."""
    total = weight = ZERO
    for value, part in pairs:
        total += value * part
        weight += part
    return (total / weight).quantize(SHOWN, ROUND_HALF_EVEN) if weight else None
