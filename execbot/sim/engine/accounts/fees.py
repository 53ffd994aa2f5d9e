"""Fees: of coins in what is received, of stocks by account, day and type.

Regulatory fees of stocks gather through the day (`accrued_fees`) and are charged when it ends, one
FEE row for each type, rounded up once; a row names no order and no symbol. Fees of coins are taken
at once; their CFEE rows come with each execution, or with `crypto_fees_daily` when the day ends.
"""

from __future__ import annotations

from decimal import ROUND_UP, Decimal
from typing import Any

from execbot.sim.calendar import new_york_date
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.order import Order
from execbot.sim.engine.render import CENT, NANO, ZERO, stamp_micro, text
from execbot.sim.types import AssetClass, Ns

ABOUT = {
    "REG": "REG fee for proceed of the sales on {day}",
    "TAF": "TAF fee for proceed of the sales on {day}",
    "CAT": "CAT fee for proceed of the trades on {day}",
    "ORF": "ORF fee for proceed of the option trades on {day}",
    "OCC": "OCC fee for proceed of the option trades on {day}",
}
"""As Alpaca words it: with the trading day, since a row may carry the day it was written."""


def charge(
    core: ExchangeCore, account: Account, order: Order, price: Decimal, qty: Decimal
) -> None:
    """What one execution costs."""
    if order.asset_class is AssetClass.CRYPTO:
        _charge_coins(core, account, order, price, qty)
        return
    charges = _of_contracts if order.asset_class is AssetClass.US_OPTION else _of_shares
    for kind, amount in charges(core, ZERO if order.is_buy else qty, qty, price):
        if amount:
            account.fees[kind] = account.fees.get(kind, ZERO) + amount


def _of_shares(
    core: ExchangeCore, sold: Decimal, qty: Decimal, price: Decimal
) -> tuple[tuple[str, Decimal], ...]:
    config = core.config
    return (
        ("REG", sold * price * config.sec_per_dollar),
        ("TAF", sold * config.taf_per_share),
        ("CAT", qty * config.cat_per_share),
    )


def _of_contracts(
    core: ExchangeCore, sold: Decimal, qty: Decimal, price: Decimal
) -> tuple[tuple[str, Decimal], ...]:
    config = core.config
    return (
        ("ORF", qty * config.orf_per_contract),
        ("OCC", min(qty, Decimal(config.occ_contracts_max)) * config.occ_per_contract),
        ("TAF", sold * config.option_taf_per_contract),
        ("CAT", qty * config.option_cat_per_contract),
    )


def accrued(account: Account) -> Decimal:
    """What will be charged for the day so far."""
    return sum((amount.quantize(CENT, ROUND_UP) for amount in account.fees.values()), ZERO)


def settle(core: ExchangeCore, account: Account) -> None:
    """Charges the fees of the day that the account is in. It ends now, or has ended before."""
    at = min(core.now, core.hours.end_of(account.day))
    for kind, amount in account.fees.items():
        charged = amount.quantize(CENT, ROUND_UP)
        account.cash -= charged
        about = ABOUT[kind].format(day=account.day)
        body = {"activity_sub_type": kind, "net_amount": text(-charged), "description": about}
        core.record_activity(account, "FEE", {**_common(account, at), **body}, at=at)
    for (symbol, side), amount in account.coin_fees.items():
        _record_coins(core, account, symbol, side, amount, at)
    account.fees.clear()
    account.coin_fees.clear()


def _charge_coins(
    core: ExchangeCore, account: Account, order: Order, price: Decimal, qty: Decimal
) -> None:
    """A share of what is received: coins from a purchase, dollars from a sale."""
    config = core.config
    rate = config.crypto_maker_fee if order.rested else config.crypto_taker_fee
    if not rate:
        return
    in_kind = (qty * rate).quantize(NANO)
    amount = in_kind if order.is_buy else in_kind * price
    if order.is_buy:
        account.position(order.symbol).shed(in_kind)
    else:
        account.cash -= amount
    place = order.symbol, order.side.value
    if config.crypto_fees_daily:
        account.coin_fees[place] = account.coin_fees.get(place, ZERO) + amount
    else:
        _record_coins(core, account, *place, amount, core.now, price, order.id)


def _record_coins(
    core: ExchangeCore,
    account: Account,
    symbol: str,
    side: str,
    amount: Decimal,
    at: Ns,
    price: Decimal | None = None,
    order_id: str | None = None,
) -> None:
    bought = side == "buy"
    body: dict[str, Any] = {
        **_common(account, at),
        **({} if price is None else {"date": new_york_date(at)}),  # coins trade on Sundays
        "symbol": symbol.replace("/", ""),
        "description": f"{'Coin Pair' if bought else 'Crypto'} Transaction Fee",
        "qty": text(-amount) if bought else "0",
        "net_amount": "0" if bought else text(-amount),
    }
    if price is not None:
        body["price"] = text(price)
    core.record_activity(account, "CFEE", body, order_id, at=at)


def _common(account: Account, at: Ns) -> dict[str, Any]:
    return {
        "date": account.day,
        "created_at": stamp_micro(at),
        "status": "executed",
        "currency": "USD",
    }
