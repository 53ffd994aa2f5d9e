"""Goal: a server's own time is followed, ours is kept where it agrees or does not answer, and
setting the wall clock ages nothing.

Method: tables of headers, with a wall and a monotonic clock of the test's own; a served exchange
that runs faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from execbot.broker.clock import BrokerClock
from execbot.model.timer import leapt_by, of_ours

NOW = datetime(2026, 11, 20, 15, 0, 0, 500_000, tzinfo=UTC)
DAY = datetime(2013, 10, 8, 13, 30, tzinfo=UTC)


@dataclass
class Machine:
    """`wall` and `seconds` move apart when somebody sets the wall clock."""

    wall: datetime = NOW
    seconds: float = 1000.0

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds

    def clock(self, **options: bool) -> BrokerClock:
        return BrokerClock(lambda: self.wall, lambda: self.seconds, **options)


def date_of(moment: datetime) -> str:
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


def test_time_of_a_replayed_day_is_taken_from_the_date_header() -> None:
    clock = Machine().clock()
    clock.observe("Tue, 08 Oct 2013 13:30:00 GMT")
    assert clock() == DAY


@pytest.mark.parametrize(
    "header",
    [
        "Fri, 20 Nov 2026 15:00:00 GMT",
        "Fri, 20 Nov 2026 15:00:01 GMT",
        None,
        "",
        "yesterday",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Mon, 01 Jan 1601 00:00:00 GMT",
    ],
)
def test_time_that_agrees_or_cannot_be_leaves_ours(header: str | None) -> None:
    clock = Machine().clock()
    clock.observe(header)
    assert clock() == NOW


def test_probe_is_asked_once_and_only_before_any_reply() -> None:
    asked = []

    def probe() -> None:
        asked.append(True)
        clock.observe("Fri, 20 Nov 2026 16:00:00 GMT")

    clock = Machine().clock()
    clock.probe = probe
    assert clock() - NOW > timedelta(minutes=59)
    clock()
    assert asked == [True]


@pytest.mark.parametrize("hours", [-1, 1, 24 * 365])
@pytest.mark.parametrize("at_once", [True, False])
def test_wall_clock_that_is_set_moves_nothing(hours: int, at_once: bool) -> None:
    machine = Machine()
    clock = machine.clock(at_once=at_once)
    machine.passes(10)
    clock.observe(date_of(NOW + timedelta(seconds=10)))
    machine.wall += timedelta(hours=hours)
    machine.passes(5)
    clock.observe(date_of(NOW + timedelta(seconds=15)))
    assert clock() == NOW + timedelta(seconds=15)


def test_time_in_suspend_counts() -> None:
    """The monotonic clock handed in goes on in suspend, and so does `now`."""
    machine = Machine()
    clock = machine.clock()
    machine.seconds += 8 * 3600
    assert clock() - NOW == timedelta(hours=8)


def test_alpaca_is_believed_when_two_replies_in_a_row_agree_that_our_time_is_wrong() -> None:
    machine = Machine()
    clock = machine.clock(at_once=False)
    right = NOW + timedelta(hours=1)
    clock.observe(date_of(right))
    assert clock() == NOW
    machine.passes(3)
    clock.observe(date_of(right + timedelta(seconds=3)))
    assert abs(clock() - right - timedelta(seconds=3)) < timedelta(seconds=1)


def test_single_reply_of_another_day_leaves_the_time_of_ones_own_exchange() -> None:
    """A damaged Date; an exchange that was put to another day says so again."""
    clock = Machine().clock()
    clock.observe(date_of(DAY))
    clock.observe(date_of(NOW + timedelta(days=36_500)))
    clock.observe(date_of(DAY))
    assert clock() == DAY
    later = DAY + timedelta(days=3)
    clock.observe(date_of(later))
    clock.observe(date_of(later))
    assert clock() == later


@given(st.text(max_size=40), st.text(max_size=40), st.booleans())
@example("Fri, 31 Dec 9999 23:59:59 GMT", "1e999", True)
@example("Wed, 01 Jan 2150 00:00:00 GMT", "nan", True)
@example("Fri, 20 Nov 2026 14:00:00 GMT", "999999", True)
def test_whatever_one_reply_says_the_next_one_puts_it_right(
    header: str, speed: str, at_once: bool
) -> None:
    clock = Machine().clock(at_once=at_once)
    clock.observe(date_of(NOW))
    clock.observe(header, speed)
    assert abs(clock() - NOW) <= timedelta(days=1)
    for _ in range(2):
        clock.observe(date_of(NOW))
    assert abs(clock() - NOW) <= timedelta(seconds=1.5)


def test_one_reply_with_an_old_date_is_passed_over() -> None:
    """From a cache in between, say; and two such that tell different stories."""
    machine = Machine()
    clock = machine.clock(at_once=False)
    for theirs in (NOW - timedelta(hours=1), NOW, NOW - timedelta(hours=2), NOW, NOW):
        clock.observe(date_of(theirs))
        assert clock() == NOW
    clock.observe(date_of(NOW - timedelta(hours=1)))
    clock.observe(date_of(NOW - timedelta(hours=2)))
    assert clock() == NOW


@pytest.mark.parametrize(("speed", "passed"), [("60", 600.0), ("0", 0.0), ("0.5", 5.0)])
def test_time_runs_between_replies_as_fast_as_the_exchange_says(speed: str, passed: float) -> None:
    machine = Machine()
    clock = machine.clock()
    clock.observe(date_of(DAY), speed)
    machine.passes(10)
    assert (clock() - DAY).total_seconds() == passed


def test_speed_that_changes_counts_from_the_reply_that_says_so() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.observe(date_of(DAY), "60")
    machine.passes(10)
    clock.observe(date_of(DAY + timedelta(seconds=600)), None)
    machine.passes(10)
    assert clock() == DAY + timedelta(seconds=610)


@pytest.mark.parametrize("speed", ["fast", "-1", "nan", "inf", "1e99", ""])
def test_speed_that_cannot_be_is_one(speed: str) -> None:
    machine = Machine()
    clock = machine.clock()
    clock.observe(date_of(DAY), speed)
    machine.passes(10)
    assert clock() == DAY + timedelta(seconds=10)


def test_alpaca_has_no_say_in_how_fast_time_runs() -> None:
    machine = Machine()
    clock = machine.clock(at_once=False)
    clock.observe(date_of(NOW), "60")
    machine.passes(10)
    assert clock() == NOW + timedelta(seconds=10)


def test_clock_that_runs_for_ages_at_full_speed_does_not_break() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.observe(date_of(DAY), "1000000")
    machine.passes(10 * 86400)
    assert clock() == DAY


@pytest.mark.parametrize(("speed", "seconds"), [("20", 3.0), ("0.5", 120.0), ("0", 60.0)])
def test_a_minute_of_the_brokers_is_less_of_ours_where_its_clock_runs_faster(
    speed: str, seconds: float
) -> None:
    clock = Machine().clock()
    clock.observe(date_of(DAY), speed)
    assert clock.seconds_here(60) == seconds


def test_what_our_processes_do_lasts_in_our_seconds_also_where_a_clock_runs_faster() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.observe(date_of(DAY), "30")
    assert of_ours(timedelta(seconds=3), clock) == timedelta(seconds=90)
    clock.observe(date_of(DAY), "0.5")
    assert of_ours(timedelta(seconds=3), clock) == timedelta(seconds=3)
    assert of_ours(timedelta(seconds=3), lambda: NOW) == timedelta(seconds=3)


def test_a_clock_that_is_set_says_how_far_it_leapt_and_time_that_passes_is_no_leap() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.observe(date_of(NOW))
    assert leapt_by(clock) == timedelta(0)
    machine.passes(3600)
    clock.observe(date_of(NOW + timedelta(seconds=3600)))
    assert leapt_by(clock) == timedelta(0)
    clock.observe(date_of(NOW + timedelta(hours=3)))
    assert leapt_by(clock) == pytest.approx(timedelta(hours=2), abs=timedelta(seconds=1))
    clock.observe(date_of(NOW + timedelta(hours=1)))
    assert leapt_by(clock) == pytest.approx(timedelta(0), abs=timedelta(seconds=1))
