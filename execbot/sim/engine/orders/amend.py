"""Cancel and replace as they are asked for: the refusals, and the order that is to take over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from execbot.sim.engine import parse
from execbot.sim.engine.accounts import funds
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.config import FaultKind
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.events import emit
from execbot.sim.engine.options import replaces
from execbot.sim.engine.order import (
    Order,
    OrderClass,
    OrderType,
    Side,
    Status,
    TimeInForce,
)
from execbot.sim.engine.orders import (
    account_rules,
    lifecycle,
    rules,
    trailing,
)
from execbot.sim.engine.render import CENT, ZERO, text
from execbot.sim.types import AssetClass

NOT_REPLACEABLE = (
    Status.ACCEPTED,
    Status.PENDING_NEW,
    Status.PENDING_CANCEL,
    Status.PENDING_REPLACE,
)


# --- cancel ----------------------------------------------------------------------------------


def is_shadow(core: ExchangeCore, order: Order) -> bool:
    """A replacement that has not taken over from the order it replaces."""
    return "swap" in order.due


def request_cancel(core: ExchangeCore, order: Order) -> None:
    """`DELETE`. Raises `ApiError` 422 when the state refuses it; 204 is only a promise."""
    if not order.is_open:
        raise rules.unprocessable(f'order is already in "{order.status}" state')
    if order.order_class is OrderClass.MLEG and core.config.mleg_cancel_disabled:
        raise rules.forbidden("cancel mleg order is disabled")
    if order.order_class is OrderClass.MLEG and order.parent_id is not None:
        raise rules.unprocessable(f"leg order is already in {order.status} state")
    if order.status is Status.PENDING_CANCEL:
        raise rules.unprocessable("order pending cancel")
    if order.status is Status.PENDING_REPLACE or is_shadow(core, order):
        raise rules.unprocessable("order is not cancelable")
    if core.strike(FaultKind.CANCEL_LOST, order) is not None:
        return
    order.cancel_requested_at = order.updated_at = core.now
    order.status = Status.PENDING_CANCEL
    if core.config.pending_cancel_event:
        emit(core, order, "pending_cancel")
    stuck = core.strike(FaultKind.STUCK_PENDING_CANCEL, order)
    if stuck is not None:
        if stuck.delay:
            core.schedule(order, "cancel", core.now + stuck.delay)
        return
    core.schedule(order, "cancel", core.now + core.config.cancel_latency)


# --- replace ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """The fields of a PATCH that were given."""

    qty: Decimal | None
    tif: TimeInForce | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail: Decimal | None
    client_order_id: str | None


def read_change(body: Mapping[str, Any], *, signed: bool = False) -> Change:
    """Raises `ApiError` 422/40010001 for values that are none. A net price may be `signed`."""
    parse.check_body(body)
    tif = body.get("time_in_force") or None
    if tif is not None and tif not in tuple(TimeInForce):
        raise parse.malformed("invalid time_in_force")
    change = Change(
        qty=parse.number(body, "qty"),
        tif=None if tif is None else TimeInForce(tif),
        limit_price=parse.number(body, "limit_price"),
        stop_price=parse.number(body, "stop_price"),
        trail=parse.number(body, "trail"),
        client_order_id=parse.client_order_id(body),
    )
    for name, value in (
        ("qty", change.qty),
        ("limit price", None if signed else change.limit_price),
        ("stop price", change.stop_price),
        ("trail", change.trail),
    ):
        if value is not None and value <= 0:
            raise parse.malformed(f"{name} must be > 0")
    return change


def request_replace(
    core: ExchangeCore, account: Account, old: Order, body: Mapping[str, Any]
) -> Order:
    """`PATCH`. Returns the new order, which takes over when the venue agrees.

    Raises `ApiError` 403 or 422. The old order may still fill first; the new one is then
    rejected.
    """
    change = read_change(body, signed=old.order_class is OrderClass.MLEG)
    _check_state(core, old)
    if old.order_class is OrderClass.MLEG:
        return _replace_several(core, account, old, change)
    _check_elected(old, change)
    _check_fields(old, change)
    new = _successor(core, old, change)
    _check_grid_and_side(core, old, new, change)
    _check_resources(core, account, old, new)
    if core.strike(FaultKind.REPLACE_RACE, old) is not None:
        core.schedule(old, "race", core.now + core.config.replace_latency // 2)
    if old.status is not Status.HELD:
        old.status = Status.PENDING_REPLACE
        old.updated_at = core.now
        if core.config.pending_cancel_event:
            emit(core, old, "pending_replace")
    lifecycle.register(core, account, new)
    core.schedule(new, "swap", core.now + core.config.replace_latency)
    return new


def _replace_several(core: ExchangeCore, account: Account, old: Order, change: Change) -> Order:
    """An order in several contracts is followed by a parent with legs of its own."""
    if old.parent_id is not None:
        raise rules.unprocessable(f"leg order is already in {old.status} state")
    made = replaces.several(
        core,
        account,
        old,
        qty=change.qty,
        limit=change.limit_price,
        client_order_id=change.client_order_id,
    )
    old.status = Status.PENDING_REPLACE
    old.updated_at = core.now
    replaces.register(core, account, made)
    core.schedule(made[0], "swap", core.now + core.config.replace_latency)
    return made[0]


def _check_state(core: ExchangeCore, old: Order) -> None:
    if not old.is_open:
        if old.status is Status.REPLACED:
            raise rules.unprocessable("order already replaced")
        raise rules.unprocessable("unable to replace order, order is not open")
    if is_shadow(core, old):
        raise rules.unprocessable("order chain not fully replaced")
    if old.status in NOT_REPLACEABLE:
        raise rules.unprocessable(f"cannot replace order in {old.status} status")


HAS_LIMIT = (OrderType.LIMIT, OrderType.STOP_LIMIT)
HAS_STOP = (OrderType.STOP, OrderType.STOP_LIMIT)


def _check_elected(old: Order, change: Change) -> None:
    """A stop that was elected is a market order (a stop-limit: a limit order), and is refused as
    one. No document says what Alpaca does; to take such an order back is what no venue does."""
    if not old.triggered or (change.stop_price is None and change.trail is None):
        return
    if old.type is OrderType.STOP_LIMIT:
        raise parse.malformed("limit orders must not have stop_price")
    raise parse.malformed("market orders require no stop or limit price")


def _check_fields(old: Order, change: Change) -> None:
    """Which fields this order has, may change, and really changes."""
    if change.limit_price is not None and old.type not in HAS_LIMIT:
        if old.type is OrderType.MARKET:
            raise parse.malformed("market orders require no stop or limit price")
        raise parse.malformed(f"{_words(old)} orders must not have limit_price")
    if change.stop_price is not None and old.type not in HAS_STOP:
        if old.type is OrderType.MARKET:
            raise parse.malformed("market orders require no stop or limit price")
        raise parse.malformed(f"{_words(old)} orders must not have stop_price")
    if change.trail is not None and old.type is not OrderType.TRAILING_STOP:
        raise parse.malformed(f"{_words(old)} orders must not have trail")
    new_qty = change.qty is not None and change.qty != old.qty
    new_tif = change.tif is not None and change.tif is not old.tif
    if old.order_class is not OrderClass.SIMPLE and new_qty:
        raise rules.unprocessable("qty cannot be changed for advanced orders")
    if old.order_class is not OrderClass.SIMPLE and new_tif:
        raise rules.unprocessable("time_in_force cannot be changed for advanced orders")
    if new_qty and old.is_fractional and old.asset_class is not AssetClass.CRYPTO:
        raise rules.unprocessable("qty cannot be changed for fractional orders")
    if change.qty is not None and change.qty <= old.filled_qty + old.carried_qty:
        raise rules.unprocessable("unable to replace order, qty must be > filled_qty")
    trail = old.trail_price if old.trail_price is not None else old.trail_percent
    changed = (
        new_qty
        or new_tif
        or change.limit_price not in (None, old.limit_price)
        or change.stop_price not in (None, old.stop_price)
        or change.trail not in (None, trail)
    )
    if not changed:
        raise rules.unprocessable("order parameters are not changed")


def _words(order: Order) -> str:
    return order.type.value.replace("_", " ")


def _successor(core: ExchangeCore, old: Order, change: Change) -> Order:
    """The new order: a new id and client id, the old one's place in its group."""
    client_id = change.client_order_id
    if client_id is not None:
        core.check_client_id(old.account_id, client_id)
    core.order_seq += 1
    new = replace(
        old,
        id=core.ids.uuid(),
        seq=core.order_seq,
        client_order_id=client_id or core.ids.uuid(),
        created_at=core.now,
        updated_at=core.now,
        submitted_at=core.now,
        qty=old.qty if change.qty is None else change.qty,
        tif=change.tif or old.tif,
        limit_price=old.limit_price if change.limit_price is None else change.limit_price,
        stop_price=old.stop_price if change.stop_price is None else change.stop_price,
        status=Status.HELD if old.status is Status.HELD else Status.NEW,
        replaces=old.id,
        origin_id=old.origin_id or old.id,
        filled_qty=ZERO,
        filled_value=ZERO,
        carried_qty=ZERO,
        fills=[],
        filled_at=None,
        acked=False,
        active=False,
        rested=False,
        legs=list(old.legs),
        reserved=ZERO,
        due={},
    )
    if change.trail is not None:
        if new.trail_price is not None:
            new.trail_price = change.trail
        else:
            new.trail_percent = change.trail
        assert new.hwm is not None
        new.stop_price = trailing.trail_stop(new, new.hwm)
    if new.asset_class is not AssetClass.US_OPTION:
        opens_short = new.position_intent == "sell_to_open"
        new.hold_price = funds.unit_price(core, new, opens_short)
    return new


