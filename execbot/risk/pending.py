"""Orders that may still fill, from two witnesses: the journal, and the broker's list. Pure.

`merge_pending` makes one list of them that may count an order too often for a moment but never too
rarely.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.exit_orders import closes
from execbot.model.enums import (
    TERMINAL_STATUSES,
    UNCONFIRMED,
    OrderClass,
    OrderStatus,
    OrderType,
    Side,
)
from execbot.model.numbers import ZERO
from execbot.model.order import Order, OrderRequest


class Purpose(StrEnum):
    """An entry opens or adds; an exit can only shrink a position."""

    ENTRY = "entry"
    EXIT = "exit"


class PendingOrder(Struct, frozen=True):
    """An order that may still fill. `leaves_qty` None: a notional order, `notional` remains.

    `protective` marks stops and targets; `reserved` that the broker's buying power already
    counts it; `sent_since` that it was sent after the positions were read.
    """

    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    status: OrderStatus
    leaves_qty: Decimal | None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    order_class: OrderClass = OrderClass.NONE
    purpose: Purpose = Purpose.ENTRY
    protective: bool = False
    reserved: bool = False
    price_hint: Decimal | None = None
    id: str = ""
    sent_since: bool = False
    group: str = ""
    """The multi-leg order that it is a leg of: its legs fill together."""
    group_risk: Decimal | None = None
    """What that order as a whole may still lose, in USD; each leg says it, and it counts once."""


def purpose_of(side: Side, held_qty: Decimal) -> Purpose:
    """Against the position it is an exit, otherwise an entry. `held_qty` is signed."""
    return Purpose.EXIT if held_qty * side.sign < 0 else Purpose.ENTRY


def purpose_of_order(order: Order | OrderRequest, held_qty: Decimal) -> Purpose:
    """The `position_intent` where it is given, else by the position."""
    return Purpose.EXIT if closes(order, held_qty) else Purpose.ENTRY


def pending_from_order(
    order: Order,
    *,
    held_qty: Decimal,
    protective: bool = False,
    purpose: Purpose | None = None,
    reserved: bool = False,
    price_hint: Decimal | None = None,
) -> PendingOrder:
    """`price_hint` is the last price known for it, for orders that carry none."""
    notional = order.notional
    if notional is not None and order.filled_avg_price is not None:
        notional = max(notional - order.filled_qty * order.filled_avg_price, ZERO)
    return PendingOrder(
        client_order_id=order.client_order_id,
        id=order.id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        status=order.status,
        leaves_qty=order.leaves_qty,
        notional=notional,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        order_class=order.order_class,
        purpose=purpose or purpose_of_order(order, held_qty),
        protective=protective,
        reserved=reserved,
        price_hint=price_hint or order.filled_avg_price,
    )


def counted_in_full(order: PendingOrder, record: Order) -> PendingOrder:
    """An order of ours that changed after the positions were read: all it did or may still do.

    What filled since is missing in those positions; what filled before is counted twice for a
    moment, which is the safe side.
    """
    if record.is_terminal:
        return replace(order, leaves_qty=record.filled_qty, notional=None)
    return replace(order, leaves_qty=record.qty, notional=record.notional)


def merge_pending(
    ours: Iterable[tuple[PendingOrder, bool]], theirs: Iterable[PendingOrder]
) -> tuple[PendingOrder, ...]:
    """One list from the journal's orders and the broker's open ones.

    `ours` pairs each order of the journal with whether it changed after the broker was asked.
    The broker's word counts for what it lists. Of ours, these count besides:

    - not yet settled or still queued here: the broker cannot know them;
    - changed since the broker was asked: its list is older than that change (see
      `counted_in_full`).

    What the journal holds open but the broker no longer lists, unchanged since, is done there and
    is part of the positions.
    """
    merged = {p.client_order_id or p.id: replace(p, reserved=True) for p in theirs}
    for order, changed_since in ours:
        key = order.client_order_id
        listed = merged.get(key)
        ended_since = changed_since and order.status in TERMINAL_STATUSES
        unconfirmed = order.status in UNCONFIRMED
        if listed is not None and not ended_since:
            merged[key] = replace(
                listed,
                purpose=order.purpose,
                protective=order.protective,
                price_hint=order.price_hint or listed.price_hint,
            )
        elif changed_since or unconfirmed:
            merged[key] = replace(order, reserved=listed is not None)
    return tuple(order for order in merged.values() if order.leaves_qty != 0)
