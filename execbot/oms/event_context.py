"""What an event of the broker does not say itself: whose order it is, and what the pure rules need
to know of other orders. Read of the journal, all of it may raise JournalError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from execbot.exits.ownership import is_of_our_kind, note_other, own_facts
from execbot.exits.plan.plan import PlanStatus
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Origin
from execbot.model.enums import EventSource
from execbot.model.numbers import text
from execbot.model.order import Order
from execbot.oms.ledger_reads import LedgerReads
from execbot.oms.machine.chains import Chain, chain_of
from execbot.oms.machine.events import OrderEvent
from execbot.oms.machine.table import EXECUTIONS


def completed(
    event: OrderEvent, journal: Journal, reads: LedgerReads, owner_of: Callable[[str], str | None]
) -> OrderEvent:
    """The event under the name of its order, with what is known of others among its details.

    `owner_of` gives the client_order_id of the order that an execution was booked for.
    """
    key = _resolved(event, reads)
    if key != event.client_order_id:
        event = replace(event, client_order_id=key)
    details: dict[str, Any] = {}
    if event.order is not None and event.order.replaces:
        details = _chain_facts(event.order, event, reads)
    is_foreign = details.get("origin", Origin.FOREIGN) == Origin.FOREIGN
    if event.order is not None and is_foreign and not event.details.get("parent_id"):
        details |= _unheard_of(event.order, event, journal, reads)
    if event.kind in EXECUTIONS and event.execution_id:
        owner = owner_of(event.execution_id)
        if owner is not None and owner != event.client_order_id:
            details["owned_by"] = owner
    return event.with_details(**details) if details else event


def chain_before(order: Order, client_order_id: str, reads: LedgerReads) -> Chain:
    """The orders before one that replaced another; it is remembered as their successor, under the
    name that it has in the journal."""
    assert order.replaces
    reads.add_successor(order.replaces, client_order_id)
    return chain_of(order, reads.state_at)


def is_fill_of_a_stranger(event: OrderEvent, reads: LedgerReads) -> bool:
    """A frame tells an execution of an order that we know by another id of the broker's, and
    nothing was ever heard of that one: the frame is spoilt, or the first of a second order under
    one client id. REST tells which, and its row; nothing is booked on the frame."""
    is_fill = event.kind in EXECUTIONS and event.source is EventSource.STREAM
    if not is_fill or not event.order_id:
        return False
    state = reads.state(event.client_order_id)
    is_other = state is not None and state.record.order_id not in ("", event.order_id)
    return is_other and reads.key_of(event.order_id) is None


def _resolved(event: OrderEvent, reads: LedgerReads) -> str:
    """The broker's id decides; then the client id, unless it belongs to another order."""
    state = reads.state(event.client_order_id)
    if state is not None and state.record.order_id == event.order_id:
        return event.client_order_id
    key = reads.key_of(event.order_id)
    if key is not None:
        return key
    if state is not None and state.record.order_id and event.order_id:
        return f"{event.client_order_id}~{event.order_id}"
    return event.client_order_id


def _unheard_of(
    order: Order, event: OrderEvent, journal: Journal, reads: LedgerReads
) -> dict[str, Any]:
    """Of an order that this journal does not have: the plan of ours that it serves. Where none is
    and its id is of our kind, another execbot has sent it."""
    if reads.state(event.client_order_id) is not None:
        return {}
    facts = own_facts(order, journal.plans(statuses=tuple(PlanStatus), symbol=order.symbol))
    if not facts and is_of_our_kind(order.client_order_id):
        note_other(journal, order, event.recorded_at)
    return dict(facts)


def _chain_facts(order: Order, event: OrderEvent, reads: LedgerReads) -> dict[str, Any]:
    """What the replaced orders had filled, and for a new order whose idea they were."""
    chain = chain_before(order, event.client_order_id, reads)
    facts = chain.facts()
    known = reads.state(event.client_order_id)
    record = chain.nearest
    if record is None or _is_nobodys(record):
        return facts  # it has nothing to hand on, and would undo what is known of this one
    if known is None or _is_nobodys(known.record):
        for name in ("origin", "strategy_id", "plan_id", "signal_id", "role", "parent_id"):
            if getattr(record, name) is not None:
                facts[name] = getattr(record, name)
        if record.cancel_after is not None:
            facts["cancel_after"] = text(record.cancel_after)
        if record.for_the_day:
            facts["for_the_day"] = True
    return facts


def _is_nobodys(record: OrderRecord) -> bool:
    """Taken for a stranger's: it came before the order that it replaced was known."""
    return not record.is_ours and record.plan_id is None and record.role is None
