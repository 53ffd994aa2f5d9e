"""Goal: a process that starts while an exchange of one's own does not answer goes by that
exchange's time, not by this machine's day.

Method: a served exchange that lives in another day and runs faster; a `watch` leaves its time, both
are killed, and an account is opened. Beside it a table of what is left and what is made of it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.processes import exchange, start_execbot
from support.waiting import eventually

from execbot.broker.clock import BrokerClock
from execbot.desk.account import open_desk
from execbot.desk.opening.kept_clock import NAME, carry_on, keep_clock
from execbot.model.timer import Timer

SPEED = 20
DAY = "2026-07-14"


def test_the_time_of_an_exchange_that_is_away_is_carried_on(tmp_path: Path) -> None:
    with exchange(tmp_path, "--at", f"{DAY} 10:00", "--speed", str(SPEED)) as server:
        env = server.environment(tmp_path, key="kept")
        watch = start_execbot(["watch", "--json"], env)
        try:
            assert eventually(lambda: list((tmp_path / "state").rglob(NAME)))
        finally:
            watch.kill()
            watch.communicate()
        theirs = server.get("/sim/clock", "kept")["now_ns"] / 1e9
    desk = open_desk(env=env)
    try:
        now = desk.now()
    finally:
        desk.close()
    late = now.timestamp() - theirs
    assert -2 <= late < SPEED * 60, now  # a reply's Date is cut to the second


HERE = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
THERE = datetime(2013, 10, 8, 13, 30, tzinfo=UTC)


def timer(seconds: float, boot: str = "b1") -> Timer:
    return Timer(lambda: seconds, boot=lambda: boot)


def left(folder: Path) -> None:
    """An exchange that runs ten times as fast, heard of at 1,000 seconds of this boot."""
    clock = BrokerClock(lambda: HERE, lambda: 1000.0)
    clock.observe("Tue, 08 Oct 2013 13:30:00 GMT", "10")
    keep_clock(folder, clock, timer(1000.0))


def taken_up(folder: Path, at: Timer) -> datetime:
    clock = BrokerClock(lambda: HERE, at.monotonic)
    carry_on(folder, clock, at)
    return clock()


def test_it_goes_on_by_this_machines_seconds_at_the_exchanges_speed(tmp_path: Path) -> None:
    left(tmp_path)
    assert taken_up(tmp_path, timer(1006.0)) == THERE + timedelta(minutes=1)


def test_another_boot_says_nothing_of_the_time_between(tmp_path: Path) -> None:
    left(tmp_path)
    assert taken_up(tmp_path, timer(1006.0, "b2")) == HERE


@pytest.mark.parametrize(
    "words",
    ["", "{", "[]", "{}", '{"at": "x", "mark": ["b1", 1], "speed": 1}',
     json.dumps({"at": "2013-10-08T13:30:00Z", "mark": ["b1", 1000.0], "speed": -1}),
     json.dumps({"at": "2013-10-08T13:30:00Z", "mark": ["b1", 1000.0], "speed": "fast"})],
)  # fmt: skip
def test_what_cannot_be_read_is_passed_over(tmp_path: Path, words: str) -> None:
    (tmp_path / NAME).write_text(words)
    assert taken_up(tmp_path, timer(1006.0)) == HERE


def test_a_reply_is_believed_before_what_was_left(tmp_path: Path) -> None:
    left(tmp_path)
    clock = BrokerClock(lambda: HERE, lambda: 1006.0)
    clock.observe("Fri, 20 Nov 2026 15:00:00 GMT")
    carry_on(tmp_path, clock, timer(1006.0))
    assert clock() == HERE


def test_a_clock_that_no_reply_has_told_leaves_nothing(tmp_path: Path) -> None:
    keep_clock(tmp_path, BrokerClock(lambda: HERE, lambda: 1000.0), timer(1000.0))
    assert not (tmp_path / NAME).exists()
