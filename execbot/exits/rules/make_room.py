"""Adding to a protected position: lift the stop, wait, buy, wait, one stop for the whole.

Alpaca refuses a buy while a stop of ours rests on the other side (wash trade). The decision is
pure: `next_step` looks at the plan and the living orders and names the one thing to do now. Whoever
drives it holds the plan lifted meanwhile (`execbot.exits.store.lifted`), so that the guard does not
put the stop back; when the lift ends, for whatever reason, it does.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from execbot.exits.living_orders import SymbolOrder, SymbolOrders
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.rules.actions import can_cancel
from execbot.market.wash_trade import Crossing, is_wash_trade
from execbot.model.enums import OrderStatus
from execbot.model.order import Order, OrderRequest


class RoomStep(StrEnum):
    BUY_AT_ONCE = "buy_at_once"  # nothing of ours stands in the way
    LIFT = "lift"  # cancel these exits
    WAIT_LIFTED = "wait_lifted"  # their end is not reported yet
    BUY = "buy"
    WAIT_FILLED = "wait_filled"
    DONE = "done"  # the addition has ended: protect the whole
    GIVE_UP = "give_up"  # the time is over: protect what is there


class RoomDecision(Struct, frozen=True):
    """The step to take now. `cancel` names the orders to lift."""

    step: RoomStep
    cancel: tuple[SymbolOrder, ...] = ()


def conflicts(request: OrderRequest, resting: Crossing) -> bool:
    """Whether the broker would refuse `request` while this exit rests.

    As a wash trade; and Alpaca refuses a new order in dollars beside any closing order.
    """
    if resting.side is request.side:
        return False
    return request.notional is not None or is_wash_trade(request, resting)


def next_step(
    request: OrderRequest,
    orders: SymbolOrders,
    plan: ExitPlan | None,
    addition: Order | None,
    now: datetime,
) -> RoomDecision:
    """`addition` is the order of the addition once it was sent; `plan.lift` bounds the time."""
    if addition is not None:
        waits = addition.status is OrderStatus.QUEUED
        return RoomDecision(
            RoomStep.DONE if addition.is_terminal or waits else RoomStep.WAIT_FILLED
        )
    if plan is not None and plan.lift is not None and not plan.lift.lasts(now):
        return RoomDecision(RoomStep.GIVE_UP)
    in_the_way = [
        group
        for group in orders.groups
        if group.armed and any(m.is_alive and conflicts(request, m.order) for m in group.members)
    ]
    if not in_the_way:
        lifted = plan is not None and plan.lift is not None
        return RoomDecision(RoomStep.BUY if lifted else RoomStep.BUY_AT_ONCE)
    to_cancel = tuple(group.lead for group in in_the_way if can_cancel(group))
    return (
        RoomDecision(RoomStep.LIFT, to_cancel) if to_cancel else RoomDecision(RoomStep.WAIT_LIFTED)
    )
