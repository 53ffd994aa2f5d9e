"""A position with what stands around it: its stop, its targets, its state and age. Pure.

The position comes from the broker, open orders and age from the journal. Stops and targets are
read from the orders that would close the position.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from execbot.journal.records import PositionRecord
from execbot.model.account import Position
from execbot.model.enums import STOP_TYPES, OrderType, PositionSide, Side
from execbot.model.order import Order
from execbot.model.symbols import symbol_key


class PositionState(StrEnum):
    OPEN = "OPEN"
    PENDING_EXIT = "PENDING_EXIT"


class Holding(Struct, frozen=True):
    """`stop` is the stop price nearest to the market; `stop_qty` is what all stops cover."""

    position: Position
    state: PositionState
    stop: Decimal | None
    stop_qty: Decimal
    targets: tuple[Decimal, ...]
    age_seconds: int | None
    realized_pl: Decimal | None

    @property
    def is_covered(self) -> bool:
        return self.stop_qty >= abs(self.position.qty)


def holdings(
    positions: Iterable[Position],
    open_orders: Iterable[Order],
    records: Mapping[str, PositionRecord],
    now: datetime,
) -> list[Holding]:
    """Every open position, by symbol. `records` are the journal's positions by symbol key."""
    closing: dict[str, list[Order]] = {}
    for order in {o.id or o.client_order_id: o for o in flatten(open_orders)}.values():
        closing.setdefault(symbol_key(order.symbol), []).append(order)
    found = []
    for position in sorted(positions, key=lambda item: item.symbol):
        key = symbol_key(position.symbol)
        found.append(_holding(position, closing.get(key, []), records.get(key), now))
    return found


def flatten(orders: Iterable[Order]) -> Iterator[Order]:
    """Orders and their legs, each once."""
    for order in orders:
        yield order
        yield from flatten(order.legs)


def _holding(
    position: Position, orders: Iterable[Order], record: PositionRecord | None, now: datetime
) -> Holding:
    is_long = position.side is PositionSide.LONG
    closing_side = Side.SELL if is_long else Side.BUY
    exits = [o for o in orders if o.side is closing_side and not o.is_terminal]
    stops = [o for o in exits if o.type in STOP_TYPES]
    stop_prices = [o.stop_price for o in stops if o.stop_price is not None]
    targets = [o.limit_price for o in exits if o.type is OrderType.LIMIT and o.limit_price]
    leaving = any(o.type is OrderType.MARKET for o in exits)
    opened = record.opened_at if record is not None and record.qty else None
    return Holding(
        position=position,
        state=PositionState.PENDING_EXIT if leaving else PositionState.OPEN,
        stop=(max if is_long else min)(stop_prices) if stop_prices else None,
        stop_qty=sum((o.leaves_qty or Decimal(0) for o in stops), Decimal(0)),
        targets=tuple(sorted(targets, reverse=not is_long)),
        age_seconds=None if opened is None else max(int((now - opened).total_seconds()), 0),
        realized_pl=record.realized_pl if record is not None else None,
    )
