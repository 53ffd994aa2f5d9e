"""Goal: exits and cancels never stand behind entries. Method: a clock that only sleeping moves."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execbot.broker.budget import (
    RESERVE_SHARE,
    Level,
    RateBudget,
    RequestPriority,
    observed,
    priority_of_reads,
    reading_at,
    taken,
    wait_seconds,
)
from execbot.model.timer import Timer


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def budget(rate: int = 60) -> tuple[RateBudget, Clock]:
    clock = Clock()
    return RateBudget(rate, timer=Timer(clock, clock.sleep)), clock


@settings(deadline=None)
@given(
    capacity=st.floats(1, 2000),
    share=st.floats(0, 1),
    blocked=st.floats(0, 100),
    now=st.floats(0, 100),
)
def test_an_exit_never_waits_and_a_higher_priority_never_waits_longer(
    capacity: float, share: float, blocked: float, now: float
) -> None:
    level = Level(capacity, capacity * share, at=0.0, blocked_until=blocked)
    waits = [wait_seconds(level, priority, now) for priority in RequestPriority]
    assert waits[RequestPriority.EXIT] == 0
    assert waits == sorted(waits)


def test_entries_stop_at_their_reserve_and_exits_go_on() -> None:
    rates, clock = budget(60)
    entries = 0
    while rates.acquire(RequestPriority.ENTRY, patience_seconds=0) == 0:
        entries += 1
    assert entries == 60 - 60 * RESERVE_SHARE[RequestPriority.ENTRY]
    assert rates.acquire(RequestPriority.PROTECT, patience_seconds=0) == 0
    for _ in range(100):
        assert rates.acquire(RequestPriority.EXIT, patience_seconds=0) == 0
    assert clock.now == 0


def test_an_entry_waits_until_the_minute_has_room_again() -> None:
    rates, clock = budget(60)
    for _ in range(51):
        rates.acquire(RequestPriority.ENTRY)
    assert clock.now == 0
    rates.acquire(RequestPriority.ENTRY)
    assert clock.now == pytest.approx(1.0)


def test_a_minute_never_carries_more_than_a_full_bucket_and_its_refill() -> None:
    rates, clock = budget(120)
    sent = 0
    while clock.now < 60:
        rates.acquire(RequestPriority.READ)
        sent += 1
    assert sent <= 240


def test_the_brokers_own_count_is_believed_when_it_is_lower() -> None:
    level = Level(200.0, 200.0, at=0.0)
    lower = observed(level, 200, {"x-ratelimit-remaining": "12"}, 0.0, None)
    assert lower.tokens == 12
    higher = observed(lower, 200, {"x-ratelimit-remaining": "150"}, 0.0, None)
    assert higher.tokens == 12
    larger = observed(level, 200, {"x-ratelimit-limit": "1000"}, 0.0, None)
    assert larger.capacity == 1000
    for nonsense in ("", "many", "-5", "nan"):
        headers = {"x-ratelimit-limit": nonsense, "x-ratelimit-remaining": nonsense}
        assert observed(level, 200, headers, 0.0, None) == level


def test_after_a_429_entries_wait_as_told_and_exits_do_not() -> None:
    rates, clock = budget(60)
    rates.observe(429, {}, 20.0)
    assert rates.acquire(RequestPriority.EXIT) == 0
    assert clock.now == 0
    assert rates.acquire(RequestPriority.READ, patience_seconds=5) >= 19
    assert clock.now == 0
    rates.acquire(RequestPriority.ENTRY)
    assert clock.now >= 20


def test_after_a_429_protection_waits_for_its_own_reserve_only() -> None:
    rates, clock = budget(60)
    rates.observe(429, {}, 45.0)
    rates.acquire(RequestPriority.PROTECT)
    assert clock.now == pytest.approx(60 * RESERVE_SHARE[RequestPriority.PROTECT] + 1)


def test_reads_inside_an_exit_go_as_exits_and_only_there() -> None:
    assert priority_of_reads() is RequestPriority.READ
    with reading_at(RequestPriority.EXIT):
        with reading_at(RequestPriority.PROTECT):
            assert priority_of_reads() is RequestPriority.EXIT
        elsewhere: list[RequestPriority] = []
        thread = threading.Thread(target=lambda: elsewhere.append(priority_of_reads()))
        thread.start()
        thread.join()
        assert elsewhere == [RequestPriority.READ]
    assert priority_of_reads() is RequestPriority.READ


def test_a_lower_priority_lets_a_waiting_higher_one_go_first() -> None:
    order: list[str] = []
    asleep, go = threading.Event(), threading.Event()

    def slow_sleep(seconds: float) -> None:
        asleep.set()
        go.wait(5)
        clock.now += seconds

    clock = Clock()
    rates = RateBudget(60, timer=Timer(clock, slow_sleep))
    rates.observe(200, {"x-ratelimit-remaining": "0"})

    def protect() -> None:
        rates.acquire(RequestPriority.PROTECT)
        order.append("protect")

    thread = threading.Thread(target=protect)
    thread.start()
    assert asleep.wait(5)
    clock.now = 60.0  # there is room for all now, and the protective order still sleeps
    assert rates.acquire(RequestPriority.ENTRY, patience_seconds=0) > 0
    go.set()
    thread.join(5)
    assert rates.acquire(RequestPriority.ENTRY, patience_seconds=0) == 0
    order.append("entry")
    assert order == ["protect", "entry"]


def test_taking_never_goes_below_nothing() -> None:
    assert taken(Level(60.0, 0.0, at=0.0), 0.0).tokens == 0
    with pytest.raises(ValueError, match="requests_per_minute"):
        RateBudget(0)


def test_who_waits_longer_goes_first_among_equals() -> None:
    """Two entries: the second comes when the minute has room again, and the first still sleeps."""
    clock, went = Clock(), list[str]()

    def sleep(seconds: float) -> None:
        """While the first sleeps the second asks, just when there is room for one."""
        clock.sleep(seconds)
        if not went:
            went.append("second asks")
            assert rates.acquire(RequestPriority.ENTRY, patience_seconds=0) > 0

    rates = RateBudget(60, timer=Timer(clock, sleep))
    for _ in range(51):
        rates.acquire(RequestPriority.ENTRY)
    assert rates.acquire(RequestPriority.ENTRY) == 0
    assert clock.now == pytest.approx(1.0)
    assert rates.acquire(RequestPriority.ENTRY) == 0, "nobody waits any more"
