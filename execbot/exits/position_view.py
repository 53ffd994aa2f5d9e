"""How a position stands: its state, P&L, R, age and excursions. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from execbot.exits.levels import r_multiple
from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.rules.view import Guarded
from execbot.model.enums import PositionSide
from execbot.model.numbers import ZERO, maybe_text, text


class PositionState(StrEnum):
    PENDING_ENTRY = "PENDING_ENTRY"
    OPEN = "OPEN"
    PENDING_EXIT = "PENDING_EXIT"
    CLOSED = "CLOSED"


def state_of(qty: Decimal, *, has_entry: bool, is_leaving: bool) -> PositionState:
    """`has_entry`: an opening order works; `is_leaving`: an exit was decided or works."""
    if qty != 0:
        return PositionState.PENDING_EXIT if is_leaving else PositionState.OPEN
    return PositionState.PENDING_ENTRY if has_entry else PositionState.CLOSED


class PositionView(Struct, frozen=True):
    """One row of the positions table. Prices and P&L are None where no price is known."""

    symbol: str
    state: PositionState
    side: PositionSide
    qty: Decimal
    avg_entry_price: Decimal | None
    current_price: Decimal | None
    market_value: Decimal | None
    unrealized_pl: Decimal | None
    realized_pl: Decimal
    r: Decimal | None
    stop: Decimal | None
    initial_stop: Decimal | None
    targets: tuple[Decimal, ...]
    opened_at: datetime | None
    age_seconds: int | None
    strategy_id: str | None
    strength: Decimal | None
    best_r: Decimal | None
    worst_r: Decimal | None
    guarded: Guarded
    plan_id: str | None


def position_view(
    symbol: str,
    qty: Decimal,
    *,
    now: datetime,
    plan: ExitPlan | None,
    avg_entry_price: Decimal | None,
    price: Decimal | None,
    realized_pl: Decimal = ZERO,
    has_entry: bool = False,
    is_leaving: bool = False,
    guarded: Guarded = Guarded.NO_PLAN,
    opened_at: datetime | None = None,
) -> PositionView:
    """Put a row together from what is known."""
    side = PositionSide.SHORT if qty < 0 else PositionSide.LONG
    if qty == 0 and plan is not None:
        side = plan.side
    entry = avg_entry_price
    value = None if price is None else qty * price
    gain = None if price is None or entry is None else (price - entry) * qty
    since = (plan.opened_at if plan else None) or opened_at
    plan_entry = plan.entry_price if plan else None
    initial = plan.stop.initial if plan else None

    def in_r(at: Decimal | None) -> Decimal | None:
        if at is None or plan_entry is None:
            return None
        return r_multiple(side, plan_entry, initial, at)

    return PositionView(
        symbol=symbol,
        state=state_of(qty, has_entry=has_entry, is_leaving=is_leaving),
        side=side,
        qty=qty,
        avg_entry_price=entry,
        current_price=price,
        market_value=value,
        unrealized_pl=gain,
        realized_pl=realized_pl,
        r=in_r(price),
        stop=plan.stop.price if plan and plan.status is not PlanStatus.CLOSED else None,
        initial_stop=initial,
        targets=tuple(t.price for t in plan.open_targets if t.price) if plan else (),
        opened_at=since,
        age_seconds=None if since is None or qty == 0 else int((now - since).total_seconds()),
        strategy_id=plan.strategy_id if plan else None,
        strength=plan.strength if plan else None,
        best_r=in_r(plan.best_price) if plan else None,
        worst_r=in_r(plan.worst_price) if plan else None,
        guarded=guarded,
        plan_id=plan.plan_id if plan else None,
    )


def position_data(row: PositionView) -> dict[str, object]:
    """The row as JSON data, with the keys of the command line's contract."""
    places = Decimal("0.01")
    return {
        "symbol": row.symbol,
        "side": row.side.value,
        "qty": text(row.qty),
        "avg_entry_price": maybe_text(row.avg_entry_price),
        "current_price": maybe_text(row.current_price),
        "market_value": maybe_text(row.market_value),
        "unrealized_pl": maybe_text(row.unrealized_pl),
        "realized_pl": text(row.realized_pl),
        "state": row.state.value,
        "stop": maybe_text(row.stop),
        "targets": [text(price) for price in row.targets],
        "age_seconds": row.age_seconds,
        "r": maybe_text(None if row.r is None else row.r.quantize(places)),
        "best_r": maybe_text(None if row.best_r is None else row.best_r.quantize(places)),
        "worst_r": maybe_text(None if row.worst_r is None else row.worst_r.quantize(places)),
        "guarded": row.guarded.value,
        "strategy_id": row.strategy_id,
        "strength": maybe_text(row.strength),
        "plan_id": row.plan_id,
    }
