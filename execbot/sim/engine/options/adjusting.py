"""What a split of the stock makes of its contracts, as the clearing house does.

Where it makes whole contracts of each (4 shares for 1), the strike is divided and the number
multiplied under the same root. All other splits (3 for 2, 1 for 10) leave number and strike alone:
a root with a digit more delivers another number of shares, and is to be closed only. Working orders
in them are canceled, as those in the stock are. The rows are pairs of OPCA, out and in, of one
`group_id`, with the split's own sub-type; they come as late as those of an expiry.
"""

from __future__ import annotations

from decimal import Decimal

from execbot.sim.calendar import new_york_date
from execbot.sim.chains.carried import divided, is_whole
from execbot.sim.chains.contract import MULTIPLIER, Contract, Root
from execbot.sim.engine.accounts.account import Account, Position
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.order import Order, OrderClass
from execbot.sim.engine.orders import endings
from execbot.sim.engine.render import text

REASON = "CORPORATE_ACTION"
Successors = dict[str, tuple[Contract, Decimal]]
"""By symbol what each contract becomes, and how many of it."""


def split(core: ExchangeCore, stock: str, ratio: Decimal) -> None:
    """`ratio` new shares for each old one. Called when the stock's own books are done."""
    known: Successors = {}
    roots: dict[str, str] = {}
    for symbol in _concerned(core, stock):
        contract = core.contract(symbol)
        assert contract is not None
        known[symbol] = _successor(core, contract, ratio, roots)
    for account in core.accounts.values():
        _cancel_orders(core, account, stock)
        _change(core, account, known, "FSPLIT" if ratio > 1 else "RSPLIT")
    for symbol, (new, count) in known.items():
        old = core.contract(symbol)
        assert old is not None
        core.options.becomes(old, new, count, core.now)


def _concerned(core: ExchangeCore, stock: str) -> list[str]:
    """Contracts on the stock that somebody holds, or that have a mark."""
    held = {s for account in core.accounts.values() for s in account.positions}
    found = ((s, core.contract(s)) for s in sorted({*held, *core.options.marks}))
    today = new_york_date(core.now)
    return [s for s, c in found if c is not None and c.underlying == stock and c.expires >= today]


def _successor(
    core: ExchangeCore, contract: Contract, ratio: Decimal, roots: dict[str, str]
) -> tuple[Contract, Decimal]:
    book, expires, is_call = core.options, contract.expires, contract.is_call
    if is_whole(ratio):
        strike = divided(contract.strike, ratio)
        return Contract.of(contract.root, expires, is_call, strike, book.roots), ratio
    root = roots.get(contract.root)
    if root is None:
        root = roots[contract.root] = _new_root(core, contract, ratio)
    return Contract.of(root, expires, is_call, contract.strike, book.roots), Decimal(1)


def _new_root(core: ExchangeCore, contract: Contract, ratio: Decimal) -> str:
    """The first name with a digit that is free."""
    roots, number = core.options.roots, 1
    while f"{contract.underlying}{number}" in roots:
        number += 1
    name = f"{contract.underlying}{number}"
    day = new_york_date(core.now)
    roots[name] = Root(contract.underlying, (contract.shares * ratio).normalize(), day)
    return name


def _cancel_orders(core: ExchangeCore, account: Account, stock: str) -> None:
    for order in list(account.live.values()):
        contract = core.contract(order.symbol)
        if contract is None or contract.underlying != stock:
            continue
        target = _whole_order(core, order)
        if target is not None and target.is_open:
            endings.cancel(core, target, REASON)
    account.holds = [hold for hold in account.holds if not _is_on(core, hold.symbol, stock)]


def _whole_order(core: ExchangeCore, order: Order) -> Order | None:
    if order.order_class is OrderClass.MLEG and order.parent_id is not None:
        return core.orders.get(order.parent_id)
    return core.orders.get(order.id)


def _is_on(core: ExchangeCore, symbol: str, stock: str) -> bool:
    contract = core.contract(symbol)
    return contract is not None and contract.underlying == stock


def _change(core: ExchangeCore, account: Account, known: Successors, kind: str) -> None:
    """Takes all contracts out first, then puts all in: one may become what another was."""
    going = [(s, account.positions.pop(s)) for s in sorted(known) if s in account.positions]
    delay = core.config.option_row_delay
    for symbol, position in going:
        new, count = known[symbol]
        before = position.qty
        _come(account, position, new.symbol, count)
        core.watch_contract(new.symbol)
        group = core.ids.uuid()
        for name, qty in ((symbol, -before), (new.symbol, before * count)):
            core.record_flow(
                account,
                "OPCA",
                {
                    "activity_sub_type": f"SPLIT.{kind}",
                    "symbol": name,
                    "qty": text(qty),
                    "net_amount": "0",
                    "group_id": group,
                },
                row_after=delay,
            )
    account.not_to_exercise = {
        known[s][0].symbol if s in known else s for s in account.not_to_exercise
    }


def _come(account: Account, position: Position, symbol: str, count: Decimal) -> None:
    """The same cost in other contracts; strikes that lie too close become one."""
    qty = position.qty * count
    if count != 1:
        position.rescale(qty, qty)
    there = account.positions.get(symbol)
    if there is not None and (there.qty > 0) != (qty > 0) and abs(qty) > abs(there.qty):
        there, position = position, there
        account.positions[symbol] = there
    if there is None:
        position.symbol = symbol
        account.positions[symbol] = position
        return
    there.symbol = symbol
    there.trade(position.qty, position.average)
    if not there.qty:
        del account.positions[symbol]


def in_lieu(contract: Contract, count: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
    """Of what so many contracts deliver: the whole shares, signed like `count`, and the dollars
    that are paid for the rest of each one at `price` (below zero: that are owed).

    The rest was bought or sold at the strike like the others, and is settled at the price.
    """
    whole = contract.shares.to_integral_value(rounding="ROUND_FLOOR")
    sign = 1 if contract.is_call else -1
    each = contract.strike * MULTIPLIER / contract.shares
    rest = (contract.shares - whole) * sign * count
    return whole * sign * count, rest * (price - each)
