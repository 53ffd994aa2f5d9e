"""Corporate actions, interest, liquidations: they change accounts without an order.

All take effect at once, on every account that holds the symbol. The caller (`VenueMarket`) moves
the prices before it calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal
from typing import Any

from execbot.sim.engine.accounts import margin
from execbot.sim.engine.accounts.account import Account, Position
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.options import adjusting
from execbot.sim.engine.order import Order
from execbot.sim.engine.orders import endings
from execbot.sim.engine.orders.place import place
from execbot.sim.engine.orders.rules import unprocessable
from execbot.sim.engine.render import CENT, NANO, ZERO, text
from execbot.sim.types import Asset, AssetClass

REASON = "CORPORATE_ACTION"


def split(core: ExchangeCore, symbol: str, new: Decimal, old: Decimal) -> None:
    """`new` shares for `old` ones: open orders are canceled, positions rescaled.

    What does not make a whole share is paid out, unless the asset has fractions. Contracts on the
    stock become others (`options.adjusting`).
    """
    asset, ratio = equity(core, symbol), new / old
    for account in touched(core, symbol):
        position = account.positions.get(symbol)
        if position is None:
            continue
        before, exact = position.qty, position.qty * ratio
        step = NANO if asset.fractionable else Decimal(1)
        after = exact.quantize(step, ROUND_DOWN)
        paid = ZERO if asset.fractionable else (exact - after) * core.price(symbol, core.now)
        group, sub_type = core.ids.uuid(), "FSPLIT" if new > old else "RSPLIT"
        record(core, account, "SPLIT", sub_type, symbol, qty=-before, group=group)
        record(core, account, "SPLIT", sub_type, symbol, qty=after, group=group, amount=paid)
        account.cash += paid.quantize(CENT)
        if after:
            position.rescale(exact, after)
        else:
            del account.positions[symbol]
    core.splits.setdefault(symbol, []).append((core.now, ratio))
    adjusting.split(core, symbol, ratio)


def dividend(core: ExchangeCore, symbol: str, per_share: Decimal) -> None:
    """Pays the holders of the stock, and takes the same from those who are short."""
    equity(core, symbol)
    for account in accounts(core):
        position = account.positions.get(symbol)
        if position is None:
            continue
        amount = (position.qty * per_share).quantize(CENT)
        account.cash += amount
        record(
            core, account, "DIV", "CDIV" if position.qty > 0 else "SPD", symbol,
            qty=position.qty, amount=amount, per_share=per_share,
        )  # fmt: skip


def rename(core: ExchangeCore, symbol: str, new_symbol: str) -> None:
    """The symbol becomes another one: orders are canceled, positions go over.

    Raises `ApiError` 422 when an account holds both.
    """
    equity(core, symbol)
    equity(core, new_symbol)
    if any({symbol, new_symbol} <= account.positions.keys() for account in accounts(core)):
        raise unprocessable(f"an account holds both {symbol} and {new_symbol}")
    for account in touched(core, symbol):
        position = account.positions.pop(symbol, None)
        if position is None:
            continue
        position.symbol = new_symbol
        account.positions[new_symbol] = position
        group = core.ids.uuid()
        record(core, account, "NC", "SNC", symbol, qty=-position.qty, group=group)
        record(core, account, "NC", "SNC", new_symbol, qty=position.qty, group=group)
    core.renamed[symbol] = new_symbol
    core.renamed.pop(new_symbol, None)


def interest(core: ExchangeCore, account: Account, amount: Decimal) -> None:
    """Charges margin interest (negative), or pays credit interest."""
    account.cash += amount
    record(core, account, "INT", "MGN" if amount < 0 else "CDT", None, amount=amount)


def liquidate(core: ExchangeCore, account: Account, symbol: str | None) -> list[Order]:
    """The broker closes positions by itself: orders of the symbols are canceled, market orders
    sent, whatever the account is allowed to do. Raises `ApiError` 422 where nothing is held.
    """
    held = [found for found in account.positions.values() if symbol in (None, found.symbol)]
    if not held:
        raise unprocessable(f"no position in {symbol}" if symbol else "no positions")
    return [_close(core, account, position) for position in held]


def _close(core: ExchangeCore, account: Account, position: Position) -> Order:
    _cancel_orders(core, account, position.symbol, "")
    crypto = "/" in position.symbol
    body = {
        "symbol": position.symbol,
        "qty": text(abs(position.qty)),
        "side": "sell" if position.qty > 0 else "buy",
        "type": "market",
        "time_in_force": "gtc" if crypto else "day",
    }
    return place(core, account, body, by_broker=True)


# --- shared with mergers ----------------------------------------------------------------------


def equity(core: ExchangeCore, symbol: str) -> Asset:
    asset = core.assets.get(symbol)
    if asset is None or asset.asset_class is not AssetClass.US_EQUITY:
        raise unprocessable(f"{symbol} is no stock")
    return asset


def accounts(core: ExchangeCore) -> Iterator[Account]:
    """All accounts, in the present trading day."""
    for account in core.accounts.values():
        margin.roll(core, account)
        yield account


def touched(core: ExchangeCore, symbol: str) -> Iterator[Account]:
    """All accounts, after their orders in the symbol were canceled."""
    for account in accounts(core):
        _cancel_orders(core, account, symbol, REASON)
        account.taken.pop(f"{symbol} ask", None)
        account.taken.pop(f"{symbol} bid", None)
        yield account


def _cancel_orders(core: ExchangeCore, account: Account, symbol: str, reason: str) -> None:
    for order in [order for order in account.live.values() if order.symbol == symbol]:
        if order.id in core.orders:
            endings.cancel(core, order, reason)
    account.holds = [hold for hold in account.holds if hold.symbol != symbol]


def record(
    core: ExchangeCore,
    account: Account,
    kind: str,
    sub_type: str,
    symbol: str | None,
    *,
    qty: Decimal | None = None,
    amount: Decimal = ZERO,
    per_share: Decimal | None = None,
    group: str | None = None,
) -> None:
    body: dict[str, Any] = {"net_amount": text(amount.quantize(CENT))}
    if sub_type:
        body["activity_sub_type"] = sub_type
    if symbol is not None:
        body["symbol"] = symbol
    if qty is not None:
        body["qty"] = text(qty)
    if per_share is not None:
        body["per_share_amount"] = text(per_share)
    if group is not None:
        body["group_id"] = group
    core.record_flow(account, kind, body)
