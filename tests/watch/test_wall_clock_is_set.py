"""Goal: setting the wall clock ages nothing: no alarm, no sale, no guard that lasts an hour.

Method: the real watcher and the real checks over the built-in exchange; their clock is the
broker's, and the wall clock is set in the middle.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.desk import KEY, VenueTransport, limit
from support.signal_trader import open_trader
from support.wishes import stop_at, target
from support.world import World, open_world

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.clock import BrokerClock
from execbot.config.schema import EmergencyAction, Mode, TradingSettings
from execbot.oms.place.risk_gate import RiskGate

SELL_10 = {"symbol": "AAPL", "side": "sell", "qty": "10", "type": "limit", "time_in_force": "gtc"}
"""Another program's order: it holds all the shares, so that no stop can be placed."""


class Wall:
    """The machine's wall clock, right until somebody sets it."""

    def __init__(self, world: World) -> None:
        self.off = timedelta(0)
        self._now = world.now

    def __call__(self) -> datetime:
        return self._now() + self.off


def on_the_wall(tmp_path: Path, settings: TradingSettings) -> tuple[World, Wall]:
    world = open_world(tmp_path, watch=False, settings=settings)
    wall = Wall(world)
    world.now = BrokerClock(wall, world.desk.monotonic)  # type: ignore[method-assign]
    world.start_watch()
    return world, wall


@pytest.mark.parametrize("hours", [-1, 1])
def test_share_without_a_stop_for_seconds_is_not_without_one_for_an_hour(
    tmp_path: Path, hours: int
) -> None:
    """It said "without a stop for 3600 s", raised the switch, and with `market_exit` sold."""
    settings = TradingSettings()
    exits = replace(settings.exits, emergency_action=EmergencyAction.MARKET_EXIT)
    world, wall = on_the_wall(tmp_path, replace(settings, exits=exits))
    world.trader.buy("10", stop_at("2%"), target("2%", shares=50), target("4%", shares=50))
    world.pass_time(0.2)
    world.desk.call("POST", "/v2/orders", {**SELL_10, "limit_price": "120"})
    world.run(2)
    assert (world.witness.qty(), world.witness.covered(), world.alarms()) == (10, 0, [])
    wall.off = timedelta(hours=hours)
    world.run(1)
    assert (world.witness.qty(), world.alarms()) == (10, [])
    world.run(4)
    assert any("without a stop" in text or "no stop" in text for text in world.alarms())
    assert not any("3600" in text or "360" in text for text in world.alarms())


@pytest.mark.parametrize("hours", [-1, 1])
def test_quiet_position_stays_quiet_and_its_stop_where_it_is(tmp_path: Path, hours: int) -> None:
    world, wall = on_the_wall(tmp_path, TradingSettings())
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    requests = world.requests
    wall.off = timedelta(hours=hours)
    world.run(5)
    assert (world.witness.qty(), world.witness.covered(), world.alarms()) == (10, 10, [])
    assert world.requests - requests < 30


@pytest.mark.parametrize("hours", [-1, 1])
def test_guard_against_duplicates_lasts_its_window_in_the_next_command(
    tmp_path: Path, hours: int
) -> None:
    """Set back, the guard lasted an hour; set forward, it was over at once."""
    trader = open_trader(tmp_path, risk={"one_pending_per_symbol": False})
    desk, window = trader.desk, float(trader.settings.risk.duplicate_window_seconds)
    trader.placer.place(limit("1.00"))

    def verdict_of_the_next_command() -> str:
        clock = BrokerClock(
            lambda: desk.now() + timedelta(hours=hours), desk.monotonic, at_once=False
        )
        client = AlpacaClient(
            KEY, KEY, transport=VenueTransport(desk.door), now=clock, clock=clock, timer=desk.timer
        )
        risk = RiskGate(client, desk.journal, trader.settings, Mode.SIM, now=clock)
        return risk.check(limit("1.00")).verdict.kind

    desk.sleep(window - 2)
    assert verdict_of_the_next_command() == "risk.duplicate_intent"
    desk.sleep(4)
    assert verdict_of_the_next_command() == ""
