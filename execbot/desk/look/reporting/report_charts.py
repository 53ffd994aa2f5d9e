"""The charts of a report: of its equity, its days, its best, worst and open trades."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.following import lowered
from execbot.desk.look.kept_bars import kept_bars
from execbot.desk.look.plan_versions import plan_versions
from execbot.desk.look.reporting.report_json import best_and_worst
from execbot.journal.journal import Journal
from execbot.model.quote import Bar
from execbot.report.draw.charts import (
    Levels,
    days_chart,
    equity_chart,
    levels_of,
    says_of,
    trade_chart,
)
from execbot.report.period import PeriodReport
from execbot.trades.trade import Trade

OPEN_MAX = 30
"""Open trades with a chart: each costs a request for its bars."""

_FRAMES = (
    (timedelta(hours=7), "1Min"),
    (timedelta(days=5), "5Min"),
    (timedelta(days=30), "1Hour"),
)
"""Bars of a trade that lasted at most so long; of longer ones by the day."""


class TradeChart(Struct, frozen=True):
    group: str
    words: str
    svg: str


class Charts(Struct, frozen=True):
    """SVG text; empty where there is too little to draw."""

    equity: str
    days: str
    trades: Sequence[TradeChart]
    warnings: Sequence[str] = ()


def charts_of(desk: Desk, period: PeriodReport) -> Charts:
    """Raises JournalError; without bars a trade is drawn by its own executions."""
    by_id = {trade.trip.id: trade for trade in period.trades}
    best, worst = best_and_worst(period)
    opened = [t for t in period.trades if t.trip.is_open]
    newest = sorted(opened, key=lambda t: t.trip.opened_at, reverse=True)[:OPEN_MAX]
    wanted = [
        *(("Open", trade) for trade in newest),
        *(("Best", by_id[name]) for name in best),
        *(("Worst", by_id[name]) for name in worst),
    ]
    bars = _Bars(desk)
    drawn = [
        TradeChart(
            group,
            says_of(trade),
            trade_chart(trade, bars.of(trade), _levels(desk.journal, trade), desk.now()),
        )
        for group, trade in wanted
    ]
    warnings = list(bars.warnings)
    if len(opened) > OPEN_MAX:
        warnings.append(f"Of {len(opened)} open trades the newest {OPEN_MAX} have a chart.")
    return Charts(
        equity_chart(period.samples, period.equity_days),
        days_chart(period.days),
        [one for one in drawn if one.svg],
        warnings,
    )


class _Bars:
    """Each trade's bars; after the first failure nothing more is asked."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.warnings: list[str] = []

    def of(self, trade: Trade) -> Sequence[Bar]:
        trip, now = trade.trip, self._desk.now()
        until = trip.closed_at or now
        frame = _frame(trip.opened_at, until)
        margin = max((until - trip.opened_at) / 10, timedelta(minutes=5))
        begin, end = trip.opened_at - margin, min(until + margin, now)
        if self.warnings:
            return kept_bars(self._desk, trip.symbol, frame, begin, end)
        try:
            return self._desk.client.get_bars(trip.symbol, frame, start=begin, end=end)
        except BrokerError as error:
            words = f"No bars of {trip.symbol}: {lowered(error.message)}"
            self.warnings.append(
                f"{words}; trades are drawn by bars that `watch` kept, else by their executions."
            )
            return kept_bars(self._desk, trip.symbol, frame, begin, end)


def _frame(since: datetime, until: datetime) -> str:
    lasted = until - since
    return next((frame for most, frame in _FRAMES if lasted <= most), "1Day")


def _levels(journal: Journal, trade: Trade) -> list[Levels]:
    return [levels_of(plan_versions(journal, plan_id)) for plan_id in trade.plan_ids]
