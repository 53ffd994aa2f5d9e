"""Actions that the exit rules ask for. Values only: `watch` and the commands carry them out.

Every action names its reason, which goes to the audit trail, and has a priority: protecting orders
go first, opening ones last, so that an entry never delays a stop.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import IntEnum

from msgspec import Struct

from execbot.broker.port import ReplaceRequest
from execbot.exits.living_orders import ExitGroup, SymbolOrder
from execbot.exits.plan.plan import ExitPlan
from execbot.model.enums import UNCANCELABLE
from execbot.model.order import OrderRequest


class Priority(IntEnum):
    """Lower goes first."""

    PROTECT = 0
    CANCEL = 1
    EXIT = 2
    ENTRY = 3
    READ = 4


class Submit(Struct, frozen=True):
    """Send an exit order. `tag` becomes part of its client_order_id (see `execbot.exits.tags`)."""

    request: OrderRequest
    role: str
    tag: str
    reason: str
    plan_id: str | None = None
    priority: Priority = Priority.PROTECT


class Cancel(Struct, frozen=True):
    """Ask for a cancel; the planner waits for the terminal state by looking again."""

    client_order_id: str
    order_id: str
    reason: str
    priority: Priority = Priority.CANCEL


class Replace(Struct, frozen=True):
    """Change price or quantity of a living order without a moment in which it is absent."""

    client_order_id: str
    order_id: str
    change: ReplaceRequest
    reason: str
    tag: str = "s"
    priority: Priority = Priority.PROTECT


class Refresh(Struct, frozen=True):
    """Read the truth from REST: one order with its legs, or the symbol's position."""

    symbol: str
    order_id: str | None = None
    client_order_id: str | None = None
    reason: str = ""
    priority: Priority = Priority.READ


class SavePlan(Struct, frozen=True):
    """Make this version of the plan durable. Done before any other action of the decision."""

    plan: ExitPlan
    reason: str


class Alarm(Struct, frozen=True):
    """Tell the trader. `critical`: money is at risk now."""

    kind: str
    symbol: str
    message: str
    critical: bool = False


class Moved(Struct, frozen=True):
    """Tell that the trader moved an exit at the broker, and that the plan has it now.

    `what` is `stop`, `trail` or `target 2`.
    """

    symbol: str
    what: str
    was: Decimal | None
    price: Decimal | None
    message: str


class WaitFor(Struct, frozen=True):
    """Nothing to do before `until` unless something happens earlier."""

    until: datetime
    reason: str


Action = Submit | Cancel | Replace | Refresh | SavePlan | Alarm | Moved | WaitFor
BrokerAction = Submit | Cancel | Replace | Refresh


def cancelable(order: SymbolOrder) -> bool:
    return bool(order.order.id) and order.order.status not in UNCANCELABLE


def can_cancel(group: ExitGroup) -> bool:
    return not group.is_leaving and cancelable(group.lead)


def cancel(order: SymbolOrder, reason: str, priority: Priority = Priority.CANCEL) -> Cancel:
    return Cancel(order.name, order.order.id, reason, priority)
