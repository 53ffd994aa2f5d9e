"""Books an execution everywhere at once: in the order, the account, the activities, the stream."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any

from execbot.sim.engine.accounts import fees, funds, margin
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.events import emit
from execbot.sim.engine.order import KEEPS_STATUS, Order, Status
from execbot.sim.engine.orders import endings, groups, matching
from execbot.sim.engine.render import NANO, ZERO, stamp_micro, text
from execbot.sim.types import AssetClass


def execute(
    core: ExchangeCore,
    account: Account,
    order: Order,
    price: Decimal,
    qty: Decimal,
    *,
    quiet: bool = False,
) -> None:
    """Books one execution everywhere: order, position, cash, fees, activity, stream, group. `quiet`
    sends no frame: that of the parent says it.
    """
    margin.roll(core, account)
    if order.is_closing:
        qty = min(qty, abs(account.qty(order.symbol)))
        if qty <= 0:
            endings.cancel(core, order)
            return
    position = account.position(order.symbol)
    if core.past.keep:
        core.past.note_position(account.id, position, core.now)
    execution_id = core.ids.uuid()
    order.filled_qty += qty
    order.filled_value += price * qty
    order.fills.append([execution_id, text(qty), text(price), str(position.average)])
    order.filled_at = order.updated_at = core.now
    if order.cut_to is not None and order.qty is not None:
        order.qty = (order.filled_qty * order.cut_to).to_integral_value(ROUND_DOWN)
    done = _is_complete(order, price)
    if done:
        order.status = Status.FILLED
    elif order.status not in KEEPS_STATUS:
        order.status = Status.PARTIALLY_FILLED
    signed = qty if order.is_buy else -qty
    position.trade(signed, price)
    core.watch_contract(order.symbol)
    account.cash -= signed * price * core.multiplier(order.symbol)
    _note_day_trade(account, order)
    fees.charge(core, account, order, price, qty)
    if not position.qty:
        del account.positions[order.symbol]
    _record_fill(core, account, order, price, qty, done)
    if done:
        core.retire(order)
    else:
        funds.refresh(core, order)
    if not quiet:
        _emit_fill(core, account, order, price, qty, execution_id)
    if done and order.cancel_requested_at is not None and core.config.cancel_rejected_event:
        emit(core, order, "order_cancel_rejected", core.reason("TOO_LATE_TO_CANCEL"))
    groups.after_fill(core, order)


def _is_complete(order: Order, price: Decimal) -> bool:
    if order.qty is not None:
        return order.leaves <= 0
    assert order.notional is not None
    sized = matching.sized_qty(order)
    if sized is not None:
        return order.filled_qty >= sized
    return (order.notional - order.filled_value) / price < NANO


def _note_day_trade(account: Account, order: Order) -> None:
    """Opening today and closing today makes one day trade per symbol and round trip."""
    if order.asset_class is AssetClass.CRYPTO:
        return
    if not order.is_closing:
        if order.symbol not in account.opened_today:
            account.opened_today.append(order.symbol)
    elif order.symbol in account.opened_today:
        account.opened_today.remove(order.symbol)
        account.day_trades.append(account.day)


def _record_fill(
    core: ExchangeCore, account: Account, order: Order, price: Decimal, qty: Decimal, done: bool
) -> None:
    core.record_activity(
        account,
        "FILL",
        {
            "transaction_time": stamp_micro(core.now),
            "type": "fill" if done else "partial_fill",
            "price": text(price),
            "qty": text(qty),
            "side": order.side.value,
            "symbol": order.symbol,
            "leaves_qty": "0" if done else text(max(ZERO, order.leaves.quantize(NANO))),
            "order_id": order.id,
            "cum_qty": text(order.filled_qty),
            "order_status": "filled" if done else "partially_filled",
        },
        order.id,
    )


def _emit_fill(
    core: ExchangeCore,
    account: Account,
    order: Order,
    price: Decimal,
    qty: Decimal,
    execution_id: str,
) -> None:
    extra: dict[str, Any] = {
        "price": text(price),
        "qty": text(qty),
        "position_qty": text(account.qty(order.symbol)),
        "execution_id": execution_id,
    }
    if order.asset_class is not AssetClass.CRYPTO:
        extra["settle_date"] = core.settle_date(order.symbol)
    emit(core, order, "fill" if order.status is Status.FILLED else "partial_fill", extra)
