"""Which orders close, and which shares no stop covers."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from execbot.exits.exit_orders import is_exit
from execbot.journal.records import OrderRecord
from execbot.model.account import Position
from execbot.model.enums import STOP_TYPES
from execbot.model.numbers import ZERO
from execbot.model.symbols import symbol_key


class Unprotected(Struct, frozen=True):
    """Shares of a position that no working stop covers. Quantities are positive."""

    symbol: str
    qty: Decimal
    uncovered_qty: Decimal


def is_exit_of(record: OrderRecord, positions: Iterable[Position]) -> bool:
    """Is the order there to close, with these positions held?"""
    key = symbol_key(record.symbol)
    return is_exit(record, sum((p.qty for p in positions if symbol_key(p.symbol) == key), ZERO))


def unprotected(
    positions: Iterable[Position], open_orders: Iterable[OrderRecord]
) -> list[Unprotected]:
    """Positions whose quantity is not covered by working stops on the closing side."""
    covered: dict[tuple[str, int], Decimal] = {}
    for record in open_orders:
        order = record.order
        if order.type in STOP_TYPES and order.is_working:
            key = (symbol_key(order.symbol), order.side.sign)
            covered[key] = covered.get(key, ZERO) + (record.leaves_qty or ZERO)
    found: list[Unprotected] = []
    for position in positions:
        closing = -1 if position.qty > 0 else 1
        stop_qty = covered.get((symbol_key(position.symbol), closing), ZERO)
        if stop_qty < abs(position.qty):
            found.append(
                Unprotected(position.symbol, abs(position.qty), abs(position.qty) - stop_qty)
            )
    return found
