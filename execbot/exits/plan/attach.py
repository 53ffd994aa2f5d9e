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

from execbot.config.schema import StopMethod, TargetMethod, TradingSettings
from execbot.exits.levels import (
    NO_FACTS,
    LevelFacts,
    LevelKind,
    LevelSpec,
    highest_high,
    lowest_low,
    safe_stop,
    stop_price,
    target_price,
    wilder_atr,
)
from execbot.exits.plan.plan import (
    NO_RULES,
    AdjustRules,
    ExitPlan,
    PlanStatus,
    StopPlan,
    TargetPlan,
    Trail,
    TrailKind,
    nearest_first,
    trail_spec,
)
from execbot.exits.plan.target_shares import equal_parts
from execbot.model.enums import OrderClass, OrderType, PositionSide, Side, TimeInForce
from execbot.model.order import OrderRequest, StopLoss, TakeProfit
from execbot.model.quote import Bar

HUNDRED = Decimal(100)


class Wishes(Struct, frozen=True):
    """What exits a position should have. `targets` are (level, percent of the position)."""

    stop: LevelSpec | None = None
    trail: Trail | None = None
    targets: tuple[tuple[LevelSpec, Decimal], ...] = ()
    rules: AdjustRules = NO_RULES

    @property
    def needs_bars(self) -> bool:
        """Whether a level is measured from daily bars."""
        kinds = {spec.kind for spec, _ in self.targets}
        if self.stop is not None:
            kinds.add(self.stop.kind)
        if self.trail is not None:
            kinds.add(trail_spec(self.trail).kind)
        wanted = {LevelKind.ATR, LevelKind.SUPPORT, LevelKind.RESISTANCE}
        return bool(kinds & wanted) or self.rules.widen_atr is not None


def default_wishes(settings: TradingSettings, side: PositionSide) -> Wishes:
    """The exits of `trading.yaml`: what a signal's position gets."""
    stop, exits = settings.stop_loss, settings.exits
    trails = stop.method is StopMethod.TRAILING
    trail = None
    if trails or stop.use_trailing:
        trail = Trail(TrailKind.PERCENT, stop.trailing_pct, from_start=trails)
    return Wishes(
        stop=None if trails else _stop_spec(settings, side),
        trail=trail,
        targets=_target_specs(settings, side),
        rules=AdjustRules(
            breakeven_at_r=stop.breakeven_at_r,
            tighten_within_pct=stop.tighten_within_pct,
            tighten_to_pct=stop.tighten_to_pct,
            widen_atr=stop.atr_multiplier if stop.widen_in_volatility else None,
            time_stop_minutes=exits.time_stop_minutes,
            flatten_before_close_minutes=exits.flatten_before_close_minutes,
        ),
    )


def _stop_spec(settings: TradingSettings, side: PositionSide) -> LevelSpec:
    stop = settings.stop_loss
    if stop.method is StopMethod.ATR:
        return LevelSpec(LevelKind.ATR, stop.atr_multiplier)
    if stop.method is StopMethod.SUPPORT:
        key = LevelKind.SUPPORT if side is PositionSide.LONG else LevelKind.RESISTANCE
        return LevelSpec(key)
    return LevelSpec(LevelKind.PERCENT, stop.default_pct)


def _target_specs(
    settings: TradingSettings, side: PositionSide
) -> tuple[tuple[LevelSpec, Decimal], ...]:
    profit = settings.take_profit
    if profit.method is TargetMethod.PERCENT:
        return ((LevelSpec(LevelKind.PERCENT, profit.pct), HUNDRED),)
    if profit.method is TargetMethod.RESISTANCE:
        key = LevelKind.RESISTANCE if side is PositionSide.LONG else LevelKind.SUPPORT
        return ((LevelSpec(key), HUNDRED),)
    if profit.partial_exits:
        return tuple(
            (LevelSpec(LevelKind.R_MULTIPLE, part.level), part.size_pct)
            for part in profit.partial_exits
        )
    return ((LevelSpec(LevelKind.R_MULTIPLE, profit.risk_reward_ratio), HUNDRED),)


def facts_from_bars(
    settings: TradingSettings, bars: Sequence[Bar], tick: Decimal | None = None
) -> LevelFacts:
    """Average true range and key levels from complete daily bars, as far as they reach."""
    stop, profit = settings.stop_loss, settings.take_profit
    enough = len(bars) > stop.atr_period
    return LevelFacts(
        atr=wilder_atr(bars, stop.atr_period) if enough else None,
        lowest_low=lowest_low(bars, stop.support_days) if bars else None,
        highest_high=highest_high(bars, profit.resistance_days) if bars else None,
        offset_pct=stop.key_level_offset_pct,
        tick=tick,
    )


