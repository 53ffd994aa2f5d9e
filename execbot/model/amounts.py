"""Formats prices with the same number of decimals, so that a column reads at a glance, and figures
with their sign."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from execbot.model.numbers import CENT, SUB_DOLLAR_TICK, text

FOUR_DECIMALS_MIN = Decimal("0.01")
"""Below it (small coins) four decimals would leave one digit or none: all of them are shown."""


def even(value: Decimal) -> str:
    """Two decimals; four below a dollar, where prices move in hundredths of a cent."""
    size = abs(value)
    if size >= 1 or not value:
        return f"{value.quantize(CENT, ROUND_HALF_EVEN):f}"
    if size < FOUR_DECIMALS_MIN:
        return text(value)
    return f"{value.quantize(SUB_DOLLAR_TICK, ROUND_HALF_EVEN):f}"


def signed(value: Decimal, digits: int = 2, *, comma: str = "") -> str:
    """`+2.20`, `-0.06`. Half goes to the even one; what rounds to nothing has no sign at all."""
    shown = f"{value:+z{comma}.{digits}f}"
    return shown if shown.strip("+0.") else shown.removeprefix("+")


def dollars(value: Decimal | float) -> str:
    """`1,234.50 USD`; what rounds to nothing has no minus."""
    return f"{value:z,.2f} USD"
