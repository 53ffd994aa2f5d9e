"""The steps of an order that no request asks for: acknowledge, look, fill, expire, reject.

Each function is the handler of one kind of agenda entry, or a step of one. `core.now` is the
instant at which it happens.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_UP, Decimal

from execbot.sim.chains.contract import Contract
from execbot.sim.engine.accounts import funds
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.config import FaultKind
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.events import emit
from execbot.sim.engine.options import spread_fills
from execbot.sim.engine.order import (
    KEEPS_STATUS,
    Order,
    OrderClass,
    OrderType,
    Role,
    Status,
    TimeInForce,
)
from execbot.sim.engine.orders import endings, executions, groups, matching, trailing
from execbot.sim.engine.orders.hours import AGED_CANCEL_DELAY
from execbot.sim.engine.render import NANO, ZERO
from execbot.sim.types import SECOND, AssetClass, Ns, TradingSession

AUCTION_END_DELAY: Ns = 2 * 60 * SECOND  # what an auction left over is gone two minutes later
AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)
STOCK = AssetClass.US_EQUITY
AUCTIONS = (TimeInForce.OPG, TimeInForce.CLS)


# --- the beginning ---------------------------------------------------------------------------


def register(core: ExchangeCore, account: Account, order: Order) -> None:
    """Puts a new order into the live state and schedules its end."""
    core.orders[order.id] = order
    account.add(order)
    funds.refresh(core, order)
    schedule_end(core, order)


def register_leg(core: ExchangeCore, account: Account, leg: Order) -> None:
    """A leg of an order in several contracts is live with its parent, and ends with it."""
    core.orders[leg.id] = leg
    account.add(leg)


def schedule_end(core: ExchangeCore, order: Order) -> None:
    """Day orders end with their session, GTC orders after 90 days, auctions by themselves."""
    contract = core.contract(core.asset_of(order).symbol)
    if contract is not None:
        _schedule_end_of_contract(core, order, contract)
        return
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


def _schedule_end_of_contract(core: ExchangeCore, order: Order, contract: Contract) -> None:
    """A contract ends its orders with it, those for 90 days as well; a DAY order ends with the
    session of contracts.
    """
    last = core.options.chains.last_moment(contract)
    if order.tif is TimeInForce.GTC:
        end = core.hours.gtc_end(core.now)
    else:
        end = core.hours.day_end(core.window(order), core.now)
    if core.now < last < end:
        end = last
    order.expires_at = end
    aged = order.tif is TimeInForce.GTC and end != last
    core.schedule(order, "expire", end + AGED_CANCEL_DELAY if aged else end)


def send(core: ExchangeCore, order: Order) -> None:
    """The order goes to the venue now, or waits for the session (`accepted`)."""
    window = core.window(order)
    if order.tif in AT_ONCE:
        route = core.hours.opens_at(window, core.now)
    else:
        route = core.hours.routed_at(window, core.now)
    if route == core.now:
        order.status = Status.PENDING_NEW
        groups.mirror(core, order)
        emit(core, order, "pending_new")
        core.schedule(order, "ack", core.now + core.config.ack_latency)
    else:
        order.status = Status.ACCEPTED
        groups.mirror(core, order)
        emit(core, order, "accepted")
        core.schedule(order, "route", route)


def acknowledge(core: ExchangeCore, order: Order) -> None:
    """The venue has the order: `new`."""
    fault = core.strike(FaultKind.ACCEPTED_THEN_REJECTED, order)
    if (fault is not None and not fault.delay) or _is_absurd(core, order):
        endings.reject(core, order)
        return
    if fault is not None:
        core.schedule(order, "reject", core.now + fault.delay)
    order.acked = True
    order.submitted_at = order.updated_at = core.now
    if order.status not in KEEPS_STATUS:
        order.status = Status.NEW
    groups.mirror(core, order)
    emit(core, order, "new", {"execution_id": core.ids.uuid()})
    _arm_fault(core, order)
    if order.tif not in AUCTIONS:
        core.schedule(order, "look", core.now + look_latency(core, order))
    groups.start_pair(core, order)


def _arm_fault(core: ExchangeCore, order: Order) -> None:
    fault = core.strike(FaultKind.PARTIAL_THEN_CANCEL, order)
    if fault is not None and order.qty is not None:
        step = NANO if order.is_fractional else Decimal(1)
        share = fault.factor or Decimal("0.5")
        order.fill_cap = (order.qty * share).quantize(step, ROUND_DOWN)
    fault = core.strike(FaultKind.WRONG_FILLED_PRICE, order)
    if fault is not None:
        order.reported_factor = fault.factor or Decimal("1.01")
    fault = core.strike(FaultKind.QTY_REDUCED, order)
    if fault is not None:
        order.cut_to = fault.factor or Decimal("0.5")
    order.fills_nothing = core.strike(FaultKind.FILLED_WITHOUT_QTY, order) is not None


def wake(core: ExchangeCore, leg: Order) -> None:
    """The entry is filled: this leg starts, if the shares it is to sell are still there."""
    account = core.accounts[leg.account_id]
    sibling = core.orders.get(leg.sibling_id or "")
    leg.updated_at = core.now
    if leg.role is Role.STOP and sibling is not None:
        core.schedule(leg, "look", core.now)
        return
    if leg.leaves > funds.available_qty(core, account, leg.symbol):
        endings.reject(core, leg)
        return
    leg.status = Status.NEW
    leg.acked = True
    leg.submitted_at = core.now
    emit(core, leg, "new", {"execution_id": core.ids.uuid()})
    core.schedule(leg, "look", core.now)


def look_latency(core: ExchangeCore, order: Order) -> Ns:
    fractional = order.is_fractional and order.asset_class is not AssetClass.CRYPTO
    return core.config.fraction_latency if fractional else core.config.fill_latency


def _is_absurd(core: ExchangeCore, order: Order) -> bool:
    """The limit-price-away sanity check: a limit many times through the market."""
    if order.asset_class is AssetClass.US_OPTION:
        return _is_off_grid(core, order)
    factor = core.config.limit_away_factor
    market = core.price(order.symbol, core.now)
    if factor is None or order.limit_price is None or not market:
        return False
    if order.is_buy:
        return order.limit_price > market * factor
    return order.limit_price < market / factor


def _is_off_grid(core: ExchangeCore, order: Order) -> bool:
    """A price between two steps of a contract's grid: taken at first, rejected by the venue."""
    contract = core.contract(order.symbol)  # None of several: their net price may be any cent
    if contract is None or not core.config.option_off_grid_rejected:
        return False
    from execbot.sim.chains.grid import on_grid

    prices = (order.limit_price, order.stop_price)
    return any(p is not None and not on_grid(contract.underlying, p) for p in prices)


