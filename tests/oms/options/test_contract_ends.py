"""Goal: a contract that ends over night is a pending event until its rows come, and never a break.

Method: a desk in virtual time over an expiry at the exchange, whose rows come a day late.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.contracts import asked, near
from support.signal_trader import SignalTrader, open_trader

from execbot.model.enums import OrderType, Side
from execbot.model.order import OrderRequest

D = Decimal
WIDE = {"max_position_size_pct": D(90), "max_account_exposure_pct": D(90)}


def held_into_expiry(path: Path, steps: int) -> tuple[SignalTrader, str]:
    """One call that expires on the next day, `steps` strikes above the price."""
    trader = open_trader(path, sim={"at": "2026-10-08 10:00"}, **WIDE)
    symbol = near(trader.desk, steps=steps, days=1).symbol
    price = asked(trader.desk, symbol)
    trader.placer.place(
        OrderRequest(symbol, Side.BUY, qty=D(1), type=OrderType.LIMIT, limit_price=price)
    )
    trader.fill(60)
    assert trader.desk.positions_there() == {symbol: "1"}
    return trader, symbol


@pytest.mark.parametrize("steps", [0, 2])
def test_end_over_night_is_awaited_and_then_booked(tmp_path: Path, steps: int) -> None:
    trader, symbol = held_into_expiry(tmp_path, steps)
    trader.until("2026-10-09 19:00")
    trader.fill(1)
    assert symbol not in trader.desk.positions_there()
    first = trader.desk.oms.reconcile()
    assert first.breaks == ()
    trader.until("2026-10-12 10:00")
    trader.fill(1)
    second = trader.desk.oms.reconcile()
    assert second.breaks == ()
    there = trader.desk.positions_there()
    ours = {p.symbol: str(p.qty) for p in trader.desk.journal.positions()}
    assert ours == there
    assert symbol not in ours
