"""Exit plans as plain data for the journal and for `exits show`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from execbot.exits.levels import NO_FACTS, LevelFacts, parse_level
from execbot.exits.plan.plan import (
    AdjustRules,
    ExitIntent,
    ExitPlan,
    ExitStage,
    Lift,
    PlanStatus,
    StopPlan,
    TargetPlan,
    Trail,
    TrailKind,
)
from execbot.model.enums import PositionSide
from execbot.model.numbers import ZERO, known_or, maybe_decimal, maybe_text, text
from execbot.model.times import iso, maybe_iso, parse_time

PLAN_SCHEMA = 1


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
        "facts": _facts_data(plan.facts),
        "opened_at": maybe_iso(plan.opened_at),
        "best_price": maybe_text(plan.best_price),
        "worst_price": maybe_text(plan.worst_price),
        "exit": _exit_data(plan.exit),
        "lift": _lift_data(plan.lift),
        "note": plan.note,
        "created_at": iso(plan.created_at),
        "updated_at": iso(plan.updated_at),
    }


def _facts_data(facts: LevelFacts) -> dict[str, Any]:
    return {
        "atr": maybe_text(facts.atr),
        "lowest_low": maybe_text(facts.lowest_low),
        "highest_high": maybe_text(facts.highest_high),
        "offset_pct": text(facts.offset_pct),
        "tick": maybe_text(facts.tick),
    }


def _stop_data(stop: StopPlan) -> dict[str, Any]:
    trail = stop.trail
    return {
        "spec": None if stop.spec is None else str(stop.spec),
        "price": maybe_text(stop.price),
        "initial": maybe_text(stop.initial),
        "high_water": maybe_text(stop.high_water),
        "moved_at": maybe_iso(stop.moved_at),
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
        "moved_at": maybe_iso(target.moved_at),
    }


def _rules_data(rules: AdjustRules) -> dict[str, Any]:
    return {
        "breakeven_at_r": maybe_text(rules.breakeven_at_r),
        "tighten_within_pct": maybe_text(rules.tighten_within_pct),
        "tighten_to_pct": text(rules.tighten_to_pct),
        "widen_atr": maybe_text(rules.widen_atr),
        "time_stop_minutes": rules.time_stop_minutes,
        "flatten_before_close_minutes": rules.flatten_before_close_minutes,
        "remeasure": rules.remeasure,
    }


def _exit_data(intent: ExitIntent | None) -> dict[str, Any] | None:
    if intent is None:
        return None
    return {
        "reason": intent.reason,
        "since": iso(intent.since),
        "stage": intent.stage.value,
        "stage_since": iso(intent.stage_since),
        "keep_qty": text(intent.keep_qty),
        "target": intent.target,
    }


def _lift_data(lift: Lift | None) -> dict[str, Any] | None:
    if lift is None:
        return None
    return {
        "reason": lift.reason,
        "until": iso(lift.until),
        "entry_client_order_id": lift.entry_client_order_id,
        "holder": lift.holder,
    }


def from_data(data: Mapping[str, Any]) -> ExitPlan:
    """Read what `to_data` wrote; absent fields take their defaults, unknown ones are ignored.

    Raises ValueError for a plan written by a newer version of execbot.
    """
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
        facts=_read_facts(data.get("facts") or {}),
        opened_at=parse_time(data.get("opened_at")),
        best_price=maybe_decimal(data.get("best_price")),
        worst_price=maybe_decimal(data.get("worst_price")),
        exit=_read_exit(data.get("exit")),
        lift=_read_lift(data.get("lift")),
        note=data.get("note"),
    )


def _read_facts(data: Mapping[str, Any]) -> LevelFacts:
    return LevelFacts(
        atr=maybe_decimal(data.get("atr")),
        lowest_low=maybe_decimal(data.get("lowest_low")),
        highest_high=maybe_decimal(data.get("highest_high")),
        offset_pct=known_or(maybe_decimal(data.get("offset_pct")), NO_FACTS.offset_pct),
        tick=maybe_decimal(data.get("tick")),
    )


def _read_stop(data: Mapping[str, Any]) -> StopPlan:
    spec, trail = data.get("spec"), data.get("trail")
    return StopPlan(
        spec=parse_level(spec) if spec else None,
        price=maybe_decimal(data.get("price")),
        initial=maybe_decimal(data.get("initial")),
        high_water=maybe_decimal(data.get("high_water")),
        moved_at=parse_time(data.get("moved_at")),
        trail=None
        if trail is None
        else Trail(
            TrailKind(trail["kind"]), Decimal(trail["value"]), bool(trail.get("from_start", True))
        ),
    )


def _read_target(data: Mapping[str, Any]) -> TargetPlan:
    return TargetPlan(
        spec=parse_level(str(data["spec"])),
        weight=known_or(maybe_decimal(data.get("weight")), Decimal(100)),
        price=maybe_decimal(data.get("price")),
        filled_qty=maybe_decimal(data.get("filled_qty")) or ZERO,
        done=bool(data.get("done")),
        moved_at=parse_time(data.get("moved_at")),
    )


def _read_rules(data: Mapping[str, Any]) -> AdjustRules:
    return AdjustRules(
        breakeven_at_r=maybe_decimal(data.get("breakeven_at_r")),
        tighten_within_pct=maybe_decimal(data.get("tighten_within_pct")),
        tighten_to_pct=known_or(maybe_decimal(data.get("tighten_to_pct")), Decimal("0.5")),
        widen_atr=maybe_decimal(data.get("widen_atr")),
        time_stop_minutes=data.get("time_stop_minutes"),
        flatten_before_close_minutes=data.get("flatten_before_close_minutes"),
        remeasure=bool(data.get("remeasure")),
    )


def _read_exit(data: Mapping[str, Any] | None) -> ExitIntent | None:
    if data is None:
        return None
    return ExitIntent(
        reason=str(data.get("reason") or ""),
        since=_time(data, "since"),
        stage=ExitStage(data.get("stage") or ExitStage.MARKET),
        stage_since=_time(data, "stage_since"),
        keep_qty=maybe_decimal(data.get("keep_qty")) or ZERO,
        target=data.get("target"),
    )


def _read_lift(data: Mapping[str, Any] | None) -> Lift | None:
    if data is None:
        return None
    return Lift(
        reason=str(data.get("reason") or ""),
        until=_time(data, "until"),
        entry_client_order_id=data.get("entry_client_order_id"),
        holder=data.get("holder"),
    )


def _time(data: Mapping[str, Any], name: str) -> datetime:
    moment = parse_time(data.get(name))
    if moment is None:
        raise ValueError(f"exit plan has no {name}")
    return moment
