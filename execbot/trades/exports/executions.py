"""The executions of trades as rows for a trading journal: one row an execution, never a trade.

A flip is two rows, what it closed and what it opened, since journals keep one position a symbol and
do not cross zero in one row. Executions of a trade in one second at one price are one row: some
journals take the second of two equal rows for a repetition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from execbot.model.enums import PositionSide, Side
from execbot.model.numbers import CENT, ZERO
from execbot.model.symbols import multiplier_of
from execbot.model.times import eastern
from execbot.risk.fees import shared
from execbot.trades.model import Part
from execbot.trades.trade import Trade


class Row(Struct, frozen=True):
    """`at` is New York's wall time, whole seconds. `opens` tells a short sale from a sale. `fees`
    are in cents, and their sum over a trade is the trade's."""

    at: datetime
    symbol: str
    side: Side
    opens: bool
    qty: Decimal
    price: Decimal
    fees: Decimal
    trade: Trade

    @property
    def value(self) -> Decimal:
        return self.qty * self.price * multiplier_of(self.symbol)

    @property
    def is_short(self) -> bool:
        return self.trade.trip.side is PositionSide.SHORT


def rows_of(trades: Iterable[Trade]) -> list[Row]:
    """Rows by time. What came or went without a trade has none."""
    found: list[Row] = []
    for trade in trades:
        parts = [part for part in trade.trip.parts if part.is_trade and part.client_order_id]
        for part, fee in zip(parts, _fees(trade, parts), strict=True):
            row = _row(trade, part, fee)
            if found and _is_same(found[-1], row):
                last = found.pop()
                row = Row(
                    last.at,
                    last.symbol,
                    last.side,
                    last.opens,
                    last.qty + row.qty,
                    last.price,
                    last.fees + row.fees,
                    trade,
                )
            found.append(row)
    return sorted(found, key=lambda row: row.at)


def _row(trade: Trade, part: Part, fee: Decimal) -> Row:
    at = eastern(part.at).replace(microsecond=0)
    return Row(at, trade.trip.symbol, part.side, part.opens, part.qty, part.price, fee, trade)


def _is_same(one: Row, other: Row) -> bool:
    return one.trade is other.trade and (one.at, one.side, one.opens, one.price) == (
        other.at,
        other.side,
        other.opens,
        other.price,
    )


def _fees(trade: Trade, parts: Sequence[Part]) -> list[Decimal]:
    """Whole cents by largest remainder; together what the trade cost, to the cent."""
    exact = [part.fee.amount if part.fee is not None else ZERO for part in parts]
    total = sum(exact, ZERO)
    if all(fee == fee.quantize(CENT) for fee in exact) or total <= 0:
        return exact
    return shared(total.quantize(CENT), [max(fee, ZERO) for fee in exact], CENT)
