"""Finds sold contracts that would lose their cover, in whatever order things fill. Pure.

A call that is sold alone is covered by 100 shares each, a put that is sold alone by its strike in
cash; in a spread every short leg by a long one of the same order (Alpaca takes nothing else).
Shares and contracts that a working order may sell count as gone: they cover nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from execbot.model.account import Position
from execbot.model.amounts import dollars
from execbot.model.enums import Side
from execbot.model.numbers import ZERO
from execbot.model.options.changed import stock_of
from execbot.model.options.structure import Holding, collateral
from execbot.model.symbols import OPTION_MULTIPLIER, option_contract, symbol_key
from execbot.risk.options.facts import holdings_in
from execbot.risk.pending import PendingOrder, Purpose


def shares_free(
    root: str, positions: Mapping[str, Position], pending: Iterable[PendingOrder]
) -> Decimal:
    """Shares of the underlying that may cover another call: held, not wanted by an order that
    sells them, and not the cover of a call that is sold already."""
    held = positions.get(symbol_key(root))
    shares = ZERO if held is None else max(held.qty, ZERO)
    pending = list(pending)
    leaving = sum((o.leaves_qty or ZERO for o in pending if _sells_shares(o, root)), ZERO)
    if held is not None and held.qty_available is not None:
        # The broker's word on what is free counts what covers calls and what exits hold.
        selling = [o for o in pending if _sells_shares(o, root) and not o.reserved]
        unknown = _calls_pending(root, pending, reserved=False)
        unknown += sum((o.leaves_qty or ZERO for o in selling), ZERO)
        return max(max(held.qty_available, ZERO) - unknown, ZERO)
    covering = _calls_short(root, positions.values())
    return max(shares - leaving - covering - _calls_pending(root, pending), ZERO)


def uncovered_after(
    root: str,
    positions: Mapping[str, Position],
    change: Mapping[str, Decimal],
    cash: Decimal | None,
) -> str:
    """Names, in words, the sold contracts that lack cover once `change` (signed, by symbol) has
    filled; empty if all are covered.

    Puts that lose their long leg need cash; `cash` is what is free for it, None where unknown.
    """
    before = holdings_in(root, positions.values())
    after = _changed(before, root, change)
    stock = positions.get(symbol_key(root))
    shares = (ZERO if stock is None else stock.qty) + change.get(symbol_key(root), ZERO)
    had = ZERO if stock is None else stock.qty
    if shares < had and (adjusted := _adjusted_short(root, positions.values())):
        return f"calls sold of {adjusted} take shares of {root}, nobody here knows how many each"
    needed, need_before = collateral(after, shares), collateral(before, had)
    if needed is None:
        if need_before is None:
            return ""  # it was so before: an exit is not held back for it
        return f"calls sold of {root} would have no cover"
    more = needed - (need_before or ZERO)
    if need_before is None or more <= 0:
        return ""
    if cash is not None and more <= cash:
        return ""
    return f"contracts sold of {root} would need {dollars(more)} of collateral more"


def _changed(before: list[Holding], root: str, change: Mapping[str, Decimal]) -> list[Holding]:
    held = {item.contract: item.qty for item in before}
    for symbol, qty in change.items():
        contract = option_contract(symbol)
        if contract is not None and contract.root == root:
            held[contract] = held.get(contract, ZERO) + qty
    return [Holding(contract, qty) for contract, qty in held.items() if qty]


def _adjusted_short(root: str, positions: Iterable[Position]) -> str:
    """A root of the stock that a corporate action has made, of which calls are sold that no bought
    ones cover."""
    net: defaultdict[str, Decimal] = defaultdict(Decimal)
    for position in positions:
        contract = option_contract(position.symbol)
        if contract is not None and contract.is_call and stock_of(contract.root) == root:
            net[contract.root] += position.qty
    return next((r for r, qty in sorted(net.items()) if r != root and qty < 0), "")


def _sells_shares(order: PendingOrder, root: str) -> bool:
    return order.symbol == root and order.side is Side.SELL


def _calls_short(root: str, positions: Iterable[Position]) -> Decimal:
    """Shares that cover calls which nothing else covers: counted in full, the safe side."""
    calls = [i for i in holdings_in(root, positions) if i.contract.is_call and i.qty < 0]
    return sum((-item.qty for item in calls), ZERO) * OPTION_MULTIPLIER


def _calls_pending(
    root: str, pending: Iterable[PendingOrder], *, reserved: bool | None = None
) -> Decimal:
    total = ZERO
    for order in pending:
        contract = option_contract(order.symbol)
        if contract is None or contract.root != root or not contract.is_call or order.group:
            continue
        opens_short = order.side is Side.SELL and order.purpose is Purpose.ENTRY
        if opens_short and reserved in (None, order.reserved):
            total += order.leaves_qty or ZERO
    return total * OPTION_MULTIPLIER
