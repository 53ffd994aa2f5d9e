"""Replaces orders in contracts: what the new one needs, and a parent that follows another."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from execbot.sim.chains.contract import MULTIPLIER
from execbot.sim.engine.accounts import funds
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.events import emit
from execbot.sim.engine.options import mleg, rules
from execbot.sim.engine.order import Order, OrderType, Status
from execbot.sim.engine.orders import account_rules, groups, lifecycle
from execbot.sim.engine.orders.rules import forbidden, unprocessable


def check_prices(limit: Decimal | None, stop: Decimal | None, *, signed: bool) -> None:
    """Raises `ApiError` 422 for more than two decimals."""
    body = {"limit_price": limit, "stop_price": stop}
    rules.check_limit_price(body, limit is not None, signed=signed)


def check_single(core: ExchangeCore, account: Account, old: Order, new: Order) -> None:
    """Contracts, cover and cash of the new order, with those of the old one. Raises `ApiError`."""
    contract = core.contract(new.symbol)
    assert contract is not None
    more = new.leaves - old.leaves
    if core.config.option_replace_forgets_itself and new.is_closing:
        more = new.leaves  # seen: refused for lack of the very contracts that it holds
    if new.is_closing and more > funds.available_qty(core, account, new.symbol):
        available = funds.available_qty(core, account, new.symbol)
        raise account_rules.insufficient_qty(core, account, new.symbol, more, available)
    stock = contract.underlying
    if new.position_intent == "sell_to_open" and contract.is_call:
        if more * MULTIPLIER > rules.shares_free(core, account, stock):
            raise forbidden(rules.NOT_UNCOVERED)
    elif not new.is_buy and contract.is_call:
        rules.check_still_covered(core, account, stock, {contract: -new.leaves}, old)
    rules.reserve_for(core, account, new, contract, old)
    needed = new.hold_price * new.leaves
    free = funds.money(core, account, leave_out=old).non_marginable
    if needed > free:
        raise rules.too_dear(new, contract, needed, free)


# --- several contracts -----------------------------------------------------------------------


def several(
    core: ExchangeCore,
    account: Account,
    old: Order,
    *,
    qty: Decimal | None,
    limit: Decimal | None,
    client_order_id: str | None,
) -> list[Order]:
    """The new parent and its legs, which take over when the venue agrees. Raises `ApiError`."""
    if core.config.mleg_replace_disabled:
        raise forbidden("replace mleg order is disabled")
    check_prices(limit, None, signed=True)
    rules.check_whole(qty)
    if limit is not None and old.type is OrderType.MARKET:
        raise unprocessable("limit price is only valid for limit orders")
    if qty is not None and qty <= old.filled_qty:
        raise unprocessable("unable to replace order, qty must be > filled_qty")
    if qty in (None, old.qty) and limit in (None, old.limit_price):
        raise unprocessable("order parameters are not changed")
    if client_order_id is not None:
        core.check_client_id(account.id, client_order_id)
    whole = qty or old.qty
    assert whole is not None
    price = old.limit_price if limit is None else limit
    asked = mleg.spread_of(core, old, whole, price)
    rest = replace(asked, units=whole - old.filled_qty)
    mleg.check_account(core, account, rest, old)
    made = mleg.build(core, account, replace(asked, client_order_id=client_order_id))
    mleg.check_cash(core, account, made[0], rest, old)
    made[0].replaces = old.id
    made[0].status = Status.NEW
    for leg, before in zip(made[1:], mleg.legs_of(core, old), strict=True):
        leg.replaces, leg.status = before.id, Status.NEW
    return made


def register(core: ExchangeCore, account: Account, made: list[Order]) -> None:
    for leg in made[1:]:
        lifecycle.register_leg(core, account, leg)
    lifecycle.register(core, account, made[0])


def swap(core: ExchangeCore, new: Order, old: Order) -> None:
    """The new parent takes over, with what has been filled of the old one."""
    pairs = list(zip(mleg.legs_of(core, new), mleg.legs_of(core, old), strict=True))
    for one, before in [(new, old), *pairs]:
        one.filled_qty, one.filled_value = before.filled_qty, before.filled_value
        one.filled_at, one.fills = before.filled_at, [list(fill) for fill in before.fills]
        before.replaced_by = one.id
    new.acked, new.submitted_at, new.updated_at = True, core.now, core.now
    new.status = Status.PARTIALLY_FILLED if new.filled_qty else Status.NEW
    groups.mirror(core, new)
    old.status, old.replaced_at, old.updated_at = Status.REPLACED, core.now, core.now
    core.retire(old)
    groups.end_legs(core, old, releases=False)
    funds.refresh(core, new)
    emit(core, old, "replaced")
    emit(core, new, "new", {"execution_id": core.ids.uuid()})
    core.schedule(new, "look", core.now)


def refuse(core: ExchangeCore, new: Order) -> None:
    """The legs of a parent that could not take over end with it."""
    groups.end_legs(core, new, releases=False)
