"""What happens to an order by itself: acknowledged, looked at, filled, expired, rejected.

Each function is the handler of one kind of agenda entry, or a step of one. `core.now` is the
instant at which it happens.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import TYPE_CHECKING, Any

from execbot.sim.engine import funds, groups, matching
from execbot.sim.engine.account import Account, Hold
from execbot.sim.engine.config import FaultKind
from execbot.sim.engine.hours import AGED_CANCEL_DELAY
from execbot.sim.engine.order import Order, OrderType, Role, Status, TimeInForce
from execbot.sim.engine.render import NANO, ZERO, stamp_micro, text
from execbot.sim.types import SECOND, AssetClass, Ns, Session

if TYPE_CHECKING:
    from execbot.sim.engine.core import Core

AUCTION_END_DELAY: Ns = 2 * 60 * SECOND  # what an auction left over is gone two minutes later
AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)
AUCTIONS = (TimeInForce.OPG, TimeInForce.CLS)
KEEPS_STATUS = (Status.PENDING_CANCEL, Status.PENDING_REPLACE)


# --- the beginning ---------------------------------------------------------------------------


def register(core: Core, account: Account, order: Order) -> None:
    """Puts a new order into the live state and schedules its end."""
    core.orders[order.id] = order
    account.add(order)
    funds.refresh(core, order)
    schedule_end(core, order)


def schedule_end(core: Core, order: Order) -> None:
    """Day orders end with their session, GTC orders after 90 days, auctions by themselves."""
    if order.tif is TimeInForce.GTC:
        order.expires_at = core.hours.gtc_end(core.now)
        core.schedule(order, "expire", order.expires_at + AGED_CANCEL_DELAY)
        return
    if order.asset_class is AssetClass.CRYPTO:
        return
    if order.tif in AUCTIONS:
        auction = core.hours.auction_at(order.tif, core.now)
        order.expires_at = auction + AUCTION_END_DELAY
        core.schedule(order, "auction", auction)
    else:
        order.expires_at = core.hours.day_end(core.window(order), core.now)
    core.schedule(order, "expire", order.expires_at)


def send(core: Core, order: Order) -> None:
    """The order goes to the venue now, or waits for the session (`accepted`)."""
    window = core.window(order)
    if order.tif in AT_ONCE:
        route = core.hours.opens_at(window, core.now)
    else:
        route = core.hours.routed_at(window, core.now)
    if route == core.now:
        order.status = Status.PENDING_NEW
        core.emit(order, "pending_new")
        core.schedule(order, "ack", core.now + core.config.ack_latency)
    else:
        order.status = Status.ACCEPTED
        core.emit(order, "accepted")
        core.schedule(order, "route", route)


def acknowledge(core: Core, order: Order) -> None:
    """The venue has the order: `new`."""
    fault = core.strike(FaultKind.ACCEPTED_THEN_REJECTED, order)
    if (fault is not None and not fault.delay) or _is_absurd(core, order):
        reject(core, order)
        return
    if fault is not None:
        core.schedule(order, "reject", core.now + fault.delay)
    order.acked = True
    order.submitted_at = order.updated_at = core.now
    if order.status not in KEEPS_STATUS:
        order.status = Status.NEW
    core.emit(order, "new", {"execution_id": core.ids.uuid()})
    _arm_fault(core, order)
    if order.tif not in AUCTIONS:
        core.schedule(order, "look", core.now + look_latency(core, order))
    groups.start_pair(core, order)


def _arm_fault(core: Core, order: Order) -> None:
    fault = core.strike(FaultKind.PARTIAL_THEN_CANCEL, order)
    if fault is not None and order.qty is not None:
        step = NANO if order.is_fractional else Decimal(1)
        share = fault.factor or Decimal("0.5")
        order.fill_cap = (order.qty * share).quantize(step, ROUND_DOWN)
    fault = core.strike(FaultKind.WRONG_FILLED_PRICE, order)
    if fault is not None:
        order.reported_factor = fault.factor or Decimal("1.01")


def look_latency(core: Core, order: Order) -> Ns:
    fractional = order.is_fractional and order.asset_class is not AssetClass.CRYPTO
    return core.config.fraction_latency if fractional else core.config.fill_latency


def _is_absurd(core: Core, order: Order) -> bool:
    """The limit-price-away sanity check: a limit many times through the market."""
    factor = core.config.limit_away_factor
    market = core.price(order.symbol, core.now)
    if factor is None or order.limit_price is None or not market:
        return False
    if order.is_buy:
        return order.limit_price > market * factor
    return order.limit_price < market / factor


# --- meeting the market ----------------------------------------------------------------------


def look(core: Core, order: Order) -> None:
    """The order is in the market: it trades now, or rests."""
    order.active = True
    matching.follow_at(core, order, core.now)
    is_open = core.hours.is_open(core.window(order), core.now)
    if is_open and matching.ready(core, order, core.now):
        meet(core, order)
    elif order.tif in AT_ONCE:
        cancel(core, order)
    else:
        _rest(core, order)


def _rest(core: Core, order: Order) -> None:
    order.rested = True
    core.rest(order, core.now)


def meet(core: Core, order: Order) -> None:
    """The market is where the order waited for it, and its session is open."""
    if order.waits_for_trigger:
        trigger(core, order)
        return
    account = core.accounts[order.account_id]
    found = matching.takes(core, account, order)
    if order.tif is TimeInForce.FOK and not _fills_whole(order, found):
        cancel(core, order)
        return
    halved = _is_halved(core, order)
    if halved:
        found = [(price, (qty / 2).to_integral_value(ROUND_UP)) for price, qty in found[:1]]
    for price, qty in found:
        if order.is_open:
            matching.note_taken(core, account, order, price, qty)
            execute(core, account, order, price, qty)
    if not found and order.rested and order.is_open:
        _fill_at_limit(core, account, order)
    if not order.is_open:
        return
    capped = order.fill_cap is not None and order.filled_qty >= order.fill_cap
    if order.tif in AT_ONCE or capped:
        cancel(core, order)
    elif halved:
        core.stop_watching(order)
        core.schedule(order, "look", core.now + core.config.partial_fill_pause)
    else:
        _rest(core, order)


def _is_halved(core: Core, order: Order) -> bool:
    """Paper's random partial fill, drawn from the order's id: the first look gives half."""
    share = core.config.partial_fill_share
    if not share or order.filled_qty or order.is_fractional or order.qty == 1:
        return False
    return order.tif not in AT_ONCE and int(order.id[:8], 16) < share * 2**32


def _fills_whole(order: Order, found: list[matching.Take]) -> bool:
    if order.qty is not None:
        return matching.total(found) >= order.leaves
    spent = sum((price * qty for price, qty in found), ZERO)
    return bool(found) and order.notional is not None and order.notional - spent < found[-1][0]


def _fill_at_limit(core: Core, account: Account, order: Order) -> None:
    """With `trade_through`: a print beyond the limit takes the order at its limit."""
    trade = matching.traded_through(core, order)
    limit = order.watched_limit
    if trade is not None and limit is not None and order.symbol not in core.halted:
        execute(core, account, order, limit, min(order.leaves, trade.size))


def trigger(core: Core, order: Order) -> None:
    """A stop fires and becomes a market or limit order."""
    core.stop_watching(order)
    order.triggered = True
    order.updated_at = core.now
    if order.type is OrderType.STOP and order.is_buy:
        assert order.stop_price is not None
        order.collar = funds.stop_collar(order.stop_price)
    groups.stop_fired(core, order)
    core.schedule(order, "look", core.now + core.config.fill_latency)


def auction(core: Core, order: Order) -> None:
    """The opening or closing auction: all or nothing at one price."""
    price = matching.auction_price(core, order) if order.acked else None
    if price is None:
        return
    account = core.accounts[order.account_id]
    if order.qty is not None:
        qty = order.leaves
    else:
        assert order.notional is not None
        qty = (order.notional / price).quantize(NANO, ROUND_DOWN)
    execute(core, account, order, price, qty)


# --- executions ------------------------------------------------------------------------------


def execute(core: Core, account: Account, order: Order, price: Decimal, qty: Decimal) -> None:
    """Books one execution everywhere: order, position, cash, fees, activity, stream, group."""
    core.roll(account)
    if order.is_closing:
        qty = min(qty, abs(account.qty(order.symbol)))
        if qty <= 0:
            cancel(core, order)
            return
    position = account.position(order.symbol)
    execution_id = core.ids.uuid()
    order.filled_qty += qty
    order.filled_value += price * qty
    order.filled_at = order.updated_at = core.now
    done = _is_complete(order, price)
    if done:
        order.status = Status.FILLED
    elif order.status not in KEEPS_STATUS:
        order.status = Status.PARTIALLY_FILLED
    signed = qty if order.is_buy else -qty
    position.trade(signed, price)
    account.cash -= signed * price
    _note_day_trade(account, order)
    _charge_fees(core, account, order, price, qty)
    if not position.qty:
        del account.positions[order.symbol]
    _record_fill(core, account, order, price, qty, done)
    if done:
        core.retire(order)
    else:
        funds.refresh(core, order)
    _emit_fill(core, account, order, price, qty, execution_id)
    if done and order.cancel_requested_at is not None and core.config.cancel_rejected_event:
        core.emit(order, "order_cancel_rejected")
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


def _charge_fees(core: Core, account: Account, order: Order, price: Decimal, qty: Decimal) -> None:
    """Crypto: a share of what is received. Equities: regulatory fees on sales, if set."""
    config = core.config
    if order.asset_class is AssetClass.CRYPTO:
        rate = config.crypto_maker_fee if order.rested else config.crypto_taker_fee
        if not rate:
            return
        in_kind = (qty * rate).quantize(NANO)
        if order.is_buy:
            account.position(order.symbol).shed(in_kind)
        else:
            account.cash -= in_kind * price
        _record_fee(core, account, order, price, in_kind)
        return
    if order.is_buy or not (config.taf_per_share or config.sec_per_dollar):
        return
    fee = (qty * config.taf_per_share + qty * price * config.sec_per_dollar).quantize(
        Decimal("0.01"), "ROUND_UP"
    )
    account.cash -= fee
    core.record_activity(
        account,
        "FEE",
        {
            "date": account.day,
            "created_at": stamp_micro(core.now),
            "net_amount": text(-fee),
            "description": f"TAF and SEC fee for sale of {text(qty)} {order.symbol}",
            "status": "executed",
            "currency": "USD",
        },
        order.id,
    )


def _record_fee(
    core: Core, account: Account, order: Order, price: Decimal, in_kind: Decimal
) -> None:
    base = order.symbol.replace("/", "")
    body: dict[str, Any] = {
        "date": account.day,
        "created_at": stamp_micro(core.now),
        "symbol": base,
        "price": text(price),
        "description": f"{'Coin Pair' if order.is_buy else 'Crypto'} Transaction Fee",
        "status": "executed",
        "currency": "USD",
    }
    if order.is_buy:
        body |= {"qty": text(-in_kind), "net_amount": "0"}
    else:
        body |= {"qty": "0", "net_amount": text(-in_kind * price)}
    core.record_activity(account, "CFEE", body, order.id)


def _record_fill(
    core: Core, account: Account, order: Order, price: Decimal, qty: Decimal, done: bool
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
    core: Core, account: Account, order: Order, price: Decimal, qty: Decimal, execution_id: str
) -> None:
    extra: dict[str, Any] = {
        "price": text(price),
        "qty": text(qty),
        "position_qty": text(account.qty(order.symbol)),
        "execution_id": execution_id,
    }
    if order.asset_class is not AssetClass.CRYPTO:
        extra["settle_date"] = core.settle_date(core.now)
    core.emit(order, "fill" if order.status is Status.FILLED else "partial_fill", extra)


# --- the end ---------------------------------------------------------------------------------


def cancel(core: Core, order: Order) -> None:
    """`canceled`, by request or by the venue."""
    order.canceled_at = core.now
    _end(core, order, Status.CANCELED, "canceled")


def expire(core: Core, order: Order) -> None:
    """`expired` at the end of its time; a GTC order of 90 days is canceled instead."""
    if order.tif is TimeInForce.GTC:
        order.cancel_requested_at = core.now
        if order.status is not Status.HELD:
            order.status = Status.PENDING_CANCEL
        core.schedule(order, "cancel", core.now + core.config.cancel_latency)
        return
    order.expired_at = core.now
    _end(core, order, Status.EXPIRED, "expired")


def reject(core: Core, order: Order) -> None:
    """`rejected` by the venue, after the POST was answered with 200."""
    order.failed_at = core.now
    _end(core, order, Status.REJECTED, "rejected")


def drop(core: Core, order: Order) -> None:
    """The leg whose sibling filled: canceled, with no event (as Alpaca's stream does)."""
    order.canceled_at = core.now
    _end(core, order, Status.CANCELED, "canceled" if core.config.sibling_cancel_event else None)


def _end(core: Core, order: Order, status: Status, event: str | None) -> None:
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
        core.emit(order, event)
    groups.after_end(core, order)


def market_is_regular(core: Core) -> bool:
    return core.hours.session(core.now) is Session.REGULAR


__all__ = ["Role", "acknowledge", "cancel", "execute", "expire", "look", "meet", "register"]
