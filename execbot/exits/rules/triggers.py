"""When a position must be left: the clock, or a stop or target that the broker does not take.

Only whether it must is decided here, and what is kept of it; how it is left is `leave`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from execbot.exits.living_orders import ExitGroup, SymbolOrders
from execbot.exits.plan.plan import ExitIntent, ExitPlan, TargetPlan
from execbot.exits.plan.rescale import SPLIT_GAP
from execbot.exits.plan.trailing import time_stop_due
from execbot.exits.rules.leave import wants_out
from execbot.exits.rules.shape import Ladder, target_quantities
from execbot.exits.rules.view import Memory, View
from execbot.model.enums import OrderType, PositionSide
from execbot.model.numbers import ZERO, whole_part

CROSSED_PATIENCE = timedelta(seconds=2)
"""How long a stop that the broker holds may stay untaken with the price beyond it."""


def leave_if_due(
    view: View, plan: ExitPlan, orders: SymbolOrders, memory: Memory
) -> tuple[ExitPlan, Memory]:
    """The clock, a stop or target that we watch ourselves, a stop the broker did not take."""
    if plan.exit is not None:
        return _stop_before_target(view, plan, plan.exit, orders, memory)
    if not memory.may_leave(view.now):
        return plan, memory
    due = time_stop_due(plan, view.now, view.market.close_at)
    if due is not None:
        return wants_out(plan, due, view.now), memory
    if stop_is_crossed(plan, view.market.price):
        return _crossed(view, plan, orders, memory)
    memory = replace(memory, crossed_since=None)
    through = memory.through_since
    if through is not None and _confirmed_since(view, through):
        memory = replace(memory, through_since=None)
        return wants_out(plan, "stop_through_market", view.now), memory
    return _target_watched_by_us(view, plan, orders), memory


def _stop_before_target(
    view: View, plan: ExitPlan, intent: ExitIntent, orders: SymbolOrders, memory: Memory
) -> tuple[ExitPlan, Memory]:
    """A target that leaves a part behind is being taken, and the price falls to the stop: all goes.

    The order of the target is no reason to wait: `leave` replaces it by one for everything.
    """
    if intent.keep_qty == 0 or not stop_is_crossed(plan, view.market.price):
        return plan, memory
    rest = SymbolOrders(orders.groups, (), orders.entries)
    stopped, memory = _crossed(view, replace(plan, exit=None), rest, memory)
    return (plan if stopped.exit is None else stopped), memory


def stop_is_crossed(plan: ExitPlan, price: Decimal | None) -> bool:
    stop = plan.stop.price
    if stop is None or price is None:
        return False
    return price <= stop if plan.side is PositionSide.LONG else price >= stop


def _crossed(
    view: View, plan: ExitPlan, orders: SymbolOrders, memory: Memory
) -> tuple[ExitPlan, Memory]:
    """The price is through the stop: leave at once what the broker does not hold a stop for."""
    if orders.exits or view.market.is_halted:
        return plan, memory
    if not view.market.is_open and not view.market.is_extended:
        return plan, memory
    stop, price = plan.stop.price, view.market.price
    assert stop is not None and price is not None
    since = memory.crossed_since or view.now
    memory = replace(memory, crossed_since=since)
    if _may_be_split(view, stop, price, since):
        return plan, memory
    held_by_broker = orders.covered + orders.arriving >= view.size and view.market.is_open
    if held_by_broker and any(_trails(group) for group in orders.groups):
        return plan, memory  # the broker's own mark decides, and it may differ from ours
    if held_by_broker and view.now - since < CROSSED_PATIENCE:
        return plan, memory
    return wants_out(plan, "stop", view.now), memory


def _may_be_split(view: View, stop: Decimal, price: Decimal, since: datetime | None) -> bool:
    """The price is far beyond the stop, and the position was not read since it is."""
    if view.is_price_doubtful:
        return True
    far = abs(price - stop) > stop * SPLIT_GAP
    return far and since is not None and not _confirmed_since(view, since)


def is_of_before(view: View, plan: ExitPlan, memory: Memory) -> bool:
    """The plan's prices may be those of before a split: what is sent now would sell at once."""
    if view.reads_first:
        return True
    stop, price = plan.stop.price, view.market.price
    if stop is None or price is None or not stop_is_crossed(plan, price):
        return False
    return _may_be_split(view, stop, price, memory.crossed_since)


def _confirmed_since(view: View, moment: datetime) -> bool:
    """The broker's position was read after `moment` and is what we think: it was no split."""
    return view.is_confirmed and view.confirmed_at is not None and view.confirmed_at >= moment


def _trails(group: ExitGroup) -> bool:
    return group.stop is not None and group.stop.order.type is OrderType.TRAILING_STOP


def _target_watched_by_us(view: View, plan: ExitPlan, orders: SymbolOrders) -> ExitPlan:
    """A target that no living order serves, of a kind the broker cannot hold, was reached."""
    price = view.market.price
    # Outside the regular session the broker holds pairs, and takes neither stop nor target.
    asleep = view.market.is_extended and not view.market.is_open
    served = set() if asleep else {group.target_number for group in orders.groups}
    watched = (
        asleep or view.takes_stops_alone or view.memory.ladder is not Ladder.FULL or view.size < 1
    )
    if price is None or not watched or view.market.is_halted or view.is_price_doubtful:
        return plan
    if not view.market.is_open and not view.market.is_extended:
        return plan
    long = plan.side is PositionSide.LONG
    for number, target in enumerate(plan.targets):
        if target.done or target.price is None or number in served:
            continue
        if price < target.price if long else price > target.price:
            continue
        if view.takes_stops_alone or view.size < 1:
            rest = _takes_the_rest(plan, target)
            share = plan.base_qty * target.weight / 100
            share = whole_part(share) if view.is_option else share
            left = max(share - target.filled_qty, ZERO)
            keep = ZERO if rest else max(view.size - left, ZERO)
        else:
            parts = target_quantities(plan, whole_part(view.size))
            keep = view.size - parts.get(number, ZERO)
        return wants_out(plan, f"target_{number + 1}", view.now, keep_qty=keep, target=number)
    if _is_remnant(view, plan):
        return wants_out(plan, f"target_{len(plan.targets)}", view.now)
    return plan


def _takes_the_rest(plan: ExitPlan, target: TargetPlan) -> bool:
    """The last target of a plan whose targets take everything; else a runner stays."""
    return plan.targets_take_all and all(t is target for t in plan.open_targets)


def _is_remnant(view: View, plan: ExitPlan) -> bool:
    """Targets are whole shares at the broker: with all of them taken a fraction is left over."""
    if view.is_crypto or view.size >= 1:
        return False
    return plan.targets_take_all and all(target.done for target in plan.targets)
