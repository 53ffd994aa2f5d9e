"""Wishes for exits: levels as the trader said them, before any has a price."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from execbot.config.schema import StopMethod, TargetMethod, TradingSettings
from execbot.exits.levels import LevelKind, LevelSpec
from execbot.exits.plan.plan import (
    NO_RULES,
    AdjustRules,
    ExitPlan,
    Trail,
    TrailKind,
    trail_spec,
)
from execbot.exits.plan.target_shares import equal_parts
from execbot.model.enums import PositionSide
from execbot.model.numbers import ZERO, text

HUNDRED = Decimal(100)


class Wishes(Struct, frozen=True):
    """The exits that a position should have. `targets` are (level, percent of the position)."""

    stop: LevelSpec | None = None
    trail: Trail | None = None
    targets: tuple[tuple[LevelSpec, Decimal], ...] = ()
    rules: AdjustRules = NO_RULES

    @property
    def has_levels(self) -> bool:
        """Whether there is a stop, a trail or a target; rules alone protect nothing."""
        return self.stop is not None or self.trail is not None or bool(self.targets)

    @property
    def needs_bars(self) -> bool:
        """Whether a level is measured from daily bars."""
        kinds = {spec.kind for spec, _ in self.targets}
        if self.stop is not None:
            kinds.add(self.stop.kind)
        if self.trail is not None:
            kinds.add(trail_spec(self.trail).kind)
        wanted = {LevelKind.ATR, LevelKind.SUPPORT, LevelKind.RESISTANCE}
        if self.rules.remeasure:
            wanted.add(LevelKind.R_MULTIPLE)
        return bool(kinds & wanted) or self.rules.widen_atr is not None


NO_WISHES = Wishes()


def wishes_of(plan: ExitPlan) -> Wishes:
    """The wishes that a plan was made from, to make it once more: in a queue, or for another
    try."""
    targets = tuple((target.spec, target.weight) for target in plan.targets)
    return Wishes(plan.stop.spec, plan.stop.trail, targets, plan.rules)


def in_equal_parts(levels: Sequence[LevelSpec]) -> tuple[tuple[LevelSpec, Decimal], ...]:
    """Several targets that share the position alike, as `Wishes` take them."""
    return tuple(zip(levels, equal_parts(len(levels), HUNDRED), strict=True))


def default_wishes(settings: TradingSettings, side: PositionSide) -> Wishes:
    """The exits of `trading.yaml`: what a signal's position gets."""
    stop = settings.stop_loss
    trails = stop.method is StopMethod.TRAILING
    trail = None
    if trails or stop.use_trailing:
        trail = Trail(TrailKind.PERCENT, stop.trailing_pct, from_start=trails)
    return Wishes(
        stop=None if trails else _stop_spec(settings, side),
        trail=trail,
        targets=_target_specs(settings, side),
        rules=default_rules(settings),
    )


def default_rules(settings: TradingSettings) -> AdjustRules:
    """How trading.yaml lets a plan change by itself."""
    stop = settings.stop_loss
    return AdjustRules(
        breakeven_at_r=stop.breakeven_at_r,
        tighten_within_pct=stop.tighten_within_pct,
        tighten_to_pct=stop.tighten_to_pct,
        widen_atr=stop.atr_multiplier if stop.widen_in_volatility else None,
        time_stop_minutes=settings.exits.time_stop_minutes,
        flatten_before_close_minutes=settings.exits.flatten_before_close_minutes,
        remeasure=settings.take_profit.remeasure,
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


class Risked(Struct, frozen=True):
    """The allowed loss at the stop: percent of equity, or dollars; exactly one of them."""

    pct: Decimal | None = None
    usd: Decimal | None = None

    def __str__(self) -> str:
        return f"{text(self.pct)}%" if self.pct is not None else f"{text(self.usd or ZERO)}USD"
