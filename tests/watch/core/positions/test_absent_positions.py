"""Goal: a list of positions that leaves shares out undoes nothing that protects them (E-POS-6,
E-FLAT-1).

Method: the real watcher against the real exchange in virtual time; the list is empty, short of one
symbol, or shows fewer shares for a while, though nothing was sold. The exchange's own orders and
positions are looked at.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.wishes import stop_at, target
from support.world import World, open_world

from execbot.exits.plan.plan import PlanStatus
from execbot.exits.rules.view import Guarded

D = Decimal


def differences(world: World) -> list[bool]:
    """Of each alarm that tells of a difference, whether it is critical."""
    return [
        note.is_critical
        for note in world.notes
        if note.is_alarm and note.data.get("kind") == "position_differs"
    ]


def protected(path: Path) -> World:
    world = open_world(path)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=50), target("6%", shares=50))
    world.run(5)
    assert world.witness.covered() == 10
    return world


def ended_exits(world: World) -> list[str]:
    """Exits of the account that are over."""
    return [
        order["client_order_id"]
        for order in world.witness.orders().values()
        if order["side"] == "sell" and order["status"] not in ("new", "held", "accepted")
    ]


@pytest.mark.parametrize("rule", [{}, {"symbol": "AAPL"}], ids=["empty", "one symbol missing"])
def test_exits_and_plan_stand_while_the_list_leaves_the_position_out(
    tmp_path: Path, rule: dict[str, str]
) -> None:
    world = protected(tmp_path)
    plan = world.plan()
    world.desk.fault("position_missing", count=None, for_seconds=20, **rule)
    world.run(19)
    assert differences(world) == [True]
    assert ended_exits(world) == []
    world.run(20)
    assert (world.witness.covered(), ended_exits(world), world.witness.qty()) == (10, [], 10)
    assert plan is not None and world.plan() == plan
    assert differences(world) == [True]
    world.price("AAPL", "97")
    world.run(10)
    assert (world.witness.qty(), world.plan()) == (0, None)


@pytest.mark.parametrize("price", ["97", "75"], ids=["a step", "a fall as of a split"])
def test_a_stop_that_is_watched_here_fires_and_opens_no_short(tmp_path: Path, price: str) -> None:
    """A position that is not listed confirms no price: what nothing confirms is sold all the
    same, by an order that only closes."""
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    world.trader.keep_stops_out()
    world.run(10)
    assert (world.guarded(), world.witness.living("stop")) == (Guarded.EMULATED, [])
    world.desk.fault("position_missing", count=None, for_seconds=60)
    world.run(10)
    assert (world.witness.qty(), differences(world)) == (10, [True])
    world.price("AAPL", price)
    world.run(15)
    assert world.witness.qty() == 0
    assert not world.witness.shorts
    [sold] = [row for row in world.witness.orders().values() if row["filled_qty"] == "10"][1:]
    assert (sold["side"], sold["position_intent"]) == ("sell", "sell_to_close")


def test_exits_that_stand_are_not_reduced_to_what_the_list_shows(tmp_path: Path) -> None:
    """E-ALL-5."""
    world = protected(tmp_path)
    account = world.witness.account
    held = account.positions["AAPL"]
    whole = held.qty, held.lots
    held.qty, held.lots = D(6), [(D(6), held.average)]
    world.run(20)
    assert ended_exits(world) == []
    assert differences(world) == [True]
    held.qty, held.lots = whole
    world.run(20)
    plan = world.plan()
    assert (world.witness.covered(), ended_exits(world)) == (10, [])
    assert plan is not None and plan.status is PlanStatus.ACTIVE
