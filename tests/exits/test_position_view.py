"""Goal: a position's row tells state, profit and R. Method: one position, worked out by hand."""

from __future__ import annotations

from support.exit_views import T0, D, later, plan
from support.wishes import target

from execbot.exits.position_view import PositionState, position_data, position_view


def test_a_position_row_tells_state_profit_and_r() -> None:
    row = position_view(
        "AAPL",
        D(10),
        now=later(90),
        plan=plan("95", target("110", shares=100)),
        avg_entry_price=D(100),
        price=D("107.5"),
    )
    assert (row.state, row.unrealized_pl, row.r) == (PositionState.OPEN, D(75), D("1.5"))
    data = position_data(row)
    assert data["stop"] == "95"
    assert data["targets"] == ["110"]
    assert data["age_seconds"] == 90
    empty = position_view(
        "AAPL", D(0), now=T0, plan=None, avg_entry_price=None, price=None, has_entry=True
    )
    assert empty.state is PositionState.PENDING_ENTRY
