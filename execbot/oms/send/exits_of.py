"""Which orders close, and which shares no stop covers."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from execbot.exits.exit_orders import is_exit
from execbot.exits.living_orders import by_symbol, read_orders
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.account import Position
from execbot.model.numbers import ZERO, text
from execbot.model.symbols import symbol_key


class Unprotected(Struct, frozen=True):
    """Shares of a position that no armed stop covers. Quantities are positive."""

    symbol: str
    qty: Decimal
    uncovered_qty: Decimal

    @property
    def missing(self) -> str:
        return f"{text(self.uncovered_qty)} of {text(self.qty)} have no stop"


def is_exit_of(record: OrderRecord, positions: Iterable[Position]) -> bool:
    """Is the order there to close, with these positions held?"""
    key = symbol_key(record.symbol)
    return is_exit(record, sum((p.qty for p in positions if symbol_key(p.symbol) == key), ZERO))


def unprotected(journal: Journal, positions: Iterable[Position]) -> list[Unprotected]:
    """Positions that armed stops at the broker do not cover, by the journal's open orders.

    A stop that is being canceled covers nothing, nor do the legs of an entry that has not filled
    (`exits/living_orders.py`).
    """
    open_orders = by_symbol(journal.families(journal.orders("open")))
    found: list[Unprotected] = []
    for position in positions:
        if position.is_dust():
            continue
        orders = open_orders.get(symbol_key(position.symbol), ())
        size, covered = abs(position.qty), read_orders(orders, position.side.closing).covered
        if covered < size:
            found.append(Unprotected(position.symbol, size, size - covered))
    return found
