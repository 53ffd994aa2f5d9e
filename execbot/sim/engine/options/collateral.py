"""What an account's contracts and its working orders in contracts hold back: cash and shares."""

from __future__ import annotations

from decimal import Decimal

from execbot.sim.chains.contract import MULTIPLIER, TAIL, Contract
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.options import cover
from execbot.sim.engine.order import Order, OrderClass
from execbot.sim.engine.render import ZERO


def held(account: Account) -> dict[str, dict[Contract, Decimal]]:
    """The account's contracts by underlying; empty, and quick, where it has none."""
    rows = [(s, p.qty) for s, p in account.positions.items() if len(s) > TAIL]
    return cover.contracts_of(rows, account.roots) if rows else {}


def effect(account: Account, order: Order) -> dict[Contract, Decimal]:
    """What an open order does to contracts once it has filled; of several legs, all of them."""
    if order.order_class is OrderClass.MLEG:
        if order.parent_id is not None:
            return {}
        legs = [account.live[leg_id] for leg_id in order.legs if leg_id in account.live]
    else:
        legs = [order]
    rows = [(leg.symbol, leg.leaves if leg.is_buy else -leg.leaves) for leg in legs]
    by_underlying = cover.contracts_of(rows, account.roots)
    return next(iter(by_underlying.values()), {})


def working(
    account: Account, underlying: str, leave_out: Order | None = None
) -> list[dict[Contract, Decimal]]:
    """What each open order may do to the contracts of an underlying."""
    found = []
    for order in account.live.values():
        if order is leave_out or (order.symbol and len(order.symbol) <= TAIL):
            continue
        change = effect(account, order)
        if change and next(iter(change)).underlying == underlying:
            found.append(change)
    return found


def calls_on_shares(account: Account, underlying: str, leave_out: Order | None = None) -> Decimal:
    """Short calls, held and worst-case ordered, that have only shares to cover them."""
    mine = held(account).get(underlying, {})
    return cover.uncovered(mine, True, working(account, underlying, leave_out))


def shares_held(account: Account, symbol: str) -> Decimal:
    """Shares of a stock that cover calls, and can neither be sold nor cover others."""
    if len(symbol) > TAIL or not any(len(s) > TAIL or not s for s in _touched(account)):
        return ZERO
    return calls_on_shares(account, symbol) * lot(account, symbol)


def _touched(account: Account) -> set[str]:
    return {*account.positions, *(order.symbol for order in account.live.values())}


def required(account: Account) -> Decimal:
    """Dollars that stand against the contracts held."""
    total = ZERO
    for underlying, mine in held(account).items():
        if any(qty < 0 for qty in mine.values()):
            total += cover.margin(mine, _lots(account, underlying))
    return total


def _lots(account: Account, underlying: str) -> Decimal:
    """Calls that the shares held could cover."""
    return max(ZERO, account.qty(underlying)) // lot(account, underlying)


def lot(account: Account, underlying: str) -> Decimal:
    """Shares that each short call takes: those that a split has changed may deliver more, or
    less, and of several kinds the largest counts."""
    mine = held(account).get(underlying, {})
    sizes = [c.shares for c, qty in mine.items() if c.is_call and qty < 0]
    return max(sizes, default=MULTIPLIER)


def more_required(
    account: Account,
    underlying: str,
    order: dict[Contract, Decimal],
    leave_out: Order | None = None,
) -> Decimal:
    """Dollars by which an order may raise what is required, whatever else fills before it."""
    mine = held(account).get(underlying, {})
    others = working(account, underlying, leave_out)
    sells = [other for other in others if all(qty < 0 for qty in other.values())]
    bases = (mine, cover.together(mine, *others), cover.together(mine, *sells))
    lots = _lots(account, underlying)
    return cover.more_margin(bases, order, lambda _: lots)
