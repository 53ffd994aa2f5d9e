"""What the watch knows of a position, as a row: for the screen and for those who look on."""

from __future__ import annotations

from datetime import datetime

from execbot.exits.plan.plan import PlanStatus
from execbot.exits.position_view import Known, PositionView, position_view
from execbot.exits.rules.view import SymbolMarket
from execbot.watch.core.symbol_state import SymbolState, is_entry


def is_shown(state: SymbolState) -> bool:
    """It is held, or an entry of it waits."""
    if state.qty != 0:
        return True
    waiting = state.plan is not None and state.plan.status is PlanStatus.PENDING
    return waiting and any(is_entry(r) for r in state.living)


def position_row(state: SymbolState, now: datetime) -> PositionView:
    known = Known(
        avg_entry_price=state.avg_entry_price,
        price=SymbolMarket(state.bid, state.ask, state.price).price,
        realized_pl=state.realized_pl,
        opened_at=state.opened_at,
        has_entry=any(is_entry(r) for r in state.living),
        coverage=state.coverage,
        structure=state.structure_plan,
    )
    orders = [record.order for record in state.living]
    return position_view(state.symbol, state.qty, known, now=now, plan=state.plan, orders=orders)
