"""Is this order an exit? One answer for limits, cancels, the queue and `watch`. Pure."""

from __future__ import annotations

from decimal import Decimal

from execbot.exits.tags import is_exit_tag, tag_of
from execbot.journal.records import EXIT_ORIGINS, EXIT_ROLES, OrderRecord, Role
from execbot.model.enums import STOP_TYPES, OrderClass, OrderType
from execbot.model.order import Order, OrderRequest


def is_exit(record: OrderRecord, held: Decimal) -> bool:
    """Is the order there to close? Where nobody has said so its side against `held` (the signed
    position) tells."""
    meant = is_meant_to_close(record)
    return closes(record.order, held) if meant is None else meant


def is_meant_to_close(record: OrderRecord) -> bool | None:
    """The order's stated purpose, whatever is held now: True for exits, False for entries.

    None if none was stated, as for most orders placed elsewhere. The legs of a bracket, OTO or OCO
    close; those of a multi-leg option order may open, and say which.
    """
    is_leg = record.parent_id is not None and record.order.order_class is not OrderClass.MLEG
    if record.role in EXIT_ROLES or record.origin in EXIT_ORIGINS or is_leg:
        return True
    return False if record.role == Role.ENTRY else meant_by_intent(record.order)


def meant_by_intent(order: Order | OrderRequest) -> bool | None:
    """Alpaca's `position_intent` where it is given: `sell_to_close`, `buy_to_open`, ..."""
    intent = order.position_intent
    return intent.endswith("_to_close") if intent else None


def closes(order: Order | OrderRequest, held: Decimal) -> bool:
    """Its intent, or else its side: against the position it closes. `held` is signed."""
    if isinstance(order, OrderRequest) and order.spread:
        return not any(leg.opens for leg in order.spread)
    meant = meant_by_intent(order)
    return held * order.side.sign < 0 if meant is None else meant


def leaves_now(order: Order) -> bool:
    """A market order, or an exit that the rules escalate until it is one.

    A limit that the trader lets rest far away leaves nothing now: its shares need their stop.
    """
    if order.order_class not in (OrderClass.NONE, OrderClass.SIMPLE):
        return False
    if order.type in STOP_TYPES:
        return False
    return order.type is OrderType.MARKET or is_exit_tag(tag_of(order.client_order_id))
