"""The parts of a plan that need a running `watch`, although its stop stands at the broker."""

from __future__ import annotations

from execbot.exits.plan.plan import AdjustRules, ExitPlan
from execbot.model.numbers import text
from execbot.model.order import OrderRequest


def left_to_watch(
    plan: ExitPlan, request: OrderRequest | None = None, *, targets: bool = True
) -> tuple[str, ...]:
    """A few words each. `request` is the entry: what it does not bring along is named too,
    its `targets` only where they are not told otherwise."""
    found: list[str] = []
    stops = plan.stop.spec is not None or plan.stop.trail is not None
    if request is not None and request.stop_loss is None and stops:
        found.append("placing the stop")
    if targets and request is not None and request.take_profit is None and plan.targets:
        noun = "target" if len(plan.targets) == 1 else "targets"
        found.append(f"{noun} {', '.join(target.spec.words for target in plan.targets)}")
    if plan.stop.trail is not None:
        found.append(f"trailing by {plan.stop.trail}")
    return (*found, *_rules(plan.rules))


def _rules(rules: AdjustRules) -> list[str]:
    found = []
    if rules.breakeven_at_r is not None:
        found.append(f"break-even at {text(rules.breakeven_at_r)}R")
    if rules.tighten_within_pct is not None:
        found.append("tightening near the target")
    if rules.widen_atr is not None:
        found.append("widening in volatility")
    if rules.time_stop_minutes is not None:
        found.append(f"the time stop after {rules.time_stop_minutes} minutes")
    if rules.flatten_before_close_minutes is not None:
        found.append(f"flattening {rules.flatten_before_close_minutes} minutes before the close")
    if rules.remeasure:
        found.append("measuring targets anew")
    return found


def without_watch(symbol: str, left: tuple[str, ...]) -> str:
    """The warning."""
    return f"No `execbot watch` is running, and only it does this for {symbol}: {', '.join(left)}."
