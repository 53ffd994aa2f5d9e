"""Reads and writes decimals: no float ever carries money, a price or a quantity."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_FLOOR, ROUND_UP, Decimal, InvalidOperation
from functools import lru_cache

ZERO = Decimal(0)
CENT = Decimal("0.01")
SUB_DOLLAR_TICK = Decimal("0.0001")
QTY_STEP = Decimal("0.000000001")
"""Alpaca keeps quantities to nine decimals."""


COIN_FEE_SHARE = Decimal("0.003")
"""Alpaca takes the fee of a purchase in the coin that was bought: 0.25 % for takers, less for
makers, on paper too. So it is a share of what was bought, however little of that is still held."""


def to_decimal(value: object) -> Decimal:
    """Read a number from text, int, Decimal or a JSON float (through its shortest text).

    Raises ValueError for anything that is not a finite number.
    """
    if isinstance(value, Decimal):
        number = value
    else:
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            raise ValueError(f"not a number: {value!r}") from None
    if not number.is_finite():
        raise ValueError(f"not a finite number: {value!r}")
    return number


def maybe_decimal(value: object) -> Decimal | None:
    """Like to_decimal, but None, empty and unreadable text are None (tolerant wire reading)."""
    if isinstance(value, str):
        return _read(value)
    if value is None:
        return None
    try:
        return to_decimal(value)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _read(word: str) -> Decimal | None:
    """Cached: an order carries the same numbers in each of its reports."""
    try:
        return to_decimal(word)
    except ValueError:
        return None


def first_known(*values: Decimal | None) -> Decimal | None:
    """The first value that is not None; unlike `or`, it takes a 0."""
    return next((value for value in values if value is not None), None)


def known_or(value: Decimal | None, default: Decimal) -> Decimal:
    """`value` if it is known (0 counts), else `default`."""
    return default if value is None else value


def text(value: Decimal) -> str:
    """Plain decimal text without exponent or trailing zeros: `10`, `0.5`, `186.42`."""
    if not value:
        return "0"
    plain = str(value)
    if "E" in plain:
        plain = format(value, "f")
    if plain[-1] == "0" and "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return plain


def maybe_text(value: Decimal | None) -> str | None:
    return None if value is None else text(value)


def tick_size(price: Decimal) -> Decimal:
    """The equity price grid: cents from one dollar, hundredths of a cent below (SEC rule 612)."""
    return CENT if price >= 1 else SUB_DOLLAR_TICK


def round_down(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_DOWN) * step


def round_up(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_UP) * step


def is_whole(qty: Decimal) -> bool:
    """Whole shares or coins. Alpaca takes a fraction of a share in simple day orders only."""
    return qty == qty.to_integral_value()


def whole_part(qty: Decimal) -> Decimal:
    """The whole shares in `qty`, rounded towards zero."""
    return qty.to_integral_value(ROUND_FLOOR) if qty >= 0 else -whole_part(-qty)


def fraction_part(qty: Decimal) -> Decimal:
    return qty - whole_part(qty)
