"""Goal: what the account's own record says of shares is booked once, and plan and exits follow
(E-POS-5, E-POS-7, E-CORP-2, E-CORP-3).

Method: the real watcher, or a reconcile, against the real exchange, which renames, merges and
transfers shares with the rows that Alpaca writes.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from support.wishes import stop_at, target
from support.world import World, open_world

from execbot.exits.plan.plan import PlanStatus

D = Decimal


def books(world: World, symbol: str) -> Decimal:
    position = world.desk.journal.position(symbol)
    return position.qty if position is not None else D(0)


def alarm_kinds(world: World) -> list[str]:
    return [str(note.data.get("kind")) for note in world.notes if note.is_alarm]


def sim(world: World, path: str, **body: Any) -> None:
    world.desk.call("POST", f"/sim/{path}", body)


def two_names(path: Path) -> World:
    world = open_world(path, symbols=("INTC", "CSCO"))
    world.price("INTC", "100")
    world.price("CSCO", "100")
    world.trader.buy("50", stop_at("2%"), target("4%", shares=100), symbol="INTC")
    world.run(5)
    assert world.witness.covered("INTC") == 50
    return world


def test_books_plan_and_exits_follow_a_new_name(tmp_path: Path) -> None:
    world = two_names(tmp_path)
    old = world.plan("INTC")
    sim(world, "rename", symbol="INTC", new_symbol="CSCO")
    world.run(20)
    assert (books(world, "INTC"), books(world, "CSCO")) == (0, 50)
    new = world.plan("CSCO")
    assert old is not None and new is not None and world.plan("INTC") is None
    assert (new.stop.price, new.targets[0].price) == (old.stop.price, old.targets[0].price)
    assert world.witness.covered("CSCO") == 50
    assert alarm_kinds(world).count("renamed") == 1
    assert "position_differs" not in alarm_kinds(world)
    assert "INTC" in world.alarms()[-1] and "CSCO" in world.alarms()[-1]


def test_reconcile_books_a_new_name_without_a_break(tmp_path: Path) -> None:
    world = two_names(tmp_path)
    world.kill_watch()
    sim(world, "rename", symbol="INTC", new_symbol="CSCO")
    world.desk.oms.reconcile()
    result = world.desk.oms.reconcile()
    assert not result.breaks
    assert (books(world, "INTC"), books(world, "CSCO")) == (0, 50)
    assert world.plan("CSCO") is not None


def test_a_merger_is_one_critical_alarm_that_names_both(tmp_path: Path) -> None:
    world = two_names(tmp_path)
    sim(world, "merger", symbol="INTC", new_symbol="CSCO", rate=0.5, cash=3)
    world.run(20)
    assert (books(world, "INTC"), books(world, "CSCO")) == (0, 25)
    assert world.plan("INTC") is None and world.plan("CSCO") is None
    critical = [n for n in world.notes if n.is_critical]
    assert [n.data.get("kind") for n in critical] == ["merged"]
    assert "INTC" in critical[0].text and "CSCO" in critical[0].text


def test_shares_that_a_transfer_took_end_the_exits_and_their_return_wakes_the_plan(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(5)
    stop = world.plan().stop.price  # type: ignore[union-attr]
    world.trader.cancel_elsewhere()
    sim(world, "flow", type="JNLS", symbol="AAPL", qty=-10)
    world.run(20)
    plan = world.plan()
    assert books(world, "AAPL") == 0
    assert plan is not None and plan.status is PlanStatus.SLEEPING
    assert not world.witness.shorts
    sim(world, "flow", type="JNLS", symbol="AAPL", qty=7)
    world.run(20)
    plan = world.the_plan()
    assert (plan.status, plan.stop.price) == (PlanStatus.ACTIVE, stop)
    assert (books(world, "AAPL"), world.witness.covered()) == (7, 7)
    assert "plan_woke" in alarm_kinds(world)


def test_a_row_is_booked_once(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(5)
    sim(world, "flow", type="JNLS", symbol="AAPL", qty=5)
    world.run(20)
    world.desk.oms.reconcile()
    assert not world.desk.oms.reconcile().breaks
    assert (books(world, "AAPL"), world.witness.covered()) == (15, 15)
