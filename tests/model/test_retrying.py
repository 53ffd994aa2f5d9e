"""Waiting and trying again: how long, how often, and when tenacity is needed at all.

Method: tables of the waits, each drawn often; the loops in virtual time; fresh processes for what
is imported.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tries import failed

from execbot.model.retrying import (
    MOMENT_SECONDS,
    Attempts,
    Backoff,
    Growing,
    Pauses,
    RetryAfter,
    Schedule,
    Wait,
    error_of,
    polled,
    result_of,
    retried,
)
from execbot.model.timer import Timer, boot_seconds

DRAWS = 200


class Busy(Exception):
    def __init__(self, retry_after_seconds: float | None = None) -> None:
        super().__init__("busy")
        self.retry_after_seconds = retry_after_seconds


@dataclass
class Clock:
    """Time that only sleeping moves; `step` is the smallest amount it can tell apart."""

    now: float = 0.0
    step: float = 0.0
    slept: list[float] = field(default_factory=list)

    @property
    def timer(self) -> Timer:
        return Timer(lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds if not self.step else seconds // self.step * self.step


def draws(wait: Wait, attempt: int, error: Exception | None = None) -> list[float]:
    return [wait(failed(attempt, error or Busy())) for _ in range(DRAWS)]


# --- the waits ---------------------------------------------------------------------------------

BACKOFF = Backoff(first=1.0, most=30.0, least=0.5)


@pytest.mark.parametrize(
    ("attempt", "longest"),
    [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 16.0), (6, 30.0), (7, 30.0), (10_000, 30.0)],
)
def test_back_off_is_drawn_between_its_least_and_a_bound_that_doubles_to_its_most(
    attempt: int, longest: float
) -> None:
    found = draws(BACKOFF, attempt)
    assert 0.5 <= min(found) < 0.5 + (longest - 0.5) / 4
    assert longest - (longest - 0.5) / 4 < max(found) <= longest


def test_clients_that_failed_together_for_long_do_not_come_back_together() -> None:
    """Goal: the draw does not end where the bound does, as it would with a jitter under a cap."""
    assert len(set(draws(BACKOFF, 50))) == DRAWS


@pytest.mark.parametrize(
    ("wait", "asked", "least", "longest"),
    [
        (RetryAfter(BACKOFF), 7.0, 7.0, 7.0),
        (RetryAfter(BACKOFF), 0.0, 0.0, 0.0),
        (RetryAfter(BACKOFF, spread=2.0), 7.0, 7.0, 9.0),
        (RetryAfter(BACKOFF, most=1.0), 45.0, 1.0, 1.0),
        (RetryAfter(BACKOFF, most=1.0), 0.25, 0.25, 0.25),
        (RetryAfter(BACKOFF, spread=9.0), None, 0.5, 1.0),
    ],
)
def test_what_the_other_side_asked_for_is_waited_and_else_the_back_off(
    wait: RetryAfter, asked: float | None, least: float, longest: float
) -> None:
    found = draws(wait, 1, Busy(asked))
    assert least <= min(found) <= max(found) <= longest


def test_those_who_were_told_the_same_moment_are_spread() -> None:
    assert len(set(draws(RetryAfter(BACKOFF, spread=1.0), 1, Busy(7.0)))) == DRAWS


def test_polls_grow_to_their_most_and_are_the_same_every_time() -> None:
    wait = Growing(first=0.05, most=1.0, factor=1.6)
    found = [wait(failed(attempt, Busy())) for attempt in range(1, 10)]
    assert found[:3] == pytest.approx([0.05, 0.08, 0.128])
    assert found[-2:] == [1.0, 1.0]
    assert found == sorted(found)


def test_schedule_goes_row_by_row_and_stays_at_its_last() -> None:
    assert [Schedule((0.2, 0.5, 1.0))(failed(n, Busy())) for n in range(1, 6)] == [
        0.2,
        0.5,
        1.0,
        1.0,
        1.0,
    ]
    spread = draws(Schedule((0.2,), spread=Backoff(first=0.1, most=0.1)), 1)
    assert 0.2 <= min(spread) <= max(spread) <= 0.3
    assert len(set(spread)) == DRAWS


# --- trying again ------------------------------------------------------------------------------


def failing(times: int, error: Callable[[], Exception] = Busy) -> Callable[[], str]:
    """Fails so many times, then says how often it was called."""
    calls: list[None] = []

    def action() -> str:
        calls.append(None)
        if len(calls) <= times:
            raise error()
        return f"call {len(calls)}"

    return action


def try_it(action: Callable[[], str], clock: Clock, attempts: int = 5) -> str:
    return retried(
        action,
        may_retry=lambda error: isinstance(error, Busy),
        wait=RetryAfter(Schedule((1.0, 2.0, 4.0))),
        stop=Attempts(attempts),
        sleep=clock.sleep,
    )


@pytest.mark.parametrize(
    ("failures", "slept"), [(0, []), (1, [1.0]), (2, [1.0, 2.0]), (4, [1.0, 2.0, 4.0, 4.0])]
)
def test_action_is_tried_until_it_succeeds_with_a_wait_after_each_failure(
    failures: int, slept: list[float]
) -> None:
    clock = Clock()
    assert try_it(failing(failures), clock) == f"call {failures + 1}"
    assert clock.slept == slept


def test_retry_after_of_one_error_replaces_the_wait_of_that_try_only() -> None:
    clock = Clock()
    asked = iter([None, 17.0, None])
    assert try_it(failing(3, lambda: Busy(next(asked))), clock) == "call 4"
    assert clock.slept == [1.0, 17.0, 4.0]


def test_zero_is_no_sleep_at_all() -> None:
    clock = Clock()
    try_it(failing(2, lambda: Busy(0.0)), clock)
    assert clock.slept == []


def test_last_error_is_raised_when_it_is_enough_and_nothing_is_slept_after_it() -> None:
    clock, raised = Clock(), [Busy() for _ in range(9)]
    errors = iter(raised)
    with pytest.raises(Busy) as caught:
        try_it(failing(9, lambda: next(errors)), clock, attempts=3)
    assert caught.value is raised[2]
    assert clock.slept == [1.0, 2.0]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("after", [0, 2])
def test_what_may_not_be_retried_is_raised_at_once(error: type[BaseException], after: int) -> None:
    """Also Ctrl-C in the middle: it must never be taken for a failure of the request."""
    clock = Clock()
    calls: list[None] = []

    def action() -> str:
        calls.append(None)
        raise error() if len(calls) > after else Busy()

    with pytest.raises(error):
        try_it(action, clock)
    assert len(calls) == after + 1


def test_pauses_of_a_series_count_its_failures_and_a_new_series_begins_anew() -> None:
    wait = RetryAfter(Schedule((1.0, 2.0, 4.0)))
    pauses = Pauses(wait)
    assert [pauses.after(Busy(asked)) for asked in (None, None, 9.0, None)] == [1.0, 2.0, 9.0, 4.0]
    assert Pauses(wait).after(Busy()) == 1.0


# --- looking -----------------------------------------------------------------------------------


def counting(clock: Clock, seen: list[float]) -> Callable[[], float]:
    def look() -> float:
        seen.append(clock.now)
        return clock.now

    return look


def test_look_is_repeated_until_it_is_over() -> None:
    clock, seen = Clock(), list[float]()
    found = polled(
        counting(clock, seen),
        lambda now: now >= 3,
        wait=Schedule((1.0,)),
        seconds=60,
        timer=clock.timer,
    )
    assert found == 3
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("seconds", "looks"), [(0.0, [0]), (-1.0, [0]), (2.5, [0, 1, 2, 2.5]), (2.0, [0, 1, 2])]
)
def test_last_look_is_made_when_the_time_is_up_and_its_result_is_told(
    seconds: float, looks: list[float]
) -> None:
    clock, seen = Clock(), list[float]()
    found = polled(
        counting(clock, seen),
        lambda now: False,
        wait=Schedule((1.0,)),
        seconds=seconds,
        timer=clock.timer,
    )
    assert seen == looks
    assert found == looks[-1]


@given(seconds=st.floats(0, 30), step=st.sampled_from([1e-9, 1e-6, 1e-4]))
@settings(max_examples=60, deadline=None)
def test_poll_ends_with_a_clock_that_rounds_what_is_slept(seconds: float, step: float) -> None:
    clock, seen = Clock(step=step), list[float]()
    polled(
        counting(clock, seen),
        lambda now: False,
        wait=Growing(first=0.05, most=1.0, factor=1.6),
        seconds=seconds,
        timer=clock.timer,
    )
    assert abs(clock.now - seconds) <= MOMENT_SECONDS + step
    assert len(seen) < 60


def test_stop_gives_up_without_the_next_pause() -> None:
    clock, seen = Clock(), list[float]()
    polled(
        counting(clock, seen),
        lambda now: False,
        wait=Schedule((1.0,)),
        stop=Attempts(3),
        timer=clock.timer,
    )
    assert seen == [0, 1, 2]


def test_error_of_a_look_is_raised() -> None:
    clock = Clock()
    with pytest.raises(Busy):
        polled(failing(1), lambda seen: True, wait=Schedule((1.0,)), seconds=9, timer=clock.timer)

    def later() -> bool:
        if clock.now:
            raise Busy()
        return False

    with pytest.raises(Busy):
        polled(later, lambda seen: seen, wait=Schedule((1.0,)), seconds=9, timer=clock.timer)


def test_strategy_sees_the_error_or_the_result_of_the_last_try() -> None:
    error = Busy()
    assert error_of(failed(1, error)) is error
    tries = failed(1, error)
    tries.set_result(5)
    assert (error_of(tries), result_of(tries)) == (None, 5)


# --- what it costs -----------------------------------------------------------------------------

LAZY = """
import sys
import time
from execbot.model.retrying import Attempts, Backoff, RetryAfter, polled, retried
from execbot.model.timer import Timer

