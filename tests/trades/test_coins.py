"""Goal: of coins, whose fees are taken in kind, a trade's net is what the dollars say.

Method: purchases and sales at an exchange that takes its fee in the coin; the judge is its cash.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.desk import Desk, market, open_desk
from support.world import D
from trades.test_months import learn

from execbot.desk.look.trades import Wanted, trades_of
from execbot.model.enums import Side, TimeInForce

HALF_A_CENT = D("0.005")


def order(desk: Desk, qty: str) -> None:
    side = Side.BUY if D(qty) > 0 else Side.SELL
    request = market("BTC/USD", str(abs(D(qty))), side, time_in_force=TimeInForce.GTC)
    desk.oms.submit(request)
    desk.sleep(2)


@pytest.mark.parametrize("daily", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_net_is_what_the_cash_says(tmp_path: Path, seed: int, daily: bool) -> None:
    chance = random.Random(seed)
    desk = open_desk(tmp_path, exchange={"crypto_fees_daily": daily})
    before = D(desk.call("GET", "/v2/account")["cash"])
    for _ in range(3):
        for _ in range(chance.randint(1, 3)):
            body = {"symbol": "BTC/USD", "price": str(chance.randint(48_000, 52_000))}
            desk.call("POST", "/sim/price", {**body, "hold": True})
            order(desk, f"0.0{chance.randint(10, 99)}")
        desk.sleep(26 * 3600)
        learn(desk)
        order(desk, "-" + desk.positions_there()["BTCUSD"])
        learn(desk)
    desk.sleep(26 * 3600)
    learn(desk)
    found = trades_of(desk.journal, Wanted()).trades
    assert len(found) == 3 and not any(trade.trip.is_open for trade in found)
    net = sum((trade.trip.net for trade in found), D(0))
    made = D(desk.call("GET", "/v2/account")["cash"]) - before
    assert abs(net - made) <= HALF_A_CENT
    for trade in found:
        assert trade.trip.fees is not None and trade.trip.fees.amount > 0
        assert abs(trade.trip.gross - trade.trip.gross_fifo) < D("1e-12")
