"""Executions by hand, for the pure rules of round trips."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from execbot.journal.records import Execution, FillState
from execbot.model.enums import EventSource, Side
from execbot.model.symbols import asset_class_of
from execbot.risk.fees import FillFee, Settled

D = Decimal
T0 = datetime(2026, 10, 7, 14, 0, tzinfo=UTC)


def executed(
    number: int,
    qty: str,
    price: str,
    *,
    symbol: str = "AAPL",
    order: str = "",
    at: datetime | None = None,
    state: FillState = FillState.BOOKED,
) -> Execution:
    """The `number`-th execution, a minute after the one before; `qty` is signed."""
    signed = D(qty)
    name = order or f"order-{number}"
    return Execution(
        execution_id=f"x{number:03}",
        order_id=f"id-{name}",
        client_order_id="" if state is FillState.ADJUSTMENT else name,
        symbol=symbol,
        side=Side.BUY if signed > 0 else Side.SELL,
        at=at or T0 + timedelta(minutes=number),
        source=EventSource.STREAM,
        state=state,
        qty=abs(signed),
        price=D(price),
        net_qty=abs(signed),
        net_price=D(price),
        asset_class=asset_class_of(symbol).value,
    )


def history(*executions: Execution, fees: dict[int, str] | None = None) -> Settled:
    """`fees` by the number of the execution."""
    known = {f"x{number:03}": FillFee(D(fee)) for number, fee in (fees or {}).items()}
    return Settled(executions, known)
