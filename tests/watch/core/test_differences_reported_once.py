"""Goal: a quantity that differs from the broker is told once, however often `watch` is started.

Method: the real watcher against the real exchange in virtual time; shares come and go without an
order, `watch` is killed and started anew on its journal. Once as real processes, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.desk import market
from support.processes import exchange, execbot, start_execbot
from support.wishes import stop_at
from support.world import D, World, open_world

from execbot.model.enums import Side
from execbot.oms.sync.differences import TOLD_PREFIX, PositionDifference, reported_differences


def alarms(world: World) -> int:
    return len(world.notes_of("position_differs"))


def standing(world: World) -> list[str]:
    return [note.text for note in world.notes_of("difference")]


def told_of_three_more(path: Path, *, plan: bool = True) -> World:
    world = open_world(path)
    if plan:
        world.trader.buy("10", stop_at("2%"))
    else:
        world.trader.send(market("AAPL", "10"))
    world.run(5)
    world.witness.set_position("13", "100")
    world.run(15)
    assert (alarms(world), standing(world)) == (1, [])
    return world


def restarted(world: World, seconds: float = 40) -> World:
    world.restart_watch()
    world.run(seconds)
    return world


def test_a_restart_shows_what_was_told_and_alarms_nobody(tmp_path: Path) -> None:
    world = told_of_three_more(tmp_path)
    for number in (1, 2):
        restarted(world)
        assert alarms(world) == 1
        assert len(standing(world)) == number
        assert "the broker holds 13, the fills add up to 10" in standing(world)[-1]
        assert world.witness.covered() == 13


def test_a_restart_without_a_plan_is_as_quiet(tmp_path: Path) -> None:
    world = restarted(told_of_three_more(tmp_path, plan=False))
    assert (alarms(world), len(standing(world))) == (1, 1)


def test_the_broker_s_quantity_is_guarded_from_the_first_look_on(tmp_path: Path) -> None:
    world = told_of_three_more(tmp_path)
    world.kill_watch()
    world.trader.cancel_elsewhere()
    world.start_watch()
    world.run(3)
    assert world.witness.covered() == 13


def test_another_quantity_is_told_anew(tmp_path: Path) -> None:
    world = told_of_three_more(tmp_path)
    world.kill_watch()
    world.witness.set_position("14", "100")
    world.start_watch()
    world.run(15)
    assert alarms(world) == 2
    assert reported_differences(world.desk.journal) == {
        "AAPL": PositionDifference("AAPL", D(10), D(14))
    }


def test_what_was_cured_and_came_back_is_told_anew(tmp_path: Path) -> None:
    world = told_of_three_more(tmp_path)
    world.witness.set_position("10", "100")
    world.run(15)
    assert reported_differences(world.desk.journal) == {}
    world.witness.set_position("13", "100")
    world.run(15)
    assert alarms(world) == 2


def test_what_was_cured_while_nobody_watched_and_came_back_is_told_anew(tmp_path: Path) -> None:
    world = told_of_three_more(tmp_path, plan=False)
    world.kill_watch()
    world.trader.reconcile(accept_positions=True)
    world.trader.send(market("AAPL", "3", Side.SELL))
    world.pass_time(1)
    assert not world.trader.reconcile().has_breaks
    world.witness.set_position("13", "100")
    world.start_watch()
    world.run(15)
    assert (alarms(world), standing(world)) == (2, [])


def test_a_position_that_left_the_account_is_told_once_too(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.send(market("AAPL", "10"))
    world.run(5)
    del world.witness.account.positions["AAPL"]
    world.run(40)
    restarted(world)
    assert (alarms(world), len(standing(world))) == (1, 1)
    world.trader.reconcile(accept_positions=True)
    world.run(40)
    assert reported_differences(world.desk.journal) == {}


def test_a_strange_value_in_the_journal_is_told_rather_than_believed(tmp_path: Path) -> None:
    world = told_of_three_more(tmp_path)
    world.kill_watch()
    world.desk.journal.meta_set(f"{TOLD_PREFIX}AAPL", {"ours": "10"})
    world.start_watch()
    world.run(15)
    assert alarms(world) == 2


def first_word(env: Mapping[str, str]) -> dict[str, Any]:
    """What a fresh `watch --json` says first of the difference."""
    process = start_execbot(["watch", "--json"], env)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said.get("kind") == "position_differs" or said["type"] == "difference":
                return said
    finally:
        process.terminate()
        process.communicate(timeout=30)
    raise AssertionError("watch has ended without a word of it")


@pytest.mark.timeout(240)
def test_the_second_watch_says_that_the_difference_stands(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        bought = execbot(["submit", "AAPL", "--qty", "3", "--wait", "10"], env)
        assert bought.code == 0, bought.err
        gone = {"type": "JNLS", "symbol": "AAPL", "qty": -3, "row_after": 3600}
        server.call("POST", "/sim/flow", gone)
        first, second = first_word(env), first_word(env)
        assert (first["type"], first["symbol"], first["seq"] > 1) == ("alarm", "AAPL", True)
        assert {name: second[name] for name in ("type", "symbol", "ours", "theirs")} == {
            "type": "difference",
            "symbol": "AAPL",
            "ours": "3",
            "theirs": "0",
        }


@pytest.mark.timeout(240)
def test_a_watch_that_begins_after_a_split_says_that_it_is_booked(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        bought = execbot(["submit", "AAPL", "--qty", "3", "--wait", "10"], env)
        assert bought.code == 0, bought.err
        first = execbot(["reconcile", "--json"], env)
        assert first.data["breaks"] == [], first.out
        server.call("POST", "/sim/split", {"symbol": "AAPL", "new": 4})
        process = start_execbot(["watch", "--json", "--seconds", "30"], env)
        assert process.stdout is not None
        try:
            said = next(
                line for line in map(json.loads, process.stdout) if line["type"] == "booked"
            )
        finally:
            process.terminate()
            process.communicate(timeout=30)
        assert "AAPL was split 4:1: 3 shares are 12" in said["text"]
        again = execbot(["reconcile", "--json"], env)
        assert (again.code, again.data["notes"]) == (0, [])
