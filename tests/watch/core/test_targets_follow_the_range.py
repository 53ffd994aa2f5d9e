"""Goal: with `take_profit.remeasure` unfilled targets at the broker follow the true range.

Method: the real watcher and the exchange in virtual time. The plan says that the range was another
one when it was made; what the exchange's own daily bars say of it now is read by the watcher.
"""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.schema_judge import complaints
from support.world import World, open_world

from execbot.exits.levels import LevelFacts, parse_level
from execbot.exits.plan.plan import AdjustRules, ExitPlan
from execbot.exits.plan.wishes import Wishes
from execbot.exits.store import change_plan
from execbot.watch.core.jobs import Note
from execbot.watch.show.sinks import JsonSink

D = Decimal


def hold(world: World, ratio: str, rules: AdjustRules) -> tuple[ExitPlan, Decimal]:
    """10 AAPL with a target in R, under a plan from when the range was this much of today's."""
    world.price("AAPL", "100")
    world.start_watch()
    wishes = Wishes(parse_level("2%"), None, ((parse_level("2R"), D(100)),), rules)
    assert world.hands is not None and world.hands.levels is not None
    now = world.hands.levels.atr("AAPL", world.now())
    assert now is not None
    _, plan = world.trader.buy("10", wishes)
    facts = LevelFacts(atr=now / D(ratio))
    change_plan(world.desk.journal, plan.plan_id, lambda p: p.changed(world.now(), facts=facts))
    world.journal_changed = True
    world.run(5)
    assert world.witness.qty() == 10
    return plan, now


def printed(note: Note, world: World) -> dict[str, Any]:
    """The line of `watch --json`."""
    out = io.StringIO()
    sink = JsonSink(world.now, out)
    sink.begin({"mode": "sim", "account": "A", "pid": 1, "schema": 1})
    sink.note(note, world.now())
    sink.end({"message": "bye", "working_orders": 0})
    line: dict[str, Any] = json.loads(out.getvalue().splitlines()[1])
    return line


def targets(world: World) -> list[str]:
    alive = ("new", "accepted", "held", "pending_new")
    return [
        row["limit_price"]
        for row in world.witness.orders().values()
        if row["side"] == "sell" and row["type"] == "limit" and row["status"] in alive
    ]


@pytest.mark.parametrize(("ratio", "price"), [("2", "107.99"), ("0.5", "102"), ("1.2", "104")])
def test_the_order_at_the_broker_moves_with_the_range(
    tmp_path: Path, ratio: str, price: str
) -> None:
    world = open_world(tmp_path)
    before, _ = hold(world, ratio, AdjustRules(remeasure=True))  # bought at 100.01
    world.run(5)
    assert targets(world) == [price]
    plan = world.the_plan()
    assert plan.stop.price == before.stop.price == 98
    moved = [note for note in world.notes if note.type == "target_moved"]
    assert [note.data["target"] for note in moved] == ([price] if price != "104" else [])
    assert not [found for note in moved if (found := complaints("watch", printed(note, world)))]
    assert not [note for note in world.notes if note.is_alarm]
    assert world.witness.longest_uncovered() < 1


def test_it_is_off_unless_asked_for(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    hold(world, "3", AdjustRules())
    world.run(5)
    assert targets(world) == ["104"]
    assert world.running.core.memory.levels_asked is None, "no bars are read for it"


def test_a_target_that_the_trader_has_moved_stays_there(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    plan, now = hold(world, "1", AdjustRules(remeasure=True))
    [target] = [
        row
        for row in world.witness.orders().values()
        if row["side"] == "sell" and row["type"] == "limit"
    ]
    world.desk.call("PATCH", f"/v2/orders/{target['id']}", {"limit_price": "105"})
    world.run(10)
    assert targets(world) == ["105"]
    facts = LevelFacts(atr=now / 3)
    change_plan(world.desk.journal, plan.plan_id, lambda p: p.changed(world.now(), facts=facts))
    world.journal_changed = True
    world.run(3700, 5.0)
    after = world.the_plan()
    assert after.facts.atr == now
    assert targets(world) == ["105"]
    assert replace(after, facts=facts).targets[0].price == 105
