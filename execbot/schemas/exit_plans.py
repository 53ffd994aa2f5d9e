"""Exit plans of positions, and what holds a position without one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from execbot.exits.plan.plan import ExitStage, PlanStatus, TrailKind
from execbot.exits.rules.view import Guarded
from execbot.journal.records import Role
from execbot.model.enums import OrderStatus, OrderType, PositionSide
from execbot.schemas.base import Number, Output, Time
from execbot.schemas.contracts import StructureExits
from execbot.schemas.orders import LevelDistance


class Trail(Output):
    """A stop that follows the best price."""

    kind: TrailKind
    """What `value` counts."""
    value: Number
    """Percent, USD, or average true ranges, by `kind`."""
    from_start: bool
    """Trails from the first fill on; else once it would lock in the entry price."""


class Stop(Output):
    """Where the stop of a plan stands."""

    spec: str | None
    """As it was asked for: `2%`, `1.5ATR`, `182.50`."""
    price: Number | None
    """Where it stands now, USD a share; null until the entry has filled."""
    initial: Number | None
    """Where it stood first: R is measured from it."""
    high_water: Number | None
    """The best price since the entry, USD a share."""
    moved_at: Time | None
    """When the trader moved it last."""
    trail: Trail | None
    """Null for a stop that stays."""


class Target(Output):
    """One price at which profit is taken."""

    spec: str
    """As it was asked for: `2R`, `4%`, `195`."""
    weight: Number
    """Its share of the whole position, percent."""
    price: Number | None
    """USD a share; null until the entry has filled."""
    filled_qty: Number
    """Shares taken by it so far."""
    done: bool
    """Nothing is left of it."""
    moved_at: Time | None
    """When the trader moved it last."""


class ExitRules(Output):
    """How the plan may change by itself; null is off."""

    breakeven_at_r: Number | None
    """The stop goes to the entry after this many R."""
    tighten_within_pct: Number | None
    """The stop tightens when the target is this near, percent."""
    tighten_to_pct: Number
    """To this distance, percent."""
    widen_atr: Number | None
    """The stop may widen to this many average true ranges, within the first risk."""
    time_stop_minutes: int | None
    """The position is left after this many minutes."""
    flatten_before_close_minutes: int | None
    """The position is left so many minutes before the close."""
    remeasure: bool
    """Targets in R or ATR follow the true range."""


class LevelFacts(Output):
    """What the market said when the plan was made; levels priced later are measured by it."""

    atr: Number | None
    """Average true range, USD."""
    lowest_low: Number | None
    """Support, USD a share."""
    highest_high: Number | None
    """Resistance, USD a share."""
    offset_pct: Number
    """How far beyond such a level a stop is placed, percent."""
    tick: Number | None
    """The smallest step of the price, USD."""


class ExitUnderWay(Output):
    """A decision to leave the position."""

    reason: str
    """Why, in words."""
    since: Time
    """When it was decided."""
    stage: ExitStage
    """How urgent it has become."""
    stage_since: Time
    """Since when it is as urgent as it is."""
    keep_qty: Number
    """How many shares are kept."""
    target: int | None
    """Number of the target that it takes, from 0; null when it is none."""


class Lifted(Output):
    """The stop is off on purpose while an addition to the position is bought."""

    reason: str
    """Why, in words."""
    until: Time
    """By then it is back, whatever happens."""
    entry_client_order_id: str | None
    """The order that it makes way for."""
    holder: str | None
    """The process that has lifted it."""


class ExitOrder(Output):
    """An order at the broker that closes the position."""

    id: str
    """The broker's id; empty as long as the broker has given none."""
    client_order_id: str
    """Our id of the order, or that of whoever placed it."""
    role: Role | None
    """Stop, target, or another way out."""
    type: OrderType
    """How it trades."""
    status: OrderStatus
    """Where it stands in its life."""
    qty: Number | None
    """Shares or coins."""
    stop_price: Number | None
    """USD a share."""
    limit_price: Number | None
    """USD a share."""


