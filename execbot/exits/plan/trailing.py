"""How a stop moves after the entry: a pure step from one price to the next.

Every rule only proposes a stop; the best proposal for the position wins, and a proposal that is
worse than the present stop changes nothing. The one exception is widening in volatility: it is
off unless asked for, and never goes beyond the stop first taken.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.levels import r_multiple, safe_stop
from execbot.exits.plan.plan import ExitPlan, Trail, TrailKind
from execbot.model.enums import PositionSide

SMALLEST_MOVE_PCT = Decimal("0.05")
"""A stop is moved once it gains this much of the price: each replace costs a request of the rate
budget, and a move of a tick protects nothing worth one."""


class StopMove(Struct, frozen=True):
    """A stop that should move, and by which rule (`trail`, `breakeven`, `tighten`, `widen`)."""

    price: Decimal
    rule: str


def follow(plan: ExitPlan, price: Decimal, now: datetime) -> ExitPlan:
    """The plan after seeing `price`: high-water mark, excursions and stop, or the same plan.

    Only a change of the stop makes a new version; marks alone are kept in memory between versions
    (they are derived from prices and would write the journal on every tick).
    """
    seen = marked(plan, price)
    move = next_stop(seen, price)
    if move is None:
        return seen
    stop = replace(seen.stop, price=move.price)
    return seen.changed(now, stop=stop, note=f"stop moved by rule {move.rule}")


def marked(plan: ExitPlan, price: Decimal) -> ExitPlan:
    """The plan with its high-water mark and excursions brought up to `price`."""
    better = max if plan.side is PositionSide.LONG else min
    worse = min if plan.side is PositionSide.LONG else max
    mark = plan.stop.high_water
    mark = price if mark is None else better(mark, price)
    best = price if plan.best_price is None else better(plan.best_price, price)
    worst = price if plan.worst_price is None else worse(plan.worst_price, price)
    if (mark, best, worst) == (plan.stop.high_water, plan.best_price, plan.worst_price):
        return plan
    return replace(
        plan, stop=replace(plan.stop, high_water=mark), best_price=best, worst_price=worst
    )


def next_stop(plan: ExitPlan, price: Decimal) -> StopMove | None:
    """The stop that the rules want at `price`, when it differs enough from the present one."""
    current = plan.stop.price
    if current is None or plan.entry_price is None:
        return None
    proposals = [p for p in (_trail(plan), _breakeven(plan), _tighten(plan, price)) if p]
    smallest = abs(price) * SMALLEST_MOVE_PCT / 100
    long = plan.side is PositionSide.LONG
    best: StopMove | None = None
    for proposal in proposals:
        gain = proposal.price - current if long else current - proposal.price
        if gain < smallest or _beyond(proposal.price, price, plan.side):
            continue
        if best is None or (proposal.price > best.price if long else proposal.price < best.price):
            best = proposal
    return best or _widen(plan, price)


def overruled(plan: ExitPlan, at: Decimal) -> ExitPlan:
    """The plan with rules that let a stop stand which the trader has put at `at`.

    A rule that would move it back at the next price gives way: a trail goes on at the distance that
    was given, break-even and tightening are over. Widening is: nobody has asked for more.
    """
    away = 1 if plan.side is PositionSide.LONG else -1
    mark, trail = plan.stop.high_water, plan.stop.trail
    rules = replace(plan.rules, widen_atr=None)

    def undoes(move: StopMove | None) -> bool:
        return move is not None and (move.price - at) * away > 0

    if trail is not None and mark is not None and undoes(_trail(plan)):
        trail = Trail(TrailKind.PRICE, abs(mark - at), trail.from_start)
    if undoes(_breakeven(plan)):
        rules = replace(rules, breakeven_at_r=None)
    if mark is not None and undoes(_tighten(plan, mark)):
        rules = replace(rules, tighten_within_pct=None)
    return replace(plan, stop=replace(plan.stop, trail=trail), rules=rules)


def _beyond(stop: Decimal, price: Decimal, side: PositionSide) -> bool:
    """A stop at or through the price would be refused: the price has turned already."""
    return stop >= price if side is PositionSide.LONG else stop <= price


def _stop_at(plan: ExitPlan, price: Decimal) -> Decimal:
    return safe_stop(price, plan.side, plan.facts.tick)


def trail_distance(trail: Trail, mark: Decimal, atr: Decimal | None) -> Decimal | None:
    if trail.kind is TrailKind.PERCENT:
        return mark * trail.value / 100
    if trail.kind is TrailKind.PRICE:
        return trail.value
    return None if atr is None else atr * trail.value


def _trail(plan: ExitPlan) -> StopMove | None:
    trail, mark = plan.stop.trail, plan.stop.high_water
    if trail is None or mark is None or plan.entry_price is None:
        return None
    distance = trail_distance(trail, mark, plan.facts.atr)
    if distance is None:
        return None
    long = plan.side is PositionSide.LONG
    raw = mark - distance if long else mark + distance
    locks_in = raw >= plan.entry_price if long else raw <= plan.entry_price
    if not trail.from_start and not locks_in:
        return None
    return StopMove(_stop_at(plan, raw), "trail")


def _breakeven(plan: ExitPlan) -> StopMove | None:
    level, mark = plan.rules.breakeven_at_r, plan.stop.high_water
    if level is None or mark is None or plan.entry_price is None:
        return None
    reached = r_multiple(plan.side, plan.entry_price, plan.stop.initial, mark)
    if reached is None or reached < level:
        return None
    return StopMove(_stop_at(plan, plan.entry_price), "breakeven")


def _tighten(plan: ExitPlan, price: Decimal) -> StopMove | None:
    """Near the next target the stop follows closely: most of the gain is there to be lost."""
    within, mark = plan.rules.tighten_within_pct, plan.stop.high_water
    targets = [t.price for t in plan.open_targets if t.price is not None]
    if within is None or mark is None or not targets:
        return None
    long = plan.side is PositionSide.LONG
    target = min(targets) if long else max(targets)
    if abs(target - mark) > target * within / 100:
        return None
    distance = mark * plan.rules.tighten_to_pct / 100
    return StopMove(_stop_at(plan, mark - distance if long else mark + distance), "tighten")


def _widen(plan: ExitPlan, price: Decimal) -> StopMove | None:
    multiple, atr = plan.rules.widen_atr, plan.facts.atr
    current, initial = plan.stop.price, plan.stop.initial
    if multiple is None or atr is None or current is None or initial is None:
        return None
    long = plan.side is PositionSide.LONG
    wanted = price - multiple * atr if long else price + multiple * atr
    limited = max(wanted, initial) if long else min(wanted, initial)
    stop = _stop_at(plan, limited)
    room = current - stop if long else stop - current
    if room < abs(price) * SMALLEST_MOVE_PCT / 100:
        return None
    return StopMove(stop, "widen")


def time_stop_due(plan: ExitPlan, now: datetime, close_at: datetime | None) -> str | None:
    """Why the position must be left now by the clock, or None.

    `close_at` is the end of the regular session; None for a market that does not close.
    """
    limit = plan.time_stop_at
    if limit is not None and now >= limit:
        return "time_stop"
    minutes = plan.rules.flatten_before_close_minutes
    if minutes is not None and close_at is not None:
        left = (close_at - now).total_seconds()
        if 0 <= left <= minutes * 60:
            return "flatten_before_close"
    return None
