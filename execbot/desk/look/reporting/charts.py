"""What a chart of one symbol shows, read from the journal and from the broker's bars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.charts.frames import frame_for, room_around
from execbot.charts.levels import levels_of
from execbot.charts.model import Chart, Level, Mark
from execbot.desk.account import Desk
from execbot.desk.following import lowered
from execbot.desk.look.kept_bars import KEPT_WORDS, kept_bars
from execbot.desk.look.plan_versions import plan_versions
from execbot.desk.look.trades import Trade, Wanted, one_trade, read_trades
from execbot.journal.journal import Journal
from execbot.model.quote import Bar
from execbot.model.symbols import symbol_key
from execbot.trades.model import RoundTrip

__all__ = ["Chart", "ChartWanted", "Charted", "read_chart"]

TRADES_MAX = 100
"""Trades whose plans are drawn, the newest: more lines nobody can follow."""

BARS_MAX = 5_000


class ChartWanted(Struct, frozen=True):
    """`trade` is an id as `trades show` takes it. Without it and without `since`, the open trades
    of the symbol are shown, or the last closed one. `frame` None: what suits the time."""

    symbol: str | None = None
    trade: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    frame: str | None = None


class Charted(Struct, frozen=True):
    chart: Chart
    trades: Sequence[Trade]
    warnings: Sequence[str] = ()


def read_chart(desk: Desk, wanted: ChartWanted) -> Charted:
    """The chart after a look at the broker; without its bars where it gives none, and then a
    warning. Raises UnknownTrade, BrokerError, JournalError."""
    now = desk.now()
    trades, warnings = _trades(desk, wanted)
    since, until = room_around((trade.trip for trade in trades), now)
    since, until = wanted.since or since, min(now, wanted.until or until)
    symbol = trades[-1].trip.symbol if trades else (wanted.symbol or "")
    frame = wanted.frame or frame_for(since, until)
    bars, said = _bars(desk, symbol, frame, since, until)
    trips = [trade.trip for trade in trades]
    chart = Chart(
        symbol=symbol,
        frame=frame,
        since=since,
        until=until,
        bars=bars,
        marks=[mark for trip in trips for mark in marks_of(trip) if since <= mark.at <= until],
        levels=[
            level for trade in trades[-TRADES_MAX:] for level in plan_levels(desk.journal, trade)
        ],
    )
    if len(trades) > TRADES_MAX:
        said.append(f"Stops and targets are those of the newest {TRADES_MAX} trades.")
    return Charted(chart, trades, [*warnings, *said, *_odd(chart)])


def _trades(desk: Desk, wanted: ChartWanted) -> tuple[list[Trade], list[str]]:
    if wanted.trade is not None:
        found = one_trade(desk, wanted.trade)
        return list(found.trades), list(found.warnings)
    found = read_trades(desk, Wanted(since=wanted.since, until=wanted.until, symbol=wanted.symbol))
    trades = list(found.trades)
    if wanted.symbol is not None:  # a contract is found by its underlying too, and drawn alone
        own = symbol_key(wanted.symbol)
        trades = [trade for trade in trades if symbol_key(trade.trip.symbol) == own]
    if wanted.since is None and wanted.until is None:
        trades = [trade for trade in trades if trade.trip.is_open] or trades[-1:]
    return trades, list(found.warnings)


def marks_of(trip: RoundTrip) -> list[Mark]:
    """Its executions; shares that came or went without a price being paid are none, and neither
    are a structure's: prices of its contracts have no place among those of their underlying."""
    return [
        Mark(
            at=part.at,
            side=part.side,
            qty=part.qty,
            paid=part.price,
            price=trip.in_shares_of_the_end(part.price, part.at),
            opens=part.opens,
            trade_id=trip.id,
            execution_id=part.execution_id,
            client_order_id=part.client_order_id or None,
        )
        for part in (() if trip.legs else trip.parts)
        if part.is_trade
    ]


def plan_levels(journal: Journal, trade: Trade) -> list[Level]:
    """Stops and targets of every plan of the trade. Raises JournalError."""
    found: list[Level] = []
    for plan_id in trade.plan_ids:
        found += levels_of(trade.trip, plan_versions(journal, plan_id))
    return found


def _bars(
    desk: Desk, symbol: str, frame: str, since: datetime, until: datetime
) -> tuple[list[Bar], list[str]]:
    try:
        bars = desk.client.get_bars(
            symbol, frame, start=since, end=until, limit=BARS_MAX, newest=True
        )
    except BrokerError as error:
        why = f"No bars of {symbol}: {lowered(error.message)}"
        return _kept(desk, symbol, frame, since, until, why)
    if not bars:
        why = f"The broker has no bars of {symbol} for that time"
        return _kept(desk, symbol, frame, since, until, why)
    if len(bars) >= BARS_MAX:
        return bars, [f"The newest {BARS_MAX} bars are shown; longer bars would show all."]
    return bars, []


def _kept(
    desk: Desk, symbol: str, frame: str, since: datetime, until: datetime, why: str
) -> tuple[list[Bar], list[str]]:
    kept = kept_bars(desk, symbol, frame, since, until)
    return kept, [f"{why}; {KEPT_WORDS}." if kept else f"{why}."]


_FAR = Decimal("1.5")


def _odd(chart: Chart) -> list[str]:
    """Bars are counted in today's shares; a split after a trade has ended is not in the trade."""
    if not chart.bars or not chart.marks:
        return []
    low, high = min(bar.low for bar in chart.bars), max(bar.high for bar in chart.bars)
    if all(low / _FAR <= mark.price <= high * _FAR for mark in chart.marks):
        return []
    return [
        f"Executions of {symbol_key(chart.symbol)} stand far from the bars: bars are counted in "
        "today's shares, so there may have been a split since."
    ]
