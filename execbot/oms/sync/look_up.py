"""One order read from the broker by whichever id is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from execbot.broker.errors import NotFound
from execbot.broker.port import BrokerClient, OrderQuery
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.order import Order
from execbot.oms.errors import UnknownOrder
from execbot.oms.machine.changes import Change
from execbot.oms.sync import intake
from execbot.oms.sync.gaps import with_predecessors

TOGETHER_MARGIN = timedelta(seconds=1)
"""Alpaca lists what was submitted after a moment, not at it."""


def refresh(
    journal: Journal, client: BrokerClient, identifier: str, now: Callable[[], datetime]
) -> tuple[OrderRecord, list[Change]]:
    """Read one order from the broker by whichever id is known, and take it in."""
    record = journal.find_order(identifier)
    try:
        if record is not None and record.order_id:
            order = client.get_order(record.order_id)
        elif record is not None:
            order = client.get_order_by_client_id(record.client_order_id)
        else:
            order = _stranger(client, identifier)
    except NotFound as error:
        raise UnknownOrder(f"the broker has no order {identifier}", record=record) from error
    changes = intake.apply_snapshots(journal, with_predecessors(journal, client, [order]), now())
    found = journal.order_by_broker_id(order.id)
    assert found is not None
    return found, changes


def refresh_together(
    journal: Journal, client: BrokerClient, names: Sequence[str], now: Callable[[], datetime]
) -> tuple[list[OrderRecord], list[Change]]:
    """Read several orders that the broker has taken by one question, and take them in.

    `names` are client_order_ids; what the answer leaves out stays as it was, which proves nothing.
    Raises BrokerError.
    """
    records = journal.orders_by_client_ids(names)
    begins = [r.order.submitted_at for r in records if r.order.submitted_at is not None]
    if not begins:
        return records, []
    listed = client.list_orders(OrderQuery(status="all", after=min(begins) - TOGETHER_MARGIN))
    found = [order for order in listed if order.client_order_id in names]
    changes = intake.apply_snapshots(journal, with_predecessors(journal, client, found), now())
    return journal.orders_by_client_ids(names), changes


def _stranger(client: BrokerClient, identifier: str) -> Order:
    """Broker ids are UUIDs; anything else can only be a client id."""
    is_uuid = len(identifier) == 36 and identifier.count("-") == 4
    if is_uuid:
        try:
            return client.get_order(identifier)
        except NotFound:
            pass
    return client.get_order_by_client_id(identifier)
