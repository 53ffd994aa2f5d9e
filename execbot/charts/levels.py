"""The way of stop and targets through a trade, from the versions of its plans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from execbot.charts.model import Kind, Level, LevelStep
from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.trades.model import RoundTrip

_HOLDS = frozenset({PlanStatus.PENDING, PlanStatus.ACTIVE})
"""A pending plan becomes active with the first fill: from then on it counts as it was."""


def levels_of(trip: RoundTrip, versions: Sequence[ExitPlan]) -> list[Level]:
    """Stop and targets of one plan, while the trade was open; `versions` oldest first."""
    if not versions:
        return []
    most = max(len(plan.targets) for plan in versions)
    found = [_level(trip, versions, Kind.STOP, None, _stop)]
    for index in range(most):
        found.append(_level(trip, versions, Kind.TARGET, index + 1, _target(index)))
    return [level for level in found if any(step.price is not None for step in level.steps)]


def _stop(plan: ExitPlan) -> Decimal | None:
    """None while an addition has lifted it: then no stop stands at the broker."""
    return None if plan.lift is not None else plan.stop.price


def _target(index: int) -> Callable[[ExitPlan], Decimal | None]:
    def price(plan: ExitPlan) -> Decimal | None:
        if index >= len(plan.targets) or plan.targets[index].done:
            return None
        return plan.targets[index].price

    return price


def _level(
    trip: RoundTrip,
    versions: Sequence[ExitPlan],
    kind: Kind,
    number: int | None,
    price: Callable[[ExitPlan], Decimal | None],
) -> Level:
    steps: list[LevelStep] = []
    for plan in versions:
        at = max(plan.updated_at, trip.opened_at)
        if trip.closed_at is not None and at >= trip.closed_at:
            break
        level = price(plan) if plan.status in _HOLDS else None
        steps.append(LevelStep(at, None if level is None else trip.in_shares_of_the_end(level, at)))
    if trip.closed_at is not None:
        steps.append(LevelStep(trip.closed_at, None))
    return Level(kind, trip.id, versions[0].plan_id, tuple(_told_once(steps)), number)


def _told_once(steps: Iterable[LevelStep]) -> list[LevelStep]:
    """Of steps of one moment the last; none that changes nothing, and no gap at the beginning."""
    found: list[LevelStep] = []
    for step in steps:
        if found and found[-1].at == step.at:
            found.pop()
        before = found[-1].price if found else None
        if step.price != before:
            found.append(step)
    return found


def at_moment(level: Level, moment: datetime) -> Decimal | None:
    """Where it stood then."""
    price = None
    for step in level.steps:
        if step.at > moment:
            break
        price = step.price
    return price
