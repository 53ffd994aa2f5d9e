"""Shares without a stop are a finding after the alarm time, counted from the first of them: a
purchase each second makes none of those before it young (docs/evidence.md, E-PROT-1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from execbot.exits.living_orders import ExitGroup, SymbolOrder, read_orders
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.rules.view import Coverage, View
from execbot.journal.records import Execution
from execbot.model.enums import ARRIVING, LAPSED
from execbot.model.numbers import ZERO


def is_young(
    view: View,
    coverage: Coverage,
    plan: ExitPlan | None,
    booked: Decimal,
    lately: Sequence[Execution],
) -> bool:
    """The way out, the way of a stop to the broker, or the shares themselves, began within the
    alarm time. With a stop that ended after the shares came nothing is waited for: it is gone.

    `booked` is the signed quantity in the books, `lately` what was executed within the alarm time,
    oldest first.
    """
    if plan is not None and plan.exit is not None and is_recent(plan.exit.since, view):
        return True
    safe = coverage.covered + coverage.leaving + _coming(view)
    if coverage.size <= safe:
        return True
    if not lately or _has_lost_a_stop(view, lately):
        return False
    return held_throughout(booked, lately) <= safe


def is_recent(moment: datetime | None, view: View) -> bool:
    return moment is not None and view.now - moment < view.limits.unprotected_alarm


def held_throughout(booked: Decimal, lately: Sequence[Execution]) -> Decimal:
    """The shares that were held before and after each of these executions."""
    least = qty = booked
    sign = 1 if booked > 0 else -1
    for execution in reversed(lately):
        qty -= execution.signed_qty
        least = min(least, qty, key=lambda known: known * sign)
    return max(least * sign, ZERO)


def _coming(view: View) -> Decimal:
    """Shares whose stop is on its way to the broker, and has not been for long."""
    groups = read_orders(view.orders, view.side.closing).groups
    return sum((group.arriving for group in groups if _has_just_left(group, view)), ZERO)


def _has_just_left(group: ExitGroup, view: View) -> bool:
    return any(
        item.order.status in ARRIVING and is_recent(item.sent_at, view) for item in group.members
    )


def _has_lost_a_stop(view: View, lately: Sequence[Execution]) -> bool:
    closing = view.side.closing
    came = next((item.at for item in lately if item.side is not closing), None)
    return came is not None and any(
        item.is_stop and item.order.side is closing and _has_ended_since(item, came)
        for item in view.orders
    )


def _has_ended_since(item: SymbolOrder, moment: datetime) -> bool:
    if item.order.status not in LAPSED:
        return False
    ended_at = item.order.canceled_at or item.order.expired_at
    return ended_at is None or ended_at >= moment
