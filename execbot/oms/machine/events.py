"""One thing that happened to an order, as the state machine reads it and the journal keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from execbot.journal.codec import order_wire
from execbot.journal.records import EventRecord, EventResult, Execution, OrderRecord
from execbot.model.enums import UNDER_WAY, EventSource, OrderStatus
from execbot.model.numbers import ZERO, maybe_decimal
from execbot.model.order import Fill, Order
from execbot.model.times import parse_time
from execbot.oms.machine.table import ACTIVITY, SNAPSHOT, STATUS_OF_EVENT, Act

if TYPE_CHECKING:
    from execbot.broker.port import TradeUpdate
    from execbot.model.account import Activity


class OrderEvent(Struct, frozen=True, gc=False):
    """`kind` is an Act, a stream event's name, `snapshot` or `activity_fill`.

    `order` is the broker's order in it, where there is one. `details` are facts of ours that the
    state machine needs again when the history is replayed. `at` is the broker's time.
    """

    kind: str
    source: EventSource
    recorded_at: datetime
    client_order_id: str
    order_id: str = ""
    at: datetime | None = None
    order: Order | None = None
    execution_id: str | None = None
    qty: Decimal | None = None
    price: Decimal | None = None
    cum_qty: Decimal | None = None
    position_qty: Decimal | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0
    """Its number in the history that it was read back from; 0 for what happens now."""

    @property
    def stamp(self) -> datetime | None:
        """The broker's time of this report: the order's own, else the event's."""
        if self.order is not None and self.order.updated_at is not None:
            return self.order.updated_at
        return self.at

    @property
    def reported_status(self) -> OrderStatus | None:
        """The status this event reports; None for acts and for activities that say nothing."""
        named = STATUS_OF_EVENT.get(self.kind)
        if named is OrderStatus.PARTIALLY_FILLED and self.order is not None:
            # A fill while a cancel or a replace is under way leaves that under way.
            underway = self.order.status in UNDER_WAY
            return self.order.status if underway else named
        if named is not None:
            return named
        if self.order is not None:
            return self.order.status
        if self.kind == ACTIVITY:
            word = self.details.get("order_status")
            return OrderStatus.parse(word) if word else None
        return None

    @property
    def is_act(self) -> bool:
        return self.kind in _ACTS

    def with_details(self, **more: Any) -> OrderEvent:
        return replace(self, details={**self.details, **more})

    def to_record(self, result: EventResult, status: str, note: str | None) -> EventRecord:
        return EventRecord(
            recorded_at=self.recorded_at,
            client_order_id=self.client_order_id,
            kind=self.kind,
            source=self.source,
            at=self.at,
            order_id=self.order_id,
            execution_id=self.execution_id,
            qty=self.qty,
            price=self.price,
            cum_qty=self.cum_qty,
            position_qty=self.position_qty,
            details=self.details,
            raw=self.raw,
            result=result,
            status=status,
            note=note,
        )

    @classmethod
    def from_record(cls, record: EventRecord) -> OrderEvent:
        """Read an event back from the history, exactly as it was applied."""
        wire = record.raw.get("order")
        return cls(
            kind=record.kind,
            source=record.source,
            recorded_at=record.recorded_at,
            client_order_id=record.client_order_id,
            order_id=record.order_id,
            at=record.at,
            order=(
                Order.from_wire(wire, record.recorded_at) if isinstance(wire, Mapping) else None
            ),
            execution_id=record.execution_id,
            qty=record.qty,
            price=record.price,
            cum_qty=record.cum_qty,
            position_qty=record.position_qty,
            details=record.details,
            raw=record.raw,
            seq=record.seq,
        )


_ACTS = frozenset(act.value for act in Act)


def act_event(
    act: Act, client_order_id: str, now: datetime, *, order_id: str = "", **details: Any
) -> OrderEvent:
    return OrderEvent(
        kind=act.value,
        source=EventSource.LOCAL,
        recorded_at=now,
        at=now,
        client_order_id=client_order_id,
        order_id=order_id,
        details={name: value for name, value in details.items() if value is not None},
    )


def snapshot_event(
    order: Order, now: datetime, *, source: EventSource = EventSource.REST, **details: Any
) -> OrderEvent:
    """An order as a REST reply showed it. `infer=False` holds back conclusions on shortfalls."""
    return OrderEvent(
        kind=SNAPSHOT,
        source=source,
        recorded_at=now,
        at=order.updated_at,
        client_order_id=order.client_order_id or order.id,
        order_id=order.id,
        order=order,
        details=details,
        raw={"order": order_wire(order)},
    )


