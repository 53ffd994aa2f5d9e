"""Goal: what is sold while everything is being closed counts as closed, not as a failure.

Method: two accounts opened on one exchange; the second sells between the list and the closing.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.waiting import eventually

from execbot.desk import closing
from execbot.desk.account import Desk, open_desk
from execbot.desk.closing import NOTHING_HELD, Closed
from execbot.model.account import Position
from execbot.model.enums import Side
from execbot.model.order import OrderRequest
from execbot.model.unread import Rows


def bought(desk: Desk, *symbols: str) -> None:
    for symbol in symbols:
        desk.oms.submit(OrderRequest(symbol, Side.BUY, qty=Decimal(2)))
    assert eventually(lambda: {p.symbol for p in desk.client.get_positions()} == set(symbols))


@pytest.mark.parametrize("held", [("AAPL",), ("AAPL", "MSFT")])
def test_a_position_that_another_process_closes_meanwhile_is_no_failure(
    sim_env: dict[str, str], monkeypatch: pytest.MonkeyPatch, held: tuple[str, ...]
) -> None:
    desk, other = open_desk(env=sim_env), open_desk(env=sim_env)
    listed = closing.held_now

    def listed_then_sold(here: Desk) -> Rows[Position]:
        found = listed(here)
        other.oms.close("AAPL")
        assert eventually(lambda: other.client.get_position("AAPL") is None)
        return found

    try:
        bought(desk, *held)
        monkeypatch.setattr(closing, "held_now", listed_then_sold)
        done = closing.close_all(desk)
        outcomes = {item.symbol: item for item in done.positions}
        gone = outcomes["AAPL"]
        assert isinstance(gone, Closed)
        assert (gone.record, gone.note, done.failed) == (None, NOTHING_HELD, [])
        assert all(item.record for item in done.closed if item.symbol != "AAPL")
    finally:
        desk.close()
        other.close()
