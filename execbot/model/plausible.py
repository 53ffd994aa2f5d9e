"""Which values from outside are possible at all (docs/evidence.md, rows E-VAL). Pure.

An impossible number, time or id is unknown: it is kept raw, stays out of the books, and is
told. Each function answers with what is wrong, in words, or with an empty text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from execbot.model.numbers import maybe_decimal
from execbot.model.times import parse_time

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

SYMBOL_MAX = 32
WORD_MAX = 64

_ID = re.compile(r"[A-Za-z0-9_.:~/+=@ -]+")
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]*")


def number_trouble(value: Decimal) -> str:
    """For prices and amounts, signed ones too."""
    if not value.is_finite():
        return "not a finite number"
    if value.copy_abs() >= NUMBER_MAX:  # `abs` rounds, and fails beyond the context's exponents
        return "beyond reason"
    if len(value.as_tuple().digits) > DIGITS_MAX or _decimals(value) > DIGITS_MAX:
        return "more digits than any price has"
    return ""


def believed(value: object) -> Decimal | None:
    """A number that is only looked at, as it came; None for an impossible one."""
    number = maybe_decimal(value)
    return None if number is None or number_trouble(number) else number


def qty_trouble(value: Decimal) -> str:
    """For quantities, signed ones too."""
    trouble = number_trouble(value)
    if not trouble and _decimals(value.normalize()) > QTY_DECIMALS:
        return f"more than {QTY_DECIMALS} decimals"
    return trouble


def time_trouble(value: datetime, now: datetime) -> str:
    if value.tzinfo is None:
        return "a time without a zone"
    return "" if TIME_MIN <= value <= now + TIME_AHEAD else "an impossible time"


def believed_time(value: object, now: datetime | None) -> datetime | None:
    """A time as it came; None for an impossible one. Without `now` none is too far ahead."""
    read = parse_time(value)
    return None if read is None or (now is not None and time_trouble(read, now)) else read


def id_trouble(value: str, *, is_brokers: bool = False) -> str:
    """For an id that may become part of a path; the broker's own have no slash."""
    if len(value) > ID_MAX:
        return f"an id of more than {ID_MAX} characters"
    if not _ID.fullmatch(value) or (is_brokers and "/" in value):
        return "an id with characters that no id has"
    return "an id that leads out of its path" if ".." in value.split("/") else ""


def client_id_trouble(value: str) -> str:
    """For a `client_order_id`. Another program may choose any text; ours is an id."""
    if len(value) > ID_MAX:
        return f"an id of more than {ID_MAX} characters"
    if "\ufffd" in value or "\0" in value:
        return "an id with characters that no id has"
    return "an id that leads out of its path" if ".." in value.split("/") else ""


def symbol_trouble(value: str) -> str:
    """For any instrument that an account may hold: a stock, a pair, a contract, a CUSIP."""
    if len(value) > SYMBOL_MAX or not _SYMBOL.fullmatch(value) or ".." in value:
        return "not a symbol"
    return ""


def word_trouble(value: object) -> str:
    """For a word of the broker's that we may not know yet: a status, a type, an event."""
    return _word_trouble(value) if isinstance(value, str) else "not a word"


@lru_cache(maxsize=1024)
def _word_trouble(value: str) -> str:
    return "" if len(value) <= WORD_MAX and _is_readable(value) else "not a word"


def _is_readable(value: str) -> bool:
    """Printable, and nothing in it that came as half a character (`model/json_in`)."""
    return value.isprintable() and "\ufffd" not in value


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0