def _check_grid_and_side(core: ExchangeCore, old: Order, new: Order, change: Change) -> None:
    if new.asset_class is AssetClass.CRYPTO:
        return
    if new.asset_class is AssetClass.US_OPTION:
        replaces.check_prices(change.limit_price, change.stop_price, signed=False)
        return
    rules.check_grid("limit_price", change.limit_price)
    rules.check_grid("stop_price", change.stop_price)
    rules.check_grid("trail", change.trail if new.trail_price is not None else None)
    if change.stop_price is None or (old.status is Status.HELD and not old.active):
        return
    market = core.price(new.symbol, core.now)
    if not market or not lifecycle.market_is_regular(core):
        return
    wrong = change.stop_price <= market if new.side is Side.BUY else change.stop_price >= market
    if wrong:
        word = "greater" if new.side is Side.BUY else "less"
        raise rules.unprocessable(
            f"stop price must be {word} than current price",
            market_price=text(market),
            stop_price=text(change.stop_price),
        )


def _check_resources(core: ExchangeCore, account: Account, old: Order, new: Order) -> None:
    """More shares or more money than the old order held must be there."""
    if new.qty is None or new.status is Status.HELD:
        return
    if new.asset_class is AssetClass.US_OPTION:
        replaces.check_single(core, account, old, new)
        return
    filled = old.filled_qty + old.carried_qty
    if new.is_closing:
        more = new.qty - (old.qty or ZERO)
        available = funds.available_qty(core, account, new.symbol)
        if more > available:
            raise account_rules.insufficient_qty(core, account, new.symbol, more, available)
        return
    cost = (new.qty - filled) * new.hold_price
    money = funds.money(core, account, leave_out=old)
    marginable = core.asset_of(new).marginable
    free = money.buying_power if marginable else money.non_marginable
    if cost > free:
        raise rules.forbidden(
            "insufficient buying power",
            buying_power=text(free.quantize(CENT)),
            cost_basis=text(cost.quantize(CENT)),
        )
