"""Goal: a restart knows the best and the worst price that a position has seen.

Method: the real watcher in virtual time, ended cleanly or killed, and started anew on its journal.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from support.wishes import stop_at
from support.world import D, World, open_world

from execbot.exits.store import plan_by_id
from execbot.watch.core.timers import MARKS_EVERY


def after_a_good_and_a_bad_moment(path: Path) -> World:
    world = open_world(path)
    world.trader.buy("10", stop_at("5%"))
    world.run(2)
    for price in ("104", "98", "101"):
        world.price("AAPL", price)
        world.run(1)
    return world


def marks(world: World) -> tuple[Decimal | None, Decimal | None]:
    plan = world.state().plan
    assert plan is not None
    return plan.best_price, plan.worst_price


def restarted(world: World) -> World:
    world.restart_watch()
    return world


def test_marks_are_saved_each_minute(tmp_path: Path) -> None:
    world = after_a_good_and_a_bad_moment(tmp_path)
    world.run(MARKS_EVERY.total_seconds() + 1, 0.25)
    seen = marks(world)
    assert seen[0] is not None and seen[0] > D(103) and seen[1] is not None and seen[1] < D(99)
    assert marks(restarted(world)) == seen


def test_marks_are_saved_at_the_end_of_a_run(tmp_path: Path) -> None:
    world = after_a_good_and_a_bad_moment(tmp_path)
    seen = marks(world)
    world.running.save_marks()
    assert marks(restarted(world)) == seen


def test_marks_that_stay_make_no_new_version_of_the_plan(tmp_path: Path) -> None:
    world = after_a_good_and_a_bad_moment(tmp_path)
    world.run(MARKS_EVERY.total_seconds() + 1, 0.25)
    plan = world.the_plan()
    world.run(2 * MARKS_EVERY.total_seconds(), 0.25)
    world.running.save_marks()
    again = plan_by_id(world.desk.journal, plan.plan_id)
    assert again is not None and again.version == plan.version
