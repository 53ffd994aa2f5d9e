"""Replaces as the venue carries them out: the new order takes over, or the old one was faster."""

from __future__ import annotations

from decimal import Decimal

from execbot.sim.engine.accounts import funds
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.events import emit
from execbot.sim.engine.options import replaces
from execbot.sim.engine.order import Order, OrderClass, OrderType, Role, Status
from execbot.sim.engine.orders import executions, matching, trailing
from execbot.sim.engine.render import NANO, ZERO


def swap(core: ExchangeCore, new: Order) -> None:
    """The venue carries out a replace, or finds the old order gone."""
    old = core.orders.get(new.replaces or "")
    filled = ZERO if old is None else old.filled_qty + old.carried_qty
    if old is None or not _may_swap(new, old, filled):
        _refuse_swap(core, new, old)
        return
    if new.order_class is OrderClass.MLEG:
        replaces.swap(core, new, old)
        return
    if core.config.replace_carries_filled_qty:
        new.filled_qty, new.filled_value = old.filled_qty, old.filled_value
        new.carried_qty, new.filled_at = old.carried_qty, old.filled_at
    else:
        new.carried_qty = filled
    new.triggered = old.triggered
    new.collar, new.hwm = old.collar, old.hwm if old.hwm is not None else new.hwm
    if new.type is OrderType.TRAILING_STOP and new.hwm is not None:
        new.stop_price = trailing.trail_stop(new, new.hwm)
    new.acked = True
    new.submitted_at = new.updated_at = core.now
    was_active, was_waking = old.active, old.due.get("wake")
    held = old.status is Status.HELD
    new.status = Status.HELD if held else Status.NEW
    if new.filled_qty and not held:
        new.status = Status.PARTIALLY_FILLED
    _take_place(core, old, new)
    old.status = Status.REPLACED
    old.replaced_at = old.updated_at = core.now
    old.replaced_by = new.id
    core.retire(old)
    funds.refresh(core, new)
    emit(core, old, "replaced")
    if not held:
        emit(core, new, "new", {"execution_id": core.ids.uuid()})
    if was_waking is not None:
        core.schedule(new, "wake", was_waking)
    elif was_active or not held:
        core.schedule(new, "look", core.now)


def _may_swap(new: Order, old: Order, filled: Decimal) -> bool:
    if old.status not in (Status.PENDING_REPLACE, Status.HELD):
        return False  # a stop leg that fired meanwhile
    if "follow" in old.due or "drop" in old.due:
        return False  # its group is over, and it ends with it
    if old.triggered and new.stop_price != old.stop_price:
        return False
    return new.qty is None or new.qty > filled


def _refuse_swap(core: ExchangeCore, new: Order, old: Order | None) -> None:
    """The old order was faster: the new one is rejected."""
    new.failed_at = new.updated_at = core.now
    new.status = Status.REJECTED
    core.retire(new)
    if new.order_class is OrderClass.MLEG:
        replaces.refuse(core, new)
    if old is not None and old.status is Status.PENDING_REPLACE:
        old.status = Status.PARTIALLY_FILLED if old.filled_qty else Status.NEW
        old.updated_at = core.now
    shown = old or core.archive.get_order(new.replaces or "")
    if shown is not None:
        emit(core, shown, "order_replace_rejected")
    emit(core, new, "rejected")


def _take_place(core: ExchangeCore, old: Order, new: Order) -> None:
    """Puts the new order where the old one stood; orders that refer to the old id refer to the new
    one.
    """
    new.parent_id, new.sibling_id, new.legs = old.parent_id, old.sibling_id, list(old.legs)
    sibling = core.find(old.sibling_id)
    if sibling is not None:
        sibling.sibling_id = new.id
        _keep(core, sibling)
    new.hides_legs = bool(old.legs) and not core.config.replacement_takes_legs
    parent = core.find(old.parent_id)
    while parent is not None:
        parent.legs = [new.id if leg_id == old.id else leg_id for leg_id in parent.legs]
        _keep(core, parent)
        parent = core.find(parent.replaces) if parent.hides_legs else None
    for leg_id in old.legs:
        leg = core.find(leg_id)
        if leg is not None:
            leg.parent_id = new.id
            _keep(core, leg)
    if old.role is Role.STOP and new.qty is not None:
        new.qty = old.qty


def _keep(core: ExchangeCore, order: Order) -> None:
    if order.id not in core.orders:
        core.archive.put_order(order)


def race(core: ExchangeCore, old: Order) -> None:
    """The injected race: the old order fills whole before its replacement arrives."""
    account = core.accounts[old.account_id]
    quote = core.prices.quote(old.symbol, core.now)
    side = None if quote is None else (quote.ask if old.is_buy else quote.bid)
    price = side if side and matching.acceptable(old, side) else old.limit_price
    if price is None:
        return
    qty = old.leaves if old.qty is not None else old.leaves.quantize(NANO)
    executions.execute(core, account, old, price, qty)
