"""Changes of an order, for watch, exits and subscribers to react to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from execbot.journal.records import OrderRecord
from execbot.model.enums import FAILED, LOCAL_STATUSES, NOT_AT_BROKER, OrderStatus
from execbot.model.numbers import ZERO
from execbot.model.order import Fill
from execbot.oms.machine.events import Applied, OrderEvent


class EventName(StrEnum):
    """The events that a program can subscribe to."""

    ORDER_SUBMITTED = "order_submitted"  # the broker has an order of ours
    ORDER_FAILED = "order_failed"  # refused by the broker or by us, or never sent
    ORDER_CANCELED = "order_canceled"
    ORDER_STATUS_UPDATED = "order_status_updated"
    ORDER_FILLED = "order_filled"  # in part or whole: look at the status


class Change(Struct, frozen=True, gc=False):
    """One event that changed an order, or contradicts what is known of it.

    `fills` are the executions it brought; `filled_delta` is what it changed in quantity (0 when a
    real execution took the place of an inferred one, negative after a bust). `names` are the
    events that subscribers get. `seq` is the journal's number of the event, the same for ever; 0
    for a contradiction that was recorded before. `at` is when it happened by the broker's word,
    else when it was recorded.
    """

    names: tuple[EventName, ...]
    record: OrderRecord
    kind: str
    source: str
    previous_status: OrderStatus | None = None
    fills: tuple[Fill, ...] = ()
    filled_delta: Decimal = ZERO
    alarm: str | None = None
    contradiction: str | None = None
    seq: int = 0
    at: datetime | None = None

    @property
    def is_news(self) -> bool:
        """Something that is told: a change of status or of the quantity filled."""
        return bool(self.names) or self.filled_delta != ZERO


def change_of(event: OrderEvent, applied: Applied, seq: int = 0) -> Change:
    record = applied.state.record
    return Change(
        names=_names(applied),
        record=record,
        kind=event.kind,
        source=str(event.source),
        previous_status=applied.before.status if applied.before is not None else None,
        fills=tuple([_told_fill(fill, seq) for fill in applied.fills]),
        filled_delta=applied.filled_delta,
        alarm=applied.alarm,
        contradiction=applied.contradiction,
        seq=seq,
        at=event.stamp or event.recorded_at,
    )


def give_number(change: Change, seq: int) -> None:
    """The journal has numbered the event: only now can its inferred fills have ids of their own."""
    force_setattr(change, "seq", seq)
    force_setattr(change, "fills", tuple([_told_fill(fill, seq) for fill in change.fills]))


def _told_fill(fill: Fill, seq: int) -> Fill:
    """An order infers under one id for ever, what it infers may come, go and come again: each time
    is a fact of its own to whoever counts fills by their ids."""
    if not fill.inferred or not seq:
        return fill
    return replace(fill, execution_id=f"{fill.execution_id}:{seq}")


def _names(applied: Applied) -> tuple[EventName, ...]:
    if not applied.changed:
        return ()
    record, before = applied.state.record, applied.before
    names: list[EventName] = []
    if applied.status_changed:
        was_local = before is None or before.status in LOCAL_STATUSES
        status = record.status
        if was_local and record.is_ours and status not in NOT_AT_BROKER:
            names.append(EventName.ORDER_SUBMITTED)
        if status in FAILED:
            names.append(EventName.ORDER_FAILED)
        if status is OrderStatus.CANCELED:
            names.append(EventName.ORDER_CANCELED)
        names.append(EventName.ORDER_STATUS_UPDATED)
    if applied.filled_delta > 0:
        names.append(EventName.ORDER_FILLED)
    return tuple(names)


class Subscribers:
    """Calls back after the journal has committed. A callback that fails is logged, no more."""

    def __init__(self) -> None:
        self._callbacks: dict[EventName, list[Callable[[Change], None]]] = defaultdict(list)

    def subscribe(self, name: str, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Returns a function that ends the subscription. Raises ValueError for an unknown name."""
        listeners = self._callbacks[EventName(name)]
        listeners.append(callback)

        def unsubscribe() -> None:
            if callback in listeners:
                listeners.remove(callback)

        return unsubscribe

    def publish(self, changes: Iterable[Change]) -> None:
        for change in changes:
            for name in change.names:
                for callback in tuple(self._callbacks.get(name, ())):
                    try:
                        callback(change)
                    except Exception:
                        import logging

                        logging.getLogger("execbot.oms").exception(
                            "a subscriber of %s failed", name.value
                        )
