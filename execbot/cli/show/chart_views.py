"""A chart for people: the drawing, a line that explains it, and what was done as a table."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from execbot.charts.axis import far_levels
from execbot.charts.model import Chart
from execbot.charts.text import draw
from execbot.cli.show.amounts import counted, price
from execbot.cli.show.order_views import when
from execbot.cli.show.output import Drawing, Table, is_terminal
from execbot.desk.look.reporting.charts import Charted
from execbot.desk.look.trade_json import neat
from execbot.model.numbers import text

_WIDTH_IN_FILES = 100


def chart_views(charted: Charted, files: Sequence[str]) -> list[str | Table | Drawing]:
    """With files only where they are; else the drawing and its tables."""
    chart = charted.chart
    if files:
        return [f"Written: {', '.join(files)}"]
    if chart.is_empty:
        return [f"{chart.symbol}: no bars and no executions in that time."]
    size = shutil.get_terminal_size((_WIDTH_IN_FILES, 32))
    width = size.columns if is_terminal() else _WIDTH_IN_FILES
    height = min(max(size.lines - 8, 16), 36)
    drawn = draw(chart, width, height)
    head = f"{chart.symbol}, bars of {chart.frame}, {when(chart.since)} to {when(chart.until)} ET"
    return [
        head,
        Drawing(plain=drawn.string(colorless=True), colored=drawn.string()),
        legend(chart),
        marks_table(chart),
        levels_table(chart),
    ]


def legend(chart: Chart) -> str:
    """What the signs mean, and what stands outside the picture."""
    words = ["B bought", "S sold"]
    kinds = {level.kind.value for level in chart.levels}
    words += ["--- stop"] if "stop" in kinds else []
    words += ["=== target"] if "target" in kinds else []
    far = far_levels(chart)
    words += [f"outside the picture: {', '.join(dict.fromkeys(far))}"] if far else []
    return ", ".join(words) + f"; {counted(len(chart.marks), 'execution')}."


def marks_table(chart: Chart) -> Table:
    rows = [
        (when(mark.at), mark.word, mark.side.value, text(mark.qty), price(mark.paid), mark.trade_id)
        for mark in chart.marks
    ]
    columns = ("time (ET)", "what", "side", "qty", "price", "trade")
    return Table(
        columns, rows, frozenset({"qty", "price"}), title="Executions", empty="No executions."
    )


def levels_table(chart: Chart) -> Table:
    rows = [
        (
            when(step.at),
            level.word,
            "off" if step.price is None else price(neat(step.price)),
            level.trade_id,
        )
        for level in chart.levels
        for step in level.steps
    ]
    columns = ("from (ET)", "level", "price", "trade")
    return Table(columns, rows, frozenset({"price"}), title="Levels", empty="No stop, no target.")
