"""A plan whose shares went without a sale: it sleeps, and wakes should they come back. Pure.

A bust, a transfer that is taken back, an order of the broker that is undone: shares may be back
within minutes, in another quantity. The plan must still be there then (docs/evidence.md, E-POS-7).
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.rules.actions import Action, Alarm, SavePlan, WaitFor
from execbot.exits.rules.view import View
from execbot.model.numbers import ZERO, text

SLEEP_MAX = timedelta(minutes=30)
"""How long a plan waits for its shares. Longer ones come back as a position of their own."""


def was_sold(view: View, plan: ExitPlan) -> bool:
    """Did an order on the closing side fill anything while the plan was in force?"""
    return any(
        order.order.side is plan.exit_side and order.order.filled_qty > 0 for order in view.orders
    )


def fallen_asleep(view: View, plan: ExitPlan) -> ExitPlan:
    note = "its shares went without a sale"
    return plan.changed(view.now, status=PlanStatus.SLEEPING, exit=None, lift=None, note=note)


def overslept(view: View, plan: ExitPlan) -> tuple[list[Action], ExitPlan]:
    """No share has come back yet: wait, and close the plan after long enough."""
    until = plan.updated_at + SLEEP_MAX
    if view.now < until:
        return [WaitFor(until, "its shares may come back")], plan
    closed = plan.changed(view.now, status=PlanStatus.CLOSED, note="its shares did not come back")
    return [SavePlan(closed, "position closed")], closed


def woken(view: View, plan: ExitPlan) -> tuple[list[Action], ExitPlan]:
    """Shares are there again: the plan stands as before, for as many as there are."""
    known = plan.base_qty
    awake = plan.changed(
        view.now, status=PlanStatus.ACTIVE, base_qty=_base(view, plan), note="its shares are back"
    )
    actions: list[Action] = [SavePlan(awake, awake.note or "")]
    if view.size != known:
        message = f"{text(view.size)} of {text(known)} shares are back; they are guarded again"
        actions.append(Alarm("plan_woke", view.symbol, message))
    return actions, awake


def _base(view: View, plan: ExitPlan) -> Decimal:
    """The quantity that targets divide: shares held now plus shares that they took before."""
    return view.size + sum((target.filled_qty for target in plan.targets), ZERO)