def update_event(
    update: TradeUpdate, now: datetime, *, source: EventSource = EventSource.STREAM
) -> OrderEvent:
    """A frame of the trade-update stream."""
    order = update.order
    raw: Mapping[str, Any] = update.raw
    if "order" not in raw:
        raw = {**raw, "order": order_wire(order)}
    details: dict[str, Any] = {}
    if update.reason:
        details["reason"] = update.reason
    previous = raw.get("previous_execution_id")
    if previous:
        details["previous_execution_id"] = previous
    return OrderEvent(
        kind=update.event,
        source=source,
        recorded_at=now,
        at=update.at,
        client_order_id=order.client_order_id or order.id,
        order_id=order.id,
        order=order,
        execution_id=update.execution_id,
        qty=update.qty,
        price=update.price,
        cum_qty=order.filled_qty or None,
        position_qty=update.position_qty,
        details=details,
        raw=raw,
    )


def leg_events(
    update: TradeUpdate, now: datetime, *, source: EventSource = EventSource.STREAM
) -> list[OrderEvent]:
    """Fills of the legs in one frame of a multi-leg option order: each an execution of its own
    (`legs[]` with `execution_id`, `order_id`, `qty`, `price`, `timestamp`). What is held of each
    contract then stands beside them (`position_qtys`)."""
    rows, held = update.raw.get("legs"), update.raw.get("position_qtys")
    if not update.order.is_spread or not isinstance(rows, list | tuple):
        return []
    names = {leg.id: leg.client_order_id for leg in update.order.legs}
    quantities: Mapping[str, Any] = held if isinstance(held, Mapping) else {}
    return [
        OrderEvent(
            kind=update.event,
            source=source,
            recorded_at=now,
            at=parse_time(row.get("timestamp")) or update.at,
            client_order_id=names.get(str(row.get("order_id"))) or str(row.get("order_id") or ""),
            order_id=str(row.get("order_id") or ""),
            execution_id=str(row["execution_id"]),
            qty=maybe_decimal(row.get("qty")),
            price=maybe_decimal(row.get("price")),
            position_qty=maybe_decimal(quantities.get(str(row.get("symbol")))),
            raw={"leg": dict(row)},
        )
        for row in rows
        if isinstance(row, Mapping) and row.get("execution_id")
    ]


ROW_PREFIX = "activity:"
"""Begins the id of an execution that is known from its FILL row only."""


def row_id(activity: Activity) -> str:
    """The id under which a row's execution is kept until a frame brings its own."""
    return f"{ROW_PREFIX}{activity.id}"


def activity_event(activity: Activity, client_order_id: str, now: datetime) -> OrderEvent:
    """A FILL row of the account activities: a fill without an execution id."""
    raw = activity.raw
    return OrderEvent(
        kind=ACTIVITY,
        source=EventSource.ACTIVITY,
        recorded_at=now,
        at=activity.at,
        client_order_id=client_order_id,
        order_id=activity.order_id or "",
        execution_id=row_id(activity),
        qty=activity.qty,
        price=activity.price,
        cum_qty=activity.cum_qty,
        details={
            "activity_id": activity.id,
            "order_status": activity.order_status,
            "row_type": raw.get("type"),
        },
        raw={"activity": dict(raw)} if raw else {},
    )


def detail_decimal(event: OrderEvent, name: str) -> Decimal | None:
    return maybe_decimal(event.details.get(name))


class OrderState(Struct, frozen=True, gc=False):
    """An order with its executions: all that the next event needs to know."""

    record: OrderRecord
    executions: Mapping[str, Execution] = field(default_factory=dict)


class Applied(Struct, frozen=True, gc=False):
    """The effect of an event.

    `fills` are the executions it booked, in the model's words; `filled_delta` is by how much the
    net quantity changed (0 when a real execution took the place of an inferred one; negative after
    a bust). `contradiction` is set when the event disagrees with what is known and was not
    followed: it is a break for people to see. `alarm` is a slug for something that needs a look.
    """

    state: OrderState
    result: EventResult
    before: OrderRecord | None = None
    fills: tuple[Fill, ...] = ()
    filled_delta: Decimal = ZERO
    note: str | None = None
    contradiction: str | None = None
    alarm: str | None = None

    @property
    def changed(self) -> bool:
        return self.result is EventResult.APPLIED

    @property
    def status_changed(self) -> bool:
        return self.before is None or self.before.status is not self.state.record.status