# --- meeting the market ----------------------------------------------------------------------


def look(core: ExchangeCore, order: Order) -> None:
    """The order is in the market: it trades now, or rests."""
    order.active = True
    trailing.follow_at(core, order, core.now)
    is_open = core.hours.is_open(core.window(order), core.now)
    if is_open and matching.ready(core, order, core.now):
        meet(core, order)
    elif order.tif in AT_ONCE:
        endings.cancel(core, order)
    else:
        _rest(core, order)


def _rest(core: ExchangeCore, order: Order) -> None:
    order.rested = True
    core.rest(order, core.now)


def meet(core: ExchangeCore, order: Order) -> None:
    """The market is where the order waited for it, and its session is open."""
    if order.waits_for_trigger:
        trigger(core, order)
        return
    if order.order_class is OrderClass.MLEG:
        _meet_spread(core, order)
        return
    reason = matching.protection(core, order)
    if reason:
        endings.cancel(core, order, reason)
        return
    if order.fills_nothing:
        endings.fill_nothing(core, order)
        return
    account = core.accounts[order.account_id]
    found = matching.takes(core, account, order)
    if order.tif is TimeInForce.FOK and not _fills_whole(order, found):
        endings.cancel(core, order)
        return
    halved = _is_halved(core, order)
    if halved:
        found = [(price, (qty / 2).to_integral_value(ROUND_UP)) for price, qty in found[:1]]
    for price, qty in found:
        if order.is_open:
            matching.note_taken(core, account, order, price, qty)
            executions.execute(core, account, order, price, qty)
    if not found and order.rested and order.is_open:
        _fill_at_limit(core, account, order)
    if not order.is_open:
        return
    capped = order.fill_cap is not None and order.filled_qty >= order.fill_cap
    if order.tif in AT_ONCE or capped:
        endings.cancel(core, order)
    elif halved:
        core.stop_watching(order)
        core.schedule(order, "look", core.now + core.config.partial_fill_pause)
    else:
        _rest(core, order)


def _meet_spread(core: ExchangeCore, parent: Order) -> None:
    filled = spread_fills.meet(core, parent)
    if not parent.is_open:
        return
    if filled:
        core.stop_watching(parent)
        core.schedule(parent, "look", core.now + core.config.partial_fill_pause)
    else:
        _rest(core, parent)


def _is_halved(core: ExchangeCore, order: Order) -> bool:
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


def _fill_at_limit(core: ExchangeCore, account: Account, order: Order) -> None:
    """With `trade_through`: a print beyond the limit takes the order at its limit."""
    trade = matching.traded_through(core, order)
    limit = order.watched_limit
    if trade is not None and limit is not None and order.symbol not in core.halted:
        executions.execute(core, account, order, limit, min(order.leaves, trade.size))


def trigger(core: ExchangeCore, order: Order) -> None:
    """A stop fires and becomes a market or limit order."""
    core.stop_watching(order)
    order.triggered = True
    order.updated_at = core.now
    if order.type is OrderType.STOP and order.is_buy and order.asset_class is STOCK:
        assert order.stop_price is not None
        order.collar = funds.stop_collar(order.stop_price)
    groups.stop_fired(core, order)
    core.schedule(order, "look", core.now + core.config.fill_latency)


def auction(core: ExchangeCore, order: Order) -> None:
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
    executions.execute(core, account, order, price, qty)


def market_is_regular(core: ExchangeCore) -> bool:
    return core.hours.session(core.now) is TradingSession.REGULAR
