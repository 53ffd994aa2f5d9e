"""Goal: what a sale leaves of a coin is shown as dust, alarms nobody and blocks no entry.

Method: the real watcher over the real exchange in virtual time.
"""

from __future__ import annotations

from pathlib import Path

from support.wishes import stop_at
from support.world import D, World, open_world

from execbot.exits.rules.view import Guarded
from execbot.model.enums import TimeInForce

COIN = "BTC/USD"


def buy(world: World) -> None:
    world.trader.buy("0.1", stop_at("5%"), symbol=COIN, time_in_force=TimeInForce.GTC)
    world.run(8)


def sell_but(world: World, left: str) -> None:
    """Another program takes the stop away and sells all but a few cents."""
    world.trader.cancel_elsewhere(COIN)
    world.pass_time(0.3)
    order = {"symbol": COIN, "side": "sell", "type": "market", "time_in_force": "gtc"}
    qty = str(world.witness.qty(COIN) - D(left))
    world.desk.call("POST", "/v2/orders", {**order, "qty": qty})


def test_what_is_left_of_a_coin_is_dust_and_the_next_entry_is_protected(tmp_path: Path) -> None:
    world = open_world(tmp_path, symbols=(COIN,))
    world.price(COIN, "50000", spread="10")
    buy(world)
    sell_but(world, "0.00001")
    world.run(20)
    assert 0 < world.witness.qty(COIN) < D("0.00002")
    assert world.plan(COIN) is None
    assert world.guarded(COIN) is Guarded.DUST
    before = world.requests
    world.run(60)
    assert world.requests - before < 60
    assert "unprotected" not in world.alarm_kinds()
    buy(world)
    assert world.the_plan(COIN).stop.price is not None
    assert world.witness.covered(COIN) > D("0.09")