class Attached(Struct, frozen=True):
    """What to send, and the plan to make durable before it is sent."""

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
) -> Attached:
    """The entry with its exits. `entry_price` is where it would trade now.

    `request` must have its `client_order_id`. `holds_already`: the symbol has a position, so that
    the broker takes no bracket ("must be entry orders"). A bracket is sent `gtc` unless the time
    in force was given, because day legs vanish at the close and the position stays.
    `stop_goes_along`: with several targets the stop is sent with the entry, for all of it.
    Raises LevelError where a level makes no sense.
    """
    side = PositionSide.LONG if request.side is Side.BUY else PositionSide.SHORT
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
    # Levels that would be refused after the fill are refused now, before anything is sent.
    stop_at, targets_at = _preview(wishes, side, entry_price, facts)
    if not _fits_with_entry(request, wishes, is_crypto, holds_already, stop_goes_along):
        return Attached(request, plan)
    dressed = with_legs(request, stop_at, _goes_along(wishes, targets_at))
    if not tif_is_given:
        dressed = replace(dressed, time_in_force=TimeInForce.GTC)
    stop = replace(plan.stop, price=stop_at, initial=stop_at)
    targets = plan.targets
    if dressed.take_profit is not None:
        targets = tuple(replace(t, price=dressed.take_profit.limit_price) for t in targets)
    return Attached(dressed, replace(plan, stop=stop, targets=targets))


def with_legs(request: OrderRequest, stop: Decimal | None, target: Decimal | None) -> OrderRequest:
    """The entry with these prices as its legs, at least one of them given."""
    both = stop is not None and target is not None
    return replace(
        request,
        order_class=OrderClass.BRACKET if both else OrderClass.OTO,
        stop_loss=None if stop is None else StopLoss(stop),
        take_profit=None if target is None else TakeProfit(target),
    )


def _goes_along(wishes: Wishes, prices: Sequence[Decimal]) -> Decimal | None:
    """The price of the one target that takes the whole position; parts are spread later."""
    whole = [weight for _, weight in wishes.targets] == [HUNDRED]
    return prices[0] if whole else None


def _preview(
    wishes: Wishes, side: PositionSide, entry: Decimal, facts: LevelFacts
) -> tuple[Decimal | None, list[Decimal]]:
    spec = wishes.stop
    if spec is None and wishes.trail is not None:
        spec = trail_spec(wishes.trail)
    stop = None if spec is None else stop_price(spec, side, entry, facts)
    return stop, [
        target_price(level, side, entry, stop=stop, facts=facts) for level, _ in wishes.targets
    ]


def _fits_with_entry(
    request: OrderRequest,
    wishes: Wishes,
    is_crypto: bool,
    holds_already: bool,
    stop_goes_along: bool,
) -> bool:
    whole = request.qty is not None and request.qty == request.qty.to_integral_value()
    one = all(weight == HUNDRED for _, weight in wishes.targets) and len(wishes.targets) <= 1
    trails = wishes.stop is None and wishes.trail is not None
    something = wishes.stop is not None or bool(wishes.targets)
    along = one or (stop_goes_along and wishes.stop is not None)
    entry = request.type in (OrderType.MARKET, OrderType.LIMIT)
    timed = request.time_in_force in (TimeInForce.DAY, TimeInForce.GTC)
    plain = request.order_class in (OrderClass.NONE, OrderClass.SIMPLE)
    refused = is_crypto or holds_already or trails or request.extended_hours
    return whole and along and something and entry and timed and plain and not refused


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


def in_equal_parts(levels: Sequence[LevelSpec]) -> tuple[tuple[LevelSpec, Decimal], ...]:
    """Several targets that share the position alike, as `Wishes` take them."""
    return tuple(zip(levels, equal_parts(len(levels), HUNDRED), strict=True))


def plan_of_legs(
    request: OrderRequest,
    *,
    plan_id: str,
    now: datetime,
    origin: str = "submit",
    spread: Sequence[tuple[LevelSpec, Decimal]] = (),
    facts: LevelFacts = NO_FACTS,
) -> ExitPlan:
    """The plan behind an entry whose legs were priced already (bracket or OTO).

    `spread` are targets (level, percent) that do not go along: they are measured by `facts` from
    the entry price, and become pairs after the fill.
    """
    side = PositionSide.LONG if request.side is Side.BUY else PositionSide.SHORT
    stop = request.stop_loss.stop_price if request.stop_loss is not None else None
    target = request.take_profit.limit_price if request.take_profit is not None else None
    spec = None if stop is None else LevelSpec(LevelKind.PRICE, stop)
    targets: tuple[TargetPlan, ...] = ()
    if target is not None:
        targets = (TargetPlan(LevelSpec(LevelKind.PRICE, target), HUNDRED, target),)
    elif spread:
        targets = tuple(TargetPlan(level, weight) for level, weight in spread)
    return ExitPlan(
        plan_id=plan_id,
        symbol=request.symbol,
        side=side,
        created_at=now,
        updated_at=now,
        origin=origin,
        strategy_id=request.strategy_id,
        entry_client_order_id=request.client_order_id,
        stop=StopPlan(spec, stop, stop),
        targets=targets,
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
        at = None
        if entry is not None:
            at = _stop_of_open_position(stop, plan, entry)
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


def _stop_of_open_position(spec: LevelSpec, plan: ExitPlan, entry: Decimal) -> Decimal:
    """A given price may lie beyond the entry (locking in a gain); a distance is from the entry."""
    if spec.kind is LevelKind.PRICE:
        return safe_stop(spec.value, plan.side, plan.facts.tick)
    return stop_price(spec, plan.side, entry, plan.facts)
