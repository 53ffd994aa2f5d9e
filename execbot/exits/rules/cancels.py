"""Which orders can be canceled now, and how that is asked for."""

from __future__ import annotations

from execbot.exits.living_orders import ARRIVING, ExitGroup, SymbolOrder
from execbot.exits.rules.actions import Cancel, Priority
from execbot.model.enums import OrderStatus

_STUCK = ARRIVING | {OrderStatus.PENDING_CANCEL}
"""Not at the broker yet, or being canceled already: the broker refuses a second cancel."""


def cancelable(order: SymbolOrder) -> bool:
    return bool(order.order.id) and order.order.status not in _STUCK


def can_cancel(group: ExitGroup) -> bool:
    return not group.is_leaving and cancelable(group.lead)


def cancel(order: SymbolOrder, reason: str, priority: Priority = Priority.CANCEL) -> Cancel:
    return Cancel(order.name, order.order.id, reason, priority)
