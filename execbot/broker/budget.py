"""The account's requests a minute, shared out so that entries never stand before exits.

Alpaca allows 200 requests a minute from an account. Part of that is kept back: entries and reads
wait while only the reserve is left, cancels and exits do not wait at all, nor do the reads that
they need (`reading_at`). The decision is pure (`wait_seconds`); `RateBudget` only keeps the
numbers, and what the broker itself says in its X-RateLimit headers overrules them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum

from msgspec import Struct
from msgspec.structs import replace

from execbot.model.retrying import polled, result_of
from execbot.model.timer import Timer

COUNT_DIGITS_MAX = 9
WINDOW_SECONDS = 60.0


class RequestPriority(IntEnum):
    """Whose request goes first. A smaller number never waits for a larger one.

    This is about the account's rate limit alone; in which order `watch` does what it has decided
    is `exits.rules.actions.Priority`, where a stop comes before a sale.
    """

    EXIT = 0  # cancels and orders that close: never held back
    PROTECT = 1  # stops and targets, replacing them
    ENTRY = 2  # orders that open or add
    READ = 3  # looking


RESERVE_SHARE: Mapping[RequestPriority, float] = {
    RequestPriority.EXIT: 0.0,
    RequestPriority.PROTECT: 0.05,
    RequestPriority.ENTRY: 0.15,
    RequestPriority.READ: 0.20,
}
"""The share of the minute's requests that each leaves untouched for those before it."""


_reading: ContextVar[RequestPriority] = ContextVar("reading", default=RequestPriority.READ)


@contextmanager
def reading_at(priority: RequestPriority) -> Iterator[None]:
    """Reads inside have at least this `priority`: a read that an exit needs is part of the exit.

    Also a decorator. Holds for the calling thread; an outer block that is higher stays in force.
    """
    token = _reading.set(min(priority, _reading.get()))
    try:
        yield
    finally:
        _reading.reset(token)


def priority_of_reads() -> RequestPriority:
    return _reading.get()


class Level(Struct, frozen=True):
    """Tokens at a moment (`at`, monotonic seconds); `blocked_until` after a 429."""

    capacity: float
    tokens: float
    at: float
    blocked_until: float = 0.0

    def refilled(self, now: float) -> Level:
        gained = max(now - self.at, 0.0) * self.capacity / WINDOW_SECONDS
        return replace(self, tokens=min(self.capacity, self.tokens + gained), at=now)


def wait_seconds(level: Level, priority: RequestPriority, now: float) -> float:
    """How long a request of this priority waits; 0 means it may go now. Pure.

    EXIT is 0 always: should the minute truly be used up, the broker says so with a 429 and
    executes nothing, which costs less than an exit that never left. For the same reason PROTECT
    does not wait out a 429, only for its own reserve: seconds.
    """
    if priority is RequestPriority.EXIT:
        return 0.0
    level = level.refilled(now)
    floor = level.capacity * RESERVE_SHARE[priority]
    missing = floor + 1.0 - level.tokens
    wait = max(missing * WINDOW_SECONDS / level.capacity, 0.0)
    return wait if priority is RequestPriority.PROTECT else max(wait, level.blocked_until - now)


def taken(level: Level, now: float) -> Level:
    level = level.refilled(now)
    return replace(level, tokens=max(level.tokens - 1.0, 0.0))


def observed(
    level: Level, status: int, headers: Mapping[str, str], now: float, retry_after: float | None
) -> Level:
    """The level after a reply: the broker's own count is believed when it is lower. Pure."""
    level = level.refilled(now)
    limit = _number(headers.get("x-ratelimit-limit"))
    if limit is not None and limit >= 1:
        level = replace(level, capacity=limit, tokens=min(level.tokens, limit))
    remaining = _number(headers.get("x-ratelimit-remaining"))
    if remaining is not None:
        level = replace(level, tokens=min(level.tokens, max(remaining, 0.0)))
    if status == 429:
        pause = 1.0 if retry_after is None else retry_after
        level = replace(level, tokens=0.0, blocked_until=now + min(pause, WINDOW_SECONDS))
    return level


def _number(text: str | None) -> float | None:
    """Reads a count: a few digits, nothing else. A proxy may have changed the header."""
    digits = (text or "").strip()
    return float(digits) if digits.isdecimal() and len(digits) <= COUNT_DIGITS_MAX else None


class RateBudget:
    """The budget of one process for one host. Safe to use from several threads."""

    def __init__(
        self,
        requests_per_minute: int = 200,
        *,
        timer: Timer = Timer(),
    ) -> None:
        if requests_per_minute < 1:
            raise ValueError(f"requests_per_minute was {requests_per_minute}")
        self._timer = timer
        self._lock = threading.Lock()
        self._waiting = dict.fromkeys(RequestPriority, 0)
        self._lines: dict[RequestPriority, list[object]] = {one: [] for one in RequestPriority}
        """Who was told to wait, in their order: nobody of the same priority goes before them."""
        rate = float(requests_per_minute)
        self._level = Level(capacity=rate, tokens=rate, at=timer.monotonic())

    @property
    def level(self) -> Level:
        with self._lock:
            return self._level.refilled(self._timer.monotonic())

    def acquire(self, priority: RequestPriority, *, patience_seconds: float = math.inf) -> float:
        """Wait for this priority's turn and return 0.

        When the turn is further away than `patience_seconds`, do not wait and return the seconds
        until it comes.
        """
        timer = self._timer
        began, place = timer.monotonic(), object()
        with self._lock:
            self._waiting[priority] += 1
        try:
            return polled(
                lambda: self._try(priority, place),
                lambda wait: wait <= 0,
                wait=result_of,
                stop=lambda tries: (
                    timer.monotonic() - began + tries.upcoming_sleep > patience_seconds
                ),
                timer=timer,
            )
        finally:
            with self._lock:
                self._waiting[priority] -= 1
                if place in self._lines[priority]:
                    self._lines[priority].remove(place)

    def observe(
        self, status: int, headers: Mapping[str, str], retry_after: float | None = None
    ) -> None:
        """Learn from a reply. `headers` has lower-case names."""
        with self._lock:
            now = self._timer.monotonic()
            self._level = observed(self._level, status, headers, now, retry_after)

    def _try(self, priority: RequestPriority, place: object) -> float:
        """Take a token and return 0, or return how long to wait before asking again."""
        with self._lock:
            now = self._timer.monotonic()
            wait = wait_seconds(self._level, priority, now)
            line = self._lines[priority]
            others = any(self._waiting[first] for first in RequestPriority if first < priority)
            is_behind = bool(line) and line[0] is not place
            if wait <= 0 and (others or is_behind) and priority is not RequestPriority.EXIT:
                wait = WINDOW_SECONDS / self._level.capacity
            if wait <= 0:
                self._level = taken(self._level, now)
            elif place not in line:
                line.append(place)
            return wait


def requests_left(client: object) -> tuple[int, int] | None:
    """Left of a minute's requests to the trading host, and of how many; None of a client that
    counts none."""
    budgets: Mapping[str, RateBudget] = getattr(client, "budgets", {})
    budget = budgets.get("trading")
    if budget is None:
        return None
    level = budget.level
    return int(level.tokens), int(level.capacity)
