"""Positions and orders in contracts that another program has made on the same account."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from execbot.sim.chains.contract import Contract
from execbot.sim.engine import parse
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.events import emit
from execbot.sim.engine.options import mleg, spread_fills
from execbot.sim.engine.order import Order, OrderClass, OrderType, Side, Status
from execbot.sim.engine.orders import executions
from execbot.sim.engine.orders.groups import live_legs
from execbot.sim.engine.orders.place import place
from execbot.sim.engine.orders.rules import unprocessable
from execbot.sim.engine.render import text
from execbot.sim.types import AssetClass


def contract_of(core: ExchangeCore, symbol: str) -> Contract:
    """Raises `ApiError` 422 for what is no OCC symbol."""
    contract = core.contract(symbol)
    if contract is None:
        raise unprocessable(f'contract "{symbol}" not found')
    return contract


def set_mark(core: ExchangeCore, symbol: str, price: Decimal | None) -> None:
    """Makes a contract known, or moves its price. Raises `ApiError` 422."""
    contract = contract_of(core, symbol)
    if price is not None and price < 0:
        raise unprocessable(f"invalid price {text(price)}")
    core.options.set_mark(contract, price, core.now)
    core.look_again(symbol)


def hold(core: ExchangeCore, account: Account, symbol: str, qty: Decimal, price: Decimal) -> Order:
    """`qty` contracts (below zero: sold) at `price` a share: an order and its fill, at once."""
    if not qty or qty != qty.to_integral_value():
        raise unprocessable("qty must be integer for options trading")
    set_mark(core, symbol, price)
    body = {
        "symbol": symbol,
        "qty": text(abs(qty)),
        "side": "buy" if qty > 0 else "sell",
        "type": "market",
        "time_in_force": "day",
    }
    order = place(core, account, body, by_broker=True)
    executions.execute(core, account, order, price, abs(qty))
    return order


def order(core: ExchangeCore, account: Account, body: Mapping[str, Any]) -> Order:
    """An order in one contract, or (`order_class` mleg) in several. Raises `ApiError`.

    Contracts that are not known get a mark: the one given, or the limit.
    """
    if body.get("order_class") == OrderClass.MLEG:
        return _several(core, account, body)
    symbol = str(body.get("symbol") or "")
    if core.assets.get(contract_of(core, symbol).symbol) is None:
        mark = parse.number(body, "mark") or parse.number(body, "limit_price")
        set_mark(core, symbol, mark or Decimal(1))
    plain = {name: value for name, value in body.items() if name not in ("mark", "key")}
    return place(core, account, plain, by_broker=True)


def _several(core: ExchangeCore, account: Account, body: Mapping[str, Any]) -> Order:
    """A parent without a symbol, and its legs. It rests until it is filled or canceled."""
    legs, units = mleg.leg_rows(body), parse.number(body, "qty")
    if units is None or units <= 0 or units != units.to_integral_value():
        raise unprocessable("qty must be integer for options trading")
    limit = parse.number(body, "limit_price")
    parent = _resting(core, account, body, qty=units, limit_price=limit)
    made = []
    for index, leg in enumerate(legs):
        ratio, intent = parse.number(leg, "ratio_qty") or Decimal(1), leg.get("position_intent")
        if ratio <= 0 or ratio != ratio.to_integral_value():
            raise parse.malformed(f"invalid leg.{index} ratio_qty")
        if intent not in parse.INTENTS:
            raise unprocessable(f"leg.{index} position intent is required")
        symbol = contract_of(core, str(leg.get("symbol") or "")).symbol
        if core.assets.get(symbol) is None or leg.get("mark") is not None:
            set_mark(core, symbol, parse.number(leg, "mark") or Decimal(1))
        made.append(
            _resting(
                core,
                account,
                {},
                symbol=symbol,
                side=Side.BUY if str(intent).startswith("buy") else Side.SELL,
                position_intent=intent,
                qty=units * ratio,
                ratio_qty=ratio,
                parent_id=parent.id,
            )
        )
    parent.legs = [leg.id for leg in made]
    for each in (parent, *made):
        _register(core, account, each)
    emit(core, parent, "pending_new")
    emit(core, parent, "new", {"execution_id": core.ids.uuid()})
    return parent


def _resting(
    core: ExchangeCore, account: Account, body: Mapping[str, Any], symbol: str = "", **fields: Any
) -> Order:
    """A parent (without a symbol) or a leg that the venue has taken already."""
    asset = core.assets.get(symbol) if symbol else None
    return mleg.blank(
        core,
        account,
        client_order_id=parse.client_order_id(body) or core.ids.uuid(),
        symbol=symbol,
        asset_id="" if asset is None else asset.id,
        type=OrderType.MARKET if fields.get("limit_price") is None else OrderType.LIMIT,
        status=Status.NEW,
        acked=True,
        **{"side": Side.BUY, **fields},
    )


def _register(core: ExchangeCore, account: Account, order: Order) -> None:
    """It rests outside the market, until its day ends."""
    core.orders[order.id] = order
    account.add(order)
    order.expires_at = core.calendar.next_close(core.now)
    core.schedule(order, "expire", order.expires_at)


def fill(core: ExchangeCore, account: Account, order_id: str, price: Decimal | None) -> Order:
    """An open order is filled: at `price`, its limit or the mark; of several legs each at its
    mark. Raises `ApiError` 422.
    """
    found = account.live.get(order_id)
    if found is None or found.asset_class is not AssetClass.US_OPTION:
        raise unprocessable(f"no open option order {order_id}")
    if found.order_class is not OrderClass.MLEG:
        at = price or found.limit_price or core.price(found.symbol, core.now)
        executions.execute(core, account, found, at, found.leaves)
        return found
    parent = core.orders[found.parent_id or found.id]
    _fill_several(core, account, parent)
    return parent


def _fill_several(core: ExchangeCore, account: Account, parent: Order) -> None:
    legs = live_legs(core, parent)
    marks = [(leg, core.price(leg.symbol, core.now)) for leg in legs]
    spread_fills.fill(core, account, parent, parent.leaves, marks)
