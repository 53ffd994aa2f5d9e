"""One order read from the broker by whichever id is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from execbot.broker.errors import NotFound
from execbot.broker.port import BrokerClient
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.order import Order
from execbot.oms.errors import UnknownOrder
from execbot.oms.machine.changes import Change
from execbot.oms.sync import intake
from execbot.oms.sync.gaps import with_predecessors


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


def _stranger(client: BrokerClient, identifier: str) -> Order:
    """Broker ids are UUIDs; anything else can only be a client id."""
    is_uuid = len(identifier) == 36 and identifier.count("-") == 4
    if is_uuid:
        try:
            return client.get_order(identifier)
        except NotFound:
            pass
    return client.get_order_by_client_id(identifier)
