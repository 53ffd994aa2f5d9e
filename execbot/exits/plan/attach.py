"""From what is wanted (levels) to an order with legs, or a plan to protect after the fill.

Alpaca takes one stop and one target with an entry (bracket, or OTO with one of them) for whole
shares in the regular session. Everything else (several targets, trailing, fractions, crypto,
extended hours, adding to a position) is protected after the fill by whoever keeps the plan.
Of several targets the stop alone may go along: then no share is without a stop once the entry has
filled, whether or not somebody keeps the plan; without it, parts get their pairs while it fills.
Each way there is a plan: legs die when an entry is canceled after a partial fill, and then the
plan is what says where the stop belongs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.levels import (
    NO_FACTS,
    LevelFacts,
    LevelKind,
    LevelSpec,
    check_near,
    naming,
    safe_stop,
    stop_price,
    target_price,
)
from execbot.exits.plan.legs import why_no_legs, with_legs
from execbot.exits.plan.plan import (
    ExitPlan,
    PlanStatus,
    StopPlan,
    TargetPlan,
    nearest_first,
    trail_spec,
)
from execbot.exits.plan.target_shares import equal_parts
from execbot.exits.plan.wishes import HUNDRED, Wishes
from execbot.model.enums import PositionSide, Side, TimeInForce
from execbot.model.order import OrderRequest


class Attached(Struct, frozen=True):
    """The request to send, and the plan to make durable before it is sent."""

    request: OrderRequest
    plan: ExitPlan


def attach(
    request: OrderRequest,
    wishes: Wishes,
    *,
    entry_price: Decimal,
    plan_id: str,
    now: datetime,
    facts: LevelFacts = NO_FACTS,
    is_crypto: bool = False,
    holds_already: bool = False,
    origin: str = "submit",
    strength: Decimal | None = None,
    tif_is_given: bool = False,
    stop_goes_along: bool = False,
    far: bool = False,
) -> Attached:
    """The entry with its exits. `entry_price` is where it would trade now.

    `request` must have its `client_order_id`. `holds_already`: the symbol has a position, so that
    the broker takes no bracket ("must be entry orders"). A bracket is sent `gtc` unless the time
    in force was given, because day legs vanish at the close and the position stays.
    `stop_goes_along`: with several targets the stop is sent with the entry, for all of it. `far`:
    levels further than half the price away are meant.
    Raises LevelError where a level makes no sense.
    """
    side = PositionSide.LONG if request.side is Side.BUY else PositionSide.SHORT
    # Levels that would be refused after the fill are refused now, before anything is sent.
    stop_at, targets_at = _preview(wishes, side, entry_price, facts)
    if not far:
        _check_near(entry_price, stop_at, targets_at)
    wishes, targets_at = _nearest_first(wishes, side, targets_at)
    plan = new_plan(
        request.symbol,
        side,
        wishes,
        plan_id=plan_id,
        now=now,
        facts=facts,
        origin=origin,
        strategy_id=request.strategy_id,
        strength=strength,
        entry_client_order_id=request.client_order_id,
    )
    legs = _legs(wishes, stop_at, targets_at, stop_goes_along)
    if legs is None or why_no_legs(request, is_crypto=is_crypto, holds_already=holds_already):
        return Attached(request, plan)
    entry = with_legs(request, *legs)
    if not tif_is_given:
        waits = entry.time_in_force is TimeInForce.GTC
        entry = replace(entry, time_in_force=TimeInForce.GTC, for_the_day=not waits)
    stop = replace(plan.stop, price=stop_at, initial=stop_at)
    targets = plan.targets
    if entry.take_profit is not None:
        targets = tuple(replace(t, price=entry.take_profit.limit_price) for t in targets)
    return Attached(entry, replace(plan, stop=stop, targets=targets))


def _legs(
    wishes: Wishes, stop: Decimal | None, targets: Sequence[Decimal], stop_goes_along: bool
) -> tuple[Decimal | None, Decimal | None] | None:
    """The stop and the target that go with the entry; None where neither does.

    The one target that takes the whole position goes along; parts come after the fill, and their
    stop goes along only where `stop_goes_along`. A trail alone is no order that a leg could be.
    """
    whole = [weight for _, weight in wishes.targets] == [HUNDRED]
    trails = wishes.stop is None and wishes.trail is not None
    if trails or not (wishes.stop is not None or whole):
        return None
    if wishes.targets and not whole and not stop_goes_along:
        return None
    return stop, targets[0] if whole else None


def _preview(
    wishes: Wishes, side: PositionSide, entry: Decimal, facts: LevelFacts
) -> tuple[Decimal | None, list[Decimal]]:
    """Prices of stop and targets for an entry at `entry`."""
    stop = stop_of(wishes, side, entry, facts)
    found = []
    for level, _ in wishes.targets:
        with naming("target", level):
            found.append(target_price(level, side, entry, stop=stop, facts=facts))
    return stop, found


def stop_of(
    wishes: Wishes, side: PositionSide, entry: Decimal, facts: LevelFacts
) -> Decimal | None:
    """Where the stop of an entry at `entry` stands; None where none is wished for. Raises
    LevelError."""
    spec = wishes.stop
    if spec is None and wishes.trail is not None:
        spec = trail_spec(wishes.trail)
    if spec is None:
        return None
    with naming("stop", spec):
        return stop_price(spec, side, entry, facts)


def _check_near(entry: Decimal, stop: Decimal | None, targets: Sequence[Decimal]) -> None:
    if stop is not None:
        check_near("stop", stop, entry)
    for target in targets:
        check_near("target", target, entry)


def _nearest_first(
    wishes: Wishes, side: PositionSide, prices: Sequence[Decimal]
) -> tuple[Wishes, list[Decimal]]:
    """Targets in the order in which a price that runs the right way reaches them."""
    away = 1 if side is PositionSide.LONG else -1
    order = sorted(range(len(prices)), key=lambda number: away * prices[number])
    targets = tuple(wishes.targets[number] for number in order)
    return replace(wishes, targets=targets), [prices[number] for number in order]


def new_plan(
    symbol: str,
    side: PositionSide,
    wishes: Wishes,
    *,
    plan_id: str,
    now: datetime,
    facts: LevelFacts = NO_FACTS,
    origin: str = "submit",
    strategy_id: str | None = None,
    strength: Decimal | None = None,
    entry_client_order_id: str | None = None,
    status: PlanStatus = PlanStatus.PENDING,
) -> ExitPlan:
    """A plan whose prices are fixed when the position's entry price is known."""
    return ExitPlan(
        plan_id=plan_id,
        symbol=symbol,
        side=side,
        created_at=now,
        updated_at=now,
        status=status,
        origin=origin,
        strategy_id=strategy_id,
        strength=strength,
        entry_client_order_id=entry_client_order_id,
        stop=StopPlan(spec=wishes.stop, trail=wishes.trail),
        targets=tuple(TargetPlan(spec, weight) for spec, weight in wishes.targets),
        rules=wishes.rules,
        facts=facts,
    )


