"""Words and steps of the axes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from execbot.charts.model import Chart
from execbot.model.times import eastern

_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


def price_ticks(low: Decimal, high: Decimal, most: int) -> list[Decimal]:
    """At most `most` round prices between the two."""
    if high <= low:
        return [low]
    rough = (high - low) / most
    power = Decimal(10) ** rough.adjusted()
    step = next(power * one for one in _STEPS if power * one >= rough)
    first = (low / step).to_integral_value(ROUND_CEILING)
    found = []
    while (price := first * step) <= high:
        found.append(price)
        first += 1
    return found[:most]


def digits_of(chart: Chart) -> int:
    """Digits behind the point that the bars have, two at least and nine at most."""
    prices = [bar.close for bar in chart.bars] or [mark.price for mark in chart.marks]
    found = [-int(price.normalize().as_tuple().exponent) for price in prices]
    return min(9, max([2, *found]))


def time_ticks(columns: Sequence[datetime], most: int) -> list[tuple[int, str]]:
    """Some columns with their time in New York, evenly, so that the words do not touch."""
    if not columns:
        return []
    each = max(1, -(-len(columns) // max(1, most)))
    places = range(each // 2, len(columns), each)
    spread = columns[-1] - columns[0]
    return [(at, time_word(columns[at], spread)) for at in places]


def time_word(moment: datetime, spread: timedelta) -> str:
    """As short as the time that is shown allows."""
    local = eastern(moment)
    if spread <= timedelta(hours=20):
        return f"{local:%H:%M}"
    return f"{local:%m-%d %H:%M}" if spread <= timedelta(days=40) else f"{local:%Y-%m-%d}"
