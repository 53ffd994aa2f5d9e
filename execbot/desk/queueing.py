"""Orders kept for the open: what waits and why, released when due, taken back."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.errors import NotQueued
from execbot.desk.look.orders import full_id
from execbot.desk.opening.outcomes import CommandStep, carried_out
from execbot.desk.queue_care import QueueCare, queue_care, release_was_run
from execbot.journal.records import OrderRecord
from execbot.market.queue import QueueAction
from execbot.model.enums import OrderStatus, Outcome
from execbot.model.retrying import Schedule, polled
from execbot.oms.errors import InDoubt
from execbot.oms.release_queue import (
    Released,
    expiry_of,
    queue_decisions,
    queued_orders,
    release_due,
)
from execbot.oms.sync.settle import is_released

__all__ = [
    "QueueCare",
    "Release",
    "Released",
    "Waiting",
    "cut_off",
    "queue",
    "queue_care",
    "release",
    "take_back",
]


LOOK_PAUSE_SECONDS = 0.5


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


def cut_off(desk: Desk) -> list[str]:
    """What was taken from the queue and has no answer: another process sends it right now, or died
    over it."""
    return [
        f"{record.client_order_id} was being sent, and has no answer yet: "
        "`execbot queue release` looks it up."
        for record in desk.journal.unsettled_orders()
        if is_released(desk.journal, record.client_order_id)
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

    What another process died over is looked up first, and waits again where the broker never had
    it. `only` looks at one order. Raises NotQueued, UnknownOrder, BrokerError.
    """
    from execbot.desk.signals.acting import executor_of

    before = _looked_up(desk, None if only is None else full_id(desk, only))
    if only is not None and not before:
        only = _queued(desk, only).client_order_id
    try:
        released = release_due(executor_of(desk), only=only)
    except BrokerError as error:
        if not before:
            raise
        return Release([*before, *_not_asked(desk, error)])
    if only is None:
        release_was_run(desk.journal, desk.now())
    return Release([*before, *released])


def _not_asked(desk: Desk, error: BrokerError) -> list[Released]:
    kept = QueueAction.KEEP
    return [Released(record, kept, record.outcome, error.message, error.kind, error.category)
            for record in queued_orders(desk.journal)]  # fmt: skip


def _looked_up(desk: Desk, only: str | None) -> list[Released]:
    """What was taken from the queue and has no answer, looked up until that is final: what the
    broker has of it, and what is still not known. What waits again is not among them."""
    there: list[Released] = []

    def look() -> list[Released]:
        if not any(_is_cut_off(desk, record, only) for record in desk.journal.unsettled_orders()):
            return []
        found = desk.oms.settle()
        there.extend(
            Released(record, QueueAction.RELEASE, record.outcome, "already taken")
            for record in found.settled
            if _is_cut_off(desk, record, only) and record.status is not OrderStatus.QUEUED
        )
        return [_in_doubt(record, why) for record, why in found.open
                if _is_cut_off(desk, record, only)]  # fmt: skip

    unknown = polled(
        look,
        lambda found: not found,
        wait=Schedule((LOOK_PAUSE_SECONDS,)),
        seconds=float(desk.oms.settings.settle_quiet_seconds) + LOOK_PAUSE_SECONDS,
        timer=desk.oms.timer,
    )
    return [*there, *unknown]


def _is_cut_off(desk: Desk, record: OrderRecord, only: str | None) -> bool:
    name = record.client_order_id
    return only in (None, name) and is_released(desk.journal, name)


def _in_doubt(record: OrderRecord, why: str) -> Released:
    kind, category = InDoubt.kind, InDoubt.category
    return Released(record, QueueAction.KEEP, Outcome.IN_DOUBT, why, kind, category)


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
