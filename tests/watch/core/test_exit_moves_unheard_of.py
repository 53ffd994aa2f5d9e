"""Goal: moves at the broker of which parts were never heard cost no share its stop.

Method: the real watcher against the real exchange in virtual time; somebody else changes an exit
twice, and of the reports only the last one arrives, or none. What an order before it had filled
counts at the broker in the quantity of the new one, and must not be booked twice.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wishes import Exit, stop_at, target
from support.world import D, World, heard_as_sent, open_world


def move(world: World, kind: str, **change: str) -> None:
    [row] = world.witness.exits(kind)
    world.trader.change_elsewhere(row, **change)


def held(path: Path, *exits: Exit) -> World:
    world = open_world(path)
    world.trader.buy("10", *exits)
    world.run(3)
    assert world.witness.covered() == 10
    world.witness.forget_uncovered()
    return world


def partly_taken(path: Path) -> World:
    """Four of ten shares are sold at the target; nothing is heard from then on."""
    world = held(path, stop_at("2%"), target("4%", shares=100))
    world.price("AAPL", "104.01", size="4")
    world.run(0.2)
    world.price("AAPL", "103")
    world.run(1)
    assert world.witness.qty() == 6
    world.hear = lambda frames: []
    return world


def stands_as_moved(world: World, before: int) -> None:
    """The target is the trader's, what it sold is counted once, and nothing was sent for it."""
    assert [r["limit_price"] for r in world.witness.exits("limit")] == ["106"]
    assert len(world.witness.orders()) == before + 2
    plan = world.the_plan()
    assert [(t.price, t.filled_qty, t.done) for t in plan.targets] == [(106, 4, False)]
    position = world.desk.journal.position("AAPL")
    assert position is not None
    assert position.qty == world.witness.qty() == 6
    assert world.witness.longest_uncovered() == 0


def test_a_partly_filled_target_that_was_moved_twice_while_watch_was_dead_is_booked_once(
    tmp_path: Path,
) -> None:
    world = partly_taken(tmp_path)
    before = len(world.witness.orders())
    move(world, "limit", limit_price="105")
    world.pass_time(0.1)
    move(world, "limit", limit_price="106")
    world.kill_watch()
    world.pass_time(2)
    world.start_watch()
    world.run(10)
    stands_as_moved(world, before)


@pytest.mark.parametrize("heard", [0, 1])
def test_a_partly_filled_target_that_was_moved_twice_is_booked_once(
    tmp_path: Path, heard: int
) -> None:
    world = partly_taken(tmp_path)
    before = len(world.witness.orders())
    move(world, "limit", limit_price="105")
    world.pass_time(0.01)
    move(world, "limit", limit_price="106")
    world.hear = lambda frames: frames[-1:] if heard else []
    world.run(1)
    world.hear = heard_as_sent
    world.run(40)
    stands_as_moved(world, before)


@pytest.mark.parametrize(
    ("exits", "kind", "key", "prices"),
    [
        ([stop_at("2%")], "stop", "stop_price", ("97.5", "97")),
        ([stop_at("2%"), target("4%", shares=100)], "limit", "limit_price", ("105", "106")),
    ],
)
def test_of_two_moves_the_first_is_asked_for_before_anything_is_sent(
    tmp_path: Path, exits: list[Exit], kind: str, key: str, prices: tuple[str, str]
) -> None:
    """Seen alone, the second order would hold the same shares once more."""
    world = held(tmp_path, *exits)
    before = len(world.witness.orders())
    move(world, kind, **{key: prices[0]})
    world.hear = lambda frames: []
    world.run(0.051)
    move(world, kind, **{key: prices[1]})
    world.hear = lambda frames: frames[-1:]
    world.run(0.2)
    world.hear = heard_as_sent
    world.run(40)
    assert [D(r[key]) for r in world.witness.exits(kind)] == [D(prices[1])]
    assert len(world.witness.orders()) == before + 2
    record = world.desk.journal.order_by_broker_id(world.witness.exits(kind)[0]["id"])
    assert record is not None
    assert record.plan_id is not None, "its fills are those of the plan"
    assert world.witness.longest_uncovered() == 0
    assert world.witness.covered() == 10
