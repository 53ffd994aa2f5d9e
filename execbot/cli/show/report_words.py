"""How the tables of a report write shares, amounts and spans."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from execbot.cli.show.amounts import fixed, in_cents

LISTED_MAX = 20
"""A table of groups or days on the terminal ends here; the files and --json have all."""

NUMERIC = frozenset(
    {
        *("value", "qty", "price", "fee", "avg price", "realized", "fees", "net", "unrealized"),
        *("n", "figure", "orders", "unmeasured", "by notional", "by order", "median", "p95"),
        *("worst", "USD", "fills", "traded", "equity", "times", "failures", "recovered"),
        *("lost", "open", "p50", "share-minutes", "price in", "price out", "R"),
    }
)
"""Columns of figures: they stand to the right."""


def part_of(part: int, whole: int, share: Decimal | None) -> str:
    return f"{part} of {whole}" + ("" if share is None else f" ({percent_of(share)} %)")


def percent_of(share: Decimal) -> str:
    return fixed(share * 100, 2)


def usd(value: Decimal | None) -> str:
    return "-" if value is None else in_cents(value)


def lasted(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
