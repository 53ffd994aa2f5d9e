"""Brackets, OCO and OTO: when legs wake, and what one member's end means for the others.

Legs wait (`held`) until the entry has filled completely; then the target works (`new`) and the
stop keeps watching (`held`). Only one of two exits can ever trade: what fires first takes the
other out of the market in the same instant, its status follows a moment later.
"""

from __future__ import annotations

from execbot.sim.engine.accounts.account import Hold
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.events import emit
from execbot.sim.engine.order import Order, OrderClass, Role, Status


def live_legs(core: ExchangeCore, parent: Order) -> list[Order]:
    """The legs of an order that are not over yet."""
    return [core.orders[leg_id] for leg_id in parent.legs if leg_id in core.orders]


def mirror(core: ExchangeCore, parent: Order) -> None:
    """Has the legs of an order in several contracts show what their parent shows, with no frame."""
    if parent.order_class is not OrderClass.MLEG:
        return
    for leg in live_legs(core, parent):
        leg.status, leg.acked = parent.status, parent.acked
        leg.submitted_at, leg.updated_at = parent.submitted_at, parent.updated_at
        leg.expires_at = parent.expires_at


def end_legs(core: ExchangeCore, parent: Order, *, releases: bool = True) -> None:
    """Ends the legs with their parent. What they were to close is free a little later, unless
    others hold it on.
    """
    for leg in live_legs(core, parent):
        leg.status, leg.updated_at = parent.status, core.now
        leg.canceled_at, leg.expired_at = parent.canceled_at, parent.expired_at
        leg.failed_at, leg.replaced_at = parent.failed_at, parent.replaced_at
        if releases and leg.is_closing and leg.leaves > 0:
            until = core.now + core.config.release_latency
            account = core.accounts[leg.account_id]
            account.holds.append(Hold(leg.id, leg.symbol, leg.leaves, until))
        core.retire(leg)


def start_pair(core: ExchangeCore, order: Order) -> None:
    """An acknowledged OCO sets its stop leg to watch."""
    if order.order_class is OrderClass.OCO and order.role is Role.TARGET:
        for leg in live_legs(core, order):
            core.schedule(leg, "look", core.now)


def after_fill(core: ExchangeCore, order: Order) -> None:
    """An entry that is complete wakes its legs; an exit that trades shrinks or ends the other."""
    if order.role is Role.ENTRY:
        if order.status is Status.FILLED:
            for leg in live_legs(core, order):
                core.schedule(leg, "wake", core.now + core.config.leg_latency)
        return
    sibling = core.orders.get(order.sibling_id or "")
    if sibling is None:
        return
    if order.status is Status.FILLED:
        _take_out(core, sibling, "drop")
    elif sibling.qty is not None and sibling.waits_for_trigger:
        sibling.qty = order.leaves
        sibling.updated_at = core.now


def stop_fired(core: ExchangeCore, order: Order) -> None:
    """The stop leg goes to work; the target leaves the market at the same instant."""
    if order.role is not Role.STOP:
        return
    target = core.orders.get(order.sibling_id or "")
    if target is not None:
        _retire_target(core, target, order)
    if order.status is Status.HELD:
        order.status = Status.NEW
        order.acked = True
        order.submitted_at = core.now
        emit(core, order, "new", {"execution_id": core.ids.uuid()})


def _retire_target(core: ExchangeCore, target: Order, stop: Order) -> None:
    target.updated_at = core.now
    if core.config.stop_replaces_target:
        target.status = Status.REPLACED
        target.replaced_at = core.now
        target.replaced_by = stop.id
        stop.replaces = target.id
    else:
        target.status = Status.CANCELED
        target.canceled_at = core.now
    core.retire(target)
    emit(core, target, target.status.value)


def after_end(core: ExchangeCore, order: Order) -> None:
    """A member ended without filling: the rest of its group ends with it.

    Expiry comes to each member by itself; so does a fill's `drop`.
    """
    if order.order_class is OrderClass.MLEG and order.legs:
        end_legs(core, order)
        return
    if order.status is Status.EXPIRED:
        return
    others = live_legs(core, order)
    sibling = core.orders.get(order.sibling_id or "")
    if sibling is not None and sibling not in others:
        others.append(sibling)
    for other in others:
        _take_out(core, other, "follow")


def _take_out(core: ExchangeCore, order: Order, kind: str) -> None:
    """Out of the market now, `canceled` a moment later."""
    core.stop_watching(order)
    order.due.pop("wake", None)
    order.due.pop("ack", None)
    if "drop" not in order.due and "follow" not in order.due:
        core.schedule(order, kind, core.now + core.config.sibling_latency)
