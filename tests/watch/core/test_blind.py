"""Goal: who knows nothing of the account says so in time, with what stood last, and does nothing
else (docs/evidence.md, E-PROT-3).

Method: the real watcher against the real exchange in virtual time; the trade stream loses its
events, and REST fails, hangs or is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.wishes import stop_at, target
from support.world import D, World, open_world

from execbot.config.schema import BrokerSettings, EmergencyAction, ExitSettings, TradingSettings
from execbot.desk.watching import TRIPS

ALARM, TIMEOUT, LOOKS = 5, 10, 3
"""Settings as they are by default: the alarm time, a request's time-out, how often is looked."""

FAILS: dict[str, dict[str, Any]] = {
    "fails": {"kind": "server_error"},
    "is over the limit": {"kind": "rate_limited"},
    "hangs": {"kind": "request_lost"},
    "is garbled": {"kind": "html_body"},
}


def dumb(world: World, fault: dict[str, Any], path: str = "/v2/*", seconds: float = 3600) -> None:
    """REST tells nothing, and the stream neither."""
    world.desk.fault("event_missing", count=None, for_seconds=seconds)
    world.desk.fault(**fault, method="GET", path=path, count=None, for_seconds=seconds)


def protected(path: Path, **exits: Any) -> World:
    settings = TradingSettings(exits=replace(ExitSettings(), **exits))
    world = open_world(path, symbols=("AAPL", "MSFT"), settings=settings)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=50))
    world.trader.buy("4", stop_at("3%"), symbol="MSFT")
    world.run(4)
    return world


def run_until_told(world: World, seconds: float) -> float | None:
    """How long it took until the trader was told."""
    began = world.ns
    while world.ns - began < seconds * 1e9:
        world.step()
        if world.notes_of("blind"):
            return (world.ns - began) / 1e9
    return None


@pytest.mark.parametrize("fault", FAILS.values(), ids=FAILS)
def test_the_alarm_comes_in_time_and_names_what_stood_last(
    tmp_path: Path, fault: dict[str, Any]
) -> None:
    world = protected(tmp_path)
    dumb(world, fault)
    took = run_until_told(world, 60)
    # One request more may be under way here: in the process it keeps nobody else waiting.
    assert took is not None and took < ALARM + TIMEOUT + 5
    [alarm] = world.notes_of("blind")
    assert alarm.is_critical
    assert alarm.data["symbols"] == ["AAPL", "MSFT"]
    assert "AAPL 10 protected, stop at 98.01" in alarm.text
    assert "MSFT 4 protected, stop at 97.00" in alarm.text


def test_it_is_told_once_and_so_is_its_end(tmp_path: Path) -> None:
    world = protected(tmp_path)
    dumb(world, FAILS["fails"], seconds=90)
    world.run(85)
    assert len(world.notes_of("blind")) == 1
    assert not world.notes_of("broker")
    world.run(15)
    assert len(world.notes_of("blind")) == 1
    [again] = world.notes_of("broker")
    assert again.data["state"] == "answers"


def test_not_knowing_sells_nothing_and_halts_nothing(tmp_path: Path) -> None:
    """E-ALL-2."""
    world = protected(tmp_path, emergency_action=EmergencyAction.MARKET_EXIT)
    before = set(world.witness.account.live)
    dumb(world, FAILS["fails"])
    world.run(120)
    assert world.notes_of("blind")
    assert {str(note.data.get("kind")) for note in world.criticals()}.isdisjoint(TRIPS)
    assert set(world.witness.account.live) == before


def test_what_happened_meanwhile_is_known_when_the_broker_answers_again(tmp_path: Path) -> None:
    world = protected(tmp_path)
    dumb(world, FAILS["fails"])
    world.price("AAPL", "97")
    world.run(30)
    assert world.notes_of("blind") and world.booked() == 10
    world.desk.call("DELETE", "/sim/faults")
    world.run(8)
    assert world.witness.qty() == world.booked() == 0


# --- what is not blind -------------------------------------------------------------------------


def test_a_stream_that_tells_is_enough(tmp_path: Path) -> None:
    world = protected(tmp_path)
    world.price("KO", "60")
    world.desk.fault("server_error", method="GET", count=None, for_seconds=60)
    for _ in range(5):
        world.trader.trade_elsewhere("buy", "1", "KO")
        world.run(8)
    assert not world.notes_of("blind")


@pytest.mark.parametrize("path", ["/v2/orders*", "/v2/positions", "/v2/account*"])
def test_one_question_that_is_answered_is_enough(tmp_path: Path, path: str) -> None:
    world = protected(tmp_path)
    dumb(world, FAILS["fails"], path)
    world.run(60)
    assert not world.notes_of("blind")


def test_who_looks_seldom_is_not_blind_between_two_looks(tmp_path: Path) -> None:
    world = protected(tmp_path, guard_interval_seconds=D(120))
    world.run(29)
    assert not world.notes_of("blind")
    dumb(world, FAILS["fails"])
    took = run_until_told(world, 90)
    assert took is not None
    assert "protected" in world.notes_of("blind")[0].text


def test_an_account_that_holds_nothing_has_nothing_to_be_told(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    dumb(world, FAILS["fails"])
    world.run(60)
    assert not world.notes_of("blind")


def test_a_start_that_finds_nobody_counts_from_its_beginning(tmp_path: Path) -> None:
    world = protected(tmp_path)
    world.kill_watch()
    dumb(world, FAILS["fails"])
    world.run(60)
    world.start_watch()
    told = len(world.notes_of("blind"))
    took = run_until_told(world, 40)
    assert told == 0 and took is not None
    assert "AAPL 10" in world.notes_of("blind")[0].text


def test_a_short_time_out_tells_sooner(tmp_path: Path) -> None:
    settings = TradingSettings(
        broker=replace(BrokerSettings(), timeout_seconds=D(1)),
        exits=replace(ExitSettings(), unprotected_alarm_seconds=D(2)),
    )
    world = open_world(tmp_path, settings=settings)
    world.trader.buy("10", stop_at("2%"))
    world.run(4)
    dumb(world, FAILS["fails"])
    took = run_until_told(world, 60)
    assert took is not None and took < ALARM + TIMEOUT


def test_an_hour_that_nobody_was_awake_for_is_no_silence_of_the_broker(tmp_path: Path) -> None:
    """The question of before is asked anew; where nobody answers that either, it is told."""
    world = protected(tmp_path)
    memory = world.watcher.core.memory if world.watcher is not None else None
    assert memory is not None
    memory.asked_at = world.now()
    world.pass_time(3600)
    world.run(4)
    assert not world.notes_of("blind")
    memory.asked_at = world.now()
    world.pass_time(3600)
    dumb(world, FAILS["fails"])
    assert run_until_told(world, ALARM + TIMEOUT + 5) is not None
