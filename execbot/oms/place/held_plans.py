"""The exit plan of a position that is held already: what `protect` and `exits move` ask for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from execbot.cli.errors import usage
from execbot.desk.context import Context
from execbot.model.symbols import is_pair

if TYPE_CHECKING:
    from decimal import Decimal

    from execbot.exits.levels import LevelFacts
    from execbot.exits.plan.attach import Wishes
    from execbot.exits.plan.plan import ExitPlan, StopPlan, Trail
    from execbot.model.account import Position

BARS_DAYS_BACK = 60


def plan_of_position(
    desk: Context,
    symbol: str,
    position: Position,
    stop: str | None,
    targets: list[str],
    trail: str | None,
) -> ExitPlan:
    from execbot.exits.plan.attach import default_wishes, new_plan
    from execbot.exits.plan.plan import PlanStatus, priced

    trading = desk.settings.trading
    wishes = default_wishes(trading, position.side)
    if stop is not None or targets or trail is not None:
        wishes = _wishes(stop, targets, trail)
    facts = facts_for(desk, symbol, wishes)
    plan = new_plan(
        symbol,
        position.side,
        wishes,
        plan_id=new_plan_id(desk),
        now=desk.now(),
        facts=facts,
        origin="protect",
        status=PlanStatus.ACTIVE,
    )
    entry = position.avg_entry_price or position.current_price
    if entry is None:
        return plan
    if wishes.stop is None and wishes.trail is not None:
        plan = replace(plan, stop=_trail_from_now(desk, plan, wishes.trail, entry))
    plan = replace(priced(plan, entry, desk.now()), version=1, base_qty=abs(position.qty))
    return replace(plan, opened_at=desk.now(), note="protected by hand")


def _wishes(stop: str | None, targets: list[str], trail: str | None) -> Wishes:
    from execbot.exits.levels import LevelKind, parse_level
    from execbot.exits.plan.attach import Wishes, in_equal_parts
    from execbot.exits.plan.plan import Trail, TrailKind

    kinds = {
        LevelKind.PERCENT: TrailKind.PERCENT,
        LevelKind.OFFSET: TrailKind.PRICE,
        LevelKind.ATR: TrailKind.ATR,
    }
    trailing = None
    if trail is not None:
        spec = parse_level(trail)
        if spec.kind not in kinds:
            raise usage(f"--trail was {trail}", hint="A trail is 1%, 2USD or 3ATR.")
        trailing = Trail(kinds[spec.kind], spec.value, from_start=stop is None)
    return Wishes(
        stop=None if stop is None else parse_level(stop),
        trail=trailing,
        targets=in_equal_parts([parse_level(word) for word in targets]),
    )


def facts_for(desk: Context, symbol: str, wishes: Wishes) -> LevelFacts:
    """What the market says, read only when a level is measured from daily bars."""
    from datetime import timedelta

    from execbot.exits.levels import NO_FACTS
    from execbot.exits.plan.attach import facts_from_bars

    tick = None
    if is_pair(symbol):
        tick = desk.client.get_asset(symbol).price_increment
    if not wishes.needs_bars:
        return replace(
            NO_FACTS, tick=tick, offset_pct=desk.settings.trading.stop_loss.key_level_offset_pct
        )
    start = desk.now() - timedelta(days=BARS_DAYS_BACK)
    bars = desk.client.get_bars(symbol, "1Day", start=start)
    return facts_from_bars(desk.settings.trading, bars, tick)


def new_plan_id(desk: Context) -> str:
    return f"plan-{int(desk.now().timestamp() * 1000):012x}{os.urandom(4).hex()}"


def _trail_from_now(desk: Context, plan: ExitPlan, trail: Trail, entry: Decimal) -> StopPlan:
    """The first stop of a trail alone: behind the market where that is worse than the entry."""
    from execbot.exits.levels import stop_price
    from execbot.exits.plan.plan import trail_spec
    from execbot.model.enums import PositionSide

    price = _market_price(desk, plan.symbol) or entry
    mark = min(entry, price) if plan.side is PositionSide.LONG else max(entry, price)
    first = stop_price(trail_spec(trail), plan.side, mark, plan.facts)
    return replace(plan.stop, price=first, initial=first)


def _market_price(desk: Context, symbol: str) -> Decimal | None:
    trade = desk.client.latest_trade(symbol)
    return trade.price if trade is not None and trade.price > 0 else None


def refuse_if_taken(desk: Context, plan: ExitPlan) -> None:
    """A stop at or through the market would be taken at once: that is `close`, not this.

    Raises LevelError.
    """
    from execbot.exits.levels import LevelError, check_stop

    price = _market_price(desk, plan.symbol)
    if plan.stop.price is None or price is None:
        return
    try:
        check_stop(plan.stop.price, plan.side, price)
    except LevelError as error:
        hint = f"{error.hint}; to leave the position now: execbot close {plan.symbol}"
        raise LevelError(error.kind, error.message, hint) from None
