"""Results of closed trades, in the order in which they were closed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.journal.records import Execution, FillState
from execbot.model.enums import AssetClass
from execbot.model.numbers import COIN_FEE_SHARE, ZERO
from execbot.model.symbols import multiplier_of, option_contract
from execbot.risk.fees import Settled


class ClosedTrade(Struct, frozen=True):
    """One position from flat to flat, in USD: `gross` by average cost, `fees` as far as known."""

    symbol: str
    closed_at: datetime
    gross: Decimal
    fees: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        return self.gross - self.fees

    @property
    def is_loss(self) -> bool:
        """By what was left of it; where the prices were the same nothing was lost in trading."""
        return self.gross != 0 and self.net < 0


class _Open(Struct):
    """A position on its way: `qty` and `cost` are signed, `bought` counts since it was flat."""

    qty: Decimal = ZERO
    cost: Decimal = ZERO
    gross: Decimal = ZERO
    fees: Decimal = ZERO
    bought: Decimal = ZERO

    def extend(self, qty: Decimal, price: Decimal, fees: Decimal) -> None:
        self.qty += qty
        self.cost += qty * price
        self.fees += fees
        self.bought += max(qty, ZERO)

    def reduce(self, qty: Decimal, price: Decimal | None, fees: Decimal) -> None:
        """`price` None: it was no trade, and realises nothing."""
        given_up = self.cost * -qty / self.qty
        self.gross += ZERO if price is None else -qty * price - given_up
        self.cost -= given_up
        self.fees += fees
        self.qty += qty

    def is_done(self, asset_class: str) -> bool:
        """Flat, or nothing but coins that went as fees and are not booked yet."""
        if asset_class != AssetClass.CRYPTO or self.qty <= 0:
            return not self.qty
        return self.qty <= self.bought * COIN_FEE_SHARE

    def close(self, symbol: str, at: datetime) -> ClosedTrade:
        """Coins left over were fees; their cost belongs to the trade."""
        trade = ClosedTrade(symbol, at, self.gross, self.fees + self.cost)
        self.gross = self.fees = self.cost = ZERO
        if not self.qty:
            self.bought = ZERO
        return trade


def closed_trades(history: Settled) -> list[ClosedTrade]:
    """Round trips by average cost, oldest first. A flip closes one trade and opens the next; its
    fees go with its shares. Shares that came or went without a trade realise nothing."""
    found: dict[str, _Open] = {}
    closed: list[ClosedTrade] = []
    for item in history.executions:
        position = found.setdefault(item.symbol, _Open())
        closed += _add(position, item, history.fee_of(item.execution_id).amount)
    return closed


def _add(position: _Open, item: Execution, fees: Decimal) -> Iterable[ClosedTrade]:
    left = item.signed_qty
    price = item.net_price * multiplier_of(item.symbol)
    is_trade = item.state is not FillState.ADJUSTMENT
    trades = []
    if position.qty * left < 0:
        closing = min(abs(position.qty), abs(left)) * (1 if left > 0 else -1)
        paid = fees * closing / left
        position.reduce(closing, price if is_trade else None, paid)
        left, fees = left - closing, fees - paid
        if is_trade and position.is_done(item.asset_class):
            trades.append(position.close(item.symbol, item.at))
    if left:
        if is_trade and not position.qty:  # what ended before without a trade ended all the same
            position.gross = position.fees = ZERO
        position.extend(left, price, fees)
    return trades


AT_ONCE = timedelta(seconds=1)
"""The legs of one order fill in the same instant."""


def together(trades: Iterable[ClosedTrade]) -> list[ClosedTrade]:
    """Contracts of one underlying that were left at once were one structure: a leg that lost beside
    one that won is no losing trade."""
    found: list[ClosedTrade] = []
    for trade in trades:
        last = found[-1] if found else None
        if last is None or not _is_beside(last, trade):
            found.append(trade)
            continue
        found[-1] = ClosedTrade(
            last.symbol, trade.closed_at, last.gross + trade.gross, last.fees + trade.fees
        )
    return found


def _is_beside(one: ClosedTrade, other: ClosedTrade) -> bool:
    first, second = option_contract(one.symbol), option_contract(other.symbol)
    if first is None or second is None or first.root != second.root:
        return False
    return other.closed_at - one.closed_at < AT_ONCE


def losses_in_a_row(history: Settled, *, since: datetime) -> int:
    """How many of the newest trades closed since a moment lost money, without another between."""
    count = 0
    for trade in reversed(together(closed_trades(history))):
        if trade.closed_at < since or not trade.is_loss:
            break
        count += 1
    return count
