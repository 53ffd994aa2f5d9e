"""How a plan follows its position: opened, grown, priced, targets taken."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

from msgspec.structs import replace

from execbot.exits.levels import (
    LevelError,
    LevelKind,
    LevelSpec,
    check_stop,
    check_target,
    target_price,
)
from execbot.exits.living_orders import Family, SymbolOrder
from execbot.exits.plan.plan import ExitPlan, PlanStatus, TargetPlan, nearest_first, priced
from execbot.exits.plan.target_shares import split_whole
from execbot.exits.rules.actions import Action, Alarm, SavePlan
from execbot.exits.rules.leave import wants_out
from execbot.exits.rules.view import View
from execbot.exits.tags import is_exit_tag, tag_of
from execbot.journal.records import Role
from execbot.model.enums import OrderClass
from execbot.model.numbers import ZERO, text, whole_part


def grown(view: View, plan: ExitPlan) -> tuple[ExitPlan, list[Action]]:
    """The plan brought up to the position it has now, with what is to be saved and told."""
    alarms: list[Action] = []
    before = plan
    if plan.status is PlanStatus.PENDING:
        plan = plan.changed(
            view.now,
            status=PlanStatus.ACTIVE,
            opened_at=min(view.opened_at or view.now, view.now),
            note="first share filled",
        )
    if plan.opened_at is None:
        plan = plan.changed(view.now, opened_at=view.now)
    if view.size > plan.base_qty:
        plan = _larger(view, plan)
    if view.avg_entry_price is not None and _needs_prices(plan):
        plan, alarms = _priced(view, plan, view.avg_entry_price)
    plan = _with_target_fills(view, plan)
    if plan.lift is not None and _lift_is_over(view, plan):
        plan = plan.changed(view.now, lift=None, note="the addition has ended")
    if plan == before:
        return plan, alarms
    plan = replace(plan, version=before.version + 1)
    return plan, [SavePlan(plan, plan.note or "position changed"), *alarms]


def _larger(view: View, plan: ExitPlan) -> ExitPlan:
    """More was bought: break-even and R are measured from the average price of the whole.

    Stop and targets stay where the trader has seen them.
    """
    entry = plan.entry_price
    if entry is None or view.avg_entry_price is None:
        return plan.changed(view.now, base_qty=view.size)
    entry = view.avg_entry_price
    note = f"grew to {text(view.size)}"
    return plan.changed(view.now, base_qty=view.size, entry_price=entry, note=note)


def _lift_is_over(view: View, plan: ExitPlan) -> bool:
    lift = plan.lift
    assert lift is not None
    if not lift.lasts(view.now):
        return True
    entry = next((o for o in view.orders if o.name == lift.entry_client_order_id), None)
    return entry is not None and entry.order.is_terminal


def _needs_prices(plan: ExitPlan) -> bool:
    if plan.entry_price is None:
        return True
    wants_stop = plan.stop.spec is not None or plan.stop.trail is not None
    return (plan.stop.price is None and wants_stop) or any(
        t.price is None and not t.done for t in plan.targets
    )


def _priced(view: View, plan: ExitPlan, entry: Decimal) -> tuple[ExitPlan, list[Action]]:
    """Fix the levels from the real entry price; one that makes no sense there is dealt with."""
    plan = replace(plan, facts=replace(plan.facts, tick=view.tick or plan.facts.tick))
    try:
        return priced(plan, entry, view.now), []
    except LevelError as error:
        return _repaired(view, plan, entry, error)


def _repaired(
    view: View, plan: ExitPlan, entry: Decimal, error: LevelError
) -> tuple[ExitPlan, list[Action]]:
    """A position is never left without a stop because its level was unusable."""
    alarm = Alarm("level_unusable", view.symbol, f"{error.message}; {error.hint}", critical=True)
    at = _stop_passed(plan, entry)
    if at is not None:  # the stop is taken, not moved
        stop = replace(plan.stop, price=at, initial=at)
        stopped = plan.changed(view.now, entry_price=entry, stop=stop)
        return wants_out(stopped, "stop_through_market", view.now), [alarm]
    done = _with_usable_stop(view, plan, entry)
    found = [_usable(target, done, entry) for target in plan.targets]
    targets = tuple(target for target in found if target is not None)
    if all(target.price is None for target in plan.targets):
        targets = nearest_first(targets, plan.side)
    return replace(done, targets=targets), [alarm]


def _stop_passed(plan: ExitPlan, entry: Decimal) -> Decimal | None:
    """The stop that was given as a price, where the entry filled beyond it."""
    spec = plan.stop.spec
    if plan.stop.price is not None or spec is None or spec.kind is not LevelKind.PRICE:
        return None
    with suppress(LevelError):
        check_stop(spec.value, plan.side, entry)
        return None
    return spec.value


def _with_usable_stop(view: View, plan: ExitPlan, entry: Decimal) -> ExitPlan:
    """The plan priced without the targets that have no price yet; at the default distance where its
    own stop makes no sense."""
    bare = replace(plan, targets=tuple(t for t in plan.targets if t.price is not None))
    try:
        return priced(bare, entry, view.now)
    except LevelError:
        default = LevelSpec(LevelKind.PERCENT, view.limits.default_stop_pct)
        stop = replace(plan.stop, spec=default, trail=None)
        return priced(replace(bare, stop=stop), entry, view.now)


def _usable(target: TargetPlan, plan: ExitPlan, entry: Decimal) -> TargetPlan | None:
    """The target with its price; None where it makes no sense.

    One given as a price stays there when the entry has passed it: it is taken at once, as that of
    a bracket is by the broker. Beyond the stop nobody takes profit.
    """
    if target.price is not None:
        return target
    stop, side = plan.stop, plan.side
    try:
        at = target_price(target.spec, side, entry, stop=stop.initial, facts=plan.facts)
    except LevelError:
        if target.spec.kind is not LevelKind.PRICE:
            return None
        at = target.spec.value
    with suppress(LevelError):
        if stop.price is not None:
            check_target(at, side, stop.price)
        return replace(target, price=at)
    return None


def _with_target_fills(view: View, plan: ExitPlan) -> ExitPlan:
    """The plan with each target's filled quantity, counted from the orders that served it.

    Of one that is watched here the exit itself says when it is done: it may take a fraction, or
    all that is left.
    """
    if not plan.targets:
        return plan
    filled = [ZERO] * len(plan.targets)
    family = Family.of(view.orders)
    for order in view.orders:
        if order.plan_id != plan.plan_id:
            continue
        number = _serves(order, family, plan)
        is_exit = is_exit_tag(tag_of(order.name))
        if number is not None and (is_exit or order.order.limit_price is not None):
            filled[number] += order.order.filled_qty
    if all(qty <= t.filled_qty for qty, t in zip(filled, plan.targets, strict=True)):
        return plan
    goals = [ZERO] * len(filled) if view.takes_stops_alone else _goals(plan)
    targets = tuple(
        replace(t, filled_qty=max(qty, t.filled_qty), done=t.done or qty >= goal > 0)
        for t, qty, goal in zip(plan.targets, filled, goals, strict=True)
    )
    return plan.changed(view.now, targets=targets, note="a target filled")


def _serves(item: SymbolOrder, family: Family, plan: ExitPlan) -> int | None:
    number = family.target_index(item)
    is_leg = item.order.order_class is not OrderClass.OCO
    if number is None and item.role == Role.TARGET and is_leg:
        number = 0
    return number if number is not None and number < len(plan.targets) else None


def _goals(plan: ExitPlan) -> list[Decimal]:
    """Whole shares each target was to take of the largest size the position had."""
    weights = [t.weight for t in plan.targets]
    runner = Decimal(100) - sum(weights, ZERO)
    parts = split_whole(whole_part(plan.base_qty), [*weights, runner] if runner > 0 else weights)
    return parts[: len(weights)]
