"""Changing a working order. The broker makes a new order of it, with an id of its own.

The new order's intent is written first, under a client_order_id that we choose, so a lost answer is
settled like that of any other order. A 200 is no promise: should the old order fill first, the new
one is rejected, and the reports say so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from execbot.broker.errors import BrokerError, NotFound
from execbot.broker.port import ReplaceRequest
from execbot.exits.tags import tag_of
from execbot.journal.errors import JournalError
from execbot.journal.records import EXIT_ROLES, OrderRecord, Origin
from execbot.model.enums import TimeInForce
from execbot.model.numbers import first_known, maybe_text
from execbot.model.order import Order, OrderRequest
from execbot.oms.errors import InDoubt, NotPossible, OmsError, Refused
from execbot.oms.ledger import recording
from execbot.oms.machine.table import Act
from execbot.oms.results import Gate
from execbot.oms.send import hand_over
from execbot.oms.send.intent import intent_details
from execbot.oms.send.judged import is_denied, judged
from execbot.oms.send.orders import Orders, times_of
from execbot.oms.send.waiting import looked_up

Judge = Callable[[OrderRecord, OrderRequest], Gate | None]
"""Shown the old record and the new order as a whole; gives what the intent's transaction asks."""


def replace_order(
    oms: Orders,
    identifier: str,
    request: ReplaceRequest,
    *,
    judge: Judge | None = None,
) -> OrderRecord:
    """Replace one order; returns the record of the new one.

    `judge` is shown the old record and the new order as a whole, and gives the gate that is asked
    in the transaction of the intent, or None where there is nothing to ask.
    Raises Refused, NotPossible, UnknownOrder, InDoubt, BrokerError (refused: the old order stands).
    """
    old = oms.journal.find_order(identifier) or oms.refresh(identifier)
    if not old.order_id or old.order.is_terminal:
        raise NotPossible(f"the order is {old.status.value}", record=old)
    new_id = request.client_order_id or oms.new_id(oms.now())
    request = replace(request, client_order_id=new_id)
    wanted = _merged(old, request, _has_clock_by_rule(oms, old))
    gate = judge(old, wanted) if judge is not None else None
    began = _write_intent(oms, old, wanted, gate)
    try:
        return _send(oms, old, request, began)
    except JournalError as error:
        record = None
        with suppress(JournalError):
            record = oms.record(new_id)
        raise InDoubt(
            f"the change was sent, and the answer could not be recorded: {error.message}",
            record=record,
        ) from error


def _send(oms: Orders, old: OrderRecord, request: ReplaceRequest, began: float) -> OrderRecord:
    new_id = request.client_order_id or ""
    most = times_of(oms.settings).first_send_seconds

    def is_late() -> bool:
        return oms.timer.monotonic() - began > most

    try:
        order = oms.client.replace_order(old.order_id, request, is_late=is_late)
    except BrokerError as error:
        if not error.in_doubt:
            error.client_order_id = old.client_order_id
            # The refusal was read: what fails while it is taken in must not take its place.
            with suppress(JournalError):
                _act(oms, Act.REFUSE, new_id, note=error.message, error_kind=error.kind)
            with suppress(BrokerError, OmsError, JournalError):
                oms.refresh(old.order_id)
            raise
        _act(oms, Act.DOUBT, new_id, note=error.message)
        found = _look_up(oms, old, request)
        if found is None:
            record = oms.record(new_id)
            raise InDoubt(
                f"whether the order was replaced is not known: {error.message}", record=record
            ) from error
        order = found
    with recording(oms.journal) as ledger:
        ledger.snapshot(replace(order, client_order_id=new_id), oms.now())
    oms.publish(ledger.changes)
    return oms.record(new_id)


