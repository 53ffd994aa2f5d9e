"""The list of orders: for people what works and what has filled first, for programs every leg."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from execbot.cli.show.amounts import counted, money
from execbot.desk.look.order_json import order_json, record_json
from execbot.desk.look.orders import has_filled
from execbot.model.numbers import ZERO

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from execbot.desk.look.order_json import OrderRecord
    from execbot.model.order import Order

COLUMNS = (
    *("submitted_at", "symbol", "side", "type", "time_in_force", "qty", "notional", "filled_qty"),
    *("limit_price", "stop_price", "trail_percent", "trail_price", "filled_avg_price", "status"),
    *("outcome", "role", "strategy_id", "reason", "origin", "order_class", "extended_hours"),
    *("intent_at", "sent_at", "filled_at", "canceled_at", "cancel_at", "arrival_price"),
    *("replaces", "replaced_by", "id", "client_order_id", "leg_of", "note"),
)
"""`leg_of` is the client_order_id of the order that a leg belongs to."""


LegsOf = Callable[["Order"], "Sequence[Order]"]
"""Which legs of an order are shown below it."""


def within(
    records: Sequence[OrderRecord], limit: int | None, legs_of: LegsOf
) -> tuple[list[OrderRecord], LegsOf]:
    """As many as make `limit` rows, an order and each of its legs being one. Pure."""
    if limit is None:
        return list(records), legs_of
    kept: list[OrderRecord] = []
    room: dict[str, int] = {}
    left = limit
    for record in records:
        if left == 0:
            break
        legs = min(len(legs_of(record.order)), left - 1)
        kept.append(record)
        room[record.order.client_order_id] = legs
        left -= 1 + legs
    return kept, lambda order: legs_of(order)[: room.get(order.client_order_id, 0)]


def rows_of(
    records: Sequence[OrderRecord], ends: Mapping[str, datetime], legs_of: LegsOf
) -> list[dict[str, Any]]:
    """A row an order, and one for each of its legs below it."""
    rows = []
    for record in records:
        cancel_at = ends.get(record.client_order_id)
        rows.append({**record_json(record), "cancel_at": cancel_at, "leg_of": None})
        legs = legs_of(record.order)
        rows += [{**order_json(leg), "leg_of": record.client_order_id} for leg in legs]
    return rows


def most_telling_first(records: Sequence[OrderRecord]) -> list[OrderRecord]:
    """What works, then what has filled, then the rest; each as it was sorted."""

    def rank(record: OrderRecord) -> int:
        return 0 if record.order.is_open else 1 if has_filled(record.order) else 2

    return sorted(records, key=rank)


def totals_line(records: Sequence[OrderRecord], hidden: int) -> str:
    """`2 orders work, 3 filled: bought 1,234.50, sold 99.00. 4 more with --all.`"""
    if not records and not hidden:
        return ""
    said = [one for record in records for one in (record.order, *_exits_of(record.order))]
    traded = [one for one in _flat(record.order for record in records) if not one.is_spread]
    open_ones, filled = sum(one.is_open for one in said), sum(map(has_filled, said))
    bought = sum((_filled_value(one) for one in traded if one.side.sign > 0), ZERO)
    sold = sum((_filled_value(one) for one in traded if one.side.sign < 0), ZERO)
    parts = [f"{counted(open_ones, 'order')} {'works' if open_ones == 1 else 'work'}"]
    parts.append(f"{filled} filled" + (_traded(bought, sold) if filled else ""))
    more = f" Replaced or refused, seen with --all: {hidden}." if hidden else ""
    return f"{', '.join(parts)}.{more}"


def _traded(bought: Decimal, sold: Decimal) -> str:
    parts = [f"{word} {money(v)} USD" for word, v in (("bought", bought), ("sold", sold)) if v]
    return f": {', '.join(parts)}" if parts else ""


def _filled_value(order: Order) -> Decimal:
    if order.filled_avg_price is None:
        return ZERO
    return order.filled_qty * order.filled_avg_price * order.multiplier


def _exits_of(order: Order) -> Iterator[Order]:
    """An exit is an order like any other; a leg of a spread is none of its own."""
    return iter(()) if order.is_spread else _flat(order.legs)


def _flat(orders: Any) -> Iterator[Order]:
    for order in orders:
        yield order
        yield from order.legs
