"""Mergers and spin-offs: shares that become others, or cash, or bring others along.

Rows as Alpaca writes pairs: the old shares out, the new ones in, one `group_id`. MA rows carry the
sub-types CMA (cash), SMA (shares) and SCMA (both); a SPIN row names the new shares only.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.accounts.corporate import accounts, equity, record, touched
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.orders.rules import unprocessable
from execbot.sim.engine.render import CENT, NANO, ZERO
from execbot.sim.types import Asset


def merge(
    core: ExchangeCore, symbol: str, new_symbol: str | None, rate: Decimal, cash: Decimal
) -> None:
    """Each share of `symbol` becomes `rate` shares of `new_symbol` and `cash` dollars.

    Orders of the symbol are canceled, it is inactive from now on. Raises `ApiError` 422.
    """
    equity(core, symbol)
    new = None if new_symbol is None else equity(core, new_symbol)
    if rate < 0 or cash < 0 or (rate > 0) != (new is not None) or not (rate or cash):
        raise unprocessable("a merger pays new_symbol at a rate, cash, or both")
    _check_sides(core, symbol, new_symbol)
    kind = "CMA" if new is None else "SCMA" if cash else "SMA"
    for account in touched(core, symbol):
        position = account.positions.pop(symbol, None)
        if position is None:
            continue
        group, qty = core.ids.uuid(), position.qty
        paid = (qty * cash).quantize(CENT)
        received = ZERO
        if new is not None:
            received, rest = _whole(core, new, qty * rate)
            _add(account, new.symbol, received, position.cost)
            paid += rest
        account.cash += paid
        record(core, account, "MA", kind, symbol, qty=-qty, amount=paid, group=group)
        if received and new is not None:
            record(core, account, "MA", kind, new.symbol, qty=received, group=group)
    core.renamed[symbol] = new_symbol or ""


def spin_off(
    core: ExchangeCore, symbol: str, new_symbol: str, rate: Decimal, cost_share: Decimal = ZERO
) -> None:
    """Holders of `symbol` get `rate` shares of `new_symbol` for each, which take over
    `cost_share` of the cost. Raises `ApiError` 422.
    """
    equity(core, symbol)
    new = equity(core, new_symbol)
    if rate <= 0 or not 0 <= cost_share < 1 or symbol == new_symbol:
        raise unprocessable("a spin-off has a rate above zero and another symbol")
    _check_sides(core, symbol, new_symbol)
    for account in accounts(core):
        position = account.positions.get(symbol)
        if position is None:
            continue
        received, paid = _whole(core, new, position.qty * rate)
        moved = position.cost * cost_share
        position.restate(ZERO, ZERO, -moved)
        account.cash += paid
        if received:
            _add(account, new.symbol, received, moved)
            group = core.ids.uuid()
            record(
                core, account, "SPIN", "", new.symbol, qty=received, amount=paid, group=group
            )  # fmt: skip


def _whole(core: ExchangeCore, asset: Asset, exact: Decimal) -> tuple[Decimal, Decimal]:
    """Shares that can be held of so many, and what is paid for the rest."""
    step = NANO if asset.fractionable else Decimal(1)
    whole = exact.quantize(step, ROUND_DOWN)
    rest = ZERO if asset.fractionable else exact - whole
    return whole, (rest * core.price(asset.symbol, core.now)).quantize(CENT)


def _add(account: Account, symbol: str, qty: Decimal, cost: Decimal) -> None:
    if qty:
        account.position(symbol).trade(qty, cost / qty)


def _check_sides(core: ExchangeCore, symbol: str, new_symbol: str | None) -> None:
    """Raises `ApiError` 422 where new shares would meet a position of the other side."""
    for account in core.accounts.values():
        held, other = account.qty(symbol), account.qty(new_symbol or "")
        if held * other < 0:
            raise unprocessable(f"an account is long and short of {symbol} and {new_symbol}")
