"""Adding to a protected position: lift the stop, wait, buy, wait, one stop for the whole.

Alpaca refuses a buy while a stop of ours rests on the other side (wash trade). The decision is
pure: `next_step` looks at the position, the plan and the living orders and names the one thing to
do now. Whoever drives it holds the plan lifted meanwhile (`execbot.exits.store.lifted`), so that
the guard does not put the stop back; when the lift ends, for whatever reason, it does.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from execbot.exits.cancels import can_cancel
from execbot.exits.orders import STOP_TYPES, SymbolOrder, SymbolOrders
from execbot.exits.plan import ExitPlan
from execbot.model.enums import OrderType
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


def conflicts(request: OrderRequest, exit_order: Order) -> bool:
    """Whether the broker would refuse `request` while this exit rests.

    Opposite market and stop orders are always refused; opposite limits only when they would
    trade with each other.
    """
    if exit_order.side is request.side:
        return False
    market_like = (OrderType.MARKET, OrderType.STOP, OrderType.TRAILING_STOP)
    if request.type in market_like or exit_order.type in STOP_TYPES:
        return True
    ours, theirs = request.limit_price, exit_order.limit_price
    if ours is None or theirs is None:
        return True
    return ours >= theirs if request.side == "buy" else ours <= theirs


def next_step(
    request: OrderRequest,
    orders: SymbolOrders,
    plan: ExitPlan | None,
    addition: Order | None,
    now: datetime,
) -> Next:
    """`addition` is the order of the addition once it was sent; `plan.lift` bounds the time."""
    if addition is not None:
        return Next(Step.DONE if addition.is_terminal else Step.WAIT_FILLED)
    if plan is not None and plan.lift is not None and now >= plan.lift.until:
        return Next(Step.GIVE_UP)
    in_the_way = [
        group
        for group in orders.groups
        if any(m.is_alive and conflicts(request, m.order) for m in group.members)
    ]
    if not in_the_way:
        lifted = plan is not None and plan.lift is not None
        return Next(Step.BUY if lifted else Step.BUY_AT_ONCE)
    to_cancel = tuple(group.lead for group in in_the_way if can_cancel(group))
    return Next(Step.LIFT, to_cancel) if to_cancel else Next(Step.WAIT_LIFTED)