def _write_intent(oms: Orders, old: OrderRecord, wanted: OrderRequest, gate: Gate | None) -> float:
    """Make it durable; when that was, in the timer's seconds."""
    facts = {
        "replaces": old.order_id,
        "origin": _origin(old, wanted.client_order_id),
        "signal_id": old.signal_id,
        "plan_id": old.plan_id,
        "role": old.role,
        "parent_id": old.parent_id,
        "arrival_price": maybe_text(old.arrival_price),
    }
    new_id, now = wanted.client_order_id, oms.now()
    with recording(oms.journal, must_last=True) as ledger:
        hand_over.claim(oms.journal, new_id, old.role)
        mark = oms.timer.mark()
        verdict = judged(ledger, wanted, gate, facts, now)
        if not is_denied(verdict):
            ledger.act(Act.REPLACE_REQUESTED, old.client_order_id, now, new_client_order_id=new_id)
            ledger.act(
                Act.INTENT, new_id, now, mark=mark.to_json(), **intent_details(wanted, facts)
            )
    oms.publish(ledger.changes)
    if verdict is not None and not verdict.passed:
        raise Refused(verdict, oms.record(new_id))
    return mark.seconds


def _origin(old: OrderRecord, new_id: str) -> str:
    """What we put in the place of an order of others is ours: a stop that `watch` moved before it
    knew whose it was still follows its position."""
    if old.is_ours:
        return old.origin
    is_exit = old.role in EXIT_ROLES or tag_of(new_id) is not None
    return Origin.EXIT if is_exit else Origin.SUBMIT


def _has_clock_by_rule(oms: Orders, old: OrderRecord) -> bool:
    """Did the configuration give the order its clock, and nobody ask for it?"""
    if old.cancel_after is None:
        return False
    history = oms.journal.events_of(old.client_order_id)
    return any(event.details.get("clock_by_rule") for event in history)


def _merged(old: OrderRecord, change: ReplaceRequest, clock_by_rule: bool) -> OrderRequest:
    """The new order as it is meant to be: the old one with the changes.

    A time in force that is asked for and says how long it lasts takes the place of a clock that
    nobody asked for, as it does where the order is given.
    """
    order = old.order
    lasts = change.time_in_force not in (None, TimeInForce.DAY)
    drops_clock = clock_by_rule and lasts
    percent = order.trail_percent is not None
    qty = first_known(change.qty, order.qty)
    return OrderRequest(
        symbol=order.symbol,
        side=order.side,
        qty=qty,
        notional=None if qty is not None else order.notional,
        type=order.type,
        time_in_force=change.time_in_force or order.time_in_force,
        limit_price=first_known(change.limit_price, order.limit_price),
        stop_price=first_known(change.stop_price, order.stop_price),
        trail_price=order.trail_price if percent else first_known(change.trail, order.trail_price),
        trail_percent=first_known(change.trail, order.trail_percent) if percent else None,
        extended_hours=order.extended_hours,
        order_class=order.order_class,
        position_intent=order.position_intent,
        client_order_id=change.client_order_id or "",
        strategy_id=old.strategy_id,
        reason=old.reason,
        cancel_after=None if drops_clock else old.cancel_after,
        for_the_day=old.for_the_day and change.time_in_force is None,
        clock_by_rule=clock_by_rule and not drops_clock,
    )


def _look_up(oms: Orders, old: OrderRecord, request: ReplaceRequest) -> Order | None:
    """Find the new order by its client id, or through the old one that names its successor.

    Somebody else may have been faster: a successor that is not what was asked for is not ours.
    """

    def look() -> Order | None:
        with suppress(BrokerError):  # no answer: asked again
            with suppress(NotFound):
                return oms.client.get_order_by_client_id(request.client_order_id or "")
            successor = oms.client.get_order(old.order_id).replaced_by
            found = oms.client.get_order(successor) if successor else None
            if found is not None and _is_as_asked(found, request):
                return found
        return None

    return looked_up(look, oms.timer)


def _is_as_asked(found: Order, request: ReplaceRequest) -> bool:
    trail = found.trail_price if found.trail_percent is None else found.trail_percent
    pairs = (
        (request.qty, found.qty),
        (request.limit_price, found.limit_price),
        (request.stop_price, found.stop_price),
        (request.trail, trail),
        (request.time_in_force, found.time_in_force),
    )
    return all(asked is None or asked == there for asked, there in pairs)


def _act(oms: Orders, act: Act, client_order_id: str, **details: Any) -> None:
    mark = oms.timer.mark().to_json() if act is Act.DOUBT else None
    with recording(oms.journal) as ledger:
        ledger.act(act, client_order_id, oms.now(), mark=mark, **details)
    oms.publish(ledger.changes)
