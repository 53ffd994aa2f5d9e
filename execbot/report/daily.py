"""One New York trading day as numbers: orders, fills, positions, fees, profit, slippage. Pure.

What the journal holds goes in, a `DailyReport` comes out. Realised profit is what the day's fills
realised against the average cost of what was held before them; fees are reported beside it, not
taken out of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from execbot.journal.records import Execution, FillState, OrderRecord, PositionRecord
from execbot.model.enums import OrderStatus, Outcome, Side
from execbot.model.numbers import CENT, ZERO
from execbot.model.symbols import multiplier_of
from execbot.model.times import day_begins, eastern
from execbot.oms.machine.positions import add_execution
from execbot.report.slippage import slippage_bps, weighted_mean


class Day(Struct, frozen=True):
    """From midnight to midnight in New York: pre-market and after-hours belong to their date."""

    on: date
    start: datetime
    end: datetime

    @classmethod
    def of(cls, day: date) -> Day:
        return cls(day, day_begins(day), day_begins(day + timedelta(days=1)))

    @classmethod
    def at(cls, moment: datetime) -> Day:
        return cls.of(eastern(moment).date())

    def holds(self, moment: datetime | None) -> bool:
        return moment is not None and self.start <= moment < self.end


class OrderLine(Struct, frozen=True):
    record: OrderRecord
    slippage_bps: Decimal | None


class PositionLine(Struct, frozen=True):
    """A position as the day left it. `realized_pl` is the day's share only."""

    symbol: str
    qty: Decimal
    avg_entry_price: Decimal | None
    realized_pl: Decimal
    current_price: Decimal | None = None
    unrealized_pl: Decimal | None = None


class DailyReport(Struct, frozen=True):
    """`fees` is None when no fee is known; `unrealized_pl` when a price is missing."""

    day: Day
    orders: tuple[OrderLine, ...]
    fills: tuple[Execution, ...]
    positions: tuple[PositionLine, ...]
    outcomes: Mapping[Outcome, int]
    bought: Decimal
    sold: Decimal
    fees: Decimal | None
    realized_pl: Decimal
    unrealized_pl: Decimal | None
    slippage_bps: Decimal | None
    fill_rate_pct: Decimal | None


def daily_report(
    day: Day,
    records: Iterable[OrderRecord],
    executions: Iterable[Execution],
    prices: Mapping[str, Decimal],
) -> DailyReport:
    """`records` may hold other days; `executions` is everything up to the end of the day, since
    average cost comes from before. `prices` are current prices by symbol."""
    history = sorted(
        (item for item in executions if item.at < day.end), key=lambda e: (e.at, e.execution_id)
    )
    fills = tuple(
        item
        for item in history
        if day.holds(item.at) and item.net_qty and item.state is not FillState.ADJUSTMENT
    )
    touched = {item.client_order_id for item in fills}
    orders = tuple(_line(record) for record in records if _belongs(record, day, touched))
    before, after = _fold(history, day.start), _fold(history, day.end)
    positions = tuple(
        line
        for symbol in sorted(after)
        if (line := _position_line(before.get(symbol), after[symbol], prices)) is not None
    )
    fees = [item.fee for item in fills if item.fee is not None]
    open_lines = [line for line in positions if line.qty]
    known = [line.unrealized_pl for line in open_lines if line.unrealized_pl is not None]
    return DailyReport(
        day=day,
        orders=orders,
        fills=fills,
        positions=positions,
        # A replaced order goes on in its successor, which is counted.
        outcomes=Counter(
            line.record.outcome for line in orders if line.record.status is not OrderStatus.REPLACED
        ),
        bought=_turnover(fills, Side.BUY),
        sold=_turnover(fills, Side.SELL),
        fees=sum(fees, ZERO) if fees else None,
        realized_pl=sum((line.realized_pl for line in positions), ZERO),
        unrealized_pl=sum(known, ZERO) if len(known) == len(open_lines) else None,
        slippage_bps=_mean_slippage(orders),
        fill_rate_pct=_fill_rate(orders),
    )


def _belongs(record: OrderRecord, day: Day, touched: set[str]) -> bool:
    """Wanted, sent or filled on that day. Legs are counted with their parent."""
    if record.parent_id is not None and record.client_order_id not in touched:
        return False
    moments = (record.intent_at, record.sent_at, record.order.submitted_at)
    return record.client_order_id in touched or any(day.holds(moment) for moment in moments)


def _line(record: OrderRecord) -> OrderLine:
    order = record.order
    return OrderLine(record, slippage_bps(order.side, record.arrival_price, order.filled_avg_price))


def _fold(history: Sequence[Execution], until: datetime) -> dict[str, PositionRecord]:
    positions: dict[str, PositionRecord] = {}
    for item in history:
        if item.at < until:
            before = positions.get(item.symbol, PositionRecord(symbol=item.symbol))
            positions[item.symbol] = add_execution(before, item)
    return positions


def _position_line(
    before: PositionRecord | None, after: PositionRecord, prices: Mapping[str, Decimal]
) -> PositionLine | None:
    """None for a symbol that was flat all day."""
    realized = after.realized_pl - (before.realized_pl if before is not None else ZERO)
    if not after.qty and not realized and (before is None or not before.qty):
        return None
    price = prices.get(after.symbol)
    unrealized = (
        None
        if price is None or not after.qty
        else after.qty * price * multiplier_of(after.symbol) - after.cost
    )
    return PositionLine(
        after.symbol,
        after.qty,
        after.avg_entry_price,
        _money(realized),
        price,
        None if unrealized is None else _money(unrealized),
    )


def _money(value: Decimal) -> Decimal:
    """Cents, or all digits where a fraction of a cent is real."""
    rounded = value.quantize(CENT, ROUND_HALF_EVEN)
    return rounded if rounded == value else value


def _turnover(fills: Iterable[Execution], side: Side) -> Decimal:
    return sum((_value(fill) for fill in fills if fill.side is side), ZERO)


def _value(fill: Execution) -> Decimal:
    return fill.net_qty * fill.net_price * multiplier_of(fill.symbol)


def _mean_slippage(orders: Iterable[OrderLine]) -> Decimal | None:
    """Weighted by dollars, so that one odd lot does not drown a large order."""
    return weighted_mean(
        (
            line.slippage_bps,
            line.record.order.filled_qty
            * line.record.arrival_price
            * multiplier_of(line.record.symbol),
        )
        for line in orders
        if line.slippage_bps is not None and line.record.arrival_price is not None
    )


def _fill_rate(orders: Iterable[OrderLine]) -> Decimal | None:
    """Filled share of what was ordered, over the orders with a quantity that have ended."""
    rates = [
        min(order.filled_qty / order.qty, Decimal(1))
        for order in (line.record.order for line in orders)
        if order.qty and order.is_terminal and order.id
    ]
    if not rates:
        return None
    return (sum(rates, ZERO) / len(rates) * 100).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
