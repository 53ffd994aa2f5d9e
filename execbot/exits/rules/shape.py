"""Chooses the orders that protect a position, of those that the broker can hold.

The broker holds, by kind of position (Alpaca, 2026):

| position            | stop alone            | stop and target   | trailing      |
|---------------------|-----------------------|-------------------|---------------|
| equity, whole       | stop, gtc             | OCO pair, gtc     | trailing_stop |
| equity, fraction    | stop, day             | by watch          | by watch      |
| crypto              | stop_limit, gtc       | by watch          | by watch      |
| option contract     | stop, gtc             | by watch          | by watch      |

Outside the regular session the broker keeps all of these and takes none. `watch` emulates the rows
that say "by watch", and everything in an extended session; that works only while `watch` runs, and
every screen says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.levels import on_grid
from execbot.exits.living_orders import ExitGroup
from execbot.exits.plan.plan import ExitPlan, TrailKind
from execbot.exits.plan.target_shares import split_whole
from execbot.exits.tags import STOP, target_tag
from execbot.model.enums import OrderClass, OrderType, PositionSide, TimeInForce
from execbot.model.numbers import ZERO, fraction_part, whole_part
from execbot.model.order import OrderRequest, StopLoss, TakeProfit
from execbot.model.symbols import is_option

CRYPTO_STOP_LIMIT_PCT = Decimal("3")
"""How far beyond its trigger a crypto stop-limit may still sell. `watch` escalates the rest."""

SMALLEST_BROKER_TRAIL_PCT = Decimal("0.1")


class Ladder(StrEnum):
    """How much of the wished shape the broker has proved to take, best first."""

    FULL = "full"
    STOP_ONLY = "stop_only"
    EMULATED = "emulated"


class WantKind(StrEnum):
    STOP = "stop"
    PAIR = "pair"
    TRAILING = "trailing"
    STOP_LIMIT = "stop_limit"


class Want(Struct, frozen=True):
    """One group that should exist. `target` is the number of the plan's target it serves."""

    kind: WantKind
    qty: Decimal
    time_in_force: TimeInForce = TimeInForce.GTC
    target: int | None = None


class HeldShares(Struct, frozen=True):
    """The shares to protect: `qty` is unsigned. `tick` is a crypto pair's price step."""

    symbol: str
    side: PositionSide
    qty: Decimal
    is_crypto: bool = False
    tick: Decimal | None = None
    stop_limit_pct: Decimal | None = None
    """Of contracts: how far beyond its trigger a stop may still trade; None: at market."""


def wanted(plan: ExitPlan, holding: HeldShares, ladder: Ladder = Ladder.FULL) -> tuple[Want, ...]:
    """The groups that should protect `holding`; their quantities sum to it exactly."""
    if holding.qty <= 0 or ladder is Ladder.EMULATED or not has_stop(plan):
        return ()
    if holding.is_crypto:
        return (Want(WantKind.STOP_LIMIT, holding.qty),)
    if is_option(holding.symbol):
        kind = WantKind.STOP if holding.stop_limit_pct is None else WantKind.STOP_LIMIT
        return (Want(kind, holding.qty),)
    whole, rest = whole_part(holding.qty), fraction_part(holding.qty)
    wants: list[Want] = []
    if whole > 0:
        wants.extend(_wanted_whole(plan, whole, ladder))
    if rest > 0:
        wants.append(Want(WantKind.STOP, rest, TimeInForce.DAY))
    return tuple(wants)


def _wanted_whole(plan: ExitPlan, whole: Decimal, ladder: Ladder) -> list[Want]:
    if ladder is Ladder.FULL and broker_can_trail(plan) and not has_trailed(plan):
        return [Want(WantKind.TRAILING, whole)]
    if ladder is not Ladder.FULL or not plan.open_targets:
        return [Want(WantKind.STOP, whole)]
    wants = []
    for number, qty in target_quantities(plan, whole).items():
        if qty > 0:
            kind = WantKind.STOP if number is None else WantKind.PAIR
            wants.append(Want(kind, qty, target=number))
    return wants


def missing_wants(plan: ExitPlan, wants: Sequence[Want], groups: Sequence[ExitGroup]) -> list[Want]:
    """The part of `wants` that no armed group serves yet, by quantity. An arriving group counts as
    there."""
    pool: dict[tuple[bool, int | None], Decimal] = {}
    for group in groups:
        qty = group.covered + group.arriving
        if qty > 0:
            purpose = _purpose_of(group, plan)
            pool[purpose] = pool.get(purpose, ZERO) + qty
    missing = []
    for want in wants:
        purpose = _purpose(want, plan)
        there = min(pool.get(purpose, ZERO), want.qty)
        if there > 0:
            pool[purpose] -= there
        if want.qty > there:
            missing.append(replace(want, qty=want.qty - there))
    return missing


def surplus_groups(
    plan: ExitPlan, wants: Sequence[Want], groups: Sequence[ExitGroup]
) -> list[ExitGroup]:
    """Groups that hold more than their purpose is wanted for, or a purpose nobody wants."""
    left: dict[tuple[bool, int | None], Decimal] = {}
    for want in wants:
        purpose = _purpose(want, plan)
        left[purpose] = left.get(purpose, ZERO) + want.qty
    surplus = []
    for group in groups:
        purpose = _purpose_of(group, plan)
        room = left.get(purpose, ZERO) - group.held
        if room < 0:
            surplus.append(group)
        else:
            left[purpose] = room
    return surplus