def heavy():
    return [name for name in ("tenacity", "random", "concurrent.futures") if name in sys.modules]

wait, stop = RetryAfter(Backoff(first=1.0, most=2.0)), Attempts(2)
timer = Timer(sleep=lambda seconds: None)
retried(lambda: 1, may_retry=lambda e: True, wait=wait, stop=stop, sleep=timer.sleep)
try:
    retried(lambda: 1 / 0, may_retry=lambda e: False, wait=wait, stop=stop, sleep=timer.sleep)
except ZeroDivisionError:
    pass
polled(lambda: 1, lambda seen: True, wait=wait, seconds=9, timer=timer)
polled(lambda: 1, lambda seen: False, wait=wait, seconds=0, timer=timer)
print(heavy())
try:
    retried(lambda: 1 / 0, may_retry=lambda e: True, wait=wait, stop=stop, sleep=timer.sleep)
except ZeroDivisionError:
    print(heavy())
"""


def test_tenacity_is_imported_when_a_second_try_is_due_and_not_before() -> None:
    done = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, timeout=60)
    first, second = done.stdout.splitlines()
    assert first == "[]", done.stderr
    assert "tenacity" in second


def test_seconds_of_waits_never_go_back() -> None:
    found = [boot_seconds() for _ in range(1000)]
    assert found == sorted(found)
    assert Timer().monotonic is boot_seconds


@pytest.mark.skipif(sys.platform != "linux", reason="CLOCK_BOOTTIME is Linux's")
def test_seconds_are_those_since_the_boot_with_the_time_in_suspend() -> None:
    """Not the wall clock, which is set, nor CLOCK_MONOTONIC, which stops in suspend."""
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    now = boot_seconds()
    assert before <= now <= time.clock_gettime(time.CLOCK_BOOTTIME)
