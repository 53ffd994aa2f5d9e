"""A chart as data: the fields of `chart --json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from execbot.charts.model import Level, Mark
from execbot.desk.look.reporting.charts import Charted
from execbot.desk.look.trade_json import neat
from execbot.model.quote import Bar


def chart_json(charted: Charted, files: Sequence[str] = ()) -> dict[str, Any]:
    chart = charted.chart
    return {
        "symbol": chart.symbol,
        "bars_of": chart.frame,
        "since": chart.since,
        "until": chart.until,
        "trades": [trade.trip.id for trade in charted.trades],
        "bars": [_bar(bar) for bar in chart.bars],
        "executions": [_mark(mark) for mark in chart.marks],
        "levels": [_level(level) for level in chart.levels],
        "files": list(files),
    }


def _bar(bar: Bar) -> dict[str, Any]:
    return {
        "at": bar.at,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
    }


def _mark(mark: Mark) -> dict[str, Any]:
    return {
        "at": mark.at,
        "side": mark.side,
        "qty": mark.qty,
        "price": mark.paid,
        "chart_price": neat(mark.price),
        "opens": mark.opens,
        "trade_id": mark.trade_id,
        "execution_id": mark.execution_id,
        "client_order_id": mark.client_order_id,
    }


def _level(level: Level) -> dict[str, Any]:
    return {
        "kind": level.kind,
        "number": level.number,
        "trade_id": level.trade_id,
        "plan_id": level.plan_id,
        "steps": [{"at": step.at, "price": neat(step.price)} for step in level.steps],
    }
