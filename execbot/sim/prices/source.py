"""Adds to `PriceSource` what each source here can do: one bar of any span."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from execbot.sim.types import Bar, Ns, PriceSource


class MarketPrices(PriceSource, Protocol):
    def bar(self, symbol: str, start: Ns, end: Ns) -> Bar | None:
        """All prints of `[start, end)` as one bar stamped `start`; None when there was none."""


def merged_bar(at: Ns, bars: Iterable[Bar]) -> Bar | None:
    """Bars that follow one another as one bar stamped `at`; None when there are none."""
    parts = list(bars)
    if not parts:
        return None
    volume = sum((part.volume for part in parts), Decimal(0))
    if volume:
        paid = sum((part.vwap * part.volume for part in parts), Decimal(0))
        average = (paid / volume).quantize(parts[0].vwap)
    else:
        average = parts[-1].vwap
    return Bar(
        symbol=parts[0].symbol,
        at=at,
        open=parts[0].open,
        high=max(part.high for part in parts),
        low=min(part.low for part in parts),
        close=parts[-1].close,
        volume=volume,
        trade_count=sum(part.trade_count for part in parts),
        vwap=average,
    )
