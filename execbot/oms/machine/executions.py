"""The executions of one order: how fills, busts, corrections and shortfalls add up.

Only executions change quantity. They are kept by `execution_id`, so a repeated report changes
nothing. Account activities carry no execution id: a FILL row is recognised as an execution that
is already known by its order, quantity, price and cumulative quantity, and an execution that
arrives after its FILL row takes that row's place.

A bust or a correction refers to an execution and undoes it once. It may arrive before the
execution it refers to; then its place is kept, and the execution is booked as busted at once.

What the broker's cumulative quantity says beyond the known executions is a *shortfall*: a report
was lost. It is booked as one inferred execution per order with a deterministic id, priced so that
the broker's average works out. Being a function of what is known, it shrinks and vanishes as the
real executions arrive, in whatever order, and is never counted twice. A cumulative quantity below
the known executions lowers nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.journal.records import EventResult, Execution, FillState, OrderRecord, Progress
from execbot.model.enums import EventSource
from execbot.model.numbers import QTY_STEP, ZERO
from execbot.model.order import Order
from execbot.oms.machine.events import OrderEvent

Executions = Mapping[str, Execution]

SAME_FILL_SECONDS = 2
"""A FILL row without a cumulative quantity is the known execution if it is this close in time."""

SAME_INSTANT = timedelta(microseconds=100)
"""Frames and FILL rows both carry the time of the execution itself; rows cut it to microseconds."""

PRICE_STEP = Decimal("0.000000001")
"""Average prices are rounded to nine decimals; Alpaca shows six."""


class Booking(Struct, frozen=True, gc=False):
    """What an execution report did to the executions of its order."""

    executions: Executions
    result: EventResult
    note: str | None = None
    alarm: str | None = None


def is_real(execution: Execution) -> bool:
    return execution.state is not FillState.INFERRED


def net(executions: Iterable[Execution]) -> tuple[Decimal, Decimal | None]:
    """What the order has filled as things stand, and at which quantity-weighted price."""
    qty = total = ZERO
    for execution in executions:
        qty += execution.net_qty
        total += execution.net_qty * execution.net_price
    if not qty:
        return qty, None
    return qty, (total / qty).quantize(PRICE_STEP, ROUND_HALF_EVEN)


def gross_qty(executions: Iterable[Execution]) -> Decimal:
    """What was ever reported as executed, busts included."""
    return sum((execution.qty for execution in executions if is_real(execution)), ZERO)


def book(executions: Executions, order: Order, event: OrderEvent, progress: Progress) -> Booking:
    """Book a fill or partial fill, from the stream or from an activity."""
    if event.qty is None or event.price is None or event.qty <= 0:
        return Booking(executions, EventResult.NO_CHANGE, "execution without quantity or price")
    owner = event.details.get("owned_by")
    if owner:
        return Booking(executions, EventResult.DUPLICATE, f"booked for {owner}")
    name = execution_name(event)
    known = executions.get(name)
    if known is not None:
        return _repeat(executions, known, event)
    activity_id = event.details.get("activity_id")
    if activity_id and any(item.activity_id == activity_id for item in executions.values()):
        return Booking(executions, EventResult.DUPLICATE)
    twin = _twin(executions, event, progress, from_activity=activity_id is not None)
    if twin is None:
        return Booking({**executions, name: _new(name, order, event)}, EventResult.APPLIED)
    if activity_id:
        merged = replace(twin, activity_id=activity_id)
        return Booking({**executions, twin.execution_id: merged}, EventResult.DUPLICATE)
    return Booking(_take_place(executions, twin, name, event), EventResult.APPLIED)


def undo(
    executions: Executions, order: Order, event: OrderEvent, progress: Progress, *, bust: bool
) -> Booking:
    """Apply a trade bust or correction to the execution it refers to, once."""
    name = event.details.get("previous_execution_id") or event.execution_id
    if not name:
        return Booking(executions, EventResult.ILLEGAL, "it names no execution", "bust_unmatched")
    known = executions.get(name) or _twin(executions, event, progress, from_activity=False)
    state = FillState.BUSTED if bust else FillState.CORRECTED
    if known is None:
        known = replace(_new(name, order, event), qty=event.qty or ZERO)
    elif known.state is FillState.BUSTED:
        return Booking(executions, EventResult.DUPLICATE)
    qty = ZERO if bust else _or(event.qty, known.net_qty)
    price = known.net_price if bust else _or(event.price, known.net_price)
    if known.state is state and (known.net_qty, known.net_price) == (qty, price):
        return Booking(executions, EventResult.DUPLICATE)
    changed = replace(
        known, state=state, net_qty=qty, net_price=price, changed_at=event.at or event.recorded_at
    )
    return Booking({**executions, known.execution_id: changed}, EventResult.APPLIED)


def infer(executions: Executions, record: OrderRecord, fallback_at: datetime) -> Executions:
    """Put the inferred execution where the shortfall is, or take it away where none is left.

    Whether Alpaca carries what a replaced order had filled over into the `filled_qty` of its
    replacement is documented nowhere, so a shortfall of up to that much (`chain_qty`) is not
    concluded from: the account activities decide it.
    """
    name = inferred_name(record.order)
    real = {key: item for key, item in executions.items() if is_real(item)}
    missing = _shortfall(real.values(), record.progress) - record.progress.chain_qty
    if missing <= 0:
        return real if len(real) != len(executions) else executions
    inferred = _inferred(name, real.values(), record, missing, fallback_at)
    if executions.get(name) == inferred:
        return executions
    return {**real, name: inferred}


def is_complete(executions: Executions, progress: Progress) -> bool:
    """Is everything that the broker has counted reported, and nothing inferred?"""
    for item in executions.values():
        if not is_real(item):
            return False
    return _shortfall(executions.values(), progress) <= progress.chain_qty


def inferred_name(order: Order) -> str:
    return f"inferred:{order.id or order.client_order_id}"


def execution_name(event: OrderEvent) -> str:
    """The execution's id; a server that sends none gets one made of the order and its total."""
    if event.execution_id:
        return event.execution_id
    total = event.cum_qty if event.cum_qty is not None else event.at
    return f"unnamed:{event.order_id or event.client_order_id}:{total}:{event.qty}@{event.price}"


