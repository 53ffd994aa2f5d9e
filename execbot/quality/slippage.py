"""What an execution cost against a price: slippage, in basis points, dollars and R. Pure.

Positive = worse for us (paid more, received less), as in implementation shortfall (Perold, 1988)
without the opportunity cost of what was not filled, which `missed` adds.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

from execbot.journal.confirmation import Cost
from execbot.model.enums import Side
from execbot.model.numbers import CENT, ZERO

BASIS_POINTS = Decimal(10_000)
SHOWN = Decimal("0.01")
R_STEP = Decimal("0.0001")
USD_STEP = Decimal("0.0001")
"""Hundredths of a cent: what a share of a stock below one dollar moves by."""


def slippage_bps(side: Side, arrival: Decimal | None, paid: Decimal | None) -> Decimal | None:
    """None where either price is not known."""
    if arrival is None or paid is None or arrival <= 0:
        return None
    worse = (paid - arrival) * side.sign / arrival * BASIS_POINTS
    return worse.quantize(SHOWN, ROUND_HALF_EVEN)


def cost_of(
    side: Side,
    qty: Decimal,
    arrival: Decimal | None,
    paid: Decimal | None,
    *,
    multiplier: Decimal = Decimal(1),
    risk_per_share: Decimal | None = None,
) -> Cost | None:
    """The three figures of one rule; None where either price is not known."""
    bps = slippage_bps(side, arrival, paid)
    if bps is None or arrival is None or paid is None:
        return None
    each = (paid - arrival) * side.sign
    r = None
    if risk_per_share:
        r = (each / risk_per_share).quantize(R_STEP, ROUND_HALF_EVEN)
    return Cost(bps, rounded_usd(each * qty * multiplier), r)


def rounded_usd(amount: Decimal) -> Decimal:
    """Cents, or hundredths of them where a fraction of a cent is real."""
    fine = amount.quantize(USD_STEP, ROUND_HALF_EVEN)
    whole = fine.quantize(CENT, ROUND_HALF_EVEN)
    return whole if whole == fine else fine


def weighted_mean(pairs: Iterable[tuple[Decimal, Decimal]]) -> Decimal | None:
    """Mean of (value, weight) pairs; None where there is no weight."""
    total = weight = ZERO
    for value, part in pairs:
        total += value * part
        weight += part
    return (total / weight).quantize(SHOWN, ROUND_HALF_EVEN) if weight else None
