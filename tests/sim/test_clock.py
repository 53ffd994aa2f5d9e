"""Goal: the virtual clock sets, steps and runs as told and never goes back."""

from __future__ import annotations

import pytest

from execbot.sim.clock import VenueClock
from execbot.sim.times import format_ns, parse_time
from execbot.sim.types import LATEST, SECOND

T0 = 1_381_239_000 * SECOND  # 2013-10-08 09:30 in New York


class Wall:
    now = 5_000 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2013-10-08 09:30", "2013-10-08T13:30:00Z"),
        ("2013-10-08T09:30:00.25", "2013-10-08T13:30:00.25Z"),
        ("2013-01-08 09:30:01", "2013-01-08T14:30:01Z"),
        ("2013-10-08T13:30:00Z", "2013-10-08T13:30:00Z"),
        ("2013-10-08T13:30:00.000000001+00:00", "2013-10-08T13:30:00.000000001Z"),
        ("2013-10-08", "2013-10-08T04:00:00Z"),
    ],
)
def test_times_are_read_in_new_york_unless_they_say_otherwise(text: str, shown: str) -> None:
    assert format_ns(parse_time(text)) == shown


@pytest.mark.parametrize("text", ["", "now", "2013-13-01", "09:30", "2013-10-08 09:30:00."])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


def test_standing_clock_moves_only_by_steps() -> None:
    wall = Wall()
    clock = VenueClock.starting(T0, 0, wall)
    wall.now += 100 * SECOND
    assert clock.now() == T0
    clock.step(3 * SECOND)
    assert clock.now() == T0 + 3 * SECOND
    assert clock.wall_seconds_until(T0 + 9 * SECOND) is None


def test_speed_multiplies_real_time_from_the_moment_it_is_set() -> None:
    wall = Wall()
    clock = VenueClock.starting(T0, 1, wall)
    wall.now += 10 * SECOND
    clock.set_speed(60)
    wall.now += 2 * SECOND
    assert clock.now() == T0 + 130 * SECOND
    assert clock.wall_seconds_until(T0 + 190 * SECOND) == 1.0


def test_clock_is_never_set_back() -> None:
    clock = VenueClock.starting(T0, 0, Wall())
    with pytest.raises(ValueError, match="back"):
        clock.set(T0 - 1)
    with pytest.raises(ValueError):
        clock.set_speed(-1)


def test_a_fast_clock_stops_at_the_end_of_time() -> None:
    wall = Wall()
    clock = VenueClock.starting(LATEST - 10 * SECOND, 1_000_000, wall)
    wall.now += SECOND
    assert clock.now() == LATEST
    with pytest.raises(ValueError, match="2100"):
        clock.step(SECOND)


def test_wall_clock_may_be_ahead() -> None:
    wall = Wall()
    clock = VenueClock.on_the_wall(wall, 30 * SECOND)
    assert clock.now() == wall.now + 30 * SECOND and not clock.virtual
