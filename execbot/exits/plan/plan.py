"""The exit plan of one position: what protects it, durable, versioned, readable as JSON.

A plan is a value: each change gives a new plan with `version + 1`, and the journal keeps every
version, so that the history of a stop can be read afterwards. A plan says what is wanted; what
is at the broker is read from the orders, never from the plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.levels import (
    NO_FACTS,
    LevelFacts,
    LevelKind,
    LevelSpec,
    risk_per_share,
    stop_price,
    target_price,
)
from execbot.model.enums import PositionSide, Side
from execbot.model.numbers import ZERO


class PlanStatus(StrEnum):
    PENDING = "pending"  # the entry has not filled a share yet
    ACTIVE = "active"
    SUSPENDED = "suspended"  # the trader took the exits away; kept until told
    SLEEPING = "sleeping"  # its shares went without a sale; kept for a while, they may come back
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


class Trail(Struct, frozen=True):
    """A stop that follows the best price by `value` percent, USD, or average true ranges.

    `from_start`: trails from the first fill. Otherwise it begins once it would lock in the entry
    price, so that a wide first stop is not cut short before the position is in profit.
    """

    kind: TrailKind
    value: Decimal
    from_start: bool = True

    def __str__(self) -> str:
        """As it is asked for: `1%`, `2USD`, `3ATR`."""
        return str(trail_spec(self))


class StopPlan(Struct, frozen=True):
    """`initial` is the stop first taken, which measures R; `price` is where it stands now."""

    spec: LevelSpec | None = None
    price: Decimal | None = None
    initial: Decimal | None = None
    trail: Trail | None = None
    high_water: Decimal | None = None
    """The best price since entry: highest for a long, lowest for a short."""
    moved_at: datetime | None = None
    """When the trader moved it last; a move at the broker counts when its order is younger."""


class TargetPlan(Struct, frozen=True):
    """One target; `weight` is its share of the whole position in percent."""

    spec: LevelSpec
    weight: Decimal = Decimal(100)
    price: Decimal | None = None
    filled_qty: Decimal = ZERO
    done: bool = False
    moved_at: datetime | None = None


class AdjustRules(Struct, frozen=True):
    """How the plan may change by itself. None and False are off."""

    breakeven_at_r: Decimal | None = None
    tighten_within_pct: Decimal | None = None
    tighten_to_pct: Decimal = Decimal("0.5")
    widen_atr: Decimal | None = None
    """Widen to this many ATR from the price when volatility grows, within the first risk."""
    time_stop_minutes: int | None = None
    flatten_before_close_minutes: int | None = None
    remeasure: bool = False
    """Targets in R or ATR follow the true range; see `execbot.exits.plan.remeasure`."""


NO_RULES = AdjustRules()


class ExitIntent(Struct, frozen=True):
    """A decision to leave the position now, kept until no more than `keep_qty` is left of it.

    `target` is the number of the target that this exit takes, for targets watched by us.
    """

    reason: str
    since: datetime
    stage: ExitStage
    stage_since: datetime
    keep_qty: Decimal = ZERO
    target: int | None = None


LIFT_LONGEST = timedelta(minutes=1)


class Lift(Struct, frozen=True):
    """The stop is off on purpose while an addition to the position is bought (wash-trade rule).

    `holder` is the process that has lifted it, and lengthens `until` for as long as it lives.
    `until` is a time of day, by the broker's clock as the holder read it.
    """

    reason: str
    until: datetime
    entry_client_order_id: str | None = None
    holder: str | None = None

    def lasts(self, now: datetime) -> bool:
        """Whether the stop may still be off. A lease that ends further ahead than any is ever given
        comes from a clock that was wrong: it is over, and the stop comes back."""
        return timedelta(0) < self.until - now <= LIFT_LONGEST


class ExitPlan(Struct, frozen=True):
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
    facts: LevelFacts = NO_FACTS
    """What the market said when the plan was made; levels priced later are measured by it."""
    opened_at: datetime | None = None
    best_price: Decimal | None = None
    worst_price: Decimal | None = None
    exit: ExitIntent | None = None
    lift: Lift | None = None
    note: str | None = None

    @property
    def exit_side(self) -> Side:
        return self.side.closing

    @property
    def risk(self) -> Decimal | None:
        """One R in USD a share, None while entry or stop is unknown."""
        if self.entry_price is None or self.stop.initial is None:
            return None
        return risk_per_share(self.entry_price, self.stop.initial)

    @property
    def is_open(self) -> bool:
        return self.status is not PlanStatus.CLOSED

    @property
    def said_at(self) -> datetime:
        """When its levels were given or moved last."""
        moved = (self.stop.moved_at, *(target.moved_at for target in self.targets))
        return max(self.created_at, *(at or self.created_at for at in moved))

    @property
    def open_targets(self) -> tuple[TargetPlan, ...]:
        return tuple(t for t in self.targets if not t.done and t.price is not None)

    @property
    def targets_take_all(self) -> bool:
        """No part of the position runs on without a target."""
        return bool(self.targets) and sum((t.weight for t in self.targets), ZERO) >= 100

    @property
    def time_stop_at(self) -> datetime | None:
        if self.rules.time_stop_minutes is None or self.opened_at is None:
            return None
        return self.opened_at + timedelta(minutes=self.rules.time_stop_minutes)

    def changed(self, now: datetime, **fields: Any) -> ExitPlan:
        """The next version with `fields` replaced."""
        return replace(self, version=self.version + 1, updated_at=now, **fields)


# --- from wanted levels to prices --------------------------------------------------------------


def priced(plan: ExitPlan, entry: Decimal, now: datetime) -> ExitPlan:
    """Fix every level that has no price yet, measured from `entry`.

    Levels that have a price stay: the trader has seen them, and legs may rest at the broker at
    them. Raises LevelError where a level makes no sense for this entry.
    """
    stop, facts = plan.stop, plan.facts
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
    if all(target.price is None for target in plan.targets):
        targets = nearest_first(targets, plan.side)
    return plan.changed(now, entry_price=entry, stop=stop, targets=targets)


def nearest_first(targets: Iterable[TargetPlan], side: PositionSide) -> tuple[TargetPlan, ...]:
    """In the order in which a price that runs the right way reaches them. All have prices."""
    away = -1 if side is PositionSide.SHORT else 1
    return tuple(sorted(targets, key=lambda t: away * (t.price or ZERO)))


def trail_spec(trail: Trail) -> LevelSpec:
    """The first stop of a trail, as a level from the entry."""
    return LevelSpec(_TRAIL_LEVEL[trail.kind], trail.value)


_TRAIL_LEVEL = {
    TrailKind.PERCENT: LevelKind.PERCENT,
    TrailKind.PRICE: LevelKind.OFFSET,
    TrailKind.ATR: LevelKind.ATR,
}
