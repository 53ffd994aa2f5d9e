"""Executions that are taken back or corrected after they were reported.

`trade_bust` and `trade_correct` name the execution they are about in `previous_execution_id` and
have an `execution_id` of their own, as Alpaca describes for its event streams. The order's totals,
the position and the cash follow at once; an order that is over keeps its status. The FILL row
stays as it was: nothing published says that Alpaca changes one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execbot.sim.engine.accounts import funds, margin
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.accounts.archive import OrderFilter, Span
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.events import emit
from execbot.sim.engine.order import Order
from execbot.sim.engine.orders.rules import unprocessable
from execbot.sim.engine.render import ZERO, text

ORDERS_SEARCHED = 500
Fill = list[str]
"""Execution id, quantity, price, and the average price of the position before it."""


def correct(
    core: ExchangeCore,
    account: Account,
    order_id: str | None = None,
    *,
    symbol: str | None = None,
    qty: Decimal | None = None,
    price: Decimal | None = None,
) -> dict[str, Any]:
    """The last execution of an order (or of a symbol, or of the account) becomes `qty` at `price`.

    Quantity 0 is a bust. Raises `ApiError` 422 where there is none.
    """
    margin.roll(core, account)
    order = _order_of(core, account, order_id, symbol)
    fill = next((found for found in reversed(order.fills) if found[1] != "0"), None)
    if fill is None:
        raise unprocessable("the order has no execution")
    old_qty, old_price = Decimal(fill[1]), Decimal(fill[2])
    new_qty = old_qty if qty is None else qty
    new_price = old_price if price is None else price
    if new_qty < 0 or new_price <= 0 or (new_qty, new_price) == (old_qty, old_price):
        raise unprocessable("qty and price of a correction differ from the execution's")
    new_id = core.ids.uuid()
    previous, average = fill[0], Decimal(fill[3])
    fill[:3] = [new_id, text(new_qty), text(new_price)]
    changed_qty, changed_value = new_qty - old_qty, new_qty * new_price - old_qty * old_price
    _change_order(core, order, changed_qty, changed_value)
    sign = 1 if order.is_buy else -1
    account.cash -= sign * changed_value * core.multiplier(order.symbol)
    position = account.position(order.symbol)
    if order.is_closing:
        position.restate(sign * changed_qty, average)
    else:
        dearer = sign * min(old_qty, abs(position.qty)) * (new_price - old_price)
        position.restate(sign * changed_qty, new_price, dearer)
    if not position.qty:
        del account.positions[order.symbol]
    facts = {
        "execution_id": new_id,
        "previous_execution_id": previous,
        "qty": text(new_qty if new_qty else old_qty),
        "price": text(new_price),
        "position_qty": text(account.qty(order.symbol)),
    }
    emit(core, order, "trade_correct" if new_qty else "trade_bust", facts)
    return {"order_id": order.id, **facts}


def _order_of(
    core: ExchangeCore, account: Account, order_id: str | None, symbol: str | None
) -> Order:
    """The order named, or the one of the symbol that was executed last."""
    if order_id is not None:
        order = core.find(order_id)
        if order is None or order.account_id != account.id:
            raise unprocessable(f"no order {order_id}")
        return order
    wanted = OrderFilter(symbols=None if symbol is None else frozenset({symbol}))
    over = core.archive.find_orders(account.id, Span(ascending=False), wanted, ORDERS_SEARCHED)
    live = [order for order in account.live.values() if wanted.wants_order(order)]
    filled = [order for order in (*live, *over) if order.fills and order.filled_at]
    if not filled:
        raise unprocessable("nothing was executed")
    return max(filled, key=lambda order: (order.filled_at or 0, order.seq))


def _change_order(core: ExchangeCore, order: Order, qty: Decimal, value: Decimal) -> None:
    """The totals of the order, and of those that took them over by replacing it."""
    found: Order | None = order
    while found is not None:
        found.filled_qty = max(ZERO, found.filled_qty + qty)
        found.filled_value = max(ZERO, found.filled_value + value)
        found.updated_at = core.now
        if found.id in core.orders:
            funds.refresh(core, found)
        else:
            core.archive.put_order(found)
        takes_over = core.config.replace_carries_filled_qty
        found = core.find(found.replaced_by) if takes_over else None
