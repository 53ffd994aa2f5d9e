"""Acts: what we did or concluded about an order, applied by the table. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from execbot.journal.records import EventResult, Execution, OrderRecord
from execbot.model.enums import AssetClass, OrderClass, OrderStatus, OrderType, Side, TimeInForce
from execbot.model.numbers import maybe_decimal
from execbot.model.order import Order
from execbot.model.symbols import asset_class_of
from execbot.oms.machine.events import Applied, OrderEvent, OrderState, detail_decimal
from execbot.oms.machine.table import ACTS, REMARKS, Act

ANNOTATIONS = ("plan_id", "role", "note", "alarm", "strategy_id", "reason", "arrival_price")
"""What an `annotate` act may set; an empty text clears."""


def apply_act(state: OrderState | None, event: OrderEvent) -> Applied:
    """Apply what we did or concluded; one that the table does not allow changes nothing."""
    act = Act(event.kind)
    before = state.record if state is not None else None
    current = before.status if before is not None else None
    if state is not None and act in REMARKS:
        return _remark(state, act, event)
    following = ACTS.get(current, {}).get(act)
    if following is None:
        words = f"{act.value} is not possible when the order is {current or 'unknown'}"
        return Applied(
            state=state if state is not None else empty_state(event),
            result=EventResult.ILLEGAL,
            before=before,
            note=words,
            contradiction=words,
        )
    if act in (Act.INTENT, Act.QUEUE) or before is None:
        record = _from_request(event, following)
        executions: Mapping[str, Execution] = state.executions if state is not None else {}
    else:
        assert state is not None
        record, executions = _by_act(before, act, event, following), state.executions
    return Applied(OrderState(record, executions), EventResult.APPLIED, before)


def _remark(state: OrderState, act: Act, event: OrderEvent) -> Applied:
    record = state.record
    if act is Act.ANNOTATE:
        changes: dict[str, Any] = {
            name: event.details[name] or None for name in ANNOTATIONS if name in event.details
        }
        if "arrival_price" in changes:
            changes["arrival_price"] = maybe_decimal(changes["arrival_price"])
        record = replace(record, **changes)
    return Applied(OrderState(record, state.executions), EventResult.APPLIED, state.record)


def _by_act(
    record: OrderRecord, act: Act, event: OrderEvent, following: OrderStatus
) -> OrderRecord:
    """`status_at` of an end that we declared stays None: the broker's word may overturn it."""
    order = replace(record.order, status=following)
    note = event.details.get("note", record.note)
    sent_at = event.recorded_at if act in (Act.SEND, Act.RELEASE) else record.sent_at
    if act is Act.REQUEUE:
        sent_at = None
    progress = replace(record.progress, status_at=None)
    if act is Act.RELEASE and "request" in event.details:
        fresh = _from_request(event, following)
        order, note = fresh.order, fresh.note
        record = replace(record, cancel_after=fresh.cancel_after, for_the_day=fresh.for_the_day)
    return replace(record, order=order, note=note, sent_at=sent_at, progress=progress)


def _from_request(event: OrderEvent, status: OrderStatus) -> OrderRecord:
    """The record of an intent, from the facts in the event."""
    details = event.details
    wire: Mapping[str, Any] = details.get("request") or {}
    order = Order.from_wire({**wire, "client_order_id": event.client_order_id})
    order = replace(
        order,
        status=status,
        asset_class=details.get("asset_class") or _asset_class(order),
        legs=(),  # orders of their own, once the broker has named them
        replaces=details.get("replaces"),
        raw={},
    )
    return OrderRecord(
        order=order,
        origin=details.get("origin") or "submit",
        strategy_id=details.get("strategy_id"),
        reason=details.get("reason"),
        intent_at=event.recorded_at,
        sent_at=event.recorded_at if status is OrderStatus.PENDING else None,
        arrival_price=detail_decimal(event, "arrival_price"),
        signal_id=details.get("signal_id"),
        plan_id=details.get("plan_id"),
        role=details.get("role"),
        parent_id=details.get("parent_id"),
        note=details.get("note"),
        request_json=details.get("request_json"),
        cancel_after=detail_decimal(event, "cancel_after"),
        for_the_day=bool(details.get("for_the_day", _was_for_the_day(order))),
    )


def _was_for_the_day(order: Order) -> bool:
    """Of a history that does not say it: such orders were told apart by their class alone, as the
    step that brought the column did."""
    has_legs = order.order_class in (OrderClass.BRACKET, OrderClass.OTO)
    return has_legs and order.time_in_force is TimeInForce.GTC


def _asset_class(order: Order) -> str:
    """Until the broker says it."""
    return AssetClass.US_OPTION if order.is_spread else asset_class_of(order.symbol).value


def empty_state(event: OrderEvent) -> OrderState:
    """A stand-in for an order that nobody has described."""
    order = Order(
        id="",
        client_order_id=event.client_order_id,
        symbol="",
        side=Side.BUY,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        status=OrderStatus.UNKNOWN,
    )
    return OrderState(OrderRecord(order=order, intent_at=event.recorded_at))
