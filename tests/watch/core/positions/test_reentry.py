"""Goal: who enters again the moment a position has ended keeps the new entry and its own plan.

Method: the real watcher in virtual time; the new entry is given before the old exit was reported.
"""

from __future__ import annotations

from pathlib import Path

from support.wishes import stop_at, target
from support.world import open_world

from execbot.exits.store import open_plans


def test_the_plan_of_a_flat_position_ends_when_the_next_entry_brings_its_own(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("5%"), target("4%", shares=100))
    world.run(2)
    world.price("AAPL", "106")
    while world.witness.qty():
        world.pass_time(0.05)
    world.trader.buy("5", stop_at("5%"))
    world.run(5)
    assert world.witness.qty() == world.witness.covered() == 5
    (kept,) = open_plans(world.desk.journal)
    assert kept.entry_client_order_id == "entry-1"
    assert world.witness.orders()["entry-1"]["filled_qty"] == "5", "nobody has canceled it"
    assert not world.criticals()


def test_an_entry_that_never_fills_leaves_the_plan_of_what_is_held_alone(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("5%"), target("20%", shares=100))
    world.run(2)
    record, _ = world.trader.buy("5", stop_at("3%"), limit="50")
    world.run(3)
    state = world.state()
    assert state.plan is not None
    assert state.waiting
    assert (state.plan.entry_client_order_id, state.plan.base_qty) == ("entry-0", 10)
    world.desk.call("DELETE", f"/v2/orders/{record.order_id}")
    world.price("AAPL", "94")
    world.run(5)
    assert world.witness.qty() == 0
    assert open_plans(world.desk.journal) == []
