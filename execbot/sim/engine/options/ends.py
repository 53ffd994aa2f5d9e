"""How contracts end: they expire worthless, are exercised, or are assigned.

No stream tells it. Positions and cash change at once; the rows (OPEXP, OPEXC or OPASN with the
OPTRD of the shares, one `group_id`) come at once, as live, or later, as on paper. Of an adjusted
contract that delivers a part of a share that part is paid in cash: a third row, OPCSH.
"""

from __future__ import annotations

from decimal import Decimal

from execbot.sim.chains.contract import MULTIPLIER, Contract
from execbot.sim.chains.expiries import expires_at
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.options.adjusting import in_lieu
from execbot.sim.engine.options.elsewhere import contract_of
from execbot.sim.engine.orders import endings
from execbot.sim.engine.orders.rules import unprocessable
from execbot.sim.engine.render import CENT, ZERO, text
from execbot.sim.types import Ns


def expire(core: ExchangeCore, account: Account, symbol: str, row_after: Ns = 0) -> None:
    """Worthless: the contracts are gone. Raises `ApiError` 422 where none are held."""
    contract, held = _held(core, account, symbol)
    _remove(core, account, contract, held)
    core.record_flow(
        account, "OPEXP", {"symbol": symbol, "qty": text(-held), "net_amount": "0"},
        row_after=row_after,
    )  # fmt: skip


def exercise(
    core: ExchangeCore,
    account: Account,
    symbol: str,
    qty: Decimal | None = None,
    row_after: Ns = 0,
) -> None:
    """The holder takes (call) or gives (put) the shares at the strike."""
    contract, held = _held(core, account, symbol)
    if held < 0:
        raise unprocessable(f"long position not found: {symbol}")
    _deliver(core, account, contract, held if qty is None else min(qty, held), "OPEXC", row_after)


def assign(
    core: ExchangeCore,
    account: Account,
    symbol: str,
    qty: Decimal | None = None,
    row_after: Ns = 0,
) -> None:
    """Whoever sold the contracts gives (call) or takes (put) the shares at the strike."""
    contract, held = _held(core, account, symbol)
    if held > 0:
        raise unprocessable(f"short position not found: {symbol}")
    count = held if qty is None else max(-qty, held)
    _deliver(core, account, contract, count, "OPASN", row_after)


def _held(core: ExchangeCore, account: Account, symbol: str) -> tuple[Contract, Decimal]:
    contract, held = contract_of(core, symbol), account.qty(symbol)
    if not held:
        raise unprocessable(f"no position in {symbol}")
    return contract, held


def _deliver(
    core: ExchangeCore,
    account: Account,
    contract: Contract,
    count: Decimal,
    kind: str,
    row_after: Ns,
) -> None:
    """`count` contracts (below zero: sold ones) become shares at the strike."""
    if core.assets.get(contract.underlying) is None:
        raise unprocessable(f"{contract.underlying} is not listed")
    _remove(core, account, contract, count)
    price = contract.strike * MULTIPLIER / contract.shares
    shares, rest = in_lieu(contract, count, _settled_at(core, contract))
    amount, rest = (-shares * price).quantize(CENT), rest.quantize(CENT)
    _trade(account, contract.underlying, shares, price)
    account.cash += amount + rest
    group = core.ids.uuid()
    rows: list[tuple[str, str, Decimal, Decimal, Decimal | None]] = [
        (kind, contract.symbol, -count, ZERO, None),
        ("OPTRD", contract.underlying, shares, amount, price),
    ]
    if rest:
        rows.append(("OPCSH", contract.underlying, ZERO, rest, None))
    for name, symbol, qty, net, at in rows:
        body = {"symbol": symbol, "net_amount": text(net), "group_id": group}
        if qty:
            body["qty"] = text(qty)
        if at is not None:
            body["price"] = text(at)
        core.record_flow(account, name, body, row_after=row_after)


def _settled_at(core: ExchangeCore, contract: Contract) -> Decimal:
    """At what a part of a share is paid: the official close on the last day, else the price."""
    close = expires_at(contract.expires)
    found = core.prices.official(contract.underlying, close) if core.now >= close else None
    return core.price(contract.underlying, core.now) if found is None else found


def _remove(core: ExchangeCore, account: Account, contract: Contract, count: Decimal) -> None:
    """Takes contracts away at what they had cost; their orders have nothing left to close."""
    position = account.position(contract.symbol)
    position.trade(-count, position.average)
    if position.qty:
        return
    del account.positions[contract.symbol]
    for order in [order for order in account.live.values() if order.symbol == contract.symbol]:
        if order.id in core.orders:
            endings.cancel(core, order)


def _trade(account: Account, symbol: str, shares: Decimal, price: Decimal) -> None:
    """Books shares; what goes through zero is two trades."""
    held = account.qty(symbol)
    position = account.position(symbol)
    if held and (held > 0) != (shares > 0) and abs(shares) > abs(held):
        position.trade(-held, price)
        shares += held
    position.trade(shares, price)
    if not position.qty:
        del account.positions[symbol]
