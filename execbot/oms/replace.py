"""Changing a working order. The broker makes a new order of it, with an id of its own.

The new order's intent is written first, under a client_order_id that we choose, so a lost answer is
settled like that of any other order. A 200 is no promise: should the old order fill first, the new
one is rejected, and the reports say so.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from execbot.broker.errors import BrokerError, NotFound
from execbot.broker.port import ReplaceRequest
from execbot.journal.codec import dumps
from execbot.journal.errors import JournalError
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderType
from execbot.model.numbers import maybe_text
from execbot.model.order import Order
from execbot.oms.errors import InDoubt, NotPossible
from execbot.oms.ledger import recording
from execbot.oms.pipeline import LOOKUP_PAUSES_SECONDS
from execbot.oms.table import Act

if TYPE_CHECKING:
    from execbot.oms.service import OrderManagementSystem

_KEPT = ("qty", "limit_price", "stop_price", "trail_price", "trail_percent")


def replace_order(
    oms: OrderManagementSystem, identifier: str, request: ReplaceRequest
) -> OrderRecord:
    """Replace one order; returns the record of the new one.

    Raises NotPossible, UnknownOrder, InDoubt, BrokerError (refused: the old order stands).
    """
    old = oms.journal.find_order(identifier) or oms.refresh(identifier)
    if not old.order_id or old.order.is_terminal:
        raise NotPossible(f"the order is {old.status.value}", record=old)
    new_id = request.client_order_id or oms.new_id(oms.now())
    request = replace(request, client_order_id=new_id)
    _write_intent(oms, old, request)
    try:
        return _send(oms, old, request, new_id)
    except JournalError as error:
        record = None
        with suppress(JournalError):
            record = oms.record(new_id)
        raise InDoubt(
            f"the change was sent, and the answer could not be recorded: {error.message}",
            record=record,
        ) from error


def _send(
    oms: OrderManagementSystem, old: OrderRecord, request: ReplaceRequest, new_id: str
) -> OrderRecord:
    try:
        order = oms.client.replace_order(old.order_id, request)
    except BrokerError as error:
        if not error.in_doubt:
            _act(oms, Act.REFUSE, new_id, note=error.message, error_kind=error.kind)
            error.client_order_id = old.client_order_id
            oms.refresh(old.order_id)
            raise
        _act(oms, Act.DOUBT, new_id, note=error.message)
        found = _look_up(oms, old, new_id)
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


def _write_intent(oms: OrderManagementSystem, old: OrderRecord, request: ReplaceRequest) -> None:
    assert request.client_order_id is not None
    wire = _merged(old.order, request)
    with recording(oms.journal) as ledger:
        ledger.act(
            Act.REPLACE_REQUESTED,
            old.client_order_id,
            oms.now(),
            new_client_order_id=request.client_order_id,
        )
        ledger.act(
            Act.INTENT,
            request.client_order_id,
            oms.now(),
            request=wire,
            request_json=dumps(wire),
            replaces=old.order_id,
            origin=old.origin,
            strategy_id=old.strategy_id,
            reason=old.reason,
            signal_id=old.signal_id,
            plan_id=old.plan_id,
            role=old.role,
            parent_id=old.parent_id,
            arrival_price=maybe_text(old.arrival_price),
        )
    oms.publish(ledger.changes)


def _merged(order: Order, request: ReplaceRequest) -> dict[str, Any]:
    """The new order as it is meant to be: the old one with the changes."""
    wire: dict[str, Any] = {
        "symbol": order.symbol,
        "side": order.side.value,
        "type": order.type.value,
        "time_in_force": (request.time_in_force or order.time_in_force).value,
        "order_class": order.order_class.value,
    }
    changed = {"qty": request.qty, "limit_price": request.limit_price}
    changed |= {"stop_price": request.stop_price}
    if order.type is OrderType.TRAILING_STOP:
        trail = "trail_percent" if order.trail_percent is not None else "trail_price"
        changed[trail] = request.trail
    for name in _KEPT:
        value = changed.get(name)
        wire[name] = maybe_text(value if value is not None else getattr(order, name))
    return {name: value for name, value in wire.items() if value}


def _look_up(oms: OrderManagementSystem, old: OrderRecord, new_id: str) -> Order | None:
    """Find the new order by its client id, or through the old one that names its successor."""
    for pause in LOOKUP_PAUSES_SECONDS:
        oms.sleep(pause)
        try:
            return oms.client.get_order_by_client_id(new_id)
        except BrokerError as error:
            if not isinstance(error, NotFound):
                continue
        try:
            successor = oms.client.get_order(old.order_id).replaced_by
            if successor:
                return oms.client.get_order(successor)
        except BrokerError:
            continue
    return None


def _act(oms: OrderManagementSystem, act: Act, client_order_id: str, **details: Any) -> None:
    with recording(oms.journal) as ledger:
        ledger.act(act, client_order_id, oms.now(), **details)
    oms.publish(ledger.changes)
