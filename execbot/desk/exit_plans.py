"""Exit plans of positions: shown with what holds them, made, moved, and put at the broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from execbot.desk.account import Desk
from execbot.desk.errors import NoPlan, NoPosition
from execbot.desk.exit_words import Levels
from execbot.desk.look.freshen import freshen
from execbot.desk.look.protection import Protection, protection_of
from execbot.desk.opening.outcomes import CommandStep, carried_out
from execbot.desk.protect import carry_out, stands, watched_by
from execbot.exits.distances import Distance, distances_of
from execbot.exits.plan.left_to_watch import left_to_watch, without_watch
from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.plan.plan_json import to_data
from execbot.exits.plan.wishes import NO_WISHES, Wishes
from execbot.exits.position_view import Known, position_view
from execbot.exits.rules.view import Coverage
from execbot.exits.store import every_plan, open_plans, plan_of
from execbot.exits.structures.plan import StructurePlan, structure_plans
from execbot.journal.records import OrderRecord
from execbot.model.enums import PositionSide, Side
from execbot.model.flags import flags_of
from execbot.model.numbers import ZERO, maybe_text, text
from execbot.model.symbols import symbol_key, units_word

if TYPE_CHECKING:
    from execbot.oms.place.held_plans import HeldPlanner

LOOK = "see `execbot exits show`."
ENTRY_UNKNOWN = timedelta(minutes=2)
"""How long a plan whose entry is not in the journal may still be about to be sent."""

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

    `missing` says which protection was promised and is not there; `versions` are None where nobody
    asked for them.
    """

    plan: ExitPlan
    coverage: Coverage
    distances: Sequence[Distance]
    orders: Sequence[OrderRecord]
    missing: str = ""
    versions: Sequence[Version] | None = None

    def to_dict(self) -> dict[str, Any]:
        plan = self.plan
        data = {
            **to_data(plan),
            "asked": {
                "stop": None if plan.stop.spec is None else str(plan.stop.spec),
                "trail": None if plan.stop.trail is None else str(plan.stop.trail),
                "targets": [str(target.spec) for target in plan.targets],
            },
            **_standing_json(self.coverage, self.missing, self.orders),
            "risk_per_share": plan.risk,
            "distances": [one.to_dict() for one in self.distances],
        }
        if self.versions is not None:
            data["versions"] = [one.to_dict() for one in self.versions]
        return data

    def lines(self) -> list[str]:
        """How far each level is from the entry, a line each."""
        return [f"{self.plan.symbol} {one.words()}" for one in self.distances]


class Unplanned(Struct, frozen=True):
    """A position without a plan, and the orders that would close it."""

    symbol: str
    qty: Decimal
    entry_price: Decimal | None
    stop: Decimal | None
    targets: Sequence[Decimal]
    coverage: Coverage
    orders: Sequence[OrderRecord]
    missing: str = ""
    structure: StructurePlan | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "structure": None if self.structure is None else self.structure.shown(),
            "plan_id": None,
            "status": None,
            "symbol": self.symbol,
            "side": PositionSide.of(self.qty).value,
            "entry_price": maybe_text(self.entry_price),
            "stop": {"spec": None, "price": maybe_text(self.stop)},
            "targets": [
                {"spec": None, "price": text(price), "done": False} for price in self.targets
            ],
            "asked": {"stop": None, "trail": None, "targets": []},
            **_standing_json(self.coverage, self.missing, self.orders),
        }

    def lines(self) -> list[str]:
        if self.structure is None:
            return []
        return [f"{self.symbol} with its structure: {self.structure.levels}"]


def _standing_json(
    coverage: Coverage, missing: str, orders: Sequence[OrderRecord]
) -> dict[str, Any]:
    return {
        "guarded": coverage.state.value,
        "missing": missing or None,
        "qty": coverage.size,
        "covered_qty": coverage.covered,
        "uncovered_qty": coverage.uncovered,
        "orders": [_order_json(record) for record in orders],
    }


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
    views: Sequence[PlanView | Unplanned]
    warnings: Sequence[str] = ()


class Protected(Struct, frozen=True):
    """How the position stands after its plan was carried out; `view` is None without a plan."""

    view: PlanView | None
    uncovered: Decimal
    warnings: Sequence[str] = ()
    is_done: bool = True
    """Whether the orders at the broker stand as the plan says."""


def plans(desk: Desk, symbol: str | None = None, *, history: bool = False) -> Plans:
    """How each position is protected, and the plans that wait for an entry; or those of `symbol`.

    A plan whose shares were sold, or whose entry came to nothing, protects nothing and is left out.
    `history` adds every version, and with a symbol the plans of its earlier positions.
    """
    warnings = freshen(desk)
    protected = {symbol_key(found.symbol): found for found in protection_of(desk)}
    views = [
        _view(desk, found.plan, found, history=history) if found.plan else _unplanned(desk, found)
        for key, found in protected.items()
        if symbol is None or key == symbol_key(symbol)
    ]
    shown = {view.plan.plan_id for view in views if isinstance(view, PlanView)}
    others = every_plan(desk.journal, symbol) if history and symbol else _waiting(desk, symbol)
    views += [
        _view(desk, plan, None, history=history) for plan in others if plan.plan_id not in shown
    ]
    nobody = [] if watched_by(desk) or not views else [NOBODY_WATCHES]
    return Plans(views, [*nobody, *_missing_words(protected, symbol), *warnings])


