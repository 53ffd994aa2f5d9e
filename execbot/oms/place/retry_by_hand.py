"""What a trader may decide about a failed order: send it again, or give it up. Both are audited."""

from __future__ import annotations

import re
from decimal import Decimal

from msgspec.structs import replace

from execbot.exits.plan.legs import without_legs
from execbot.exits.store import OPEN, drop_plan, plan_by_id
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Role
from execbot.model.enums import CUT_SHORT, UNCONFIRMED, UNSETTLED_STATUSES, OrderStatus
from execbot.model.flags import Flag, flags_of
from execbot.model.numbers import CENT, ZERO, round_down, text
from execbot.model.order import Order, OrderRequest
from execbot.oms.errors import NotPossible
from execbot.oms.place.after_error import MIN_NOTIONAL
from execbot.oms.place.entry_plans import PricedEntry, asked_again
from execbot.oms.place.placer import Placed, Placer, Purposeful
from execbot.oms.place.risk_desk import flags_given
from execbot.oms.send.intent import request_of


def retry(placer: Placer, identifier: str) -> Placed:
    """Send what was asked for once more, as a new order that passes every check afresh.

    A partly filled order asks for the rest, in shares or dollars, and of an order that was retried
    before only what the retries have left. An entry with an exit plan comes with its wishes again,
    measured from the market of now: under a new plan, or as an addition where the old one holds
    what had filled. Raises NotPossible, and whatever `prepare` and `place` raise.
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
    request = _rest(oms.journal, record, request_of(record, client_order_id=new_id))
    now = oms.now()
    oms.journal.audit(
        "by_hand", record.client_order_id, "retry", {"new_id": new_id}, "retried", now
    )
    facts = {"of": record.client_order_id, "was": record.status}
    oms.journal.audit("by_hand", new_id, "retry", facts, "retried", now)
    why = Purposeful(record.origin, record.signal_id, role=record.role)
    given = flags_given(oms.journal, record.client_order_id) - {Flag.ALLOW_DUPLICATE}
    implied = flags_of(allow_duplicate=True, add=bool(record.order.filled_qty))
    plan = plan_by_id(oms.journal, record.plan_id) if record.plan_id is not None else None
    if plan is None or record.role != Role.ENTRY:
        why = replace(why, plan_id=record.plan_id)
        return placer.place(request, why, flags=given | implied)
    position = oms.journal.position(plan.symbol)
    if plan.status in OPEN and position is not None and position.qty * request.side.sign > 0:
        # What is held is under it, and legs of its own would be a second plan.
        entry = PricedEntry(without_legs(request), joins=plan.plan_id)
        return placer.place(entry, why, flags=given | implied)
    drop_plan(oms.journal, plan.plan_id, now, f"tried again as {new_id}")
    prepared = placer.prepare(request, asked_again(plan), flags=given, implied=implied)
    return placer.place(prepared.entry, why, checked=prepared.checked, flags=prepared.flags)


def _rest(journal: Journal, record: OrderRecord, request: OrderRequest) -> OrderRequest:
    """The request for what neither the order nor an earlier retry of it has bought or sold.

    Raises NotPossible when nothing is left, or while an earlier retry may still fill.
    """
    name = _base_of(record.client_order_id)
    base = journal.order_by_client_id(name) or record
    tries = _retries_of(journal, name)
    for other in tries:
        if other.status not in CUT_SHORT and other.status is not OrderStatus.FILLED:
            raise NotPossible(
                f"{base.client_order_id} was retried: {other.client_order_id} is {other.status}",
                record=record,
                hint="Two of them would buy or sell twice.",
            )
    if base.order.notional is not None:
        spent = sum((_worth(one.order) for one in (base, *tries)), ZERO)
        left = round_down(base.order.notional - spent, CENT)
        if left < MIN_NOTIONAL:
            raise _nothing_left(base, f"{text(round_down(spent, CENT))} USD of it are filled")
        return replace(request, notional=left)
    if base.leaves_qty is None:
        return request
    left = base.leaves_qty - sum((one.order.filled_qty for one in tries), ZERO)
    if left <= 0:
        raise _nothing_left(base, "an earlier retry has filled the rest")
    return replace(request, qty=left)


def _worth(order: Order) -> Decimal:
    return order.filled_qty * (order.filled_avg_price or ZERO)


def _nothing_left(base: OrderRecord, why: str) -> NotPossible:
    return NotPossible(
        f"nothing of {base.client_order_id} is left to retry: {why}",
        record=base,
        hint="What it asked for has been done.",
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


_RETRY = re.compile(r"\.h\d+$")


def _base_of(client_order_id: str) -> str:
    """The order that was tried first: `<id>` of `<id>.h2`."""
    return _RETRY.sub("", client_order_id)


def _retries_of(journal: Journal, base: str) -> list[OrderRecord]:
    """`<id>.h1`, `.h2`, ..., oldest first."""
    found: list[OrderRecord] = []
    while (one := journal.order_by_client_id(f"{base}.h{len(found) + 1}")) is not None:
        found.append(one)
    return found


def _next_id(journal: Journal, client_order_id: str) -> str:
    """The first `<id>.h1`, `.h2`, ... that no order has."""
    base = _base_of(client_order_id)
    return f"{base}.h{len(_retries_of(journal, base)) + 1}"
