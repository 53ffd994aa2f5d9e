"""The tries of one closing order.

Between the look at a position and the order that closes it an exit may come to hold the shares (it
was on its way already), or sell them. The broker refuses the order then, and what is held is read
and lifted anew. A refused id is used up in the journal, so the next try of an order that was given
an id goes by `<id>.r1`, `<id>.r2`: its event says `of` which it is a try.

A process may die between a refused try and the next one: nothing was closed then. Who gives the
close again under its id has it go on from there.
"""

from __future__ import annotations

from execbot.broker.errors import BrokerError
from execbot.journal.journal import Journal
from execbot.journal.records import OF, OrderRecord
from execbot.model.enums import REOPENABLE, OrderStatus
from execbot.oms.machine.table import Act

TRIES_MAX = 3

HELD = "broker.qty_held_for_orders"

CLOSED_MEANWHILE = "closed"
"""The result of the audit row of a refused try after which nothing was left to close."""

_CROSSED = frozenset(
    {
        HELD,
        "broker.insufficient_qty",
        "broker.insufficient_balance",
        "broker.position_intent_mismatch",
        "broker.closing_order_open",
        "broker.opposite_order_open",
        "broker.wash_trade",
    }
)
"""What the broker says where position or open orders are not what they were a moment ago."""


def has_crossed(error: BrokerError) -> bool:
    """Whether a closing order was refused for what may have changed since it was decided. Pure."""
    return error.kind in _CROSSED


def was_cut_short(journal: Journal, client_order_id: str) -> bool:
    """Whether the process that tried to close under this id ended between a try that was refused
    and the next one: nothing was closed by it, and whoever is given the id again goes on."""
    last = last_try(journal, client_order_id)
    if last is None or last.status is not OrderStatus.REJECTED:
        return False
    if len(_tries(journal, client_order_id)) + 1 >= TRIES_MAX:
        return False
    kinds = [event.details.get("error_kind") for event in journal.events_of(last.client_order_id)
             if event.kind == Act.REFUSE]  # fmt: skip
    rows = journal.audit_of(last.client_order_id)
    is_over = any(row.result == CLOSED_MEANWHILE for row in rows)
    return kinds[-1:] != [] and kinds[-1] in _CROSSED and not is_over


def last_try(journal: Journal, client_order_id: str) -> OrderRecord | None:
    """The order that goes by this id; where that was refused and tried again, the last of those."""
    first = journal.order_by_client_id(client_order_id)
    if first is None or first.status is not OrderStatus.REJECTED:
        return first
    tries = _tries(journal, client_order_id)
    return tries[-1] if tries else first


def unused_id(journal: Journal, client_order_id: str) -> str:
    """What the next try goes by; empty where the order was given no id: it gets a new one. A try of
    another process that was not refused keeps its id: who submits under it meets that order."""
    name, number = client_order_id, 0
    while name:
        known = journal.order_by_client_id(name)
        if known is None or known.status in REOPENABLE or _stands(journal, known, client_order_id):
            break
        number += 1
        name = f"{client_order_id}.r{number}"
    return name


def _stands(journal: Journal, record: OrderRecord, name: str) -> bool:
    is_try = record.client_order_id == name or _is_of(journal, record, name)
    return is_try and record.status is not OrderStatus.REJECTED


def _tries(journal: Journal, client_order_id: str) -> list[OrderRecord]:
    """The tries after the first."""
    return [one for one in journal.orders_named(f"{client_order_id}.r")
            if _is_of(journal, one, client_order_id)]  # fmt: skip


def _is_of(journal: Journal, record: OrderRecord, name: str) -> bool:
    """A trader may have chosen an id that looks like a try: the event of the intent tells."""
    events = journal.events_of(record.client_order_id)
    return any(event.kind == Act.INTENT and event.details.get(OF) == name for event in events)