def _missing_words(protected: Mapping[str, Protection], symbol: str | None) -> list[str]:
    shown = protected.values() if symbol is None else [protected.get(symbol_key(symbol))]
    return [str(found) for found in shown if found is not None and found.missing]


def _waiting(desk: Desk, symbol: str | None) -> list[ExitPlan]:
    """Plans whose shares may yet come, or come back."""
    found = [plan for plan in open_plans(desk.journal) if symbol in (None, plan.symbol)]
    return [plan for plan in found if _may_begin(desk, plan)]


def _may_begin(desk: Desk, plan: ExitPlan) -> bool:
    if plan.status is not PlanStatus.PENDING:
        return plan.status is PlanStatus.SLEEPING
    entry = desk.journal.order_by_client_id(plan.entry_client_order_id or "")
    if entry is None:
        return desk.now() - plan.created_at < ENTRY_UNKNOWN
    after = desk.journal.successors([entry])
    return any(record.order.is_open for record in (entry, *after))


def planned(desk: Desk, symbol: str) -> ExitPlan:
    """The plan of a position, which can be moved. Raises NoPlan."""
    plan = plan_of(desk.journal, symbol)
    if plan is None:
        raise _no_plan(desk, symbol)
    return plan


def _no_plan(desk: Desk, symbol: str) -> NoPlan:
    """A leg's exits are its structure's: they are given anew."""
    error = NoPlan(symbol)
    structure = next(
        (p for p in structure_plans(desk.journal, desk.now()) if symbol in p.ratios), None
    )
    if structure is not None:
        error.hint = f"It has those of its structure: {structure.levels}."
        legs = " ".join(sorted(structure.ratios))
        error.next_step = f"Give them anew: execbot option protect {legs} --stop PRICE"
    return error


@carried_out(
    CommandStep.INTENT, CommandStep.ANSWER, CommandStep.CANCEL, CommandStep.PLAN, CommandStep.MARK
)
def move(desk: Desk, symbol: str, levels: Levels, *, far: bool = False) -> Protected:
    """Move the stop or the targets of a position, and have the broker hold them.

    `far`: levels further than half the price away are meant. Raises NoPlan, LevelError,
    FlagNotAllowed, BrokerError.
    """
    plan = planned(desk, symbol)
    desk.placer.refuse_flags(flags_of(far=far))
    _planner(desk).move(plan, levels.stop, levels.targets, far=far)
    return _carried_out(desk, symbol)


@carried_out(
    CommandStep.INTENT, CommandStep.ANSWER, CommandStep.CANCEL, CommandStep.PLAN, CommandStep.MARK
)
def protect(
    desk: Desk,
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


def _planner(desk: Desk) -> HeldPlanner:
    from execbot.oms.place.held_plans import HeldPlanner

    return HeldPlanner(desk.client, desk.journal, desk.settings.trading, desk.now)


def _carried_out(desk: Desk, symbol: str) -> Protected:
    is_watched = carry_out(desk, symbol)
    plan, key = plan_of(desk.journal, symbol), symbol_key(symbol)
    found = next((one for one in protection_of(desk) if symbol_key(one.symbol) == key), None)
    uncovered = found.coverage.uncovered if found is not None else ZERO
    warnings = [] if is_watched else [NOBODY_WATCHES, *_left(plan)]
    if uncovered > 0:
        warnings.append(f"{uncovered} {units_word(symbol)} have no stop at the broker yet.")
    is_done = stands(desk, symbol)
    if not is_done and not uncovered:
        warnings.append(f"The orders at the broker do not stand as the plan says yet: {LOOK}")
    view = None if plan is None else _view(desk, plan, found)
    return Protected(view, uncovered, warnings, is_done)


def _left(plan: ExitPlan | None) -> list[str]:
    """The parts of the plan that only a `watch` carries out."""
    left = () if plan is None else left_to_watch(plan)
    return [without_watch(plan.symbol, left)] if plan is not None and left else []


def _view(
    desk: Desk, plan: ExitPlan, found: Protection | None, *, history: bool = False
) -> PlanView:
    """`found` is None where no shares are held for the plan."""
    coverage = found.coverage if found is not None else Coverage()
    held = desk.journal.position(plan.symbol)
    entry = held.avg_entry_price if held is not None and held.qty and found is not None else None
    return PlanView(
        plan,
        coverage,
        distances_of(plan, entry, coverage.size or None, desk.now()),
        _closing(desk, plan.symbol, plan.exit_side) if found is not None else (),
        found.missing if found is not None else "",
        _versions(desk, plan) if history else None,
    )


def _unplanned(desk: Desk, found: Protection) -> Unplanned:
    held = desk.journal.position(found.symbol)
    entry = held.avg_entry_price if held is not None and held.qty else None
    orders = _closing(desk, found.symbol, PositionSide.of(found.qty).closing)
    resting = position_view(
        found.symbol, found.qty, Known(), now=desk.now(), orders=[r.order for r in orders]
    )
    return Unplanned(
        found.symbol,
        found.qty,
        entry,
        resting.stop,
        resting.targets,
        found.coverage,
        orders,
        found.missing,
        found.structure_plan,
    )


def _closing(desk: Desk, symbol: str, side: Side) -> list[OrderRecord]:
    working = desk.journal.orders("open", symbol=symbol)
    return [record for record in working if record.order.side is side]


def _versions(desk: Desk, plan: ExitPlan) -> list[Version]:
    return [
        Version(r.version, r.at, r.status, r.body.get("note"), r.body["stop"]["price"])
        for r in desk.journal.plan_history(plan.plan_id)
    ]
