"""Goal: shares that the broker took back without a report are not sold twice (E-POS-11).

Method: the real watcher against the real exchange in virtual time; the exchange corrects or busts
an execution, and no frame tells of it. The exchange's own orders and positions are looked at.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wishes import stop_at, target
from support.world import World, open_world

from execbot.broker.port import TradeUpdate
from execbot.exits.plan.plan import PlanStatus

RESTATED = ("trade_bust", "trade_correct")


def deaf(frames: list[TradeUpdate]) -> list[TradeUpdate]:
    return [frame for frame in frames if frame.event not in RESTATED]


def restate(world: World, what: str, **values: str) -> None:
    body = {"key": "desk", "symbol": "AAPL", **values}
    answer = world.desk.call("POST", f"/sim/executions/{what}", body)
    assert "execution_id" in answer, answer


def bought(path: Path, qty: str = "10") -> World:
    world = open_world(path)
    world.hear = deaf
    targets = (target("4%", shares=100),) if qty == "10" else ()
    world.trader.buy(qty, stop_at("2%"), *targets)
    world.run(8)
    return world


def differs(world: World) -> list[bool]:
    notes = [note for note in world.notes if note.is_alarm]
    return [note.is_critical for note in notes if note.data.get("kind") == "position_differs"]


def test_exits_shrink_to_what_order_and_position_both_show(tmp_path: Path) -> None:
    world = bought(tmp_path)
    restate(world, "correct", qty="6")
    world.run(30)
    assert (world.booked(), world.witness.qty()) == (10, 6), "the books follow a report alone"
    assert world.witness.covered() == 6
    assert differs(world) == [True]
    world.price("AAPL", "97")
    world.run(20)
    assert (world.witness.qty(), world.witness.shorts) == (0, [])


def test_a_stop_that_is_watched_here_sells_what_is_held(tmp_path: Path) -> None:
    """Fractions have no stop at the broker: execbot watches it."""
    world = bought(tmp_path, "0.5")
    restate(world, "correct", qty="0.3")
    world.run(30)
    world.price("AAPL", "97")
    world.run(20)
    assert (world.witness.qty(), world.witness.shorts) == (0, [])
    refused = [note for note in world.notes if note.data.get("kind") == "exit_refused"]
    assert refused == []


def test_all_shares_taken_back_leave_no_exit_behind_and_the_plan_sleeps(tmp_path: Path) -> None:
    world = bought(tmp_path)
    restate(world, "bust")
    world.run(30)
    plan = world.plan()
    assert world.witness.qty() == 0 and world.witness.living(side="sell") == []
    assert plan is not None and plan.status is PlanStatus.SLEEPING
    assert differs(world) == [True]


@pytest.mark.parametrize("again", [False, True], ids=["same run", "after a restart"])
def test_should_they_come_back_all_are_covered_again(tmp_path: Path, again: bool) -> None:
    world = bought(tmp_path)
    restate(world, "correct", qty="6")
    world.run(20)
    if again:
        world.kill_watch()
        world.start_watch()
        world.run(10)
    assert world.witness.covered() == 6
    restate(world, "correct", qty="10")
    world.run(30)
    assert (world.witness.qty(), world.witness.covered(), world.booked()) == (10, 10, 10)
    plan = world.plan()
    assert plan is not None and plan.status is PlanStatus.ACTIVE