def _repeat(executions: Executions, known: Execution, event: OrderEvent) -> Booking:
    """The id is known: a duplicate, or the execution that a bust had announced."""
    assert event.qty is not None and event.price is not None
    if known.changed_at is None:
        if (known.qty, known.price) == (event.qty, event.price):
            return Booking(executions, EventResult.DUPLICATE)
        note = f"the execution was booked as {known.qty} @ {known.price}"
        return Booking(executions, EventResult.ILLEGAL, note, "execution_conflict")
    filled_in = replace(
        known, qty=event.qty, price=event.price, at=event.at or known.at, cum_qty=event.cum_qty
    )
    if filled_in == known:
        return Booking(executions, EventResult.DUPLICATE)
    return Booking({**executions, known.execution_id: filled_in}, EventResult.APPLIED)


def _new(name: str, order: Order, event: OrderEvent) -> Execution:
    qty, price = _or(event.qty, ZERO), _or(event.price, ZERO)
    return Execution(
        execution_id=name,
        order_id=order.id or event.order_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        at=event.at or event.stamp or event.recorded_at,
        source=event.source,
        state=FillState.BOOKED,
        qty=qty,
        price=price,
        net_qty=qty,
        net_price=price,
        cum_qty=event.cum_qty,
        position_qty=event.position_qty,
        activity_id=event.details.get("activity_id"),
        asset_class=order.asset_class,
    )


