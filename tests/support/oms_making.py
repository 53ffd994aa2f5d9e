"""Orders and events in the wire's shape, made by hand for tests of the pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from execbot.broker.port import TradeUpdate
from execbot.model.account import Activity
from execbot.model.enums import OrderStatus
from execbot.model.order import Order
from execbot.model.times import iso
from execbot.oms.machine.events import (
    Applied,
    OrderEvent,
    OrderState,
    act_event,
    activity_event,
    snapshot_event,
    update_event,
)
from execbot.oms.machine.state import apply_event
from execbot.oms.machine.table import Act

T0 = datetime(2026, 10, 7, 14, 0, tzinfo=UTC)
COID = "mine-1"
OID = "11111111-1111-4111-8111-111111111111"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def wire(
    status: str = "new",
    *,
    second: float | None = 0,
    filled: str = "0",
    avg: str | None = None,
    order_qty: str | None = "10",
    **more: Any,
) -> dict[str, Any]:
    """Alpaca's order object at `second` after T0."""
    stamp = None if second is None else iso(at(second))
    return {
        "id": OID,
        "client_order_id": COID,
        "symbol": "AAPL",
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
        "status": status,
        "qty": order_qty,
        "filled_qty": filled,
        "filled_avg_price": avg,
        "updated_at": stamp,
        "submitted_at": iso(T0),
        "created_at": iso(T0),
    } | more


def order(status: str = "new", **more: Any) -> Order:
    return Order.from_wire(wire(status, **more))


def update(
    event: str,
    status: str,
    *,
    second: float | None = 0,
    execution_id: str | None = None,
    qty: str | None = None,
    price: str | None = None,
    raw: dict[str, Any] | None = None,
    **more: Any,
) -> TradeUpdate:
    shown = wire(status, second=second, **more)
    frame = {"event": event, "order": shown, "execution_id": execution_id, **(raw or {})}
    return TradeUpdate(
        event=event,
        order=Order.from_wire(shown),
        at=None if second is None else at(second),
        execution_id=execution_id,
        qty=Decimal(qty) if qty else None,
        price=Decimal(price) if price else None,
        raw=frame,
    )


def frame(event: str, status: str, **more: Any) -> OrderEvent:
    return update_event(update(event, status, **more), at(100))


def fill(
    number: int, qty: str, price: str, cum: str, *, second: float, total: str = "10", **more: Any
) -> OrderEvent:
    """The frame of execution `number`; the order shows `cum` filled."""
    done = Decimal(cum) >= Decimal(total)
    return frame(
        "fill" if done else "partial_fill",
        "filled" if done else "partially_filled",
        second=second,
        execution_id=f"x{number}",
        qty=qty,
        price=price,
        filled=cum,
        **more,
    )


def row(
    number: int, qty: str, price: str, cum: str | None, *, second: float, **more: Any
) -> OrderEvent:
    """The same execution as an account activity: no execution id."""
    activity = Activity(
        id=f"a{number}",
        activity_type="FILL",
        at=at(second),
        order_id=OID,
        symbol="AAPL",
        side="buy",
        qty=Decimal(qty),
        price=Decimal(price),
        cum_qty=Decimal(cum) if cum else None,
        **more,
    )
    return activity_event(activity, COID, at(100))


def look(status: str, **more: Any) -> OrderEvent:
    """A REST snapshot."""
    return snapshot_event(order(status, **more), at(100))


def act(kind: Act, **details: Any) -> OrderEvent:
    return act_event(kind, COID, at(0), **details)


def intent(qty: str = "10") -> OrderEvent:
    request = {
        "symbol": "AAPL",
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
        "qty": qty,
    }
    return act(Act.INTENT, request=request, origin="submit")


def run(*events: OrderEvent, start: OrderState | None = None) -> OrderState:
    """Apply events as the ledger does: only what applied is kept."""
    state = start
    for event in events:
        applied = apply_event(state, event)
        if applied.changed:
            state = applied.state
    assert state is not None
    return state


def step(state: OrderState | None, event: OrderEvent) -> Applied:
    return apply_event(state, event)


def in_status(status: OrderStatus) -> OrderState:
    """An order that got into `status` by a legal way."""
    local = {
        OrderStatus.QUEUED: [act(Act.QUEUE, request={"symbol": "AAPL", "qty": "10"})],
        OrderStatus.DENIED: [act(Act.DENY, request={"symbol": "AAPL", "qty": "10"})],
        OrderStatus.PENDING: [intent()],
        OrderStatus.IN_DOUBT: [intent(), act(Act.DOUBT)],
        OrderStatus.NEVER_SENT: [intent(), act(Act.NEVER_SENT)],
    }
    if status in local:
        return run(*local[status])
    if status is OrderStatus.UNKNOWN:
        return run(intent(), look("pending_review", second=1))
    return run(intent(), look(status.value, second=1))
