"""Plans whose levels follow the true range: measured anew once it has grown or shrunk by half.

Off unless `take_profit.remeasure` or `stop_loss.widen_in_volatility` asks for it. Only targets that
have filled nothing and were asked for in R or average true ranges move; one that the trader has put
at a price stays there, and so does the stop.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from execbot.exits.levels import LevelFacts, LevelKind, safe_target
from execbot.exits.plan.plan import ExitPlan, PlanStatus, TargetPlan
from execbot.model.enums import PositionSide
from execbot.model.numbers import text

CHANGED_BY = Decimal("0.5")
"""How much the true range must have grown or shrunk, as a share of what it was."""


RATIO_STEP = Decimal("1e-9")
"""Finer is only what a division leaves over, and would cost a tick when the price is rounded."""


def follows_range(plan: ExitPlan) -> bool:
    """Whether new daily bars may say something to the plan."""
    return plan.status is PlanStatus.ACTIVE and (
        plan.rules.remeasure or plan.rules.widen_atr is not None
    )


def remeasured(plan: ExitPlan, facts: LevelFacts, now: datetime) -> ExitPlan:
    """The plan by the true range of `facts`, or the same plan while that has changed little."""
    old, new = plan.facts.atr, facts.atr
    if not follows_range(plan) or not new or plan.exit is not None or plan.lift is not None:
        return plan
    fresh = replace(plan.facts, atr=new)
    if not old:
        return plan.changed(now, facts=fresh, note="the true range is known")
    if abs(new / old - 1) < CHANGED_BY:
        return plan
    targets = plan.targets
    if plan.rules.remeasure:
        targets = tuple(_moved(target, plan, new, now) for target in plan.targets)
    note = f"true range {_short(old)} -> {_short(new)}"
    return plan.changed(now, facts=fresh, targets=targets, note=note)


def _moved(target: TargetPlan, plan: ExitPlan, atr: Decimal, now: datetime) -> TargetPlan:
    if target.done or target.filled_qty:
        return target
    distance = _distance(target, plan, atr)
    if distance is None or plan.entry_price is None:
        return target
    away = 1 if plan.side is PositionSide.LONG else -1
    price = safe_target(plan.entry_price + away * distance, plan.side, plan.facts.tick)
    return replace(target, price=price, moved_at=now) if price > 0 else target


def _distance(target: TargetPlan, plan: ExitPlan, atr: Decimal) -> Decimal | None:
    """From the entry. R was the risk in the range of then: its distance grows as the range has."""
    if target.price is None or plan.entry_price is None:
        return None
    if target.spec.kind is LevelKind.ATR:
        return target.spec.value * atr
    if target.spec.kind is LevelKind.R_MULTIPLE and plan.facts.atr:
        ratio = (atr / plan.facts.atr).quantize(RATIO_STEP)
        return abs(target.price - plan.entry_price) * ratio
    return None


def _short(value: Decimal) -> str:
    return text(value.quantize(Decimal("0.0001")))