class PlanVersion(Output):
    """What the plan was at some time."""

    version: int
    """Counts from 1."""
    at: Time
    """When it came into force."""
    status: PlanStatus
    """What the plan was then."""
    note: str | None
    """What changed it."""
    stop: Number | None
    """Where its stop stood, USD a share."""


class Asked(Output):
    """What was asked for, in the words in which it was."""

    stop: str | None
    """`2%`, `support`; null where none was."""
    trail: str | None
    """`1%`, `3ATR`; null for a stop that stays."""
    targets: list[str]
    """`2R`, `4%`, in the order of `targets`."""


class ExitPlan(Output):
    """What protects a position, and what stands at the broker for it."""

    schema_: Annotated[int, Field(alias="schema")]
    """Version of the plan's shape."""
    plan_id: str
    """The plan's id."""
    version: int
    """Each change makes a new one."""
    status: PlanStatus
    """Whether it waits for its entry, acts, rests or is over."""
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    side: PositionSide
    """Of the position."""
    origin: str
    """Who made it: `submit`, `signal`, `protect`."""
    strategy_id: str | None
    """The strategy whose position it is."""
    strength: Number | None
    """Of the signal that it came from, 0 to 100."""
    entry_client_order_id: str | None
    """The order that opens the position."""
    entry_price: Number | None
    """Average, USD a share; null before the first fill."""
    base_qty: Number
    """The largest size that the position had: weights of targets are taken of it."""
    stop: Stop
    """Where the position is given up."""
    targets: list[Target]
    """Where profit is taken, nearest first."""
    rules: ExitRules
    """How it may change by itself."""
    facts: LevelFacts
    """What levels are measured by."""
    opened_at: Time | None
    """When the first share filled."""
    best_price: Number | None
    """The best price for us since the entry, USD a share."""
    worst_price: Number | None
    """The worst price for us since the entry, USD a share."""
    exit: ExitUnderWay | None
    """Null while the position is to be held."""
    lift: Lifted | None
    """Null while the stop is where it belongs."""
    note: str | None
    """What changed it last."""
    created_at: Time
    """When it was made."""
    updated_at: Time
    """When it changed last."""
    asked: Asked
    """What was asked for."""
    distances: list[LevelDistance]
    """How far stop and targets are from the entry, the stop first."""
    guarded: Guarded
    """How the position is protected now."""
    missing: str | None
    """Which protection was promised to it and is not there, in words."""
    qty: Number
    """Shares held, without a sign."""
    covered_qty: Number
    """Shares that have a stop."""
    uncovered_qty: Number
    """Shares that have none."""
    risk_per_share: Number | None
    """One R: from the entry to the first stop, USD a share."""
    orders: list[ExitOrder]
    """What works at the broker for it."""
    versions: list[PlanVersion] | None = None
    """With `--history`: every version, oldest first."""


class RestingStop(Output):
    """The stop of a position without a plan."""

    spec: None
    """Nobody here asked for it."""
    price: Number | None
    """The nearest one that works, USD a share."""


class RestingTarget(Output):
    """A limit that would close a position without a plan."""

    spec: None
    """Nobody here asked for it."""
    price: Number
    """USD a share."""
    done: bool
    """False: it works."""


class Unplanned(Output):
    """A position without a plan, and what stands at the broker for it."""

    plan_id: None
    """There is no plan."""
    status: None
    """There is no plan."""
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    side: PositionSide
    """Of the position."""
    entry_price: Number | None
    """Average, USD a share."""
    stop: RestingStop
    """The stop that works, if one does."""
    targets: list[RestingTarget]
    """Limits that would close it."""
    asked: Asked
    """Nothing was asked for."""
    guarded: Guarded
    """`no_plan`; a contract stands as its structure does."""
    missing: str | None
    """Which protection was promised to it and is not there, in words."""
    structure: StructureExits | None
    """What protects a contract together with others."""
    qty: Number
    """Shares held, without a sign."""
    covered_qty: Number
    """Shares that have a stop."""
    uncovered_qty: Number
    """Shares that have none."""
    orders: list[ExitOrder]
    """What works at the broker to close it."""
