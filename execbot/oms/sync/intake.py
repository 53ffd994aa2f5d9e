"""What the broker reports, taken into the journal: stream frames, snapshots, activities.

Everything here is idempotent. A batch is one transaction: it is durable as a whole before the
changes are handed to whoever reacts to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from execbot.journal.journal import Journal
from execbot.model.enums import EventSource
from execbot.model.order import Order
from execbot.oms.event_context import is_fill_of_a_stranger
from execbot.oms.ledger import recording
from execbot.oms.machine.changes import Change
from execbot.oms.machine.events import OrderEvent, leg_events, update_event

if TYPE_CHECKING:
    from execbot.broker.port import TradeUpdate


def apply_update(
    journal: Journal,
    update: TradeUpdate,
    now: datetime,
    *,
    source: EventSource = EventSource.STREAM,
) -> list[Change]:
    """Take in one frame of the trade-update stream; returns what it changed."""
    return apply_batch(journal, [update], now, source=source)


def apply_batch(
    journal: Journal,
    updates: Iterable[TradeUpdate],
    now: datetime,
    *,
    source: EventSource = EventSource.STREAM,
) -> list[Change]:
    """Take in frames in one durable transaction, in the order in which they came."""
    events: list[OrderEvent] = []
    for update in updates:
        events.append(update_event(update, now, source=source))
        events.extend(leg_events(update, now, source=source))
    with recording(journal) as ledger:
        ledger.reads.expect(events)
        for event in events:
            if not is_fill_of_a_stranger(event, ledger.reads):
                ledger.apply(event)
    return ledger.changes


def apply_snapshot(
    journal: Journal,
    order: Order,
    now: datetime,
    *,
    source: EventSource = EventSource.REST,
) -> list[Change]:
    """Take in an order as a REST reply showed it, legs included."""
    return apply_snapshots(journal, [order], now, source=source)


def apply_snapshots(
    journal: Journal,
    orders: Iterable[Order],
    now: datetime,
    *,
    source: EventSource = EventSource.REST,
) -> list[Change]:
    with recording(journal) as ledger:
        for order in orders:
            ledger.snapshot(order, now, source=source)
    return ledger.changes
