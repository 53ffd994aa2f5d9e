"""One New York day, or several, as numbers: orders, fills, positions, fees, profit, slippage. Pure.

What the journal holds goes in, a `DailyReport` comes out. Realised profit is gross: what the day's
fills realised against the average cost of what was held before them. Net is gross less the fees of
the day: all that its rows charged, and the coins that its purchases cost (`risk/fees`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from execbot.journal.confirmation import Confirmation
from execbot.journal.records import Execution, FillState, OrderRecord, PositionRecord
from execbot.model.account import Activity
from execbot.model.enums import OrderStatus, Outcome, Side
from execbot.model.numbers import CENT, ZERO
from execbot.model.symbols import multiplier_of
from execbot.oms.machine.positions import add_execution
from execbot.quality.slippage import slippage_bps, weighted_mean
from execbot.report.span import Span
from execbot.risk.fees import FillFee, Settled, settled


class OrderLine(Struct, frozen=True):
    """`arrival` is what the slippage is measured from; None: not measured."""

    record: OrderRecord
    slippage_bps: Decimal | None
    arrival: Decimal | None = None


class PositionLine(Struct, frozen=True):
    """A position as the day left it. `realized_pl` is gross, the day's share only; `fees` are what
    the day's fills in it cost, None where none is known."""

    symbol: str
    qty: Decimal
    avg_entry_price: Decimal | None
    realized_pl: Decimal
    current_price: Decimal | None = None
    unrealized_pl: Decimal | None = None
    fees: FillFee | None = None

    @property
    def net_pl(self) -> Decimal:
        return self.realized_pl - (self.fees.amount if self.fees is not None else ZERO)


class DailyReport(Struct, frozen=True):
    """`fees` by kind are all that the day was charged, empty when no fee is known; `fill_fees` are
    those of its fills, by execution id, as far as known. `unrealized_pl` is None when a price is
    missing."""

    day: Span
    orders: tuple[OrderLine, ...]
    fills: tuple[Execution, ...]
    fill_fees: Mapping[str, FillFee]
    positions: tuple[PositionLine, ...]
    outcomes: Mapping[Outcome, int]
    bought: Decimal
    sold: Decimal
    fees: Mapping[str, Decimal]
    realized_pl: Decimal
    unrealized_pl: Decimal | None
    slippage_bps: Decimal | None
    fill_rate_pct: Decimal | None

    @property
    def fees_total(self) -> Decimal | None:
        return sum(self.fees.values(), ZERO) if self.fees else None

    @property
    def net_pl(self) -> Decimal:
        return self.realized_pl - (self.fees_total or ZERO)


def daily_report(
    day: Span,
    records: Iterable[OrderRecord],
    executions: Iterable[Execution],
    prices: Mapping[str, Decimal],
    stood: Mapping[str, PositionRecord] | None = None,
    rows: Iterable[Activity] = (),
    confirmations: Mapping[str, Confirmation] | None = None,
    costs: Settled | None = None,
) -> DailyReport:
    """`records` and `executions` may hold other days. `stood` are the positions that `executions`
    begin with, since average cost comes from before; without them nothing was held, as of coins
    must be, whose fees may be booked later. `prices` are current prices by symbol, `rows`
    those of fees. `confirmations` by client_order_id say what each order's slippage is; an order
    from before they were kept is measured from the price that was noted with it. `costs` is what
    `settled` makes of `executions` and `rows`, where that is known."""
    known = tuple(executions)
    costs = costs or settled(known, rows)
    history = [item for item in costs.executions if item.at < day.end]
    fills = tuple(
        item
        for item in sorted(known, key=lambda e: (e.at, e.execution_id))
        if day.holds(item.at) and item.net_qty and item.state is not FillState.ADJUSTMENT
    )
    touched = {item.client_order_id for item in fills}
    made = confirmations or {}
    orders = tuple(
        _line(record, made.get(record.client_order_id))
        for record in records
        if _belongs(record, day, touched)
    )
    before = _fold(stood or {}, (item for item in history if item.at < day.start))
    after = _fold(before, (item for item in history if item.at >= day.start))
    positions = tuple(
        line
        for symbol in sorted(after)
        if (
            line := _position_line(
                before.get(symbol), after[symbol], prices, _fees(fills, costs, symbol)
            )
        )
        is not None
    )
    open_lines = [line for line in positions if line.qty]
    valued = [line.unrealized_pl for line in open_lines if line.unrealized_pl is not None]
    return DailyReport(
        day=day,
        orders=orders,
        fills=fills,
        fill_fees={
            item.execution_id: costs.fills[item.execution_id]
            for item in fills
            if item.execution_id in costs.fills
        },
        positions=positions,
        # A replaced order goes on in its successor, which is counted.
        outcomes=Counter(
            line.record.outcome for line in orders if line.record.status is not OrderStatus.REPLACED
        ),
        bought=_turnover(fills, Side.BUY),
        sold=_turnover(fills, Side.SELL),
        fees=_fees_of_days(day, costs),
        realized_pl=sum((line.realized_pl for line in positions), ZERO),
        unrealized_pl=sum(valued, ZERO) if len(valued) == len(open_lines) else None,
        slippage_bps=_mean_slippage(orders),
        fill_rate_pct=_fill_rate(orders),
    )


def _belongs(record: OrderRecord, day: Span, touched: set[str]) -> bool:
    """Wanted, sent or filled on that day. Legs are counted with their parent."""
    if record.parent_id is not None and record.client_order_id not in touched:
        return False
    moments = (record.intent_at, record.sent_at, record.order.submitted_at)
    return record.client_order_id in touched or any(day.holds(moment) for moment in moments)


def _line(record: OrderRecord, confirmed: Confirmation | None) -> OrderLine:
    if confirmed is not None:
        cost = confirmed.cost
        return OrderLine(record, None if cost is None else cost.bps, confirmed.arrival.price)
    order, arrival = record.order, record.arrival_price
    return OrderLine(record, slippage_bps(order.side, arrival, order.filled_avg_price), arrival)


def _fold(
    stood: Mapping[str, PositionRecord], history: Iterable[Execution]
) -> dict[str, PositionRecord]:
    positions = dict(stood)
    for item in history:
        before = positions.get(item.symbol, PositionRecord(symbol=item.symbol))
        positions[item.symbol] = add_execution(before, item)
    return positions


def _fees_of_days(span: Span, costs: Settled) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for day, kinds in costs.days.items():
        if span.on <= day <= span.last:
            for kind, amount in kinds.items():
                found[kind] = found.get(kind, ZERO) + amount
    return found


def _fees(fills: Iterable[Execution], costs: Settled, symbol: str) -> FillFee | None:
    return costs.fee_of_all(item for item in fills if item.symbol == symbol)


def _position_line(
    before: PositionRecord | None,
    after: PositionRecord,
    prices: Mapping[str, Decimal],
    fees: FillFee | None,
) -> PositionLine | None:
    """None for a symbol that was flat all day."""
    realized = after.realized_pl - (before.realized_pl if before is not None else ZERO)
    was_flat = before is None or not before.qty
    if not after.qty and not realized and was_flat and fees is None:
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
        fees,
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
            line.record.order.filled_qty * abs(line.arrival) * line.record.order.multiplier,
        )
        for line in orders
        if line.slippage_bps is not None and line.arrival is not None
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
