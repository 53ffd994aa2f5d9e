"""Refuses orders in one contract, in Alpaca's words and in Alpaca's order.

First what the order is by itself (contract, type, time in force, class, whole contracts,
decimals), then against the account (intent, level, coverage, shares or cash), then the clock. Codes
and statuses are Alpaca's published ones; its texts may drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from execbot.sim.calendar import new_york_date
from execbot.sim.chains.contract import MULTIPLIER, Contract
from execbot.sim.chains.expiries import expires_at
from execbot.sim.engine import parse
from execbot.sim.engine.accounts import funds
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.options import collateral
from execbot.sim.engine.order import Order, OrderType, TimeInForce
from execbot.sim.engine.orders.rules import Case, forbidden, unprocessable
from execbot.sim.engine.render import CENT, ZERO, text
from execbot.sim.types import SECOND, ApiError, Asset

NOT_ALLOWED = "account not authorized to trade options"
NOT_LONG = "account not eligible to trade long option contracts"
NOT_SPREADS = "account not eligible to trade spreads or uncovered contracts"
NOT_UNCOVERED = "account not eligible to trade uncovered option contracts"
MARKET_HOURS = "options market orders are only allowed during market hours"

OPENS_UNTIL_SECONDS = 30 * 60  # before the end of the last day


# --- what the order is -----------------------------------------------------------------------


def contract_named(core: ExchangeCore, symbol: str) -> Contract | None:
    """A contract that can be named now, or that is held or marked; None for others."""
    found = core.options.contract(symbol)
    if found is None or symbol in core.options.marks:
        return found
    from execbot.sim.chains.listing import in_reach

    return found if in_reach(core.options.chains, found, core.now) else None


def check_contract(core: ExchangeCore, symbol: str) -> Contract:
    """Raises `ApiError` 422 for what does not trade, or no more."""
    contract = contract_named(core, symbol)
    if contract is None:
        raise unprocessable(f'contract "{symbol}" not found')
    check_alive(core, contract)
    return contract


def check_alive(core: ExchangeCore, contract: Contract) -> None:
    if contract.symbol in core.options.marks:
        return  # what the control plane prices trades while it does
    if contract.expires < new_york_date(core.now):
        raise unprocessable(f'contract "{contract.symbol}" is expired')
    if core.now >= core.options.chains.last_moment(contract):
        raise unprocessable(f'contract "{contract.symbol}" is expired')


def check_shape(body: Mapping[str, Any]) -> None:
    """What an order in one contract may look like. Raises `ApiError` 422."""
    kind, tif = body.get("type"), body.get("time_in_force")
    if kind not in tuple(OrderType) or kind == OrderType.TRAILING_STOP:
        raise unprocessable("invalid order type for options trading")
    if tif not in (TimeInForce.DAY, TimeInForce.GTC):
        raise unprocessable("order_time_in_force provided not supported for options trading")
    if body.get("order_class") not in (None, "", "simple"):
        raise unprocessable("complex orders not supported for options trading")
    if body.get("take_profit") or body.get("stop_loss"):
        raise unprocessable("complex orders not supported for options trading")
    if body.get("notional") not in (None, ""):
        raise unprocessable("notional orders are not supported for options trading")
    if str(body.get("extended_hours")).lower() == "true":
        raise unprocessable("extended hours is not supported for options trading")
    check_whole(parse.number(body, "qty"))
    check_limit_price(body, kind in (OrderType.LIMIT, OrderType.STOP_LIMIT))


def check_whole(qty: Decimal | None) -> None:
    if qty is not None and qty != qty.to_integral_value():
        raise unprocessable("qty must be integer for options trading")


def check_limit_price(body: Mapping[str, Any], is_limit: bool, *, signed: bool = False) -> None:
    limit, stop = parse.number(body, "limit_price"), parse.number(body, "stop_price")
    if is_limit and limit is None:
        raise unprocessable("limit price is required for limit orders")
    if not is_limit and limit is not None:
        raise unprocessable("limit price is only valid for limit orders")
    if limit is not None and (_too_fine(limit) or (limit <= 0 and not signed)):
        raise unprocessable("invalid limit price")
    if stop is not None and (_too_fine(stop) or stop <= 0):
        raise unprocessable("invalid stop price")


def _too_fine(price: Decimal) -> bool:
    return price != price.quantize(CENT)


def check_limits(case: Case) -> None:
    """The most contracts, and dollars, of one order: Alpaca has such limits and publishes none."""
    config, ticket = case.core.config, case.ticket
    qty = ticket.qty or ZERO
    if config.option_qty_max is not None and qty > config.option_qty_max:
        raise unprocessable(f"options order qty must be <= {config.option_qty_max}")
    if config.option_notional_max is not None and ticket.limit_price is not None:
        notional = qty * ticket.limit_price * MULTIPLIER
        if notional > config.option_notional_max:
            raise unprocessable(
                f"options order notional is {text(notional)} must be <= "
                f"{text(config.option_notional_max)}"
            )


# --- against the account ---------------------------------------------------------------------


def level(core: ExchangeCore, account: Account) -> int:
    """What the account may do: the lesser of what is approved and what its owner wants."""
    wanted: int = account.configurations["max_options_trading_level"]
    return min(core.config.options_level, wanted)


def check_level(case: Case) -> None:
    """0 nothing, 1 covered calls and cash-secured puts, 2 bought contracts too, 3 spreads."""
    if not case.intent.endswith("_to_open"):
        return
    allowed = level(case.core, case.account)
    if not allowed:
        raise forbidden(NOT_ALLOWED)
    if case.intent == "buy_to_open" and allowed < 2:
        raise forbidden(NOT_LONG)


def check_adjusted(case: Case) -> None:
    contract = case.core.contract(case.asset.symbol)
    assert contract is not None
    if not contract.is_standard and case.intent.endswith("_to_open"):
        raise unprocessable(f'contract "{contract.symbol}" is not tradable')


def check_sold_stop(case: Case) -> None:
    """Seen on paper: what should be a refusal is an error of the server."""
    if case.intent == "sell_to_open" and case.ticket.type is OrderType.STOP:
        raise ApiError(500, 50010000, "internal server error occurred")


def check_cover(case: Case, qty: Decimal) -> None:
    """A sale must leave no short call without a long one or shares behind it."""
    contract = case.core.contract(case.asset.symbol)
    assert contract is not None
    if not case.intent.startswith("sell_") or not contract.is_call:
        return
    core, account, stock = case.core, case.account, contract.underlying
    if case.intent == "sell_to_open":
        needed, free = qty * MULTIPLIER, shares_free(core, account, stock)
        if needed > free:
            listed = core.assets.get(stock)
            raise forbidden(
                "insufficient underlying qty available for covered call "
                f"(required: {text(needed)}, available: {text(free)})",
                required_qty=text(needed),
                available_qty=text(free),
                symbol=stock,
                underlying_asset_id="" if listed is None else listed.id,
            )
        return
    check_still_covered(core, account, stock, {contract: -qty})


def check_still_covered(
    core: ExchangeCore,
    account: Account,
    stock: str,
    order: dict[Contract, Decimal],
    leave_out: Order | None = None,
) -> None:
    """Raises `ApiError` 403 for an order that may leave a short call with nothing behind it."""
    from execbot.sim.engine.options import cover

    mine = collateral.held(account).get(stock, {})
    others = collateral.working(account, stock, leave_out)
    before = cover.uncovered(mine, True, others)
    after = cover.uncovered(mine, True, [*others, order])
    lot = collateral.lot(account, stock)
    free = shares_free(core, account, stock) + before * lot
    if after > before and after * lot > free:
        raise forbidden(NOT_UNCOVERED)


def shares_free(core: ExchangeCore, account: Account, stock: str) -> Decimal:
    """Shares that could cover calls: long, not in working exits, not behind other calls."""
    return funds.available_qty(core, account, stock) if account.qty(stock) > 0 else ZERO


def cost(
    core: ExchangeCore,
    account: Account,
    order: dict[Contract, Decimal],
    price: Decimal,
    leave_out: Order | None = None,
) -> Decimal:
    """Dollars that an order needs: what it pays (below zero: gets) at `price`, net and for all of
    it, and the collateral that it may add. Never below zero.
    """
    stock = next(iter(order)).underlying
    more = collateral.more_required(account, stock, order, leave_out)
    return max(ZERO, more + price * MULTIPLIER)


def check_cash(case: Case, order: Order, leave_out: Order | None = None) -> None:
    """Sets what the order holds back. Raises `ApiError` 403 where it is not there."""
    core, account = case.core, case.account
    contract = core.contract(order.symbol)
    assert contract is not None
    reserve_for(core, account, order, contract, leave_out)
    needed = order.hold_price * order.leaves
    free = funds.money(core, account, leave_out=leave_out).non_marginable
    if needed <= free:
        return
    raise too_dear(order, contract, needed, free)


def reserve_for(
    core: ExchangeCore, account: Account, order: Order, contract: Contract, leave_out: Order | None
) -> None:
    qty = order.leaves
    signed = qty if order.is_buy else -qty
    each = price_basis(core, order)
    needed = cost(core, account, {contract: signed}, signed * each, leave_out)
    order.hold_price = needed / qty if qty else ZERO


def too_dear(order: Order, contract: Contract, needed: Decimal, free: Decimal) -> ApiError:
    required, available = text(needed.quantize(CENT)), text(free.quantize(CENT))
    if not order.is_buy and not contract.is_call:
        return forbidden(
            "insufficient options buying power for cash-secured put "
            f"(required: {required}, available: {available})",
            buying_power=available,
            required_options_buying_power=required,
        )
    return forbidden(
        "insufficient options buying power",
        options_buying_power=available,
        cost_basis=required,
    )


def price_basis(core: ExchangeCore, order: Order) -> Decimal:
    """What one share of a contract is reckoned at: the limit, the stop, else the quote's far side.
    What Alpaca takes for a market order is not published.
    """
    if order.limit_price is not None:
        return order.limit_price
    if order.stop_price is not None:
        return order.stop_price
    quote = core.prices.quote(order.symbol, core.now)
    if quote is None:
        return ZERO
    return quote.ask if order.is_buy else quote.bid


# --- the clock -------------------------------------------------------------------------------


def check_hours(case: Case) -> None:
    if case.ticket.type is OrderType.MARKET:
        check_market_hours(case.core, case.asset)


def check_market_hours(core: ExchangeCore, asset: Asset) -> None:
    from execbot.sim.engine.orders.hours import option_window

    if not core.hours.is_open(option_window(asset), core.now):
        raise unprocessable(MARKET_HOURS)


def check_expiring(case: Case) -> None:
    contract = case.core.contract(case.asset.symbol)
    assert contract is not None
    if case.intent.endswith("_to_open"):
        check_opening_expiring(case.core, contract)
        check_expiring_count(case.core, case.account, contract, case.ticket.qty or ZERO)


def check_opening_expiring(core: ExchangeCore, contract: Contract) -> None:
    """On its last day a contract is opened no more from half an hour before the close."""
    if contract.expires != new_york_date(core.now):
        return
    if core.now >= expires_at(contract.expires) - OPENS_UNTIL_SECONDS * SECOND:
        raise unprocessable(
            f'contract "{contract.symbol}" expires soon, unable to open new positions'
        )


def check_expiring_count(
    core: ExchangeCore, account: Account, contract: Contract, qty: Decimal
) -> None:
    most = core.config.option_expiring_today_max
    today = new_york_date(core.now)
    if most is None or contract.expires != today:
        return
    used = sum(
        (abs(q) for mine in collateral.held(account).values() for c, q in mine.items()
         if c.expires == today),
        ZERO,
    )  # fmt: skip
    for order in account.live.values():
        found = core.contract(order.symbol)
        if found is not None and found.expires == today and not order.is_closing:
            used += order.leaves
    if qty + used > most:
        raise forbidden(
            "exceeded account limit for contracts expiring today "
            f"(requested: {text(qty)}, held+open: {text(used)}, limit: {most})"
        )
