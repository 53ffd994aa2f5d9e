"""How a position came to be: when, by which order, for whom, and on how strong a signal."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.model.enums import OrderClass
from execbot.model.numbers import maybe_decimal

if TYPE_CHECKING:
    from execbot.exits.plan.plan import ExitPlan
    from execbot.journal.journal import Journal
    from execbot.journal.records import OrderRecord, PositionRecord

__all__ = ["Opening", "opening_of"]

FIRST = timedelta(microseconds=1)


class Opening(Struct, frozen=True):
    """None: not known here, as of shares that were taken over without an order."""

    at: datetime | None = None
    client_order_id: str | None = None
    strategy_id: str | None = None
    signal_id: str | None = None
    strength: Decimal | None = None


def opening_of(
    journal: Journal, record: PositionRecord | None, plan: ExitPlan | None = None
) -> Opening:
    """Of the position that is held: by the first of its executions, else by its plan."""
    at = record.opened_at if record is not None and record.qty else None
    order = _first_order(journal, record.symbol, at) if record is not None and at else None
    name = plan.entry_client_order_id if plan is not None else None
    if order is None and name is not None:
        order = journal.order_by_client_id(name)
    if order is not None and order.order.order_class is OrderClass.MLEG and order.parent_id:
        order = journal.order_by_client_id(order.parent_id) or order  # what a leg is of was given
    strength = _strength(journal, order)
    if strength is None and plan is not None:
        strength = plan.strength
    return Opening(
        at=at or (plan.opened_at if plan is not None else None),
        client_order_id=None if order is None else order.client_order_id,
        strategy_id=(order.strategy_id if order else None) or (plan.strategy_id if plan else None),
        signal_id=None if order is None else order.signal_id,
        strength=strength,
    )


def _first_order(journal: Journal, symbol: str, at: datetime) -> OrderRecord | None:
    for execution in journal.executions(at, at + FIRST, symbol):
        if execution.client_order_id and execution.net_qty:
            return journal.order_by_client_id(execution.client_order_id)
    return None


def _strength(journal: Journal, order: OrderRecord | None) -> Decimal | None:
    if order is None or order.signal_id is None:
        return None
    signal = journal.signal(order.signal_id)
    return None if signal is None else maybe_decimal(signal.body.get("strength"))
