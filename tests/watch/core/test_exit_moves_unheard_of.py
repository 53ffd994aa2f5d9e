"""Goal: moves at the broker of which parts were never heard cost no share its stop.

Method: the real watcher against the real exchange in virtual time; somebody else changes an exit
twice, and of the reports only the last one arrives, or none. What an order before it had filled
counts at the broker in the quantity of the new one, and must not be booked twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.watch_world import D, World, open_world, wishes

LIVE = ("new", "accepted", "held", "partially_filled")


def exits(world: World, kind: str) -> list[dict[str, Any]]:
    return [
        r
        for r in world.desk.orders_there().values()
        if r["type"] == kind and r["side"] == "sell" and r["status"] in LIVE
    ]


def patch(world: World, kind: str, **change: str) -> None:
    [row] = exits(world, kind)
    done: dict[str, Any] = world.desk.call("PATCH", f"/v2/orders/{row['id']}", change)
    assert done["replaces"] == row["id"], done


def held(path: Path, the_wishes: Any) -> World:
    world = open_world(path)
    world.buy("10", the_wishes)
    world.run(3)
    assert world.covered("AAPL") == 10
    world.longest_uncovered.clear()
    return world


def partly_taken(path: Path) -> World:
    """Four of ten shares are sold at the target; nothing is heard from then on."""
    world = held(path, wishes("2", ("4", "100")))
    world.price("AAPL", "104.01", size="4")
    world.run(0.2)
    world.price("AAPL", "103")
    world.run(1)
    assert world.qty() == 6
    world.handle_frames = lambda frames: []
    return world


def stands_as_moved(world: World, before: int) -> None:
    """The target is the trader's, what it sold is counted once, and nothing was sent for it."""
    assert [r["limit_price"] for r in exits(world, "limit")] == ["106"]
    assert len(world.desk.orders_there()) == before + 2
    plan = world.plan()
    assert plan is not None
    assert [(t.price, t.filled_qty, t.done) for t in plan.targets] == [(106, 4, False)]
    position = world.desk.journal.position("AAPL")
    assert position is not None
    assert position.qty == world.qty() == 6
    assert world.longest_uncovered.get("AAPL", 0) == 0


def test_a_partly_filled_target_that_was_moved_twice_while_watch_was_dead_is_booked_once(
    tmp_path: Path,
) -> None:
    world = partly_taken(tmp_path)
    before = len(world.desk.orders_there())
    patch(world, "limit", limit_price="105")
    world.pass_time(0.1)
    patch(world, "limit", limit_price="106")
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
    before = len(world.desk.orders_there())
    patch(world, "limit", limit_price="105")
    world.pass_time(0.01)
    patch(world, "limit", limit_price="106")
    world.handle_frames = lambda frames: frames[-1:] if heard else []
    world.run(1)
    world.handle_frames = None
    world.run(40)
    stands_as_moved(world, before)


@pytest.mark.parametrize(
    ("the_wishes", "kind", "key", "prices"),
    [
        (wishes("2"), "stop", "stop_price", ("97.5", "97")),
        (wishes("2", ("4", "100")), "limit", "limit_price", ("105", "106")),
    ],
)
def test_of_two_moves_the_first_is_asked_for_before_anything_is_sent(
    tmp_path: Path, the_wishes: Any, kind: str, key: str, prices: tuple[str, str]
) -> None:
    """Seen alone, the second order would hold the same shares once more."""
    world = held(tmp_path, the_wishes)
    before = len(world.desk.orders_there())
    patch(world, kind, **{key: prices[0]})
    world.handle_frames = lambda frames: []
    world.run(0.051)
    patch(world, kind, **{key: prices[1]})
    world.handle_frames = lambda frames: frames[-1:]
    world.run(0.2)
    world.handle_frames = None
    world.run(40)
    assert [D(r[key]) for r in exits(world, kind)] == [D(prices[1])]
    assert len(world.desk.orders_there()) == before + 2
    record = world.desk.journal.order_by_broker_id(exits(world, kind)[0]["id"])
    assert record is not None
    assert record.plan_id is not None, "its fills are those of the plan"
    assert world.longest_uncovered.get("AAPL", 0) == 0
    assert world.covered("AAPL") == 10
