"""The exit plan of one position: what protects it, durable, versioned, readable as JSON.

A plan is a value: each change gives a new plan with `version + 1`, and the journal keeps every
version, so that the history of a stop can be read afterwards. A plan says what is wanted; what
is at the broker is read from the orders, never from the plan.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from execbot.exits.levels import (
    LevelFacts,
    LevelKind,
    LevelSpec,
    parse_level,
    risk_per_share,
    stop_price,
    target_price,
)
from execbot.model.enums import PositionSide, Side
from execbot.model.numbers import ZERO, maybe_decimal, maybe_text, text
from execbot.model.times import iso, maybe_iso, parse_time

PLAN_SCHEMA = 1


class PlanStatus(StrEnum):
    PENDING = "pending"  # the entry has not filled a share yet
    ACTIVE = "active"
    SUSPENDED = "suspended"  # the trader took the exits away; kept until told
    CLOSED = "closed"


class ExitStage(StrEnum):
    """How urgent an exit has become; each stage lasts `exit_timeout_seconds`."""

    LIMIT = "limit"
    MARKETABLE_LIMIT = "marketable_limit"
    MARKET = "market"


class TrailKind(StrEnum):
    PERCENT = "percent"
    PRICE = "price"
    ATR = "atr"


@dataclass(frozen=True, slots=True)
class Trail:
    """A stop that follows the best price by `value` percent, USD, or average true ranges.

    `from_start`: trails from the first fill. Otherwise it begins once it would lock in the entry
    price, so that a wide first stop is not cut short before the position is in profit.
    """

    kind: TrailKind
    value: Decimal
    from_start: bool = True


@dataclass(frozen=True, slots=True)
class StopPlan:
    """`initial` is the stop first taken, which measures R; `price` is where it stands now."""

    spec: LevelSpec | None = None
    price: Decimal | None = None
    initial: Decimal | None = None
    trail: Trail | None = None
    high_water: Decimal | None = None
    """The best price since entry: highest for a long, lowest for a short."""


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """One target; `weight` is its share of the whole position in percent."""

    spec: LevelSpec
    weight: Decimal = Decimal(100)
    price: Decimal | None = None
    filled_qty: Decimal = ZERO
    done: bool = False


@dataclass(frozen=True, slots=True)
class AdjustRules:
    """How the plan may change by itself. None and False are off."""

    breakeven_at_r: Decimal | None = None
    tighten_within_pct: Decimal | None = None
    tighten_to_pct: Decimal = Decimal("0.5")
    widen_atr: Decimal | None = None
    """Widen to this many ATR from the price when volatility grows, within the first risk."""
    time_stop_minutes: int | None = None
    flatten_before_close_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class ExitIntent:
    """A decision to leave the position now, kept until nothing is left of it."""

    reason: str
    since: datetime
    stage: ExitStage
    stage_since: datetime


@dataclass(frozen=True, slots=True)
class Lift:
    """The stop is off on purpose while an addition to the position is bought (wash-trade rule)."""

    reason: str
    until: datetime
    entry_client_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """See the module. `side` is the side of the position, `entry_price` its average price."""

    plan_id: str
    symbol: str
    side: PositionSide
    created_at: datetime
    updated_at: datetime
    version: int = 1
    status: PlanStatus = PlanStatus.PENDING
    origin: str = "submit"
    strategy_id: str | None = None
    strength: Decimal | None = None
    entry_client_order_id: str | None = None
    entry_price: Decimal | None = None
    base_qty: Decimal = ZERO
    """The largest size the position had under this plan: what target weights are taken of."""
    stop: StopPlan = StopPlan()
    targets: tuple[TargetPlan, ...] = ()
    rules: AdjustRules = AdjustRules()
    facts_atr: Decimal | None = None
    opened_at: datetime | None = None
    best_price: Decimal | None = None
    worst_price: Decimal | None = None
    exit: ExitIntent | None = None
    lift: Lift | None = None
    note: str | None = None

    @property
    def exit_side(self) -> Side:
        return Side.SELL if self.side is PositionSide.LONG else Side.BUY

    @property
    def risk(self) -> Decimal | None:
        """One R in USD a share, None while entry or stop is unknown."""
        if self.entry_price is None or self.stop.initial is None:
            return None
        return risk_per_share(self.entry_price, self.stop.initial)

    @property
    def open_targets(self) -> tuple[TargetPlan, ...]:
        return tuple(t for t in self.targets if not t.done and t.price is not None)

    @property
    def time_stop_at(self) -> datetime | None:
        if self.rules.time_stop_minutes is None or self.opened_at is None:
            return None
        return self.opened_at + timedelta(minutes=self.rules.time_stop_minutes)

    def changed(self, now: datetime, **fields: Any) -> ExitPlan:
        """The next version with `fields` replaced."""
        return replace(self, version=self.version + 1, updated_at=now, **fields)


# --- from wanted levels to prices --------------------------------------------------------------


def priced(plan: ExitPlan, entry: Decimal, facts: LevelFacts, now: datetime) -> ExitPlan:
    """Fix every level that has no price yet, measured from `entry`.

    Levels that have a price stay: the trader has seen them, and legs may rest at the broker at
    them. Raises LevelError where a level makes no sense for this entry.
    """
    stop = plan.stop
    if stop.price is None and stop.spec is not None:
        price = stop_price(stop.spec, plan.side, entry, facts)
        stop = replace(stop, price=price, initial=stop.initial or price)
    elif stop.price is None and stop.trail is not None:
        price = stop_price(trail_spec(stop.trail), plan.side, entry, facts)
        stop = replace(stop, price=price, initial=price)
    targets = tuple(
        target
        if target.price is not None
        else replace(
            target,
            price=target_price(target.spec, plan.side, entry, stop=stop.initial, facts=facts),
        )
        for target in plan.targets
    )
    return plan.changed(
        now, entry_price=entry, stop=stop, targets=targets, facts_atr=facts.atr or plan.facts_atr
    )


def trail_spec(trail: Trail) -> LevelSpec:
    """The first stop of a trail, as a level from the entry."""
    return LevelSpec(_TRAIL_LEVEL[trail.kind], trail.value)


_TRAIL_LEVEL = {
    TrailKind.PERCENT: LevelKind.PERCENT,
    TrailKind.PRICE: LevelKind.OFFSET,
    TrailKind.ATR: LevelKind.ATR,
}


def needs_facts(plan: ExitPlan) -> frozenset[LevelKind]:
    """Which levels still to be priced need daily bars: ATR, SUPPORT, RESISTANCE."""
    specs = [t.spec for t in plan.targets if t.price is None]
    if plan.stop.price is None:
        if plan.stop.spec is not None:
            specs.append(plan.stop.spec)
        elif plan.stop.trail is not None:
            specs.append(trail_spec(plan.stop.trail))
    bars = {LevelKind.ATR, LevelKind.SUPPORT, LevelKind.RESISTANCE}
    return frozenset(spec.kind for spec in specs) & bars


# --- JSON --------------------------------------------------------------------------------------


def to_json(plan: ExitPlan) -> str:
    return json.dumps(to_data(plan), separators=(",", ":"))


def from_json(body: str) -> ExitPlan:
    """Raises ValueError for a plan written by a newer version of execbot."""
    return from_data(json.loads(body))


def to_data(plan: ExitPlan) -> dict[str, Any]:
    """Plain data for JSON: decimals as text, times as ISO text; the shape `exits show` prints."""
    return {
        "schema": PLAN_SCHEMA,
        "plan_id": plan.plan_id,
        "version": plan.version,
        "status": plan.status.value,
        "symbol": plan.symbol,
        "side": plan.side.value,
        "origin": plan.origin,
        "strategy_id": plan.strategy_id,
        "strength": maybe_text(plan.strength),
        "entry_client_order_id": plan.entry_client_order_id,
        "entry_price": maybe_text(plan.entry_price),
        "base_qty": text(plan.base_qty),
        "stop": _stop_data(plan.stop),
        "targets": [_target_data(target) for target in plan.targets],
        "rules": _rules_data(plan.rules),
        "facts_atr": maybe_text(plan.facts_atr),
        "opened_at": maybe_iso(plan.opened_at),
        "best_price": maybe_text(plan.best_price),
        "worst_price": maybe_text(plan.worst_price),
        "exit": _exit_data(plan.exit),
        "lift": _lift_data(plan.lift),
        "note": plan.note,
        "created_at": iso(plan.created_at),
        "updated_at": iso(plan.updated_at),
    }


def _stop_data(stop: StopPlan) -> dict[str, Any]:
    trail = stop.trail
    return {
        "spec": None if stop.spec is None else str(stop.spec),
        "price": maybe_text(stop.price),
        "initial": maybe_text(stop.initial),
        "high_water": maybe_text(stop.high_water),
        "trail": None
        if trail is None
        else {
            "kind": trail.kind.value,
            "value": text(trail.value),
            "from_start": trail.from_start,
        },
    }


def _target_data(target: TargetPlan) -> dict[str, Any]:
    return {
        "spec": str(target.spec),
        "weight": text(target.weight),
        "price": maybe_text(target.price),
        "filled_qty": text(target.filled_qty),
        "done": target.done,
    }


def _rules_data(rules: AdjustRules) -> dict[str, Any]:
    return {
        "breakeven_at_r": maybe_text(rules.breakeven_at_r),
        "tighten_within_pct": maybe_text(rules.tighten_within_pct),
        "tighten_to_pct": text(rules.tighten_to_pct),
        "widen_atr": maybe_text(rules.widen_atr),
        "time_stop_minutes": rules.time_stop_minutes,
        "flatten_before_close_minutes": rules.flatten_before_close_minutes,
    }


def _exit_data(intent: ExitIntent | None) -> dict[str, Any] | None:
    if intent is None:
        return None
    return {
        "reason": intent.reason,
        "since": iso(intent.since),
        "stage": intent.stage.value,
        "stage_since": iso(intent.stage_since),
    }


def _lift_data(lift: Lift | None) -> dict[str, Any] | None:
    if lift is None:
        return None
    return {
        "reason": lift.reason,
        "until": iso(lift.until),
        "entry_client_order_id": lift.entry_client_order_id,
    }


def from_data(data: Mapping[str, Any]) -> ExitPlan:
    """Read what `to_data` wrote; absent fields take their defaults, unknown ones are ignored."""
    schema = int(data.get("schema") or 0)
    if schema > PLAN_SCHEMA:
        raise ValueError(f"exit plan schema was {schema}; this version reads up to {PLAN_SCHEMA}")
    created = _time(data, "created_at")
    return ExitPlan(
        plan_id=str(data["plan_id"]),
        symbol=str(data["symbol"]),
        side=PositionSide(data["side"]),
        created_at=created,
        updated_at=parse_time(data.get("updated_at")) or created,
        version=int(data.get("version") or 1),
        status=PlanStatus(data.get("status") or PlanStatus.ACTIVE),
        origin=str(data.get("origin") or ""),
        strategy_id=data.get("strategy_id"),
        strength=maybe_decimal(data.get("strength")),
        entry_client_order_id=data.get("entry_client_order_id"),
        entry_price=maybe_decimal(data.get("entry_price")),
        base_qty=maybe_decimal(data.get("base_qty")) or ZERO,
        stop=_read_stop(data.get("stop") or {}),
        targets=tuple(_read_target(item) for item in data.get("targets") or ()),
        rules=_read_rules(data.get("rules") or {}),
        facts_atr=maybe_decimal(data.get("facts_atr")),
        opened_at=parse_time(data.get("opened_at")),
        best_price=maybe_decimal(data.get("best_price")),
        worst_price=maybe_decimal(data.get("worst_price")),
        exit=_read_exit(data.get("exit")),
        lift=_read_lift(data.get("lift")),
        note=data.get("note"),
    )


def _read_stop(data: Mapping[str, Any]) -> StopPlan:
    spec, trail = data.get("spec"), data.get("trail")
    return StopPlan(
        spec=parse_level(spec) if spec else None,
        price=maybe_decimal(data.get("price")),
        initial=maybe_decimal(data.get("initial")),
        high_water=maybe_decimal(data.get("high_water")),
        trail=None
        if trail is None
        else Trail(
            TrailKind(trail["kind"]), Decimal(trail["value"]), bool(trail.get("from_start", True))
        ),
    )


def _read_target(data: Mapping[str, Any]) -> TargetPlan:
    return TargetPlan(
        spec=parse_level(str(data["spec"])),
        weight=maybe_decimal(data.get("weight")) or Decimal(100),
        price=maybe_decimal(data.get("price")),
        filled_qty=maybe_decimal(data.get("filled_qty")) or ZERO,
        done=bool(data.get("done")),
    )


def _read_rules(data: Mapping[str, Any]) -> AdjustRules:
    return AdjustRules(
        breakeven_at_r=maybe_decimal(data.get("breakeven_at_r")),
        tighten_within_pct=maybe_decimal(data.get("tighten_within_pct")),
        tighten_to_pct=maybe_decimal(data.get("tighten_to_pct")) or Decimal("0.5"),
        widen_atr=maybe_decimal(data.get("widen_atr")),
        time_stop_minutes=data.get("time_stop_minutes"),
        flatten_before_close_minutes=data.get("flatten_before_close_minutes"),
    )


def _read_exit(data: Mapping[str, Any] | None) -> ExitIntent | None:
    if data is None:
        return None
    return ExitIntent(
        reason=str(data.get("reason") or ""),
        since=_time(data, "since"),
        stage=ExitStage(data.get("stage") or ExitStage.MARKET),
        stage_since=_time(data, "stage_since"),
    )


def _read_lift(data: Mapping[str, Any] | None) -> Lift | None:
    if data is None:
        return None
    return Lift(
        reason=str(data.get("reason") or ""),
        until=_time(data, "until"),
        entry_client_order_id=data.get("entry_client_order_id"),
    )


def _time(data: Mapping[str, Any], name: str) -> datetime:
    moment = parse_time(data.get(name))
    if moment is None:
        raise ValueError(f"exit plan has no {name}")
    return moment
