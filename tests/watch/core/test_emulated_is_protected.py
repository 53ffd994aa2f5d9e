"""Goal: a stop that the broker refuses and `watch` holds is protected: nothing is sold for it, and
commands beside `watch` see it so (docs/evidence.md, E-PROT-2).

Method: the simulated world with an exchange that refuses every stop, and `market_exit` configured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.wishes import stop_at, wishes
from support.world import World, open_world

from execbot.config.schema import EmergencyAction, TradingSettings
from execbot.exits.protection import Surroundings, protections
from execbot.exits.rules.view import Guarded
from execbot.market.sessions import crypto_now
from execbot.oms.place.held_plans import HeldPlanner

REFUSAL = {"code": 40310000, "message": "stop orders are not allowed for this asset"}


def with_market_exit() -> TradingSettings:
    chosen = TradingSettings()
    exits = replace(chosen.exits, emergency_action=EmergencyAction.MARKET_EXIT)
    return replace(chosen, exits=exits)


def refusing_stops(path: Path) -> World:
    """10 shares with a plan, at a broker that takes no order but what is allowed later."""
    world = open_world(path, settings=with_market_exit())
    world.trader.trade_elsewhere("buy", "10")
    world.run(2)
    params: dict[str, Any] = {"status": 403, "body": REFUSAL}
    rule = {"method": "POST", "path": "/v2/orders", "count": 999, "params": params}
    world.desk.call("POST", "/sim/faults", {"kind": "canned_reply", **rule})
    desk = world.desk
    position = desk.client.get_position("AAPL")
    assert position is not None
    planner = HeldPlanner(desk.client, desk.journal, world.settings, world.now)
    with world.trader.acts():
        planner.protect("AAPL", position, wishes(stop_at("95")), far=False, keeps_rules=False)
    world.run(10)
    return world


def test_a_refused_stop_that_is_watched_here_sells_nothing_however_long_it_is_refused(
    tmp_path: Path,
) -> None:
    world = refusing_stops(tmp_path)
    for _ in range(20):
        world.run(15)
        assert world.guarded() is Guarded.EMULATED
    assert world.witness.qty() == 10
    assert {row["type"] for row in world.desk.orders_there().values()} == {"market"}  # the purchase
    assert set(world.alarm_kinds()) == {"stop_emulated"}


def test_it_fires_when_its_price_comes(tmp_path: Path) -> None:
    world = refusing_stops(tmp_path)
    world.run(70)
    world.desk.call("DELETE", "/sim/faults")
    world.price("AAPL", "94")
    world.run(10)
    assert world.witness.qty() == 0


def test_once_the_broker_takes_the_stop_it_is_the_brokers(tmp_path: Path) -> None:
    world = refusing_stops(tmp_path)
    world.desk.call("DELETE", "/sim/faults")
    world.run(120)
    assert world.guarded() is Guarded.PROTECTED
    assert world.witness.qty() == 10


@pytest.mark.parametrize("is_watched", [True, False])
def test_a_command_believes_it_while_the_watch_lives(tmp_path: Path, is_watched: bool) -> None:
    world = refusing_stops(tmp_path)
    for note in world.notes_of("guard"):  # as the loop of `watch` keeps them
        world.desk.journal.audit("guard", "AAPL", "watch", note.data, note.text, world.now())
    around = Surroundings(world.now(), crypto_now(world.now()), world.settings, is_watched)
    [found] = protections(world.desk.journal, world.desk.client.get_positions(), around)
    state = Guarded.EMULATED if is_watched else Guarded.UNPROTECTED
    assert (found.state, bool(found.missing)) == (state, not is_watched)
