"""The finding of one rule, and how its numbers are written."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from execbot.config.schema import TradingSettings
from execbot.model.enums import ErrorCategory
from execbot.model.flags import Flag
from execbot.model.numbers import CENT, text


class Finding(Struct, frozen=True):
    """`limit` and `seen` as people read them. An own `message` or `category` is the exception."""

    passed: bool
    limit: str
    seen: str
    message: str = ""
    category: ErrorCategory | None = None


def unless(flag: Flag, what: str, limits: TradingSettings) -> str:
    """The way out of a guard for who means it, where trading.yaml lets the flag be used."""
    return f" {what}: {flag.option}." if flag in limits.risk.allow_flags else ""


def percent(value: Decimal) -> str:
    return f"{text(value.quantize(CENT, ROUND_HALF_EVEN))} %"


def unknown(what: str) -> Finding:
    """A rule that cannot see its fact fails: a limit that cannot be shown to hold does not."""
    return Finding(False, "a known value", f"{what} unknown", f"{what} could not be read")
