"""Splits and dividends, recorded or made here: they change the scale of a stock's prices.

A recording may carry them in two files, told by their headers:

    symbol,ex_date,new_shares_per_old,close_before                  splits
    symbol,through_date,price_factor,split_factor,reference_close   factors for what lies before

Prices are always as they were traded. A bar of before is brought into the shares of today only
where a request asks for it (`adjustment`), and only by what has happened by now.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from execbot.sim.calendar import LONGEST_CLOSURE_DAYS, PRE_OPEN, ExchangeCalendar, new_york
from execbot.sim.prices.files import DataError, open_text
from execbot.sim.types import Bar, Ns

SPLITS = ["symbol", "ex_date", "new_shares_per_old", "close_before"]
FACTORS = ["symbol", "through_date", "price_factor", "split_factor", "reference_close"]
CALENDAR = ExchangeCalendar()
ONE = Decimal(1)
GRID = Decimal("0.0001")

Change = tuple[Ns, Decimal]
"""From when on, and by how much: new shares for each old one, or the factor of prices before."""


@dataclass(slots=True)
class Adjustments:
    """Changes by symbol, ascending in time."""

    splits: dict[str, list[Change]] = field(default_factory=dict)
    dividends: dict[str, list[Change]] = field(default_factory=dict)

    def add_split(self, symbol: str, at: Ns, ratio: Decimal) -> None:
        self.splits.setdefault(symbol, []).append((at, ratio))

    def add_dividend(self, symbol: str, at: Ns, factor: Decimal) -> None:
        self.dividends.setdefault(symbol, []).append((at, factor))

    def scale(self, symbol: str, since: Ns, until: Ns) -> Decimal:
        """Shares of `until` for one share of `since`."""
        scale = ONE
        for at, ratio in self.splits.get(symbol, ()):
            if since < at <= until:
                scale *= ratio
        return scale

    def adjusted(self, bar: Bar, kinds: Collection[str], now: Ns) -> Bar:
        """The bar in the shares of `now` (`split`), without the dividends since (`dividend`)."""
        whole = "all" in kinds
        shares = self.scale(bar.symbol, bar.at, now) if whole or "split" in kinds else ONE
        factor = ONE / shares
        if whole or "dividend" in kinds:
            for at, paid in self.dividends.get(bar.symbol, ()):
                if bar.at < at <= now:
                    factor *= paid
        if factor == ONE:
            return bar
        names = ("open", "high", "low", "close", "vwap")
        prices = {name: (getattr(bar, name) * factor).quantize(GRID) for name in names}
        return replace(bar, **prices, volume=(bar.volume * shares).quantize(ONE))

    def symbols(self) -> set[str]:
        return {*self.splits, *self.dividends}

    def of_symbols(self, symbols: Collection[str]) -> Adjustments:
        """A copy that holds what concerns these symbols."""
        return Adjustments(
            {symbol: list(rows) for symbol, rows in self.splits.items() if symbol in symbols},
            {symbol: list(rows) for symbol, rows in self.dividends.items() if symbol in symbols},
        )

    def extend(self, other: Adjustments) -> None:
        for symbol, splits in other.splits.items():
            self.splits.setdefault(symbol, []).extend(splits)
        for symbol, dividends in other.dividends.items():
            self.dividends.setdefault(symbol, []).extend(dividends)

    def due(self, after: Ns, until: Ns) -> list[tuple[Ns, str, Decimal]]:
        """Splits of `(after, until]`, in time order."""
        if not self.splits:
            return []
        found = (
            (at, symbol, ratio)
            for symbol, rows in self.splits.items()
            for at, ratio in rows
            if after < at <= until
        )
        return sorted(found)

    def dump(self) -> dict[str, Any]:
        return {
            name: {symbol: [[at, str(value)] for at, value in rows] for symbol, rows in of.items()}
            for name, of in (("splits", self.splits), ("dividends", self.dividends))
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self.splits, self.dividends = (
            {symbol: [(at, Decimal(value)) for at, value in rows] for symbol, rows in of.items()}
            for of in (state["splits"], state["dividends"])
        )


def recorded_adjustments(place: Path) -> Adjustments:
    """What the files of a folder say. Raises `DataError` for a broken one."""
    found = Adjustments()
    for path in sorted(place.rglob("*.csv*")) if place.is_dir() else ():
        if not path.name.endswith((".csv", ".csv.gz")):
            continue
        with open_text(path) as lines:
            rows = csv.DictReader(lines)
            try:
                if rows.fieldnames == SPLITS:
                    _read_splits(found, list(rows))
                elif rows.fieldnames == FACTORS:
                    _read_factors(found, list(rows))
            except (ValueError, ArithmeticError, KeyError) as error:
                raise DataError(f"{path} could not be read: {error}") from None
    for changes in (*found.splits.values(), *found.dividends.values()):
        changes.sort()
    return found


def _read_splits(found: Adjustments, rows: Sequence[Mapping[str, str]]) -> None:
    for row in rows:
        at = new_york(row["ex_date"], PRE_OPEN)
        found.add_split(row["symbol"], at, Decimal(row["new_shares_per_old"]))


def _read_factors(found: Adjustments, rows: Sequence[Mapping[str, str]]) -> None:
    """Where the price factor changes from one row to the next, something was paid."""
    for earlier, later in _neighbours(rows):
        factor = Decimal(earlier["price_factor"]) / Decimal(later["price_factor"])
        if factor != 1:
            at = _day_after(earlier["through_date"])
            found.add_dividend(earlier["symbol"], at, factor)


def _day_after(day: str) -> Ns:
    """When the next trading day begins."""
    first = date.fromisoformat(day) + timedelta(days=1)
    last = first + timedelta(days=LONGEST_CLOSURE_DAYS)
    return CALENDAR.days(first.isoformat(), last.isoformat())[0].pre_open


def _neighbours(
    rows: Sequence[Mapping[str, str]],
) -> Iterator[tuple[Mapping[str, str], Mapping[str, str]]]:
    ordered = sorted(rows, key=lambda row: (row["symbol"], row["through_date"]))
    return ((a, b) for a, b in pairwise(ordered) if a["symbol"] == b["symbol"])
