"""Exit plans of positions: shown with what holds them, made, moved, and put at the broker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from execbot.desk.context import Context
from execbot.desk.errors import NoPlan, NoPosition
from execbot.desk.exit_words import Levels
from execbot.desk.freshen import journal_warnings
from execbot.desk.protect import carry_out, stands, watched_by
from execbot.exits.distances import Distance, distances_of
from execbot.exits.plan.left_to_watch import left_to_watch, without_watch
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.plan.plan_json import to_data
from execbot.exits.plan.wishes import NO_WISHES, Wishes
from execbot.exits.rules.view import Coverage
from execbot.exits.store import open_plans, plan_of
from execbot.journal.records import OrderRecord
from execbot.model.flags import flags_of

if TYPE_CHECKING:
    from execbot.oms.place.held_plans import HeldPlanner

NOBODY_WATCHES = "No `execbot watch` is running: only what the broker holds protects positions."


class Version(Struct, frozen=True):
    """One version of a plan; `stop` is decimal text."""

    version: int
    at: datetime
    status: str
    note: str | None
    stop: str | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "at": self.at,
            "status": self.status,
            "note": self.note,
            "stop": self.stop,
        }


class PlanView(Struct, frozen=True):
    """A plan, how far its levels are from the entry, what is covered, and the orders that hold it.

    `versions` are None where nobody asked for them.
    """

    plan: ExitPlan
    coverage: Coverage
    distances: Sequence[Distance]
    orders: Sequence[OrderRecord]
    versions: Sequence[Version] | None = None

    def to_dict(self) -> dict[str, Any]:
        plan, coverage = self.plan, self.coverage
        data = {
            **to_data(plan),
            "asked": {
                "stop": None if plan.stop.spec is None else str(plan.stop.spec),
                "trail": None if plan.stop.trail is None else str(plan.stop.trail),
                "targets": [str(target.spec) for target in plan.targets],
            },
            "guarded": coverage.state.value,
            "qty": coverage.size,
            "covered_qty": coverage.covered,
            "uncovered_qty": coverage.uncovered,
            "risk_per_share": plan.risk,
            "distances": [one.to_dict() for one in self.distances],
            "orders": [_order_json(record) for record in self.orders],
        }
        if self.versions is not None:
            data["versions"] = [one.to_dict() for one in self.versions]
        return data

    def lines(self) -> list[str]:
        """How far each level is from the entry, a line each."""
        return [f"{self.plan.symbol} {one.words()}" for one in self.distances]


def _order_json(record: OrderRecord) -> dict[str, Any]:
    return {
        "id": record.order_id,
        "client_order_id": record.client_order_id,
        "role": record.role,
        "type": record.order.type,
        "status": record.status,
        "qty": record.order.qty,
        "stop_price": record.order.stop_price,
        "limit_price": record.order.limit_price,
    }


class Plans(Struct, frozen=True):
    views: Sequence[PlanView]
    warnings: Sequence[str] = ()


class Protected(Struct, frozen=True):
    """How the position stands after its plan was carried out; `view` is None without a plan."""

    view: PlanView | None
    uncovered: Decimal
    warnings: Sequence[str] = ()


def plans(desk: Context, symbol: str | None = None, *, history: bool = False) -> Plans:
    """The plans in force, or the one of `symbol`; `history` adds every version."""
    found = [plan for plan in open_plans(desk.journal) if symbol in (None, plan.symbol)]
    views = [_view(desk, plan, history=history) for plan in found]
    warnings = [] if watched_by(desk) or not found else [NOBODY_WATCHES]
    return Plans(views, [*warnings, *journal_warnings(desk)])


def move(desk: Context, symbol: str, levels: Levels, *, far: bool = False) -> Protected:
    """Move the stop or the targets of a position, and have the broker hold them.

    `far`: levels further than half the price away are meant. Raises NoPlan, LevelError,
    FlagNotAllowed, BrokerError.
    """
    plan = plan_of(desk.journal, symbol)
    if plan is None:
        raise NoPlan(symbol)
    desk.placer.refuse_flags(flags_of(far=far))
    _planner(desk).move(plan, levels.stop, levels.targets, far=far)
    return _carried_out(desk, symbol)


def protect(
    desk: Context,
    symbol: str,
    wishes: Wishes = NO_WISHES,
    *,
    far: bool = False,
    keeps_rules: bool = True,
) -> Protected:
    """Give a position a stop and targets, and have the broker hold them.

    Without wishes those of trading.yaml, or a suspended plan again. Without `keeps_rules` the plan
    is left alone afterwards. Raises NoPosition, LevelError, FlagNotAllowed, BrokerError.
    """
    position = desk.client.get_position(symbol)
    if position is None or position.qty == 0:
        raise NoPosition(f"There is no position in {symbol}")
    desk.placer.refuse_flags(flags_of(far=far))
    _planner(desk).protect(symbol, position, wishes, far=far, keeps_rules=keeps_rules)
    return _carried_out(desk, symbol)


def _planner(desk: Context) -> HeldPlanner:
    from execbot.oms.place.held_plans import HeldPlanner

    return HeldPlanner(desk.client, desk.journal, desk.settings.trading, desk.now)


def _carried_out(desk: Context, symbol: str) -> Protected:
    is_watched, coverage = carry_out(desk, symbol)
    plan = plan_of(desk.journal, symbol)
    warnings = [] if is_watched else [NOBODY_WATCHES, *_left(plan)]
    if coverage.uncovered > 0:
        warnings.append(f"{coverage.uncovered} shares have no stop at the broker yet.")
    view = None if plan is None else _view(desk, plan)
    return Protected(view, coverage.uncovered, warnings)


def _left(plan: ExitPlan | None) -> list[str]:
    """What of the plan only a `watch` does."""
    left = () if plan is None else left_to_watch(plan)
    return [without_watch(plan.symbol, left)] if plan is not None and left else []


def _view(desk: Context, plan: ExitPlan, *, history: bool = False) -> PlanView:
    coverage, _ = stands(desk, plan.symbol)
    held = desk.journal.position(plan.symbol)
    entry = held.avg_entry_price if held is not None and held.qty else None
    working = desk.journal.orders("open", symbol=plan.symbol)
    return PlanView(
        plan,
        coverage,
        distances_of(plan, entry, coverage.size or None, desk.now()),
        [record for record in working if record.order.side is plan.exit_side],
        _versions(desk, plan) if history else None,
    )


def _versions(desk: Context, plan: ExitPlan) -> list[Version]:
    return [
        Version(r.version, r.at, r.status, r.body.get("note"), r.body["stop"]["price"])
        for r in desk.journal.plan_history(plan.plan_id)
    ]
