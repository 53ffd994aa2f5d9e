"""Orders kept for the open: what waits and why, released when due, taken back."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from execbot.desk.account import Desk
from execbot.desk.errors import NotQueued
from execbot.desk.look.orders import full_id
from execbot.desk.opening.outcomes import CommandStep, carried_out
from execbot.desk.queue_care import QueueCare, queue_care, release_was_run
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

__all__ = [
    "QueueCare",
    "Release",
    "Released",
    "Waiting",
    "queue",
    "queue_care",
    "release",
    "take_back",
]


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
    def has_done_some(self) -> bool:
        """Whether any was released or taken out of the queue, and not simply kept."""
        return any(x.action is not QueueAction.KEEP and not x.error_kind for x in self.done)


def queue(desk: Desk) -> list[Waiting]:
    """What waits, oldest first. Raises BrokerError."""
    hours = desk.settings.trading.market_hours.queue_expires_hours
    return [
        Waiting(record, decision.action, decision.reason, expiry_of(record, hours))
        for record, decision in queue_decisions(desk.risk.reader)
    ]


@carried_out(
    CommandStep.INTENT,
    CommandStep.ANSWER,
    CommandStep.CANCEL,
    CommandStep.PLAN,
    CommandStep.DECISION,
    CommandStep.SIGNAL,
    CommandStep.MARK,
)
def release(desk: Desk, only: str | None = None) -> Release:
    """Send what may trade now, sized and checked afresh; expire what waited too long.

    `only` looks at one order. Raises NotQueued, UnknownOrder, BrokerError.
    """
    from execbot.desk.signals.acting import executor_of

    if only is not None:
        only = _queued(desk, only).client_order_id
    done = Release(release_due(executor_of(desk), only=only))
    if only is None:
        release_was_run(desk.journal, desk.now())
    return done


def take_back(desk: Desk, only: str | None = None) -> list[OrderRecord]:
    """Cancel queued orders, all of them without `only`. Raises NotQueued, UnknownOrder."""
    wanted = queued_orders(desk.journal) if only is None else [_queued(desk, only)]
    return [desk.oms.cancel(record.client_order_id) for record in wanted]


def _queued(desk: Desk, identifier: str) -> OrderRecord:
    record = desk.oms.record(full_id(desk, identifier))
    if record.status is not OrderStatus.QUEUED:
        name = record.client_order_id
        raise NotQueued(
            f"{name} is {record.status}, not queued", next_step=f"execbot orders show {name}"
        )
    return record
