"""Orders, executions and events as the journal keeps them, made by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from execbot.journal.confirmation import (
    CashDay,
    Confirmation,
    ExecutionVerdict,
    OrderKind,
    Times,
)
from execbot.journal.records import EventRecord, Execution, FillState, OrderRecord
from execbot.model.enums import (
    EventSource,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from execbot.model.order import Order

T0 = datetime(2026, 10, 7, 14, 0, tzinfo=UTC)


def order(name: str = "a", **more: Any) -> Order:
    return Order(
        **{
            "id": f"id-{name}",
            "client_order_id": name,
            "symbol": "AAPL",
            "side": Side.BUY,
            "type": OrderType.MARKET,
            "time_in_force": TimeInForce.DAY,
            "status": OrderStatus.NEW,
            "qty": Decimal("1.000000001"),
            **more,
        }
    )


def record(name: str = "a", seconds: int = 0, **more: Any) -> OrderRecord:
    return OrderRecord(order=order(name, **more), intent_at=T0 + timedelta(seconds=seconds))


def execution(name: str, **more: Any) -> Execution:
    qty, price = more.get("qty", Decimal(1)), more.get("price", Decimal(100))
    return Execution(
        **{
            "execution_id": name,
            "order_id": "id-a",
            "client_order_id": "a",
            "symbol": "AAPL",
            "side": Side.BUY,
            "at": T0,
            "source": EventSource.STREAM,
            "state": FillState.BOOKED,
            "qty": qty,
            "price": price,
            "net_qty": qty,
            "net_price": price,
            **more,
        }
    )


def event(name: str = "a", kind: str = "new") -> EventRecord:
    return EventRecord(
        recorded_at=T0, client_order_id=name, kind=kind, source=EventSource.STREAM, raw={"a": [1]}
    )


def confirmation(name: str = "a", version: int = 1, **more: Any) -> Confirmation:
    return Confirmation(
        **{
            "client_order_id": name,
            "version": version,
            "made_at": T0,
            "verdict": ExecutionVerdict.CONFIRMED,
            "order_id": f"id-{name}",
            "symbol": "AAPL",
            "side": Side.BUY,
            "order_type": "market",
            "kind": OrderKind.MARKETABLE,
            "filled_qty": Decimal(10),
            "price": Decimal("100.05"),
            "times": Times(first_fill=T0),
            **more,
        }
    )


def cash_day(day: date, version: int = 1, **more: Any) -> CashDay:
    return CashDay(
        **{
            "day": day,
            "version": version,
            "made_at": T0,
            "verdict": ExecutionVerdict.CONFIRMED,
            "since": T0,
            "until": T0 + timedelta(hours=8),
            "change": Decimal(-1000),
            "fills": Decimal(-1000),
            "flows": Decimal(0),
            "fees": Decimal(0),
            "difference": Decimal(0),
            **more,
        }
    )
