"""Moves cash, shares and fees without an order: deposits, journals, transfers, charges.

Each changes the account at once. Its activity row comes at once as well, or later, as Alpaca books
some rows the next day.
"""

from __future__ import annotations

from decimal import ROUND_UP, Decimal
from typing import Any

from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.orders.rules import unprocessable
from execbot.sim.engine.render import CENT, NANO, text
from execbot.sim.types import AssetClass, Ns

CASH_KINDS = ("CSD", "CSW", "JNLC", "ACATC")
SHARE_KINDS = ("JNLS", "ACATS", "FOPT")
FEE_KINDS = ("FEE", "CFEE", "PTC")


def cash(
    core: ExchangeCore, account: Account, kind: str, amount: Decimal, row_after: Ns = 0
) -> None:
    """Money in (above zero) or out. Raises `ApiError` 422 for what is not there."""
    known(kind, CASH_KINDS)
    wrong_way = (kind == "CSD" and amount < 0) or (kind == "CSW" and amount > 0)
    if not amount or wrong_way or (amount < 0 and account.cash + amount < 0):
        raise unprocessable(f"invalid amount {text(amount)}")
    account.cash += amount
    core.record_flow(account, kind, {"net_amount": text(amount)}, row_after=row_after)


def shares(
    core: ExchangeCore,
    account: Account,
    kind: str,
    symbol: str,
    qty: Decimal,
    *,
    price: Decimal | None = None,
    row_after: Ns = 0,
) -> None:
    """Shares in (above zero), at what they have cost elsewhere, or out at what they cost here.

    Raises `ApiError` 422 where more go than are held, or into a short position.
    """
    known(kind, SHARE_KINDS)
    held = account.qty(symbol)
    if not qty or held < 0 or held + qty < 0:
        raise unprocessable(f"invalid qty {text(qty)}, {text(held)} {symbol} are held")
    position = account.position(symbol)
    cost = position.average if qty < 0 else price
    position.trade(qty, core.price(symbol, core.now) if cost is None else cost)
    if not position.qty:
        del account.positions[symbol]
    body: dict[str, Any] = {"symbol": symbol, "qty": text(qty), "net_amount": "0"}
    if price is not None:
        body["price"] = text(price)
    core.record_flow(account, kind, body, row_after=row_after)


def fee(
    core: ExchangeCore,
    account: Account,
    kind: str,
    amount: Decimal,
    *,
    sub_type: str = "",
    symbol: str | None = None,
    row_after: Ns = 0,
) -> None:
    """A charge of `amount` dollars, or of so many coins of the pair that a CFEE names.

    Dollars are rounded up to a cent. Raises `ApiError` 422.
    """
    known(kind, FEE_KINDS)
    if amount <= 0:
        raise unprocessable(f"invalid amount {text(amount)}")
    body: dict[str, Any] = {} if symbol is None else {"symbol": symbol.replace("/", "")}
    if sub_type:
        body["activity_sub_type"] = sub_type
    asset = None if symbol is None else core.assets.get(symbol)
    if kind == "CFEE" and asset is not None and asset.asset_class is AssetClass.CRYPTO:
        coins = amount.quantize(NANO)
        if account.qty(asset.symbol) < coins:
            raise unprocessable(f"{text(coins)} {asset.symbol} are not held")
        account.position(asset.symbol).shed(coins)
        if not account.qty(asset.symbol):
            del account.positions[asset.symbol]
        body |= {"qty": text(-coins), "net_amount": "0"}
    else:
        charged = amount.quantize(CENT, ROUND_UP)
        account.cash -= charged
        body["net_amount"] = text(-charged)
    core.record_flow(account, kind, body, row_after=row_after)


def known(kind: str, kinds: tuple[str, ...]) -> None:
    if kind not in kinds:
        raise unprocessable(f"type was {kind!r}, not one of {', '.join(kinds)}")
