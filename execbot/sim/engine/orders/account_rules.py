"""Alpaca's refusals because of the account: its positions, its other orders, its money."""

from __future__ import annotations

from decimal import Decimal

from execbot.sim.engine.accounts import funds
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.order import Order, OrderClass, Side
from execbot.sim.engine.orders.rules import NOTIONAL_MIN, Case, F, T, forbidden, unprocessable
from execbot.sim.engine.parse import Ticket
from execbot.sim.engine.render import CENT, ZERO, text
from execbot.sim.types import ApiError


def check_intent(case: Case) -> None:
    wanted = case.ticket.position_intent
    if wanted is not None and wanted != case.intent:
        raise unprocessable(
            f"position intent mismatch, inferred: {case.intent}, specified: {wanted}"
        )


def check_direction(case: Case) -> None:
    """One direction at a time: a flat account with a working entry takes no opposite entry."""
    if not case.intent.endswith("_to_open"):
        return
    for order in case.opposite():
        if order.is_closing:
            continue
        if case.is_crypto and case.ticket.side is Side.SELL:
            return
        if case.ticket.side is Side.SELL:
            raise forbidden("cannot open a short sell while a long buy order is open")
        raise forbidden("cannot open a long buy while a short sell order is open")


def check_available(case: Case, wanted: Decimal) -> None:
    """A closing order takes no more than what is held and not reserved."""
    if case.intent.endswith("_to_open"):
        if case.is_crypto and case.ticket.side is Side.SELL:
            raise _no_balance(case, wanted, ZERO, ZERO)
        return
    core, account, symbol = case.core, case.account, case.asset.symbol
    available = funds.available_qty(core, account, symbol)
    if wanted <= available:
        return
    if case.is_crypto:
        raise _no_balance(case, wanted, available, abs(account.qty(symbol)))
    raise insufficient_qty(core, account, symbol, wanted, available)


def insufficient_qty(
    core: ExchangeCore, account: Account, symbol: str, wanted: Decimal, available: Decimal
) -> ApiError:
    """The refusal of a closing order, naming the orders that hold the shares."""
    holders = funds.holders(core, account, symbol)
    extra: dict[str, str | list[str]] = {
        "available": text(available),
        "existing_qty": text(abs(account.qty(symbol))),
        "held_for_orders": text(sum((qty for _, qty in holders), ZERO)),
        "symbol": symbol,
    }
    if holders:
        extra["related_orders"] = [order_id for order_id, _ in holders]
    return forbidden(
        "insufficient qty available for order "
        f"(requested: {text(wanted)}, available: {text(available)})",
        **extra,
    )


def _no_balance(case: Case, wanted: Decimal, available: Decimal, balance: Decimal) -> ApiError:
    coin = case.asset.symbol.split("/")[0]
    return forbidden(
        f"insufficient balance for {coin} "
        f"(requested: {text(wanted)}, available: {text(available)})",
        available=text(available),
        balance=text(balance),
        symbol=coin,
    )


def check_short(case: Case) -> None:
    """Opening a short: whole shares, equity of 2000, borrowable stock."""
    if not case.opens_short or case.is_crypto:
        return
    core, account, asset, ticket = case.core, case.account, case.asset, case.ticket
    if not asset.shortable:
        raise unprocessable(f'asset "{asset.symbol}" cannot be sold short')
    if not funds.may_short(core, account, funds.money(core, account).equity):
        raise forbidden("account is not allowed to short")
    if ticket.is_fractional:
        raise unprocessable("fractional orders cannot be sold short")
    if not asset.easy_to_borrow and ticket.tif is not F.DAY:
        raise unprocessable(
            f'only day orders are allowed for hard-to-borrow asset "{asset.symbol}"'
        )


