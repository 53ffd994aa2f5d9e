"""What is held, what it is worth, and what protects it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from execbot.desk.context import Context
from execbot.desk.freshen import freshen
from execbot.exits.position_view import Known, PositionView, position_view
from execbot.journal.records import PositionRecord
from execbot.model.account import Position
from execbot.model.order import Order
from execbot.model.symbols import symbol_key

__all__ = ["PositionView", "Positions", "positions", "read_positions"]


class Positions(Struct, frozen=True):
    """By symbol; each view carries the broker's own row. `warnings` say what may be old."""

    views: Sequence[PositionView]
    warnings: Sequence[str] = ()


def positions(desk: Context, symbol: str | None = None) -> Positions:
    """Open positions, or the one in `symbol`, after a look at the broker. Raises BrokerError."""
    warnings = freshen(desk)
    wanted = None if symbol is None else symbol_key(symbol)
    found = read_positions(desk)
    return Positions([v for v in found if wanted in (None, symbol_key(v.symbol))], warnings)


def read_positions(desk: Context) -> list[PositionView]:
    """Positions of the account, whoever opened them; `freshen` first. Raises BrokerError."""
    # The journal, not the broker's list of open orders: that one hides the held leg of a pair.
    open_orders: dict[str, list[Order]] = {}
    for record in desk.journal.orders("open"):
        open_orders.setdefault(symbol_key(record.symbol), []).append(record.order)
    records = {symbol_key(record.symbol): record for record in desk.journal.positions()}
    now = desk.now()
    found = []
    for held in sorted(desk.client.get_positions(), key=lambda item: item.symbol):
        key = symbol_key(held.symbol)
        known = _known(held, records.get(key))
        orders = open_orders.get(key, [])
        found.append(position_view(held.symbol, held.qty, known, now=now, orders=orders))
    return found


def _known(held: Position, record: PositionRecord | None) -> Known:
    return Known(
        avg_entry_price=held.avg_entry_price,
        price=held.current_price,
        realized_pl=record.realized_pl if record is not None else None,
        opened_at=record.opened_at if record is not None and record.qty else None,
        broker=held,
    )
