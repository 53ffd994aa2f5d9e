"""A chart in characters, for the terminal, by plotext."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from execbot.charts.axis import merged, moments, place, price_range, runs
from execbot.charts.model import Chart
from execbot.charts.scale import time_ticks

WIDTH_LEAST, WIDTH_MOST = 40, 240
HEIGHT_LEAST, HEIGHT_MOST = 12, 60

_MARGIN = 12
"""Columns beside the canvas: the frame and the prices at its side."""

_COLORS = {"stop": "red+", "target": "green+", "entry": "blue+", "exit": "orange+"}
_LINES = {"stop": "-", "target": "="}


def draw(chart: Chart, width: int, height: int) -> Any:
    """A matrix of plotext: `.string(colorless=True)` is its text, `.string()` has colours.

    Nothing of plotext is seen until it was handed to `figure.draw`.
    """
    import plotext

    width = min(max(width, WIDTH_LEAST), WIDTH_MOST)
    height = min(max(height, HEIGHT_LEAST), HEIGHT_MOST)
    shown = _narrowed(chart, width - _MARGIN)
    columns = moments(shown)
    figure = plotext.figure
    figure.clear()
    plotext.terminal.limit(False, False)  # else it cuts the size to that of its own terminal
    figure.plot_size(width, height)
    figure.theme("simple")
    low, high = price_range(shown)
    figure.ruler("y").lim(float(low), float(high))
    figure.ruler("x").lim(-0.5, max(len(columns) - 0.5, 0.5))
    _draw_levels(figure, shown, columns)  # what is drawn later covers what was drawn before
    _draw_bars(figure, shown)
    _draw_marks(figure, shown, columns)
    ticks = time_ticks(columns, width // 16)
    figure.ruler("x").ticks([at for at, _ in ticks], [word for _, word in ticks])
    figure.legend(False)
    return figure.build()


def _narrowed(chart: Chart, most: int) -> Chart:
    return replace(chart, bars=merged(chart.bars, most))


def _draw_bars(figure: Any, chart: Chart) -> None:
    if not chart.bars:
        return
    figure.draw(
        figure.candlestick(
            {
                "date": list(range(len(chart.bars))),
                "open": [float(bar.open) for bar in chart.bars],
                "close": [float(bar.close) for bar in chart.bars],
                "high": [float(bar.high) for bar in chart.bars],
                "low": [float(bar.low) for bar in chart.bars],
            }
        )
    )


def _draw_levels(figure: Any, chart: Chart, columns: Sequence[datetime]) -> None:
    import plotext

    for word, parts in runs(chart, columns):
        kind = word.partition(" ")[0]
        marker = plotext.marker(_LINES[kind], _COLORS[kind])
        for first, last, price in parts:
            ends = figure.signal([first, last], [float(price)] * 2, marker=marker)
            figure.draw(ends.lines())


def _draw_marks(figure: Any, chart: Chart, columns: Sequence[datetime]) -> None:
    """`B` bought, `S` sold: where it was, at its price."""
    import plotext

    for mark in chart.marks:
        marker = plotext.marker("B" if mark.side == "buy" else "S", _COLORS[mark.word])
        at = place(columns, mark.at)
        figure.draw(figure.signal([at], [float(mark.price)], marker=marker))
