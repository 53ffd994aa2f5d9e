"""Goal: where every position must have a plan, `watch` tells of one that has none, once.

Method: the real watcher against the real exchange in virtual time; shares are bought with no plan.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace
from support.wishes import stop_at
from support.world import World, open_world

from execbot.config.schema import TradingSettings
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest

D = Decimal


def opened(path: Path, *, every: bool = True) -> World:
    plain = TradingSettings()
    settings = replace(plain, exits=replace(plain.exits, every_position=every))
    return open_world(path, settings=settings)


def buy(world: World, qty: str = "10") -> None:
    world.trader.send(OrderRequest("AAPL", Side.BUY, qty=D(qty)))


def told(world: World) -> list[str]:
    return [
        note.text
        for note in world.notes
        if note.is_critical and note.data.get("kind") == "unprotected"
    ]


def test_a_position_without_a_plan_is_told_once(tmp_path: Path) -> None:
    world = opened(tmp_path)
    buy(world)
    world.run(3)
    assert told(world) == [], "a plan may be on its way"
    world.run(90)
    (said,) = told(world)
    assert "no plan: 10 of 10 have no stop" in said and "execbot protect AAPL" in said
    assert world.witness.living(side="sell") == [], "nothing was placed that nobody asked for"


def test_what_is_bought_beside_it_is_told_too(tmp_path: Path) -> None:
    world = opened(tmp_path)
    buy(world)
    world.run(10)
    buy(world, "5")
    world.run(60)
    assert [text.split(" have")[0][-8:] for text in told(world)] == ["10 of 10", "15 of 15"]


def test_it_is_told_anew_after_it_was_protected_and_bought_again(tmp_path: Path) -> None:
    world = opened(tmp_path)
    buy(world)
    world.run(10)
    world.trader.trade_elsewhere("sell", "10")
    world.run(10)
    buy(world)
    world.run(10)
    assert len(told(world)) == 2


def test_a_stop_of_the_traders_own_is_enough(tmp_path: Path) -> None:
    world = opened(tmp_path)
    buy(world)
    world.run(1)
    world.trader.send(
        OrderRequest(
            "AAPL",
            Side.SELL,
            qty=D(10),
            type=OrderType.STOP,
            stop_price=D(90),
            time_in_force=TimeInForce.GTC,
        )
    )
    world.run(30)
    assert told(world) == []


def test_with_a_plan_or_without_the_rule_nothing_is_told(tmp_path: Path) -> None:
    world = opened(tmp_path / "rule")
    world.trader.buy("10", stop_at("2%"))
    world.run(20)
    plain = opened(tmp_path / "plain", every=False)
    buy(plain)
    plain.run(20)
    assert told(world) == told(plain) == []
