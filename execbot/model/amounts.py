"""Formats prices: in tables with the same number of decimals, so that a column reads at a glance;
in sentences with all their digits. And figures with their sign."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from execbot.model.numbers import CENT, SUB_DOLLAR_TICK, maybe_decimal, text, tick_size
from execbot.model.symbols import is_option

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


def price_words(price: Decimal, symbol: str = "") -> str:
    """A price in a sentence: `149.30`, `0.5000`, `0.00001234`. At least the decimals of its tick
    (in cents for a contract), and each digit that it has: nothing is rounded.
    """
    tick = CENT if is_option(symbol) or not price else tick_size(abs(price))
    return _padded(price, tick)


def maybe_price_words(price: Decimal | None, symbol: str = "", *, nothing: str = "none") -> str:
    return nothing if price is None else price_words(price, symbol)


def money_words(amount: Decimal) -> str:
    """Dollars in a sentence, and the net price of a spread: `0.50`, `1.20`, `12.345`."""
    return _padded(amount, CENT)


def level_words(level: str, symbol: str = "") -> str:
    """A stop or target that is kept as text: `2%` as it was asked for, a price as prices are; of a
    structure that an underlying ends `AAPL 231.50`."""
    head, blank, last = level.rpartition(" ")
    price = maybe_decimal(last)
    return level if price is None else f"{head}{blank}{price_words(price, symbol)}"


def _padded(value: Decimal, step: Decimal) -> str:
    """With zeros at the end until it has as many decimals as `step`."""
    whole, _, fraction = text(value).partition(".")
    return f"{whole}.{fraction.ljust(len(text(step).partition('.')[2]), '0')}"


def signed(value: Decimal, digits: int = 2, *, comma: str = "") -> str:
    """`+2.20`, `-0.06`. Half goes to the even one; what rounds to nothing has no sign at all."""
    shown = f"{value:+z{comma}.{digits}f}"
    return shown if shown.strip("+0.") else shown.removeprefix("+")


def dollars(value: Decimal | float) -> str:
    """`1,234.50 USD`; what rounds to nothing has no minus."""
    return f"{value:z,.2f} USD"
