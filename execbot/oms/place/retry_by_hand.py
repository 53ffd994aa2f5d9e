"""What a trader may decide about a failed order: send it again, or give it up. Both are audited."""

from __future__ import annotations

from msgspec.structs import replace

from execbot.exits.plan.legs import without_legs
from execbot.exits.store import OPEN, drop_plan, plan_by_id
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Role
from execbot.model.enums import OrderStatus
from execbot.oms.errors import NotPossible
from execbot.oms.place.entry_plans import PricedEntry, asked_again
from execbot.oms.place.placer import Placed, Placer, Purposeful
from execbot.oms.send.intent import request_of

RETRYABLE_BY_HAND = frozenset(
    {
        OrderStatus.DENIED,
        OrderStatus.NEVER_SENT,
        OrderStatus.REJECTED,
        OrderStatus.CANCELED,
        OrderStatus.EXPIRED,
    }
)
"""Ended without (all of) a fill. An order in doubt is settled first, never sent again."""

ABANDONABLE = frozenset({OrderStatus.QUEUED, OrderStatus.PENDING, OrderStatus.IN_DOUBT})
"""Not (known to be) at the broker. What works there is canceled, not abandoned."""


def retry(placer: Placer, identifier: str) -> Placed:
    """Send what was asked for once more, as a new order that passes every check afresh.

    A partly filled order asks for the rest. An entry with an exit plan comes with its wishes again,
    measured from the market of now: under a new plan, or as an addition where the old one holds
    what had filled. Raises NotPossible, and whatever `prepare` and `place` raise.
    """
    oms = placer.oms
    record = oms.record(identifier)
    if record.status is OrderStatus.IN_DOUBT or record.status is OrderStatus.PENDING:
        raise NotPossible(
            f"{record.client_order_id} is in doubt: the broker may have it",
            record=record,
            hint="Run `execbot reconcile` first; it finds out.",
        )
    if record.status not in RETRYABLE_BY_HAND:
        raise NotPossible(f"{record.client_order_id} is {record.status}", record=record)
    if not record.request_json:
        raise NotPossible(
            f"{record.client_order_id} was not sent by execbot: its request is not known",
            record=record,
        )
    new_id = _next_id(oms.journal, record.client_order_id)
    request = request_of(record, client_order_id=new_id)
    if record.leaves_qty is not None:
        request = replace(request, qty=record.leaves_qty)
    now = oms.now()
    oms.journal.audit(
        "by_hand", record.client_order_id, "retry", {"new_id": new_id}, "retried", now
    )
    facts = {"of": record.client_order_id, "was": record.status}
    oms.journal.audit("by_hand", new_id, "retry", facts, "retried", now)
    why = Purposeful(record.origin, record.signal_id, role=record.role)
    plan = plan_by_id(oms.journal, record.plan_id) if record.plan_id is not None else None
    if plan is None or record.role != Role.ENTRY:
        why = replace(why, plan_id=record.plan_id)
        return placer.place(request, why, allow_duplicate=True)
    position = oms.journal.position(plan.symbol)
    if plan.status in OPEN and position is not None and position.qty * request.side.sign > 0:
        # What is held is under it, and legs of its own would be a second plan.
        entry = PricedEntry(without_legs(request), joins=plan.plan_id)
        return placer.place(entry, why, allow_duplicate=True)
    drop_plan(oms.journal, plan.plan_id, now, f"tried again as {new_id}")
    prepared = placer.prepare(request, asked_again(plan), allow_duplicate=True)
    return placer.place(prepared.entry, why, checked=prepared.checked, allow_duplicate=True)


def abandon(placer: Placer, identifier: str, reason: str) -> OrderRecord:
    """Give up an order that the broker is not known to have. Raises NotPossible."""
    oms = placer.oms
    record = oms.record(identifier)
    if record.status not in ABANDONABLE:
        raise NotPossible(
            f"{record.client_order_id} is {record.status}",
            record=record,
            hint="An order that works at the broker is canceled: `execbot cancel ID`.",
        )
    facts = {"was": record.status, "reason": reason}
    oms.journal.audit("by_hand", record.client_order_id, "abandon", facts, "abandoned", oms.now())
    return oms.abandon(record.client_order_id, reason=reason)


def _next_id(journal: Journal, client_order_id: str) -> str:
    """`<id>.h1`, `.h2`, ...: the first that no order has."""
    base = client_order_id.partition(".h")[0]
    number = 1
    while journal.order_by_client_id(f"{base}.h{number}") is not None:
        number += 1
    return f"{base}.h{number}"
