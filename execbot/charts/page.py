"""A chart as one HTML file: it loads nothing, and says so to the browser.

With lightweight-charts inside, the screen shows its chart; paper, and a browser without scripts,
get the drawing. Without it there is no script at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Any

from execbot.charts.axis import far_levels, moments, place, runs
from execbot.charts.library import VERSION, Library
from execbot.charts.model import Chart, Kind
from execbot.charts.page_parts import SCRIPT, STYLE
from execbot.charts.scale import digits_of
from execbot.charts.svg import svg
from execbot.charts.time_scale import TIME_SCALE
from execbot.model.amounts import price_words
from execbot.model.numbers import text
from execbot.model.times import eastern

NOTICE = (
    "TradingView Lightweight Charts™. Copyright (с) 2025 TradingView, Inc. "
    '<a href="https://www.tradingview.com/" rel="noreferrer">https://www.tradingview.com/</a>'
)
"""What the library's NOTICE asks a page to show, with its link."""

_WIDE, _NARROW = (1000, 460), (440, 400)


def page(chart: Chart, library: Library) -> str:
    """The whole file. The library draws only bars: without them it is left out."""
    script = library.script if chart.bars else None
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    if script is not None:
        policy += "; script-src 'unsafe-inline'"
    title = f"{chart.symbol}, bars of {chart.frame}"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style></head><body>",
            f"<h1>{escape(chart.symbol)}</h1>",
            f"<p>{_span(chart)}</p>",
            _legend(chart),
            '<div id="chart"></div>' if script is not None else "",
            f'<div id="drawing">{svg(chart, *_WIDE, "wide")}{svg(chart, *_NARROW, "narrow")}</div>',
            _marks(chart),
            _levels(chart),
            f"<footer>{NOTICE} (version {VERSION}, Apache License 2.0)</footer>" if script else "",
            _scripts(chart, script) if script is not None else "",
            "</body></html>",
            "",
        )
    )


def _span(chart: Chart) -> str:
    since, until = eastern(chart.since), eastern(chart.until)
    return (
        f"Bars of {chart.frame}, {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}, "
        "New York time. Prices in USD, as today's shares count them."
    )


def _legend(chart: Chart) -> str:
    kinds = {level.kind for level in chart.levels}
    words = [("entry", "▲▼ entry"), ("exit", "▲▼ exit (▲ bought, ▼ sold)")]
    words += [("stop", "— stop")] if Kind.STOP in kinds else []
    words += [("target", "— target")] if Kind.TARGET in kinds else []
    return "<p>" + " ".join(f'<span class="key {k}">{w}</span>' for k, w in words) + "</p>"


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(value)}</td>" for value in row) + "</tr>" for row in rows
    )
    return (
        f'<h2>{escape(title)}</h2><div class="scroll"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _marks(chart: Chart) -> str:
    rows = [
        (
            f"{eastern(mark.at):%Y-%m-%d %H:%M:%S}",
            mark.word,
            mark.side.value,
            text(mark.qty),
            price_words(mark.paid, chart.symbol),
            mark.trade_id,
        )
        for mark in chart.marks
    ]
    return _table("Executions", ("time (ET)", "what", "side", "qty", "price", "trade"), rows)


def _levels(chart: Chart) -> str:
    rows = [
        (
            f"{eastern(step.at):%Y-%m-%d %H:%M:%S}",
            level.word,
            "off" if step.price is None else _level(step.price, chart.symbol),
            level.trade_id,
        )
        for level in chart.levels
        for step in level.steps
    ]
    return _table("Stop and targets", ("from (ET)", "level", "price", "trade"), rows)


def _level(price: Decimal, symbol: str) -> str:
    """What a split divides may have no end: nine digits of it."""
    return price_words(Decimal(f"{price:.9g}"), symbol)


# --- what the script draws ---------------------------------------------------------------------


def _scripts(chart: Chart, library: str) -> str:
    data = json.dumps(drawn(chart), separators=(",", ":"), ensure_ascii=True)
    data = data.replace("<", "\\u003c")  # nothing inside ends the element
    return f"<script>{library}</script>\n<script>const DATA={data};{TIME_SCALE}{SCRIPT}</script>"


def drawn(chart: Chart) -> dict[str, Any]:
    """Times are UTC in whole seconds: text with minutes in it would become one bar a day."""
    columns = moments(chart)
    times = [int(moment.timestamp()) for moment in columns]
    digits = digits_of(chart)
    far = set(far_levels(chart))
    return {
        "digits": digits,
        "daily": chart.frame in ("1Day", "1Week"),
        "bars": [
            {
                "time": at,
                "open": float(bar.open),
                "high": float(bar.high),
                "low": float(bar.low),
                "close": float(bar.close),
            }
            for at, bar in zip(times, chart.bars, strict=True)
        ],
        "marks": [
            {
                "time": times[place(columns, mark.at)],
                "buy": mark.side == "buy",
                "entry": mark.opens,
                "text": f"{mark.side} {text(mark.qty)}",
            }
            for mark in chart.marks
        ],
        "levels": [
            {
                "word": word,
                "kind": word.partition(" ")[0],
                "near": word not in far,
                "points": points,
            }
            for word, parts in runs(chart, columns)
            for points in _lines(times, parts)
        ],
    }


def _lines(
    times: Sequence[int], parts: Sequence[tuple[int, int, Decimal]]
) -> list[list[dict[str, float]]]:
    """Points of lines without a gap: the library would draw a line across it."""
    lines: list[dict[int, Decimal]] = []
    end = None
    for first, last, price in parts:
        if end != first:
            lines.append({})
        lines[-1].update(dict.fromkeys(range(first, last + 1), price))
        end = last
    return [
        [{"time": times[column], "value": float(price)} for column, price in sorted(line.items())]
        for line in lines
    ]
