"""The end of an order without (further) executions: canceled, expired, rejected."""

from __future__ import annotations

from execbot.sim.engine.accounts.account import Hold
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.events import emit
from execbot.sim.engine.order import Order, Status, TimeInForce
from execbot.sim.engine.orders import groups


def cancel(core: ExchangeCore, order: Order, reason: str = "") -> None:
    """`canceled`, by request or by the venue, which may have a `reason`."""
    order.canceled_at = core.now
    _end(core, order, Status.CANCELED, "canceled", reason)


def expire(core: ExchangeCore, order: Order) -> None:
    """`expired` at the end of its time; a GTC order of 90 days is canceled instead."""
    ends_with_contract = order.expires_at == core.now  # the other end comes 15 minutes later
    if order.tif is TimeInForce.GTC and not ends_with_contract:
        order.cancel_requested_at = core.now
        if order.status is not Status.HELD:
            order.status = Status.PENDING_CANCEL
        core.schedule(order, "cancel", core.now + core.config.cancel_latency)
        return
    order.expired_at = core.now
    _end(core, order, Status.EXPIRED, "expired")


def reject(core: ExchangeCore, order: Order) -> None:
    """`rejected` by the venue, after the POST was answered with 200."""
    order.failed_at = core.now
    _end(core, order, Status.REJECTED, "rejected")


def fill_nothing(core: ExchangeCore, order: Order) -> None:
    """The injected fault: `filled`, although nothing was traded."""
    order.filled_at = core.now
    _end(core, order, Status.FILLED, "fill")


def drop(core: ExchangeCore, order: Order) -> None:
    """The leg whose sibling filled: canceled, with no event (as Alpaca's stream does)."""
    order.canceled_at = core.now
    _end(core, order, Status.CANCELED, "canceled" if core.config.sibling_cancel_event else None)


def _end(
    core: ExchangeCore, order: Order, status: Status, event: str | None, reason: str = ""
) -> None:
    """Takes an order out of the market; its shares come back a little later."""
    was_held = order.status is Status.HELD
    order.status = status
    order.updated_at = core.now
    account = core.accounts[order.account_id]
    if order.is_closing and not was_held and order.leaves > 0:
        until = core.now + core.config.release_latency
        account.holds.append(Hold(order.origin_id or order.id, order.symbol, order.leaves, until))
    core.retire(order)
    if event is not None:
        emit(core, order, event, core.reason(reason))
    groups.after_end(core, order)
