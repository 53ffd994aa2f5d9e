"""Goal: what the broker refuses is tried again at a measured pace, and every share stays accounted.

Method: the real watcher against the real exchange in virtual time; requests and notes are counted.
"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace
from support.watch_world import World, open_world, wishes

from execbot.exits.plan.plan import AdjustRules
from execbot.exits.store import change_plan

EXITS_A_MINUTE_MAX = 25
"""Rounds of three attempts, one, two, four ... seconds apart, and a few stops between them."""


def alarm_kinds(world: World) -> list[str]:
    return [str(note.data.get("kind")) for note in world.notes if note.is_alarm]


def sent(world: World) -> int:
    return sum(n.type == "action" and n.data.get("action") == "submit" for n in world.notes)


def test_an_exit_that_is_accepted_and_then_rejected_is_not_sent_for_ever(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", replace(wishes("2"), rules=AdjustRules(time_stop_minutes=1)))
    world.run(58)
    world.desk.call("POST", "/sim/faults", {"kind": "accepted_then_rejected", "count": 500})
    before = sent(world)
    world.run(60)
    assert world.qty() == 10
    assert sent(world) - before < EXITS_A_MINUTE_MAX
    assert alarm_kinds(world).count("exit_refused") == 1
    world.desk.call("DELETE", "/sim/faults")
    world.run(60)
    assert world.qty() == 0


NO_CANCELS = {"kind": "server_error", "method": "DELETE", "status": 503, "count": 100_000}


def asked_cancels(world: World) -> int:
    return sum(n.type == "action" and n.data.get("action") == "cancel" for n in world.notes)


def test_cancels_that_the_broker_refuses_are_repeated_with_pauses(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    _, plan = world.buy("10", wishes("2", ("4", "50"), ("8", "50")))
    world.run(3)
    world.desk.call("POST", "/sim/faults", NO_CANCELS)
    now = AdjustRules(time_stop_minutes=0)
    change_plan(world.desk.journal, plan.plan_id, lambda p: p.changed(world.now(), rules=now))
    world.trader_acted = True
    world.run(30)
    assert asked_cancels(world) < 25
    assert world.covered("AAPL") == 10
    world.desk.call("DELETE", "/sim/faults")
    world.run(15)
    assert world.qty() == 0


def test_an_overdue_entry_whose_cancel_is_refused_is_asked_for_with_pauses(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2", ("4", "50")), limit="90")
    world.run(3)
    world.desk.call("POST", "/sim/faults", NO_CANCELS)
    world.run(87)
    assert 3 < asked_cancels(world) < 25
    world.desk.call("DELETE", "/sim/faults")
    world.run(5)
    assert world.desk.orders_there()["entry-0"]["status"] == "canceled"


def test_an_exit_that_stays_refused_is_tried_each_minute_and_told_each_time_with_its_cause(
    tmp_path: Path,
) -> None:
    """E-PROT-4: the pauses grow to a minute and never end while shares have to go."""
    world = open_world(tmp_path)
    world.buy("10", replace(wishes("2"), rules=AdjustRules(time_stop_minutes=1)))
    world.run(58)
    body = {"code": 40310000, "message": "account is restricted from selling"}
    params = {"status": 403, "body": body}
    world.desk.fault("canned_reply", count=None, method="POST", path="/v2/orders", params=params)
    world.run(200)
    told = [n.text for n in world.notes if n.is_alarm and n.data.get("kind") == "exit_refused"]
    before, first = sent(world), len(told)
    world.run(180)
    told = [n.text for n in world.notes if n.is_alarm and n.data.get("kind") == "exit_refused"]
    assert 2 <= len(told) - first <= 4
    assert "restricted from selling" in told[-1]
    assert 0 < sent(world) - before < 3 * EXITS_A_MINUTE_MAX
    world.desk.call("DELETE", "/sim/faults")
    world.run(70)
    assert world.qty() == 0
