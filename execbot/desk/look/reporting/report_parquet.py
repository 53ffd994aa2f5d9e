"""Orders, fills, trades and equity as Parquet: one table a grain, a file a month.

    DIR/orders/month=2026-11/orders.parquet

A month is written whole, whatever days the report is about, so that a file never holds a part of
what it is named after: writing it again only makes it younger. Months are New York's: of orders by
when they were wanted, of trades by when they were closed; open ones are in no file yet. Money,
prices and quantities are decimal(38, 9), times UTC to the microsecond. No column has a name that is
a word of SQL. Needs pyarrow (the extra `export`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from execbot.desk.account import Desk
from execbot.desk.look.trades import Wanted, trades_of
from execbot.journal.confirmation import Confirmation
from execbot.journal.records import EquitySample, Execution, FillState, OrderRecord
from execbot.report.span import Span, month_of
from execbot.risk.account_rows import history_of
from execbot.risk.fees import FillFee
from execbot.trades.trade import Trade

if TYPE_CHECKING:
    import pyarrow

STEP = Decimal("0.000000001")

Row = Mapping[str, Any]

TEXT, DECIMAL, TIME, FLAG = "text", "decimal", "time", "flag"

ORDERS = {
    **dict.fromkeys(("client_order_id", "order_id", "ticker", "asset_class", "side"), TEXT),
    **dict.fromkeys(("order_type", "tif", "order_class", "status", "outcome", "origin"), TEXT),
    **dict.fromkeys(("purpose", "strategy_id", "signal_id", "plan_id", "parent_id"), TEXT),
    **dict.fromkeys(("qty", "notional_usd", "limit_price", "stop_price", "trail_percent"), DECIMAL),
    **dict.fromkeys(("filled_qty", "filled_avg_price"), DECIMAL),
    **dict.fromkeys(("intent_at", "sent_at", "submitted_at", "filled_at", "ended_at"), TIME),
    **dict.fromkeys(("verdict", "meets_market", "unmeasured_why"), TEXT),
    **dict.fromkeys(("arrival_price", "cost_bps", "cost_usd", "cost_r", "missed_usd"), DECIMAL),
    "note": TEXT,
}
FILLS = {
    **dict.fromkeys(("execution_id", "client_order_id", "order_id", "ticker"), TEXT),
    **dict.fromkeys(("asset_class", "side", "fill_state"), TEXT),
    "filled_at": TIME,
    **dict.fromkeys(("qty", "price", "fee_usd"), DECIMAL),
    "fee_estimated": FLAG,
}
TRADES = {
    **dict.fromkeys(("trade_id", "ticker", "asset_class", "side", "strategy_id"), TEXT),
    **dict.fromkeys(("opened_at", "closed_at"), TIME),
    **dict.fromkeys(("entered_qty", "exited_qty", "entry_price", "exit_price"), DECIMAL),
    **dict.fromkeys(("gross_pl_usd", "fees_usd", "net_pl_usd"), DECIMAL),
    "fees_estimated": FLAG,
    **dict.fromkeys(("risk_usd", "net_r", "worst_r", "best_r"), DECIMAL),
    "ended_by": TEXT,
    **dict.fromkeys(("cost_in_bps", "cost_out_bps"), DECIMAL),
}
EQUITY = {
    "sampled_at": TIME,
    **dict.fromkeys(("equity_usd", "last_equity_usd", "cash_usd"), DECIMAL),
    "sample_kind": TEXT,
}


def months_of(span: Span) -> list[Span]:
    """Every month that the span touches."""
    found: list[Span] = []
    day: date = span.on
    while day <= span.last:
        month = month_of(day)
        found.append(month)
        day = date.fromordinal(month.last.toordinal() + 1)
    return found


def parquet_tables(desk: Desk, month: Span) -> dict[str, pyarrow.Table]:
    """The four tables of a month, as the journal stands. Raises JournalError, and ImportError
    without pyarrow."""
    journal = desk.journal
    wanted = [
        record
        for record in journal.orders_of_days(month.start, month.end)
        if month.holds(record.intent_at)
    ]
    wanted.sort(key=lambda r: (r.intent_at or month.start, r.client_order_id))
    made = journal.confirmations_of([r.client_order_id for r in wanted])
    fills = journal.executions(month.start, month.end)
    history = history_of(journal, {fill.symbol for fill in fills}, month.on) if fills else None
    fees = {} if history is None else history.fills
    closed = trades_of(journal, Wanted(month.start, month.end, state="closed")).trades
    rows: list[tuple[str, Mapping[str, str], Iterable[Row]]] = [
        ("orders", ORDERS, (_order(r, made.get(r.client_order_id)) for r in wanted)),
        (
            "fills",
            FILLS,
            (
                _fill(f, fees.get(f.execution_id))
                for f in fills
                if f.net_qty and f.state is not FillState.ADJUSTMENT
            ),
        ),
        ("trades", TRADES, (_trade(trade) for trade in closed)),
        ("equity", EQUITY, (_sample(s) for s in journal.equity_samples(month.start, month.end))),
    ]
    return {name: _table(columns, some) for name, columns, some in rows}


def write_parquet(
    desk: Desk, span: Span, folder: Path, put: Callable[[Path, Callable[[Path], object]], None]
) -> list[Path]:
    """Files of every month of the span; what was written. `put` writes one file whole or not."""
    from pyarrow import parquet

    written = []
    for month in months_of(span):
        for name, table in parquet_tables(desk, month).items():
            path = folder / name / f"month={month.on:%Y-%m}" / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            put(path, lambda to, table=table: parquet.write_table(table, to))  # type: ignore[misc]
            written.append(path)
    return written


def _table(columns: Mapping[str, str], rows: Iterable[Row]) -> pyarrow.Table:
    import pyarrow

    kinds = {
        TEXT: pyarrow.string(),
        DECIMAL: pyarrow.decimal128(38, 9),
        TIME: pyarrow.timestamp("us", tz="UTC"),
        FLAG: pyarrow.bool_(),
    }
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
    found = [[row[name] for name in columns] for row in rows]
    values = [
        [_value(row[number], kind) for row in found] for number, kind in enumerate(columns.values())
    ]
    arrays = [
        pyarrow.array(some, kinds[kind])
        for some, kind in zip(values, columns.values(), strict=True)
    ]
    return pyarrow.Table.from_arrays(arrays, schema=schema)


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == DECIMAL:
        return value.quantize(STEP, ROUND_HALF_EVEN)
    return str(value) if kind == TEXT else value


def _order(record: OrderRecord, made: Confirmation | None) -> Row:
    order = record.order
    cost = None if made is None else made.cost
    missed = None if made is None else made.missed
    return {
        "client_order_id": order.client_order_id,
        "order_id": order.id or None,
        "ticker": order.symbol,
        "asset_class": order.asset_class,
        "side": order.side,
        "order_type": order.type,
        "tif": order.time_in_force,
        "order_class": order.order_class or None,
        "status": order.status,
        "outcome": order.outcome,
        "origin": record.origin,
        "purpose": record.role,
        "strategy_id": record.strategy_id,
        "signal_id": record.signal_id,
        "plan_id": record.plan_id,
        "parent_id": record.parent_id,
        "qty": order.qty,
        "notional_usd": order.notional,
        "limit_price": order.limit_price,
        "stop_price": order.stop_price,
        "trail_percent": order.trail_percent,
        "filled_qty": order.filled_qty,
        "filled_avg_price": order.filled_avg_price,
        "intent_at": record.intent_at,
        "sent_at": record.sent_at,
        "submitted_at": order.submitted_at,
        "filled_at": order.filled_at,
        "ended_at": order.filled_at or order.canceled_at or order.expired_at or order.failed_at,
        "verdict": None if made is None else made.verdict,
        "meets_market": None if made is None else made.kind,
        "unmeasured_why": None if made is None else made.arrival.unmeasured or None,
        "arrival_price": None if made is None else made.arrival.price,
        "cost_bps": None if cost is None else cost.bps,
        "cost_usd": None if cost is None else cost.usd,
        "cost_r": None if cost is None else cost.r,
        "missed_usd": None if missed is None else missed.usd,
        "note": record.note,
    }


def _fill(fill: Execution, fee: FillFee | None) -> Row:
    return {
        "execution_id": fill.execution_id,
        "client_order_id": fill.client_order_id or None,
        "order_id": fill.order_id or None,
        "ticker": fill.symbol,
        "asset_class": fill.asset_class,
        "side": fill.side,
        "fill_state": fill.state,
        "filled_at": fill.at,
        "qty": fill.net_qty,
        "price": fill.net_price,
        "fee_usd": None if fee is None else fee.amount,
        "fee_estimated": fee is not None and fee.estimated,
    }


def _trade(trade: Trade) -> Row:
    trip, risk, seen = trade.trip, trade.risk, trade.excursion
    return {
        "trade_id": trip.id,
        "ticker": trip.symbol,
        "asset_class": trip.asset_class,
        "side": trip.side,
        "strategy_id": trade.strategy,
        "opened_at": trip.opened_at,
        "closed_at": trip.closed_at,
        "entered_qty": trip.entered,
        "exited_qty": trip.exited,
        "entry_price": trip.entry_price,
        "exit_price": trip.exit_price,
        "gross_pl_usd": trip.gross,
        "fees_usd": None if trip.fees is None else trip.fees.amount,
        "net_pl_usd": trip.net,
        "fees_estimated": trip.fees is not None and trip.fees.estimated,
        "risk_usd": None if risk is None else risk.usd,
        "net_r": trade.r,
        "worst_r": None if seen is None else seen.worst_r,
        "best_r": None if seen is None else seen.best_r,
        "ended_by": None if trade.ending is None else str(trade.ending),
        "cost_in_bps": trade.cost_in.bps,
        "cost_out_bps": trade.cost_out.bps,
    }


def _sample(sample: EquitySample) -> Row:
    return {
        "sampled_at": sample.at,
        "equity_usd": sample.equity,
        "last_equity_usd": sample.last_equity,
        "cash_usd": sample.cash,
        "sample_kind": sample.kind,
    }
