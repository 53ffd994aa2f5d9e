"""Goal: shares that were to join a position are not bought once it is gone: they had no stop.

Method: a desk in virtual time; the position is sold between the plan of an addition and its intent.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.desk import limit, market
from support.signal_trader import SignalTrader, open_trader

from execbot.exits.levels import LevelKind, LevelSpec
from execbot.exits.plan.wishes import Wishes
from execbot.exits.store import plan_of
from execbot.model.enums import Side
from execbot.model.flags import Flags, flags_of
from execbot.oms.errors import Refused
from execbot.oms.place.entry_plans import ExitsAsked
from execbot.oms.place.placed import Prepared

D = Decimal
ADDS: Flags = flags_of(add=True, also=True, allow_duplicate=True)
STOP = ExitsAsked(Wishes(LevelSpec(LevelKind.PERCENT, D(5))))


def held(trader: SignalTrader) -> None:
    """10 AAPL under a plan."""
    asked = trader.placer.prepare(market("AAPL", "10"), STOP)
    trader.placer.place(asked.entry, checked=asked.checked)
    trader.fill()
    assert plan_of(trader.desk.journal, "AAPL") is not None


def planned(trader: SignalTrader) -> Prepared:
    request = market("AAPL", "5", client_order_id="adds")
    prepared = trader.placer.prepare(request, flags=ADDS)
    assert prepared.entry.joins is not None
    return prepared


def sold(trader: SignalTrader) -> None:
    """By another process, which the journal hears of."""
    for record in trader.desk.journal.orders("open", symbol="AAPL"):
        trader.desk.oms.cancel(record.client_order_id, wait_seconds=5)
    trader.fill()
    trader.desk.oms.submit(market("AAPL", "10", side=Side.SELL))
    trader.fill()
    found = trader.desk.journal.position("AAPL")
    assert found is None or not found.qty


def refused(trader: SignalTrader, prepared: Prepared, *, anew: bool) -> None:
    checked = None if anew else prepared.checked
    with pytest.raises(Refused) as caught:
        trader.placer.place(prepared.entry, checked=checked, flags=prepared.flags)
    assert caught.value.kind == "risk.position_gone"
    assert "--stop-loss" in caught.value.next_step
    trader.fill()
    assert not trader.desk.client.get_positions()
    assert trader.desk.journal.order_by_client_id("adds").order_id == ""  # type: ignore[union-attr]


@pytest.mark.parametrize("anew", [False, True], ids=["in the transaction", "at the second look"])
def test_an_addition_to_what_is_gone_is_refused(tmp_path: Path, anew: bool) -> None:
    trader = open_trader(tmp_path)
    held(trader)
    prepared = planned(trader)
    sold(trader)
    refused(trader, prepared, anew=anew)


def test_an_addition_to_what_is_held_is_bought(tmp_path: Path) -> None:
    """Also where another order has ended since it was planned."""
    trader = open_trader(tmp_path)
    held(trader)
    prepared = planned(trader)
    other = trader.placer.place(limit("1.00", "MSFT")).record
    trader.desk.oms.cancel(other.client_order_id, wait_seconds=5)
    trader.placer.place(prepared.entry, checked=prepared.checked, flags=prepared.flags)
    trader.fill()
    [position] = trader.desk.client.get_positions()
    assert position.qty == 15
