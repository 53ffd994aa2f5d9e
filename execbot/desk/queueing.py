"""Orders kept for the open: what waits and why, released when due, taken back."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from execbot.desk.context import Context
from execbot.desk.errors import NotQueued
from execbot.journal.records import OrderRecord
from execbot.market.queue import QueueAction
from execbot.model.enums import OrderStatus
from execbot.oms.release_queue import (
    Released,
    expiry_of,
    queue_decisions,
    queued_orders,
    release_due,
)

__all__ = ["Release", "Released", "Waiting", "queue", "release", "take_back"]


class Waiting(Struct, frozen=True):
    """One queued order: what would be done with it now, why, and when it lapses (ISO 8601)."""

    record: OrderRecord
    due: QueueAction
    waits_for: str
    expires_at: str | None


class Release(Struct, frozen=True):
    """What was done about each queued order that was looked at."""

    done: Sequence[Released] = ()

    @property
    def failed(self) -> int:
        return sum(bool(item.error_kind) for item in self.done)

    @property
    def acted_on(self) -> int:
        """How many were not simply kept."""
        return sum(item.action is not QueueAction.KEEP for item in self.done)


def queue(desk: Context) -> list[Waiting]:
    """What waits, oldest first. Raises BrokerError."""
    hours = desk.settings.trading.market_hours.queue_expires_hours
    return [
        Waiting(record, decision.action, decision.reason, expiry_of(record, hours))
        for record, decision in queue_decisions(desk.risk.reader)
    ]


def release(desk: Context, only: str | None = None) -> Release:
    """Send what may trade now, sized and checked afresh; expire what waited too long.

    `only` looks at one order. Raises NotQueued, UnknownOrder, BrokerError.
    """
    from execbot.desk.signals import executor_of

    if only is not None:
        _queued(desk, only)
    return Release(release_due(executor_of(desk), only=only))


def take_back(desk: Context, only: str | None = None) -> list[OrderRecord]:
    """Cancel queued orders, all of them without `only`. Raises NotQueued, UnknownOrder."""
    wanted = queued_orders(desk.journal) if only is None else [_queued(desk, only)]
    return [desk.oms.cancel(record.client_order_id) for record in wanted]


def _queued(desk: Context, identifier: str) -> OrderRecord:
    record = desk.oms.record(identifier)
    if record.status is not OrderStatus.QUEUED:
        name = record.client_order_id
        raise NotQueued(
            f"{name} is {record.status}, not queued", next_step=f"execbot orders show {name}"
        )
    return record
