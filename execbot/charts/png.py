"""A chart as PNG, by matplotlib: dark on white, so that it can be printed and mailed."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from msgspec.structs import replace

from execbot.charts.axis import merged, moments, place, price_range, runs
from execbot.charts.model import Chart
from execbot.charts.scale import digits_of, time_ticks

_COLORS = {
    "up": "#12805c",
    "down": "#c2374b",
    "entry": "#1f5fd0",
    "exit": "#b35900",
    "stop": "#c2374b",
    "target": "#12805c",
}
_BARS_MOST = 400


def png(chart: Chart) -> bytes:
    """1600 x 900 points. Raises ImportError where matplotlib is not installed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = replace(chart, bars=merged(chart.bars, _BARS_MOST))
    columns = moments(shown)
    figure = Figure(figsize=(16, 9), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _bars(axes, shown)
    _levels(axes, shown, columns)
    _marks(axes, shown, columns)
    low, high = price_range(shown)
    axes.set_ylim(float(low), float(high))
    axes.set_xlim(-1, max(len(columns), 1))
    ticks = time_ticks(columns, 12)
    axes.set_xticks([at for at, _ in ticks], [word for _, word in ticks])
    axes.yaxis.tick_right()
    axes.yaxis.set_major_formatter(f"{{x:,.{digits_of(chart)}f}}")
    axes.grid(color="#e3e7ee")
    axes.set_axisbelow(True)
    # `$` would begin a formula
    axes.set_title(f"{chart.symbol}, bars of {chart.frame}, New York time", loc="left")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best")
    file = BytesIO()
    figure.savefig(file, format="png", metadata={"Software": "execbot"})
    return file.getvalue()


def _bars(axes: Any, chart: Chart) -> None:
    for kind in ("up", "down"):
        those = [
            (at, bar)
            for at, bar in enumerate(chart.bars)
            if (bar.close >= bar.open) == (kind == "up")
        ]
        if not those:
            continue
        places = [at for at, _ in those]
        color = _COLORS[kind]
        lows, highs = [float(b.low) for _, b in those], [float(b.high) for _, b in those]
        axes.vlines(places, lows, highs, color=color, linewidth=1)
        bottoms = [float(min(bar.open, bar.close)) for _, bar in those]
        heights = [float(abs(bar.open - bar.close)) for _, bar in those]
        axes.bar(places, heights, 0.7, bottoms, color=color, edgecolor=color, linewidth=0.8)


def _levels(axes: Any, chart: Chart, columns: Any) -> None:
    named: set[str] = set()
    for word, parts in runs(chart, columns):
        kind = word.partition(" ")[0]
        xs: list[float] = []
        ys: list[float] = []
        for first, last, price in parts:
            if xs and xs[-1] != first:
                xs, ys = [*xs, float("nan")], [*ys, float("nan")]
            xs, ys = [*xs, first, last], [*ys, float(price), float(price)]
        if xs:
            label = kind if kind not in named else None
            named.add(kind)
            style = "--" if kind == "stop" else ":"
            axes.plot(xs, ys, style, color=_COLORS[kind], linewidth=2, label=label)


def _marks(axes: Any, chart: Chart, columns: Any) -> None:
    for word in ("entry", "exit"):
        for side, sign in (("buy", "^"), ("sell", "v")):
            those = [m for m in chart.marks if m.word == word and m.side.value == side]
            if not those:
                continue
            axes.scatter(
                [place(columns, mark.at) for mark in those],
                [float(mark.price) for mark in those],
                s=140,
                marker=sign,
                color=_COLORS[word],
                edgecolors="white",
                label=f"{word} ({'bought' if side == 'buy' else 'sold'})",
                zorder=5,
            )
