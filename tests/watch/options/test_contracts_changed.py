"""Goal: exits follow when a split makes contracts into others: a structure's levels, a contract's
stop at the broker; while the rows are not there one alarm names both, and nothing is sold.

Method: the simulated world over a split at the exchange; its orders and positions judge.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.world import World
from watch.options.test_contract_protected import bought, protect
from watch.options.test_structures_kept import closings, opened, with_spread

from execbot.exits.levels import LevelError
from execbot.exits.rules.view import Guarded
from execbot.exits.structures.plan import (
    StructurePlan,
    UnderlyingStop,
    save_structure,
    structure_plans,
)

D = Decimal


def planned(world: World, held: dict[str, str]) -> StructurePlan:
    now = world.now()
    ratios = {s: D(q) / 2 for s, q in held.items()}
    plan = StructurePlan("structure-1", "AAPL", ratios, now, D("1.30"), D("0.04"), D(4))
    plan = replace(plan, underlying_stop=UnderlyingStop(D(8), is_below=True))
    save_structure(world.desk.journal, plan, now)
    return plan


def split(world: World, new: int, old: int = 1) -> None:
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-08 09:40"})
    world.desk.call("POST", "/sim/split", {"symbol": "AAPL", "new": new, "old": old})
    world.run(30)


def rows_come(world: World) -> None:
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 09:45"})
    world.run(60)


def kinds(world: World) -> set[str]:
    return {str(note.data.get("kind")) for note in world.criticals()}


def test_structure_follows_a_whole_split_once_its_rows_are_there(tmp_path: Path) -> None:
    world = opened(tmp_path)
    held = with_spread(world, days=14)
    plan = planned(world, held)
    split(world, 4)
    there = world.desk.positions_there()
    assert set(there.values()) == {"8", "-8"} and not set(there) & set(held)
    assert structure_plans(world.desk.journal, world.now()) == [plan]  # it sleeps
    told = [n.text for n in world.criticals() if n.data.get("kind") == "contract_changed"]
    assert len(told) == 2
    for old in held:
        assert any(old in text and any(new in text for new in there) for text in told)
    assert world.desk.oms.reconcile().breaks == ()
    rows_come(world)
    [found] = structure_plans(world.desk.journal, world.now())
    assert {s: q * 8 for s, q in found.ratios.items()} == {s: D(q) for s, q in there.items()}
    assert (found.entry_net, found.stop_net, found.target_net) == (D("0.325"), D("0.01"), D(1))
    assert found.underlying_stop == UnderlyingStop(D(2), is_below=True)
    assert closings(world) == [] and world.desk.positions_there() == there
    assert not kinds(world) & {"structure_broken", "position_differs", "structure_outlived"}
    save_structure(world.desk.journal, replace(found, stop_net=D(3)), world.now())
    world.run(60)
    assert world.desk.positions_there() == {}
    assert [row["status"] for row in closings(world)] == ["filled"]


def test_structure_of_adjusted_contracts_keeps_its_own_levels_alone(tmp_path: Path) -> None:
    world = opened(tmp_path)
    held = with_spread(world, days=14)
    planned(world, held)
    split(world, 3, 2)
    rows_come(world)
    [found] = structure_plans(world.desk.journal, world.now())
    assert {s[:5] for s in found.ratios} == {"AAPL1"} and found.underlying == "AAPL1"
    assert (found.stop_net, found.underlying_stop) == (D("0.04"), None)
    told = [n.text for n in world.criticals() if "dropped" in n.text]
    assert len(told) == 2
    assert world.desk.oms.reconcile().breaks == ()
    assert not kinds(world) & {"structure_broken", "position_differs", "structure_outlived"}


def test_stop_of_a_contract_stands_anew_for_all_that_it_became(tmp_path: Path) -> None:
    world = opened(tmp_path)
    symbol = bought(world)
    protect(world, symbol, D("4.00"), D(90))
    split(world, 4)
    [changed] = world.desk.positions_there()
    assert world.desk.call("GET", "/v2/orders?status=open") == []
    assert world.guarded(symbol) is not Guarded.PROTECTED
    rows_come(world)
    [stop] = world.desk.call("GET", "/v2/orders?status=open")
    assert (stop["symbol"], stop["qty"], D(stop["stop_price"])) == (changed, "8", D(1))
    assert stop["position_intent"] == "sell_to_close"
    assert world.guarded(changed) is Guarded.PROTECTED
    [target] = world.the_plan(changed).targets
    assert target.price == D("22.5")
    assert "position_differs" not in kinds(world)


def test_no_exits_are_promised_for_what_a_contract_became_before_its_rows(tmp_path: Path) -> None:
    """`watch` would keep none of them until then: who asks for them is told so."""
    world = opened(tmp_path)
    symbol = bought(world)
    protect(world, symbol, D("4.00"), D(90))
    split(world, 4)
    [changed] = world.desk.positions_there()
    with pytest.raises(LevelError, match=f"{symbol} became 4 times {changed}") as refused:
        protect(world, changed, D("1.10"), D(80))
    assert refused.value.kind == "exits.contract_changed"
    rows_come(world)
    protect(world, changed, D("1.10"), D(80))
    world.run(30)
    [stop] = world.desk.call("GET", "/v2/orders?status=open")
    assert (stop["symbol"], stop["qty"], D(stop["stop_price"])) == (changed, "8", D("1.10"))