def moved(
    plan: ExitPlan,
    now: datetime,
    *,
    stop: LevelSpec | None = None,
    targets: Sequence[LevelSpec] = (),
) -> ExitPlan:
    """The plan with its stop or its open targets moved by the trader.

    Levels are measured from the entry price. The first stop keeps measuring R. Moved targets take
    the places of the open ones in order; more of them than there are share the position equally.
    A suspended plan is taken up again: who moves a stop wants one.
    Raises LevelError where a level makes no sense.
    """
    entry = plan.entry_price
    changed = plan
    if stop is not None:
        at = _moved_stop(stop, plan, entry)
        # A given stop is a first stop: a trail beside it goes on from where it locks in the entry.
        trail = plan.stop.trail and replace(plan.stop.trail, from_start=False)
        initial = plan.stop.initial or at
        new_stop = replace(plan.stop, spec=stop, price=at, initial=initial, trail=trail)
        changed = replace(changed, stop=replace(new_stop, moved_at=now))
    if targets:
        done = tuple(t for t in plan.targets if t.done)
        old = [t for t in plan.targets if not t.done]
        weights = [t.weight for t in old] if len(old) == len(targets) else None
        left = HUNDRED - sum((t.weight for t in done), Decimal(0))
        new = _targets_at(targets, equal_parts(len(targets), left), changed)
        if weights:
            new = [
                replace(target, weight=weight, filled_qty=before.filled_qty)
                for target, weight, before in zip(new, weights, old, strict=True)
            ]
        changed = replace(changed, targets=(*done, *(replace(t, moved_at=now) for t in new)))
    if plan.status is PlanStatus.SUSPENDED:
        changed = replace(changed, status=PlanStatus.ACTIVE)
    if changed == plan:
        return plan
    return changed.changed(now, note="moved by the trader")


def _targets_at(
    specs: Sequence[LevelSpec], weights: Sequence[Decimal], plan: ExitPlan
) -> Sequence[TargetPlan]:
    """Targets in the order in which they are reached; as given while the entry is unknown."""
    entry, initial = plan.entry_price, plan.stop.initial
    found = [TargetPlan(spec) for spec in specs]
    if entry is not None:
        at = [target_price(s, plan.side, entry, stop=initial, facts=plan.facts) for s in specs]
        priced = [replace(target, price=price) for target, price in zip(found, at, strict=True)]
        found = list(nearest_first(priced, plan.side))
    return [replace(target, weight=w) for target, w in zip(found, weights, strict=True)]


def _moved_stop(spec: LevelSpec, plan: ExitPlan, entry: Decimal | None) -> Decimal | None:
    """A given price may lie beyond the entry (locking in a gain), also where nobody has told the
    plan yet what was paid; a distance waits for that."""
    if spec.kind is LevelKind.PRICE:
        return safe_stop(spec.value, plan.side, plan.facts.tick)
    return None if entry is None else stop_price(spec, plan.side, entry, plan.facts)
