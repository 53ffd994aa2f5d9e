"""A span day by day: what its fills realised, what they cost, how equity stood. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from execbot.journal.records import FillState, PositionRecord
from execbot.model.numbers import ZERO
from execbot.model.symbols import multiplier_of
from execbot.model.times import eastern
from execbot.oms.machine.positions import add_execution
from execbot.report.period import DayRow
from execbot.report.span import Span
from execbot.risk.fees import Settled
from execbot.trades.equity import EquityDay


def day_rows(
    span: Span,
    costs: Settled,
    stood: Mapping[str, PositionRecord],
    equity: Iterable[EquityDay] = (),
) -> Sequence[DayRow]:
    """Days on which something happened or a session closed. `stood` are the positions that the
    executions of `costs` begin with."""
    realized, traded = _booked(span, costs, stood)
    fills: defaultdict[date, int] = defaultdict(int)
    for item in costs.executions:
        if span.holds(item.at) and item.net_qty and item.state is not FillState.ADJUSTMENT:
            fills[eastern(item.at).date()] += 1
    closes = {day.day: day.closed for day in equity if day.closed is not None}
    fees = {
        day: sum(kinds.values(), ZERO)
        for day, kinds in costs.days.items()
        if span.on <= day <= span.last
    }
    wanted = sorted({*realized, *fills, *fees, *closes})
    return [
        DayRow(
            day,
            fills[day],
            traded.get(day, ZERO),
            realized.get(day, ZERO),
            fees.get(day, ZERO),
            closes.get(day),
        )
        for day in wanted
        if span.on <= day <= span.last
    ]


def _booked(
    span: Span, costs: Settled, stood: Mapping[str, PositionRecord]
) -> tuple[dict[date, Decimal], dict[date, Decimal]]:
    """What was realised, and what was traded, by day."""
    positions = dict(stood)
    realized: defaultdict[date, Decimal] = defaultdict(Decimal)
    traded: defaultdict[date, Decimal] = defaultdict(Decimal)
    for item in costs.executions:
        if item.at >= span.end:
            continue
        before = positions.get(item.symbol) or PositionRecord(symbol=item.symbol)
        after = positions[item.symbol] = add_execution(before, item)
        if item.at < span.start:
            continue
        day = eastern(item.at).date()
        realized[day] += after.realized_pl - before.realized_pl
        if item.state is not FillState.ADJUSTMENT:
            traded[day] += item.net_qty * item.net_price * multiplier_of(item.symbol)
    return dict(realized), dict(traded)
