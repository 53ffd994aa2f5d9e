"""Adding to a protected position: lift the stop, wait, buy, wait, one stop for the whole.

Alpaca refuses a buy while a stop of ours rests on the other side (wash trade). The decision is
pure: `next_step` looks at the plan and the living orders and names the one thing to do now. Whoever
drives it holds the plan lifted meanwhile (`execbot.exits.store.lifted`), so that the guard does not
put the stop back; when the lift ends, for whatever reason, it does.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from execbot.exits.living_orders import SymbolOrder, SymbolOrders
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.rules.actions import can_cancel
from execbot.model.enums import OrderClass, OrderStatus, OrderType, Side
from execbot.model.order import Order, OrderRequest


class Step(StrEnum):
    BUY_AT_ONCE = "buy_at_once"  # nothing of ours stands in the way
    LIFT = "lift"  # cancel these exits
    WAIT_LIFTED = "wait_lifted"  # their end is not reported yet
    BUY = "buy"
    WAIT_FILLED = "wait_filled"
    DONE = "done"  # the addition has ended: protect the whole
    GIVE_UP = "give_up"  # the time is over: protect what is there


class Next(Struct, frozen=True):
    """What to do now. `cancel` names the orders to lift."""

    step: Step
    cancel: tuple[SymbolOrder, ...] = ()


class Resting(Protocol):
    """What `conflicts` must know of an order that works at the broker."""

    @property
    def side(self) -> Side: ...
    @property
    def type(self) -> OrderType: ...
    @property
    def order_class(self) -> OrderClass: ...
    @property
    def limit_price(self) -> Decimal | None: ...


AT_ANY_PRICE = frozenset({OrderType.MARKET, OrderType.STOP})
EXEMPT_CLASSES = frozenset({OrderClass.BRACKET, OrderClass.OCO})


def conflicts(request: OrderRequest, resting: Resting) -> bool:
    """Whether the broker would refuse `request` while this exit rests.

    Alpaca's rules: orders of brackets and OCO pairs and trailing stops are exempt; of the others
    market and stop orders never stand beside an opposite order, limits only where they would not
    trade with each other. A buy in dollars is refused beside any closing order.
    """
    if resting.side is request.side:
        return False
    if request.notional is not None:
        return True
    if _is_exempt(request.order_class, request.type) or _is_exempt(
        resting.order_class, resting.type
    ):
        return False
    if request.type in AT_ANY_PRICE or resting.type in AT_ANY_PRICE:
        return True
    ours, theirs = request.limit_price, resting.limit_price
    if ours is None or theirs is None:
        return True
    return ours >= theirs if request.side == "buy" else ours <= theirs


def _is_exempt(order_class: OrderClass, order_type: OrderType) -> bool:
    return order_class in EXEMPT_CLASSES or order_type is OrderType.TRAILING_STOP


def next_step(
    request: OrderRequest,
    orders: SymbolOrders,
    plan: ExitPlan | None,
    addition: Order | None,
    now: datetime,
) -> Next:
    """`addition` is the order of the addition once it was sent; `plan.lift` bounds the time."""
    if addition is not None:
        waits = addition.status is OrderStatus.QUEUED
        return Next(Step.DONE if addition.is_terminal or waits else Step.WAIT_FILLED)
    if plan is not None and plan.lift is not None and now >= plan.lift.until:
        return Next(Step.GIVE_UP)
    in_the_way = [
        group
        for group in orders.groups
        if group.armed and any(m.is_alive and conflicts(request, m.order) for m in group.members)
    ]
    if not in_the_way:
        lifted = plan is not None and plan.lift is not None
        return Next(Step.BUY if lifted else Step.BUY_AT_ONCE)
    to_cancel = tuple(group.lead for group in in_the_way if can_cancel(group))
    return Next(Step.LIFT, to_cancel) if to_cancel else Next(Step.WAIT_LIFTED)
