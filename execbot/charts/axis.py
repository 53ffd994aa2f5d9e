"""Where a moment and a price stand in a picture.

Bars stand side by side, so that nights and weekends take no room. A moment stands in the bar that
had begun; what came before the first bar or after the last stands at that bar.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from execbot.charts.model import Chart
from execbot.model.quote import Bar


def moments(chart: Chart) -> list[datetime]:
    """The moments that stand side by side: the starts of the bars; without bars, those of all
    events."""
    bars = [bar.at for bar in chart.bars if bar.at is not None]
    if bars:
        return bars
    told = {mark.at for mark in chart.marks} | {chart.until}
    told |= {step.at for level in chart.levels for step in level.steps}
    return sorted({moment.replace(microsecond=0) for moment in told})


def place(columns: Sequence[datetime], moment: datetime) -> int:
    """The number of the column that it falls into, from 0."""
    return max(0, bisect_right(columns, moment) - 1)


def runs(
    chart: Chart, columns: Sequence[datetime]
) -> list[tuple[str, list[tuple[int, int, Decimal]]]]:
    """Of each level its word and its level parts: first column, last column, price."""
    found = []
    last = len(columns) - 1
    for level in chart.levels:
        parts = []
        for number, step in enumerate(level.steps):
            if step.price is None or step.at > chart.until:
                continue
            after = level.steps[number + 1].at if number + 1 < len(level.steps) else None
            if after is not None and after <= chart.since:
                continue
            end = last if after is None else place(columns, after)
            parts.append((place(columns, step.at), end, step.price))
        found.append((level.word, parts))
    return found


def price_range(chart: Chart) -> tuple[Decimal, Decimal]:
    """Lowest and highest price to draw: bars, executions and stops; of targets those that are not
    so far away that they would press all the rest flat."""
    near = [price for bar in chart.bars for price in (bar.low, bar.high)]
    near += [mark.price for mark in chart.marks]
    levels = _prices(chart)
    near = near or levels or [Decimal(0), Decimal(1)]
    low, high = min(near), max(near)
    reach = max(high - low, high / 50) * 2
    near += [price for price in levels if low - reach <= price <= high + reach]
    low, high = min(near), max(near)
    room = max((high - low) / 20, high / 1000)
    return low - room, high + room


def _prices(chart: Chart) -> list[Decimal]:
    return [step.price for level in chart.levels for step in level.steps if step.price is not None]


def far_levels(chart: Chart) -> list[str]:
    """Levels that stand outside the picture, in words."""
    low, high = price_range(chart)
    return [
        level.word
        for level in chart.levels
        if any(s.price is not None and not low <= s.price <= high for s in level.steps)
    ]


def merged(bars: Sequence[Bar], most: int) -> list[Bar]:
    """At most that many bars: neighbours become one, from the first's open to the last's close."""
    each = -(-len(bars) // max(1, most))
    if each <= 1:
        return list(bars)
    found = []
    for start in range(0, len(bars), each):
        part = bars[start : start + each]
        found.append(
            Bar(
                symbol=part[0].symbol,
                at=part[0].at,
                open=part[0].open,
                high=max(bar.high for bar in part),
                low=min(bar.low for bar in part),
                close=part[-1].close,
                volume=sum((bar.volume for bar in part), Decimal(0)),
            )
        )
    return found
