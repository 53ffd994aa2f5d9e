"""A chart as SVG: no script, sharp on paper. Its colours are classes of the page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from html import escape

from msgspec import Struct
from msgspec.structs import replace

from execbot.charts.axis import merged, moments, place, price_range, runs
from execbot.charts.model import Chart
from execbot.charts.scale import digits_of, price_ticks, time_ticks
from execbot.model.amounts import price_words
from execbot.model.numbers import text

_RIGHT, _BOTTOM, _EDGE = 64, 26, 8
"""Room for the prices, for the times, and at the other two sides."""

_BAR_LEAST = 4
"""A bar narrower than this is merged with its neighbour."""


class _Place(Struct, frozen=True):
    """From a column and a price to a point."""

    width: int
    height: int
    count: int
    low: Decimal
    high: Decimal

    def x(self, column: float) -> float:
        return _EDGE + (column + 0.5) * self.step

    @property
    def step(self) -> float:
        return (self.width - _RIGHT - _EDGE) / max(1, self.count)

    def y(self, price: Decimal) -> float:
        share = (self.high - price) / (self.high - self.low)
        return _EDGE + float(share) * (self.height - _BOTTOM - _EDGE)


def svg(chart: Chart, width: int, height: int, css_class: str = "") -> str:
    """One `<svg>` element of that size; it scales with its place on the page."""
    most = (width - _RIGHT - _EDGE) // _BAR_LEAST
    shown = replace(chart, bars=merged(chart.bars, most))
    columns = moments(shown)
    low, high = price_range(shown)
    at = _Place(width, height, len(columns), low, high)
    parts = [
        *_grid(shown, columns, at),
        *_bars(shown, at),
        *_levels(shown, columns, at),
        *_marks(shown, columns, at),
    ]
    kind = f' class="{escape(css_class)}"' if css_class else ""
    return (
        f'<svg{kind} viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(words(chart))}" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(parts)}</svg>"
    )


def words(chart: Chart) -> str:
    """The picture in a sentence, for who cannot see it."""
    told = f"{chart.symbol}: {len(chart.bars)} bars of {chart.frame}"
    if chart.bars:
        low, high = min(b.low for b in chart.bars), max(b.high for b in chart.bars)
        said = partial(price_words, symbol=chart.symbol)
        told += f", from {said(low)} to {said(high)}, last {said(chart.bars[-1].close)}"
    entries = sum(1 for mark in chart.marks if mark.opens)
    return f"{told}; {entries} entries, {len(chart.marks) - entries} exits"


def _grid(chart: Chart, columns: Sequence[datetime], at: _Place) -> list[str]:
    digits = digits_of(chart)
    right, bottom = at.width - _RIGHT, at.height - _BOTTOM
    found = []
    for price in price_ticks(at.low, at.high, max(3, at.height // 70)):
        y = at.y(price)
        found.append(f'<path class="grid" d="M{_EDGE} {y:.1f}H{right}"/>')
        found.append(f'<text x="{right + 6}" y="{y + 4:.1f}">{price:.{digits}f}</text>')
    for column, word in time_ticks(columns, max(2, (right - _EDGE) // 95)):
        x = at.x(column)
        found.append(f'<path class="grid" d="M{x:.1f} {_EDGE}V{bottom}"/>')
        found.append(f'<text x="{x:.1f}" y="{at.height - 8}" text-anchor="middle">{word}</text>')
    return found


def _bars(chart: Chart, at: _Place) -> list[str]:
    found = []
    body = max(1.0, at.step * 0.7)
    for column, bar in enumerate(chart.bars):
        x = at.x(column)
        top, bottom = at.y(max(bar.open, bar.close)), at.y(min(bar.open, bar.close))
        kind = "up" if bar.close >= bar.open else "down"
        found.append(
            f'<path class="{kind}" d="M{x:.1f} {at.y(bar.high):.1f}V{at.y(bar.low):.1f}"/>'
            f'<rect class="{kind}" x="{x - body / 2:.1f}" y="{top:.1f}" width="{body:.1f}" '
            f'height="{max(1.0, bottom - top):.1f}"/>'
        )
    return found


def _levels(chart: Chart, columns: Sequence[datetime], at: _Place) -> list[str]:
    """Each a staircase; a gap where it was off."""
    found = []
    for word, parts in runs(chart, columns):
        path, end = "", None
        for first, last, price in parts:
            if not at.low <= price <= at.high:
                end = None
                continue
            y = at.y(price)
            start = "V" if end == first else f"M{at.x(first):.1f} "
            until = last + 0.5 if last == len(columns) - 1 else last  # it stands to the edge
            path += f"{start}{y:.1f}H{at.x(until):.1f}"
            end = last
        if path:
            kind = word.partition(" ")[0]
            found.append(f'<path class="{kind}" d="{path}"><title>{escape(word)}</title></path>')
    return found


def _marks(chart: Chart, columns: Sequence[datetime], at: _Place) -> list[str]:
    """Bought: a triangle that points up to its price; sold: one that points down to it."""
    found = []
    for mark in chart.marks:
        x, y = at.x(place(columns, mark.at)), at.y(mark.price)
        down = 1 if mark.side == "buy" else -1
        told = (
            f"{mark.word}: {mark.side} {text(mark.qty)} at {price_words(mark.paid, chart.symbol)}"
        )
        found.append(
            f'<path class="{mark.word}" d="M{x:.1f} {y:.1f}l6 {11 * down}h-12z">'
            f"<title>{escape(told)}</title></path>"
        )
    return found
