"""What a trader may decide about a failed order: send it again, or give it up. Both are audited."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.exits.plan.plan import ExitPlan, StopPlan, TargetPlan
from execbot.exits.store import OPEN, drop_plan, entry_is, plan_by_id, save_plan
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Role
from execbot.model.enums import CUT_SHORT, UNCONFIRMED, UNSETTLED_STATUSES, OrderClass
from execbot.model.order import OrderRequest
from execbot.oms.errors import NotPossible, OmsError
from execbot.oms.place.placer import Placed, Placer, Purposeful
from execbot.oms.send.intent import request_of


def retry(placer: Placer, identifier: str) -> Placed:
    """Send what was asked for once more, as a new order that passes every check afresh.

    A partly filled order asks for the rest. An entry with an exit plan comes with its wishes again:
    under a new plan, or as an addition where the old one holds what had filled. Raises NotPossible,
    and whatever `place` raises.
    """
    oms = placer.oms
    record = oms.record(identifier)
    if record.status in UNSETTLED_STATUSES:
        raise NotPossible(
            f"{record.client_order_id} is in doubt: the broker may have it",
            record=record,
            hint="Run `execbot reconcile` first; it finds out.",
        )
    if record.status not in CUT_SHORT:
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
    request, plan_id = _planned(placer, record, request)
    why = Purposeful(record.origin, record.signal_id, plan_id, record.role)
    if plan_id is None or plan_id == record.plan_id:
        return placer.place(request, why, allow_duplicate=True)
    try:
        placed = placer.place(request, why, allow_duplicate=True)
    except (BrokerError, OmsError) as error:
        if not error.in_doubt:
            drop_plan(oms.journal, plan_id, oms.now(), "the entry was not sent")
        raise
    entry_is(oms.journal, plan_id, placed.record, oms.now())
    return placed


def _planned(
    placer: Placer, record: OrderRecord, request: OrderRequest
) -> tuple[OrderRequest, str | None]:
    """The request and the plan that it goes under, durable before it is sent."""
    journal, now = placer.oms.journal, placer.oms.now()
    plan = plan_by_id(journal, record.plan_id) if record.plan_id is not None else None
    if plan is None or record.role != Role.ENTRY:
        return request, record.plan_id
    position = journal.position(plan.symbol)
    if plan.status in OPEN and position is not None and position.qty * request.side.sign > 0:
        # What is held is under it, and legs of its own would be a second plan.
        bare = replace(request, order_class=OrderClass.NONE, stop_loss=None, take_profit=None)
        return bare, plan.plan_id
    again = _renewed(plan, request, now)
    with journal.transaction():
        save_plan(journal, again)
        drop_plan(journal, plan.plan_id, now, f"tried again as {request.client_order_id}")
    return request, again.plan_id


def _renewed(plan: ExitPlan, request: OrderRequest, now: datetime) -> ExitPlan:
    """The same wishes for another try at the entry, as if nothing had been held under them.

    What goes along has its price; the other levels are priced at the first fill.
    """
    stop = request.stop_loss.stop_price if request.stop_loss is not None else None
    target = request.take_profit.limit_price if request.take_profit is not None else None
    return ExitPlan(
        plan_id=f"plan-{request.client_order_id}",
        symbol=plan.symbol,
        side=plan.side,
        created_at=now,
        updated_at=now,
        origin=plan.origin,
        strategy_id=plan.strategy_id,
        strength=plan.strength,
        entry_client_order_id=request.client_order_id,
        stop=StopPlan(plan.stop.spec, stop, stop, plan.stop.trail),
        targets=tuple(TargetPlan(t.spec, t.weight, target) for t in plan.targets),
        rules=plan.rules,
        facts=plan.facts,
        note=f"another try of {plan.plan_id}",
    )


def abandon(placer: Placer, identifier: str, reason: str) -> OrderRecord:
    """Give up an order that the broker is not known to have. Raises NotPossible."""
    oms = placer.oms
    record = oms.record(identifier)
    if record.status not in UNCONFIRMED:
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