def check_restriction(case: Case) -> None:
    """An account restricted to liquidation takes closing orders only.

    A position beyond 600 % of equity restricts it, until someone clears it.
    """
    if not case.intent.endswith("_to_open"):
        return
    core, account = case.core, case.account
    if not account.liquidation_only and account.positions:
        values = funds.position_values(core, account)
        equity = account.cash + sum(values)
        largest = max(abs(value) for value in values)
        account.liquidation_only = largest > equity * core.config.max_position_ratio
    if account.liquidation_only:
        raise forbidden("account is restricted to liquidation only")


WASH_EXEMPT = (OrderClass.BRACKET, OrderClass.OCO)
AT_ANY_PRICE = (T.MARKET, T.STOP)


def check_wash_trade(case: Case) -> None:
    """An order that could trade with the account's own working order is refused."""
    ticket = case.ticket
    if ticket.order_class in WASH_EXEMPT or ticket.type is T.TRAILING_STOP:
        return
    for order in case.opposite():
        reason = _washes(ticket, order)
        if reason is not None:
            raise forbidden(
                "potential wash trade detected. use complex orders",
                existing_order_id=order.id,
                reject_reason=reason,
            )


def _washes(ticket: Ticket, order: Order) -> str | None:
    if order.order_class in WASH_EXEMPT or order.type is T.TRAILING_STOP:
        return None
    if order.type in AT_ANY_PRICE:
        return "opposite side market/stop order exists"
    if ticket.type in AT_ANY_PRICE:
        return "opposite side limit order exists"
    assert ticket.limit_price is not None and order.limit_price is not None
    buy, sell = ticket.limit_price, order.limit_price
    if ticket.side is Side.SELL:
        buy, sell = sell, buy
    return "opposite side limit order exists" if buy >= sell else None


def check_open_orders(case: Case) -> None:
    limit = case.core.config.max_open_orders
    if limit is not None and len(case.account.live) >= limit:
        raise forbidden(f"maximum number of open orders reached: {limit}")
    if case.ticket.notional is None or case.intent.endswith("_to_close"):
        return
    if any(order.is_closing for order in case.opposite()):
        raise forbidden(
            "unable to open new notional orders while having open closing position orders"
        )


# --- money -----------------------------------------------------------------------------------


def check_day_trades(case: Case) -> None:
    """The rule that ended in June 2026: three day trades in five days below 25,000 dollars."""
    core, account = case.core, case.account
    if not core.config.day_trading_rule or case.is_crypto:
        return
    if len(account.day_trades) < funds.DAY_TRADES_ALLOWED:
        return
    if funds.money(core, account).equity >= funds.DAY_TRADE_EQUITY_MIN:
        return
    mode = account.configurations.get("pdt_check", "entry")
    closes_today = case.intent.endswith("_to_close") and case.asset.symbol in account.opened_today
    opens = case.intent.endswith("_to_open")
    if (opens and mode in ("entry", "both")) or (closes_today and mode in ("exit", "both")):
        raise ApiError(403, 40310100, "trade denied due to pattern day trading protection")


def check_cost(case: Case, order: Order) -> None:
    """Least value of an order, and buying power for what opens a position."""
    cost = order.notional or (order.leaves * order.hold_price)
    if case.intent.endswith("_to_close"):
        return
    core, account = case.core, case.account
    least = core.config.crypto_order_min if case.is_crypto else NOTIONAL_MIN
    if (case.is_crypto or case.ticket.is_fractional) and cost < least:
        raise forbidden(f"cost basis must be >= minimal amount of order {text(least)}")
    if case.is_crypto and cost > core.config.crypto_order_max:
        raise forbidden(
            f"cost basis must be <= maximal amount of order {text(core.config.crypto_order_max)}"
        )
    money = funds.money(core, account)
    free = money.buying_power if case.asset.marginable else money.non_marginable
    if cost <= free:
        return
    if case.is_crypto:
        raise forbidden(
            f"insufficient balance for USD (requested: {text(cost)}, available: {text(free)})",
            available=text(free),
            balance=text(account.cash),
            symbol="USD",
        )
    raise forbidden(
        "insufficient buying power",
        buying_power=text(free.quantize(CENT)),
        cost_basis=text(cost.quantize(CENT)),
    )
