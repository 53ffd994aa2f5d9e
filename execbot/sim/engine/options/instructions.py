"""What a holder may ask for: to exercise contracts at once, or not to have them exercised.

Alpaca publishes the reasons of its refusals; its overview and its API description disagree on some
of them. The overview's are taken here.
"""

from __future__ import annotations

from decimal import Decimal

from execbot.sim.calendar import new_york_date
from execbot.sim.chains.contract import MULTIPLIER, Contract
from execbot.sim.chains.expiries import expires_at
from execbot.sim.engine.accounts import funds
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.options import collateral, ends
from execbot.sim.engine.orders.rules import forbidden, unprocessable
from execbot.sim.engine.render import CENT, text, wall_time
from execbot.sim.types import SECOND, ApiError, Ns

INSTRUCTED_UNTIL: Ns = 30 * 60 * SECOND
"""After the close of the last day, as Alpaca's support says."""


def exercise(core: ExchangeCore, account: Account, symbol_or_id: str) -> None:
    """All contracts held that are free become shares, now. Raises `ApiError` 403, 404, 422."""
    contract, held = _held(core, account, symbol_or_id)
    if held <= 0:
        raise ApiError(404, 40410000, f"long position not found: {contract.symbol}")
    _check_time(core)
    if contract.symbol in account.not_to_exercise:
        raise forbidden(f"contract {contract.symbol} is marked do not exercise")
    if not contract.is_standard:
        raise forbidden(f"contract {contract.symbol} is non-standard and cannot be exercised")
    if not contract.intrinsic(core.price(contract.underlying, core.now)):
        raise forbidden(f"contract {contract.symbol} is out of the money")
    qty = funds.available_qty(core, account, contract.symbol)
    if not qty:
        raise forbidden("no qty available to exercise")
    _check_means(core, account, contract, qty)
    delay = core.config.option_row_delay
    ends.exercise(core, account, contract.symbol, qty, row_after=delay)


def abandon(core: ExchangeCore, account: Account, symbol_or_id: str) -> None:
    """On the last day: what would be exercised by itself is left to expire."""
    contract, held = _held(core, account, symbol_or_id)
    if held < 0:
        raise ApiError(403, 40310001, "cannot submit DNE for short position")
    if not held:
        raise forbidden("no available position for the specified contract")
    if contract.expires != new_york_date(core.now):
        raise forbidden("dne requests are only accepted on the expiration date")
    last = expires_at(contract.expires) + INSTRUCTED_UNTIL
    if core.now >= last:
        raise forbidden(f"dne requests are not accepted after {wall_time(last):%H:%M}")
    account.not_to_exercise.add(contract.symbol)


def _held(core: ExchangeCore, account: Account, symbol_or_id: str) -> tuple[Contract, Decimal]:
    asset = core.assets.get(symbol_or_id)
    contract = core.contract(asset.symbol) if asset is not None else None
    if contract is None:
        raise unprocessable("invalid symbol")
    return contract, account.qty(contract.symbol)


def _check_time(core: ExchangeCore) -> None:
    """From the close until midnight nobody could say which day it would settle for."""
    day = core.calendar.day(new_york_date(core.now))
    if day is not None and not core.calendar.always_open and core.now >= day.close:
        raise forbidden("exercise requests are not accepted after market close")


def _check_means(core: ExchangeCore, account: Account, contract: Contract, qty: Decimal) -> None:
    money = funds.money(core, account)
    value = qty * contract.strike * MULTIPLIER
    if contract.is_call:
        if money.multiplier == 1 and account.cash < value:
            raise forbidden("insufficient cash available")
        if money.multiplier > 1 and money.regt_buying_power < value:
            raise forbidden("insufficient regt buying power")
        return
    stock = contract.underlying
    free = funds.available_qty(core, account, stock) if account.qty(stock) > 0 else Decimal(0)
    if free < qty * contract.shares:
        raise forbidden(f"insufficient underlying qty available for deliverable: {stock}")
    more = collateral.more_required(account, stock, {contract: -qty})
    if more > money.non_marginable + value:  # a short put that it covered needs cash now
        raise forbidden(
            "insufficient options buying power",
            options_buying_power=text(money.non_marginable.quantize(CENT)),
            cost_basis=text(more.quantize(CENT)),
        )
