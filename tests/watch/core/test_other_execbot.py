"""Goal: of two execbots on one account neither undoes the other's protection, and a restored
journal knows the exits of its own plans again (docs/evidence.md, E-OWN-1, E-OWN-3).

Method: the simulated world; another execbot is a program whose orders carry ids of execbot's kind,
the restored journal a copy taken before the exits were placed.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from support.wishes import stop_at, wishes
from support.world import D, World, open_world

from execbot.exits.rules.view import Guarded
from execbot.journal import Journal
from execbot.journal.records import Origin, Role
from execbot.oms.place.held_plans import HeldPlanner

THEIRS = "execbot-x-s-000000000000aaaaaaaaaaaa"


def another_stop(world: World, qty: str, price: str = "97", *, name: str = THEIRS) -> None:
    body = {
        "symbol": "AAPL",
        "side": "sell",
        "qty": qty,
        "type": "stop",
        "stop_price": price,
        "time_in_force": "gtc",
        "client_order_id": name,
    }
    assert world.desk.call("POST", "/v2/orders", body)["client_order_id"] == name


def protect(world: World, stop: str) -> None:
    """`execbot protect` by the execbot whose `watch` runs here."""
    desk = world.desk
    planner = HeldPlanner(desk.client, desk.journal, world.settings, world.now)
    position = desk.client.get_position("AAPL")
    assert position is not None
    with world.trader.acts():
        planner.protect("AAPL", position, wishes(stop_at(stop)), far=False, keeps_rules=False)


def stops_there(world: World) -> dict[str, tuple[str, str]]:
    """Quantity and price of each stop that works, by its id."""
    there = world.desk.orders_there()
    return {
        name: (row["qty"], row["stop_price"])
        for name, row in there.items()
        if row["type"] == "stop" and row["status"] == "new"
    }


def test_a_stop_of_another_execbot_is_said_once_and_neither_moved_nor_doubled(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path)
    world.trader.trade_elsewhere("buy", "10")
    world.run(2)
    another_stop(world, "10")
    world.run(2)
    protect(world, "95")
    world.run(10)
    assert stops_there(world) == {THEIRS: ("10", "97")}
    assert world.guarded() is Guarded.PROTECTED
    assert world.alarm_kinds() == ["other_execbot"]
    assert THEIRS in world.alarms()[0]


def test_shares_that_another_execbot_does_not_cover_are_covered_here(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.trade_elsewhere("buy", "10")
    world.run(2)
    another_stop(world, "6")
    world.run(2)
    protect(world, "95")
    world.run(10)
    stops = stops_there(world)
    assert stops.pop(THEIRS) == ("6", "97")
    assert list(stops.values()) == [("4", "95")]


def test_a_restored_journal_adopts_the_exits_of_its_own_plans(tmp_path: Path) -> None:
    world = open_world(tmp_path, watch=False)
    world.trader.trade_elsewhere("buy", "10")
    world.pass_time(2)
    world.trader.reconcile()
    protect(world, "95")
    plan = world.the_plan()
    copy = tmp_path / "copy.db"
    with sqlite3.connect(tmp_path / "journal.db") as kept, sqlite3.connect(copy) as taken:
        kept.backup(taken)
    world.start_watch()
    world.run(5)
    [name] = stops_there(world)
    world.kill_watch()
    world.desk.journal = Journal.open(copy)
    assert world.desk.journal.find_order(name) is None
    world.start_watch()
    world.run(5)
    adopted = world.desk.journal.find_order(name)
    assert adopted is not None and adopted.plan_id == plan.plan_id
    assert (adopted.role, adopted.origin, adopted.is_ours) == (Role.STOP, Origin.EXIT, True)
    assert "other_execbot" not in world.alarm_kinds()
    world.trader.move_stop("96")
    world.run(5)
    assert list(stops_there(world).values()) == [("10", "96")]
    assert world.guarded() is Guarded.PROTECTED and world.booked() == D(10)


def test_a_restored_journal_adopts_an_exit_that_took_the_place_of_one_it_never_heard_of(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path, watch=False)
    world.trader.trade_elsewhere("buy", "10")
    world.pass_time(2)
    world.trader.reconcile()
    protect(world, "95")
    copy = tmp_path / "copy.db"
    with sqlite3.connect(tmp_path / "journal.db") as kept, sqlite3.connect(copy) as taken:
        kept.backup(taken)
    world.start_watch()
    world.run(5)
    world.trader.move_stop("96")
    world.run(5)
    [(name, seen)] = stops_there(world).items()
    assert seen == ("10", "96")
    world.kill_watch()
    world.desk.journal = Journal.open(copy)
    plan = world.the_plan()
    working = world.desk.client.get_order_by_client_id(name)
    assert working.replaces and world.desk.journal.order_by_broker_id(working.replaces) is None
    world.desk.oms.apply_snapshot(working)
    adopted = world.desk.journal.find_order(name)
    assert adopted is not None and adopted.plan_id == plan.plan_id
    assert (adopted.role, adopted.origin, adopted.is_ours) == (Role.STOP, Origin.EXIT, True)


UNMARKED = "execbot-x-s-000000000000bbbbbbbbbbbb"


@pytest.mark.parametrize(
    ("price", "qty", "is_ours"),
    [("95", "10", True), ("95", "6", True), ("95.5", "10", False), ("95", "11", False)],
    ids=["its stop", "a part", "another level", "more than is held"],
)
def test_an_exit_of_an_earlier_version_is_adopted_where_it_is_just_what_the_plan_wants(
    tmp_path: Path, price: str, qty: str, is_ours: bool
) -> None:
    """Its id has a tag and no mark of its plan."""
    world = open_world(tmp_path, watch=False)
    world.trader.trade_elsewhere("buy", "10")
    world.pass_time(2)
    world.trader.reconcile()
    protect(world, "95")
    if qty == "11":
        world.trader.trade_elsewhere("buy", "1")
    world.pass_time(1)
    another_stop(world, qty, price, name=UNMARKED)
    world.desk.oms.apply_snapshot(world.desk.client.get_order_by_client_id(UNMARKED))
    found, plan = world.desk.journal.find_order(UNMARKED), world.the_plan()
    assert found is not None and found.is_ours is is_ours
    assert found.plan_id == (plan.plan_id if is_ours else None)
    if is_ours and qty == "10":
        world.start_watch()
        world.trader.move_stop("96")
        world.run(8)
        assert list(stops_there(world).values()) == [("10", "96")]
        assert "other_execbot" not in world.alarm_kinds()


def test_the_entry_of_a_plan_that_a_restored_journal_lacks_is_its_own(tmp_path: Path) -> None:
    world = open_world(tmp_path, watch=False)
    record, plan = world.trader.buy("10", stop_at("95"))
    fresh = Journal.open(tmp_path / "fresh.db")
    for version in world.desk.journal.plan_history(plan.plan_id):
        fresh.save_plan(
            version.plan_id,
            version.symbol,
            version.status,
            dict(version.body),
            version.at,
            version=version.version,
        )
    world.desk.journal = fresh
    world.start_watch()
    world.run(5)
    found = world.desk.journal.find_order(record.client_order_id)
    assert found is not None and (found.role, found.plan_id) == (Role.ENTRY, plan.plan_id)
    assert list(stops_there(world).values()) == [("10", "95")]
