"""Bringing living exits to where the plan has moved: prices by replace, spread by re-placing."""

from __future__ import annotations

from msgspec.structs import replace

from execbot.broker.port import ReplaceRequest
from execbot.exits.living_orders import ExitGroup, SymbolOrders
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.rules.actions import Action, Cancel, Replace
from execbot.exits.rules.shape import (
    missing_wants,
    stop_limit_price,
    surplus_groups,
    wanted,
)
from execbot.exits.rules.view import Memory, View, held_shares
from execbot.model.enums import REPLACEABLE, OrderType

MOVES_REFUSED_MAX = 2
"""After so many refused replaces a stop is canceled and placed anew instead."""

RESHAPES_MAX = 3
"""Re-spreading leaves shares without a stop for a moment: it must not go on for ever."""


def price_moves(view: View, plan: ExitPlan, orders: SymbolOrders, memory: Memory) -> list[Action]:
    """Replace every stop and target that does not stand where the plan says.

    PATCH keeps the order alive until the new price stands, so there is no unprotected moment.
    """
    if not memory.may_try(view.now):
        return []
    # Beside an entry that rests the broker may refuse a new stop: the one that stands is kept.
    anew = memory.moves_refused >= MOVES_REFUSED_MAX and not orders.entries
    actions: list[Action] = []
    for group in orders.groups:
        if group.is_anothers:
            continue
        if group.armed and group.is_settled and not group.is_triggered:
            actions.extend(_stop_move(view, plan, group, anew=anew))
            if actions and isinstance(actions[-1], Cancel):
                return actions  # the others stay until this one stands again
            actions.extend(_target_move(view, plan, group))
    return actions


def _stop_move(view: View, plan: ExitPlan, group: ExitGroup, *, anew: bool) -> list[Action]:
    stop, price = group.stop, plan.stop.price
    if stop is None or price is None or stop.order.type is OrderType.TRAILING_STOP:
        return []
    if stop.order.stop_price == price or stop.order.status not in REPLACEABLE:
        return []
    if anew:
        return [Cancel(group.lead.name, group.lead.order.id, "its stop cannot be moved")]
    change = ReplaceRequest(stop_price=price)
    if stop.order.type is OrderType.STOP_LIMIT:
        change = ReplaceRequest(stop_price=price, limit_price=stop_limit_price(plan, view.tick))
    return [Replace(stop.name, stop.order.id, change, plan.note or "the stop moved")]


def _target_move(view: View, plan: ExitPlan, group: ExitGroup) -> list[Action]:
    target, number = group.target, group.target_number
    if target is None or number is None or number >= len(plan.targets):
        return []
    price = plan.targets[number].price
    if price is None or target.order.limit_price == price:
        return []
    if target.order.status not in REPLACEABLE:
        return []
    tag = f"t{number + 1}"
    change = ReplaceRequest(limit_price=price)
    return [Replace(target.name, target.order.id, change, "the target moved", tag)]


def reshape(
    view: View, plan: ExitPlan, orders: SymbolOrders, memory: Memory
) -> tuple[list[Action], Memory]:
    """All shares are covered, but not by the groups that the plan wants: free the wrong ones.

    Their shares are placed anew by the next look. Only done when nothing else is going on, in
    an open market, and a few times at most.
    """
    holding = held_shares(view, plan.side)
    wants = wanted(plan, holding, memory.ladder)
    missing = missing_wants(plan, wants, orders.groups)
    if not missing or memory.reshapes >= RESHAPES_MAX or not view.market.is_open:
        return [], memory
    if not memory.may_try(view.now):
        return [], memory
    if any(group.is_triggered for group in orders.groups):
        return [], memory  # a stop is being taken right now
    armed = [g for g in orders.groups if g.armed and not g.is_traders_own]
    wrong = surplus_groups(plan, wants, armed)
    cancels: list[Action] = [
        Cancel(g.lead.name, g.lead.order.id, "spreading the exits as planned")
        for g in wrong
        if g.lead.is_ours and g.lead.order.id
    ]
    if not cancels:
        return [], memory
    return cancels, replace(memory, reshapes=memory.reshapes + 1)
