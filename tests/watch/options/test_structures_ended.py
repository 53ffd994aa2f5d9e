"""Goal: exits of a structure end with it, and never act on what is opened in its place.

Method: the simulated world on real trading hours; `watch` away while the structure is closed, and
back before or after the same contracts are bought again.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace
from support.contracts import natural, vertical
from support.world import World
from watch.options.test_structures_kept import cared_for, closings, opened, with_spread

from execbot.config.schema import Mode
from execbot.exits.structures.plan import StructurePlan, save_structure, structure_plans
from execbot.model.options.spreads import spread_request
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_gate import RiskGate

D = Decimal


def planned(world: World, held: dict[str, str]) -> StructurePlan:
    plan = StructurePlan(
        "structure-1", "AAPL", {s: D(q) / 2 for s, q in held.items()}, world.now(), D(1)
    )
    save_structure(world.desk.journal, plan, world.now())
    return plan


def traded(world: World, *, opens: bool) -> None:
    """Two verticals, opened or closed by a command while no `watch` runs."""
    gate = RiskGate(world.desk.client, world.desk.journal, world.settings, Mode.SIM, now=world.now)
    legs = vertical(world.desk, opens=opens)
    net = natural(world.desk, legs) + D("0.10")
    Placer(world.desk.oms, gate).place(spread_request(legs, D(2), net))
    world.run(90, 1.0)
    world.desk.oms.reconcile()


def test_exits_of_what_was_closed_without_a_watch_are_gone_soon_after_its_start(
    tmp_path: Path,
) -> None:
    world = opened(tmp_path)
    held = with_spread(world, days=14)
    planned(world, held)
    world.kill_watch()
    traded(world, opens=False)
    assert world.desk.positions_there() == {}
    world.start_watch()
    cared_for(world)
    world.run(8)
    assert structure_plans(world.desk.journal, world.now()) == []


def test_exits_of_what_was_closed_are_not_those_of_what_was_opened_since(tmp_path: Path) -> None:
    """E-OPT-6."""
    world = opened(tmp_path)
    held = with_spread(world, days=14)
    plan = planned(world, held)
    world.kill_watch()
    traded(world, opens=False)
    traded(world, opens=True)
    save_structure(world.desk.journal, replace(plan, target_net=D("0.01")), world.now())
    world.start_watch()
    cared_for(world)
    world.run(30)
    assert world.desk.positions_there() == held and closings(world) == []
    assert structure_plans(world.desk.journal, world.now()) == []
    assert "structure_outlived" in world.alarm_kinds()
