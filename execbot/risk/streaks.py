"""Results of closed trades, in the order in which they were closed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from execbot.model.numbers import ZERO
from execbot.model.order import Fill
from execbot.model.symbols import multiplier_of


class ClosedTrade(Struct, frozen=True):
    """One position from flat to flat. `profit` is in USD before fees."""

    symbol: str
    closed_at: datetime
    profit: Decimal


def closed_trades(fills: Iterable[Fill]) -> list[ClosedTrade]:
    """Round trips by average cost, oldest first. A flip closes one trade and opens the next."""
    qty: dict[str, Decimal] = {}
    cost: dict[str, Decimal] = {}
    profit: dict[str, Decimal] = {}
    closed = []
    for fill in fills:
        held = qty.get(fill.symbol, ZERO)
        left = fill.signed_qty
        if held * left < 0:
            closing = min(abs(held), abs(left)) * (1 if left > 0 else -1)
            average = cost[fill.symbol] / held
            gain = closing * (average - fill.price) * multiplier_of(fill.symbol)
            profit[fill.symbol] = profit.get(fill.symbol, ZERO) + gain
            held += closing
            cost[fill.symbol] = average * held
            left -= closing
            if held == 0:
                closed.append(ClosedTrade(fill.symbol, fill.at, profit.pop(fill.symbol)))
        qty[fill.symbol] = held + left
        cost[fill.symbol] = cost.get(fill.symbol, ZERO) + left * fill.price
    return closed


def losses_in_a_row(fills: Iterable[Fill], *, since: datetime) -> int:
    """How many of the newest trades closed since a moment lost money, without a gain between."""
    count = 0
    for trade in reversed(closed_trades(fills)):
        if trade.closed_at < since or trade.profit >= 0:
            break
        count += 1
    return count
