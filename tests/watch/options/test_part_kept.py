"""Goal: exits over a part of the units close that part and no more, and the rest is shown without.

Method: a table of what is held; the simulated world on real trading hours, whose own orders and
positions judge.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.world import World
from watch.options.test_structures_kept import cared_for, closings, opened, with_spread
from watch.options.test_structures_shown import by_journal, by_watch

from execbot.exits.protection import Surroundings, protections
from execbot.exits.rules.view import Guarded
from execbot.exits.structures.plan import StructurePlan, save_structure, structure_plans

D = Decimal
NOW = datetime(2026, 10, 7, 15, tzinfo=UTC)
PART = StructurePlan("s", "AAPL", {"A": D(1), "B": D(-1)}, NOW, D(1), D("0.40"), units=D(2))


@pytest.mark.parametrize(
    ("low", "high", "units"),
    [
        (5, -5, 2),
        (2, -2, 2),
        (1, -1, 1),  # what is sold is taken from the rest first
        (5, -1, 1),
        (0, 0, 0),
        (5, 0, None),
        (2, 1, None),
    ],
)
def test_part_is_held_as_far_as_its_scarcest_leg(low: int, high: int, units: int | None) -> None:
    """E-OPT-10."""
    assert PART.units_in({"A": D(low), "B": D(high)}) == units


@pytest.mark.parametrize(
    ("low", "high", "units"), [(5, -5, 2), (4, -4, 1), (3, -3, 0), (2, -2, 0), (9, -9, 2)]
)
def test_rest_is_fixed_once_the_part_is_left(low: int, high: int, units: int) -> None:
    leaving = PART.left_alone({"A": D(5), "B": D(-5)}, D(2))
    assert leaving.spare == {"A": 3, "B": -3}
    assert leaving.units_in({"A": D(low), "B": D(high)}) == units
    assert StructurePlan.from_json("s", leaving.to_json(), NOW) == leaving


def kept_part(world: World, **levels: Decimal) -> StructurePlan:
    """Exits for one of two units."""
    held, now = with_spread(world, days=14), world.now()
    ratios = {s: D(q) / 2 for s, q in held.items()}
    plan = replace(StructurePlan("structure-1", "AAPL", ratios, now, D(1), units=D(1)), **levels)
    save_structure(world.desk.journal, plan, now)
    world.journal_changed = True
    return plan


def test_one_of_two_units_is_closed_and_the_other_left(tmp_path: Path) -> None:
    world = opened(tmp_path)
    kept_part(world, target_net=D("0.05"))
    world.run(20)
    world.restart_watch()
    cared_for(world)
    world.run(150)
    assert sorted(world.desk.positions_there().values()) == ["-1", "1"]
    [row] = closings(world)
    assert (row["status"], row["qty"]) == ("filled", "1")
    assert structure_plans(world.desk.journal, world.now()) == []
    assert world.desk.oms.reconcile().breaks == ()


def test_rest_is_fixed_once_however_long_the_part_takes_to_close(tmp_path: Path) -> None:
    """Each look decides anew; the journal does not grow by it."""
    world = opened(tmp_path)
    kept_part(world, target_net=D("0.05"))
    refused = {"status": 403, "body": {"code": 40310000, "message": "not now"}}
    world.desk.fault(
        "canned_reply", method="POST", path="/v2/orders", params=refused, count=4
    )  # fmt: skip
    world.run(20)
    world.restart_watch()
    cared_for(world)
    world.run(150)
    assert sorted(world.desk.positions_there().values()) == ["-1", "1"]
    rows = [row.result for row in world.desk.journal.audit_of("structure-1")]
    assert rows.count("followed: target") == 1


def test_rest_is_shown_without_exits(tmp_path: Path) -> None:
    world = opened(tmp_path, every_position=True)
    plan = kept_part(world, stop_net=D("0.01"))
    world.run(20)
    assert by_watch(world) == {Guarded.NO_PLAN}
    assert {s.coverage.uncovered for s in world.running.core.symbols.values() if s.qty} == {1}
    missing = "no plan: 1 of 2 have no stop"
    assert by_journal(world, watched=True) == dict.fromkeys(plan.ratios, (Guarded.NO_PLAN, missing))
    around = Surroundings(world.now(), world.hours(world.now()), world.settings, True)
    shown = protections(world.desk.journal, world.desk.client.get_positions(), around)
    assert {one.bare_words for one in shown} == {f"1 of 2 {symbol}" for symbol in plan.ratios}
    assert plan.levels == "1 of them: net stop 0.01"