def _twin(
    executions: Executions, event: OrderEvent, progress: Progress, *, from_activity: bool
) -> Execution | None:
    """The same execution reported by the other source, if it is in the books.

    The cumulative quantity after it tells equal executions apart. Where one side counts what a
    replaced order had filled and the other does not, the two differ by just that; so may those of
    two executions of that size, which only the time tells apart. Without a cumulative quantity, or
    where booking it would be more than the broker has ever counted, the time decides.
    """
    if not executions:
        return None
    sure: list[Execution] = []
    loose: list[Execution] = []
    for item in executions.values():
        if not is_real(item) or (item.qty, item.price) != (event.qty, event.price):
            continue
        if from_activity == (item.source is EventSource.ACTIVITY) or (
            from_activity and item.activity_id
        ):
            continue
        known = item.cum_qty is not None and event.cum_qty is not None
        if known and _same_total(item, event, progress.chain_qty):
            sure.append(item)
        elif _near(item.at, event.at) and (not known or _is_too_much(executions, event, progress)):
            loose.append(item)
    return min(sure or loose, key=lambda item: _apart(item.at, event.at), default=None)


def _same_total(item: Execution, event: OrderEvent, chain_qty: Decimal) -> bool:
    """Do the totals say that it is the same execution?

    Of a replacement they may count differently, so that equal lots look alike: then equal totals
    must agree in time as well, and totals apart by the chain to the instant.
    """
    assert item.cum_qty is not None and event.cum_qty is not None
    apart = abs(item.cum_qty - event.cum_qty)
    if not chain_qty:
        return not apart
    if not apart:
        return _near(item.at, event.at)
    return apart == chain_qty and _apart(item.at, event.at) <= SAME_INSTANT


def _is_too_much(executions: Executions, event: OrderEvent, progress: Progress) -> bool:
    counted = max(progress.reported_qty, event.cum_qty or ZERO)
    return gross_qty(executions.values()) + (event.qty or ZERO) > counted


def _near(left: datetime, right: datetime | None) -> bool:
    return _apart(left, right) <= timedelta(seconds=SAME_FILL_SECONDS)


def _apart(left: datetime, right: datetime | None) -> timedelta:
    return timedelta(0) if right is None else abs(left - right)


def _take_place(
    executions: Executions, twin: Execution, name: str, event: OrderEvent
) -> Executions:
    """The stream's report takes the place of the FILL row it belongs to."""
    real = replace(
        twin,
        execution_id=name,
        source=event.source,
        at=event.at or twin.at,
        cum_qty=event.cum_qty if event.cum_qty is not None else twin.cum_qty,
        position_qty=event.position_qty,
    )
    rest = {key: item for key, item in executions.items() if key != twin.execution_id}
    return {**rest, name: real}


def _shortfall(real: Iterable[Execution], progress: Progress) -> Decimal:
    """What the broker has counted and we have not.

    Its highest total counts as it was; its youngest total excludes what was busted before it.
    """
    gross = undone = ZERO
    latest_at = progress.latest_at
    for item in real:
        gross += item.qty
        if item.changed_at is not None and latest_at is not None and item.changed_at <= latest_at:
            undone += item.qty - item.net_qty
    return max(progress.reported_qty, progress.latest_qty + undone) - gross


def _inferred(
    name: str,
    real: Iterable[Execution],
    record: OrderRecord,
    missing: Decimal,
    fallback_at: datetime,
) -> Execution:
    order, progress = record.order, record.progress
    price = _inferred_price(real, progress, missing)
    if price is None:
        price = progress.reported_avg_price or order.limit_price or order.stop_price
    at = progress.reported_at or order.filled_at or fallback_at
    return Execution(
        execution_id=name,
        order_id=order.id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        at=at,
        source=EventSource.RECONCILE,
        state=FillState.INFERRED,
        qty=missing,
        price=price or record.arrival_price or ZERO,
        net_qty=missing,
        net_price=price or record.arrival_price or ZERO,
        asset_class=order.asset_class,
    )


def _inferred_price(
    real: Iterable[Execution], progress: Progress, missing: Decimal
) -> Decimal | None:
    """The price at which the broker's average over its total works out."""
    if progress.reported_avg_price is None or missing <= 0:
        return None
    known = sum((item.qty * item.price for item in real), ZERO)
    rest = progress.reported_avg_price * progress.reported_qty - known
    price = (rest / missing).quantize(QTY_STEP, ROUND_HALF_EVEN)
    return price if price > 0 else None


def _or(value: Decimal | None, default: Decimal) -> Decimal:
    return default if value is None else value
