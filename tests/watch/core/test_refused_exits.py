"""Goal: what the broker refuses is tried again at a measured pace, and every share stays accounted.

Method: the real watcher against the real exchange in virtual time; requests and notes are counted.
"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace
from support.wishes import stop_at, target, wishes
from support.world import World, open_world

from execbot.exits.plan.plan import AdjustRules
from execbot.exits.store import change_plan

EXITS_A_MINUTE_MAX = 25
"""Rounds of three attempts, one, two, four ... seconds apart, and a few stops between them."""


def asked(world: World, action: str) -> int:
    """How often `watch` has asked for it."""
    return sum(note.data.get("action") == action for note in world.notes_of("action"))


def test_an_exit_that_is_accepted_and_then_rejected_is_not_sent_for_ever(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", replace(wishes(stop_at("2%")), rules=AdjustRules(time_stop_minutes=1)))
    world.run(58)
    world.desk.call("POST", "/sim/faults", {"kind": "accepted_then_rejected", "count": 500})
    before = asked(world, "submit")
    world.run(60)
    assert world.witness.qty() == 10
    assert asked(world, "submit") - before < EXITS_A_MINUTE_MAX
    assert world.alarm_kinds().count("exit_refused") == 1
    world.desk.call("DELETE", "/sim/faults")
    world.run(60)
    assert world.witness.qty() == 0


NO_CANCELS = {"kind": "server_error", "method": "DELETE", "status": 503, "count": 100_000}


def test_cancels_that_the_broker_refuses_are_repeated_with_pauses(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    _, plan = world.trader.buy(
        "10", stop_at("2%"), target("4%", shares=50), target("8%", shares=50)
    )
    world.run(3)
    world.desk.call("POST", "/sim/faults", NO_CANCELS)
    now = AdjustRules(time_stop_minutes=0)
    with world.trader.acts():
        change_plan(world.desk.journal, plan.plan_id, lambda p: p.changed(world.now(), rules=now))
    world.run(30)
    assert asked(world, "cancel") < 25
    assert world.witness.covered() == 10
    world.desk.call("DELETE", "/sim/faults")
    world.run(15)
    assert world.witness.qty() == 0


def test_an_overdue_entry_whose_cancel_is_refused_is_asked_for_with_pauses(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=50), limit="90")
    world.run(3)
    world.desk.call("POST", "/sim/faults", NO_CANCELS)
    world.run(87)
    assert 3 < asked(world, "cancel") < 25
    world.desk.call("DELETE", "/sim/faults")
    world.run(5)
    assert world.witness.orders()["entry-0"]["status"] == "canceled"


def test_an_exit_that_stays_refused_is_tried_each_minute_and_told_each_time_with_its_cause(
    tmp_path: Path,
) -> None:
    """E-PROT-4: the pauses grow to a minute and never end while shares have to go."""
    world = open_world(tmp_path)
    world.trader.buy("10", replace(wishes(stop_at("2%")), rules=AdjustRules(time_stop_minutes=1)))
    world.run(58)
    body = {"code": 40310000, "message": "account is restricted from selling"}
    params = {"status": 403, "body": body}
    world.desk.fault("canned_reply", count=None, method="POST", path="/v2/orders", params=params)
    world.run(200)
    told = [note.text for note in world.notes_of("exit_refused") if note.is_alarm]
    before, first = asked(world, "submit"), len(told)
    world.run(180)
    told = [note.text for note in world.notes_of("exit_refused") if note.is_alarm]
    assert 2 <= len(told) - first <= 4
    assert "restricted from selling" in told[-1]
    assert 0 < asked(world, "submit") - before < 3 * EXITS_A_MINUTE_MAX
    world.desk.call("DELETE", "/sim/faults")
    world.run(70)
    assert world.witness.qty() == 0
