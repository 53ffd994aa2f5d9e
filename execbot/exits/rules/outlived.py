"""A plan that has outlived its position: sold while nobody watched, then bought anew. Pure.

Levels of the old position mean nothing for the new one: its stop may be above today's price, and
would sell at once what was just bought.
"""

from __future__ import annotations

from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.rules.view import View
from execbot.model.numbers import ZERO

SOLD, TURNED = "its shares were sold", "position turned"
"""Notes of plans that ended while other shares were held."""

NEVER_FILLED = "the entry never filled"
"""The note of a plan that never had shares."""


def ended_over_others(view: View, plan: ExitPlan) -> bool:
    """Did this plan end, no longer ago than that, while what is held was held already?"""
    is_over = plan.status is PlanStatus.CLOSED and plan.note in (SOLD, TURNED)
    return is_over and view.opened_at is not None and view.opened_at <= plan.updated_at


def has_outlived(view: View, plan: ExitPlan) -> bool:
    """Were the plan's shares sold to the last, and is all that is held of a later purchase?

    A plan too few is a position without its stop, so nothing but proof counts: the orders since the
    plan began add up to what is held, were at nothing in between, the journal's position began
    after that, nobody has given or moved a level since, and no later purchase was made under this
    plan (docs/evidence.md, E-POS-10).
    """
    if plan.status not in (PlanStatus.PENDING, PlanStatus.ACTIVE):
        return False
    if view.opened_at is None or plan.said_at >= view.opened_at:
        return False
    filled = sorted(
        (seen.order.filled_at, seen.order.side is plan.exit_side, seen.order.filled_qty, seen.name)
        for seen in view.orders
        if seen.order.filled_qty and seen.order.filled_at is not None
    )
    if plan.entry_client_order_id not in {name for *_, name in filled}:
        return False
    under_plan = {seen.name for seen in view.orders if seen.plan_id == plan.plan_id}
    held, flat_at, is_anew = ZERO, None, False
    for at, is_exit, qty, name in filled:
        held += -qty if is_exit else qty
        if held == 0:
            flat_at, is_anew = at, True
        elif not is_exit and name in under_plan:
            is_anew = False
    return flat_at is not None and is_anew and held == view.size and view.opened_at > flat_at