def _purpose(want: Want, plan: ExitPlan) -> tuple[bool, int | None]:
    """A stop and a trailing stop serve alike while the plan trails from the start."""
    return (want.kind is WantKind.TRAILING and not broker_can_trail(plan), want.target)


def _purpose_of(group: ExitGroup, plan: ExitPlan) -> tuple[bool, int | None]:
    trails = group.stop is not None and group.stop.order.type is OrderType.TRAILING_STOP
    return (trails and not broker_can_trail(plan), group.target_number)


def has_stop(plan: ExitPlan) -> bool:
    return plan.stop.price is not None


def broker_can_trail(plan: ExitPlan) -> bool:
    """A pure trailing stop with nothing else to obey is the broker's to keep."""
    trail = plan.stop.trail
    if trail is None or not trail.from_start or plan.targets or trail.kind is TrailKind.ATR:
        return False
    rules = plan.rules
    if rules.breakeven_at_r is not None or rules.tighten_within_pct is not None:
        return False
    return trail.kind is not TrailKind.PERCENT or trail.value >= SMALLEST_BROKER_TRAIL_PCT


def has_trailed(plan: ExitPlan) -> bool:
    """The stop has moved since the entry. A new trailing stop of the broker's would begin again
    from the market, and stand looser: what is placed from now on is a stop that we trail."""
    return plan.stop.price != plan.stop.initial


def target_quantities(plan: ExitPlan, whole: Decimal) -> dict[int | None, Decimal]:
    """Whole shares for each open target (None: the part that runs without one).

    Weights are taken of the largest size the position had, less what each target has filled
    already; a difference to the present size is taken from, or given to, the farthest part.
    """
    numbers: list[int | None] = list(range(len(plan.targets)))
    weights = [target.weight for target in plan.targets]
    runner = Decimal(100) - sum(weights, ZERO)
    if runner > 0:
        numbers.append(None)
        weights.append(runner)
    base = max(whole_part(plan.base_qty), whole)
    parts = dict(zip(numbers, split_whole(base, weights), strict=True))
    left: dict[int | None, Decimal] = {}
    for number, qty in parts.items():
        if number is None:
            left[number] = qty
        elif not plan.targets[number].done and plan.targets[number].price is not None:
            left[number] = max(qty - whole_part(plan.targets[number].filled_qty), ZERO)
    return _fitted(left, whole) if left else {None: whole}


def _fitted(parts: Mapping[int | None, Decimal], whole: Decimal) -> dict[int | None, Decimal]:
    fitted = dict(parts)
    surplus = sum(fitted.values(), ZERO) - whole
    for number in reversed(list(fitted)):
        if surplus == 0:
            break
        if surplus < 0:
            fitted[number] -= surplus
            surplus = ZERO
        else:
            cut = min(surplus, fitted[number])
            fitted[number] -= cut
            surplus -= cut
    return fitted


def exit_request(plan: ExitPlan, want: Want, holding: HeldShares) -> OrderRequest:
    """The order that makes `want` true, closing only: the broker refuses it as an opening one."""
    base = OrderRequest(
        symbol=holding.symbol,
        side=plan.exit_side,
        qty=want.qty,
        time_in_force=want.time_in_force,
        strategy_id=plan.strategy_id,
        position_intent=plan.exit_side.to_close,
    )
    return _SHAPES[want.kind](base, plan, want, holding)


def _stop(base: OrderRequest, plan: ExitPlan, want: Want, holding: HeldShares) -> OrderRequest:
    return replace(base, type=OrderType.STOP, stop_price=plan.stop.price)


def _pair(base: OrderRequest, plan: ExitPlan, want: Want, holding: HeldShares) -> OrderRequest:
    assert want.target is not None and plan.stop.price is not None
    price = plan.targets[want.target].price
    assert price is not None
    return replace(
        base,
        type=OrderType.LIMIT,
        order_class=OrderClass.OCO,
        take_profit=TakeProfit(price),
        stop_loss=StopLoss(plan.stop.price),
    )


def _trailing(base: OrderRequest, plan: ExitPlan, want: Want, holding: HeldShares) -> OrderRequest:
    trail = plan.stop.trail
    assert trail is not None
    if trail.kind is TrailKind.PERCENT:
        return replace(base, type=OrderType.TRAILING_STOP, trail_percent=trail.value)
    return replace(base, type=OrderType.TRAILING_STOP, trail_price=trail.value)


def _stop_limit(
    base: OrderRequest, plan: ExitPlan, want: Want, holding: HeldShares
) -> OrderRequest:
    limit = stop_limit_price(plan, holding.tick, holding.stop_limit_pct)
    return replace(base, type=OrderType.STOP_LIMIT, stop_price=plan.stop.price, limit_price=limit)


def stop_limit_price(
    plan: ExitPlan, tick: Decimal | None, pct: Decimal | None = None
) -> Decimal | None:
    """How far a stop-limit may still sell: some percent beyond its trigger."""
    if plan.stop.price is None:
        return None
    worse = -1 if plan.side is PositionSide.LONG else 1
    away = CRYPTO_STOP_LIMIT_PCT if pct is None else pct
    raw = plan.stop.price * (1 + worse * away / 100)
    return on_grid(raw, up=plan.side is PositionSide.SHORT, tick=tick)


_SHAPES = {
    WantKind.STOP: _stop,
    WantKind.PAIR: _pair,
    WantKind.TRAILING: _trailing,
    WantKind.STOP_LIMIT: _stop_limit,
}


def want_tag(want: Want) -> str:
    return STOP if want.target is None else target_tag(want.target)
