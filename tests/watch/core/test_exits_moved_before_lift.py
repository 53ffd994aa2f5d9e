"""Goal: exits that a command lifts come back where the trader had moved them, `watch` or not.

Method: the real exchange in virtual time; while no `watch` runs somebody moves the stop in another
program, and a command adds to the position or closes a part of it. What stands then is read from
the exchange.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.settings import additions_allowed
from support.wishes import Exit, stop_at, target
from support.world import D, World, open_world

from execbot.exits.plan.plan import ExitPlan
from execbot.model.enums import Side
from execbot.model.order import OrderRequest


def unwatched(path: Path, *exits: Exit) -> World:
    """Ten shares from 100, at 110 now; the last stop was moved twice; nobody has heard of it."""
    world = open_world(path, settings=additions_allowed())
    world.trader.buy("10", *exits)
    world.run(3)
    world.kill_watch()
    world.price("AAPL", "110")
    between = world.trader.change_elsewhere(world.witness.exits("stop")[-1], stop_price="104")
    world.pass_time(1)
    world.trader.change_elsewhere(between, stop_price="105")
    world.pass_time(1)
    return world


def stands_at(world: World, price: int) -> None:
    stops = world.witness.exits("stop")
    assert {D(row["stop_price"]) for row in stops} == {price}
    assert sum(D(row["qty"]) for row in stops) == world.witness.qty()
    plan = world.the_plan()
    assert plan.stop.price == price
    assert plan.lift is None
    assert not world.witness.shorts


@pytest.mark.parametrize("is_read", [False, True])
def test_an_addition_puts_the_stop_back_where_it_was_moved(tmp_path: Path, is_read: bool) -> None:
    """`is_read`: cron's reconcile has seen the new order, and nobody has looked what it means."""
    world = unwatched(tmp_path, stop_at("2%"))
    if is_read:
        world.trader.reconcile()
    request = OrderRequest("AAPL", Side.BUY, qty=D(5), client_order_id="more")
    placed = world.trader.place(request)
    assert placed.record.status == "filled"
    assert world.trader.protect() == "protected"
    assert world.witness.qty() == 15
    stands_at(world, 105)


@pytest.mark.parametrize(
    "exits",
    [
        [stop_at("2%")],
        [stop_at("2%"), target("20%", shares=100)],
        [stop_at("2%"), target("15%", shares=50), target("20%", shares=50)],
    ],
)
def test_a_partial_close_leaves_the_rest_with_the_stop_that_was_moved(
    tmp_path: Path, exits: list[Exit]
) -> None:
    world = unwatched(tmp_path, *exits)
    world.trader.close(qty=D(4))
    world.pass_time(1)
    assert world.trader.protect() == "protected"
    assert world.witness.qty() == 6
    stands_at(world, 105)


def test_a_plan_without_moves_is_not_written_anew(tmp_path: Path) -> None:
    """Lifted and let go: two versions, and none for a move that never was."""
    world = open_world(tmp_path)
    _, first = world.trader.buy("10", stop_at("2%"), target("20%", shares=100))
    world.run(3)
    world.kill_watch()
    before = world.plan()
    assert isinstance(before, ExitPlan)
    world.trader.close(qty=D(4))
    after = world.the_plan()
    assert after.plan_id == first.plan_id
    assert after.version == before.version + 2
    assert after.stop == before.stop
