"""What a value from outside can be at all (docs/evidence.md, rows E-VAL). Pure.

A number, a time or an id that cannot be is unknown: it is kept raw, stays out of the books, and is
told. Each function answers with what is wrong, in words, or with an empty text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

NUMBER_MAX = Decimal(10) ** 12
"""No quantity, price or amount of an account comes near it."""

DIGITS_MAX = 30
QTY_DECIMALS = 9
"""Alpaca keeps quantities to nine decimals."""

TIME_MIN = datetime(1990, 1, 1, tzinfo=UTC)
TIME_AHEAD = timedelta(days=1)
"""How far ahead of the clock a report's time may be."""

ID_MAX = 128
"""Alpaca's limit for a `client_order_id`."""

_ID = re.compile(r"[A-Za-z0-9_.:~/+=@ -]+")


def number_trouble(value: Decimal) -> str:
    """For prices and amounts, signed ones too."""
    if not value.is_finite():
        return "not a finite number"
    if abs(value) >= NUMBER_MAX:
        return "beyond reason"
    if len(value.as_tuple().digits) > DIGITS_MAX or _decimals(value) > DIGITS_MAX:
        return "more digits than any price has"
    return ""


def qty_trouble(value: Decimal) -> str:
    """For quantities, signed ones too."""
    trouble = number_trouble(value)
    if not trouble and _decimals(value.normalize()) > QTY_DECIMALS:
        return f"more than {QTY_DECIMALS} decimals"
    return trouble


def time_trouble(value: datetime, now: datetime) -> str:
    if value.tzinfo is None:
        return "a time without a zone"
    return "" if TIME_MIN <= value <= now + TIME_AHEAD else "a time that cannot be"


def id_trouble(value: str, *, is_brokers: bool = False) -> str:
    """For an id that may become part of a path; the broker's own have no slash."""
    if len(value) > ID_MAX:
        return f"an id of more than {ID_MAX} characters"
    if not _ID.fullmatch(value) or (is_brokers and "/" in value):
        return "an id with characters that no id has"
    return "an id that leads out of its path" if ".." in value.split("/") else ""


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0
