"""Seconds for waits and ages, by a clock that neither steps nor stops in suspend.

The wall clock says what time it is; how long something takes or how old it is must never be read
from it, because it is set while programs run. A `Timer` is handed to whoever waits, so that tests
and simulations wait in virtual time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from msgspec import Struct


def boot_seconds() -> float:
    """Seconds since the machine was started, time in suspend included where the system counts it.

    Linux counts it in CLOCK_BOOTTIME, macOS in CLOCK_MONOTONIC; elsewhere `time.monotonic` is what
    there is.
    """
    return _read()


if sys.platform == "linux":

    def _read() -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

elif sys.platform == "darwin":

    def _read() -> float:
        return time.clock_gettime(time.CLOCK_MONOTONIC)

else:
    _read = time.monotonic


@cache
def boot_id() -> str:
    """Tells one run of the machine from the next; "" where the system has no name for it."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return ""


class Mark(Struct, frozen=True):
    """A moment by the machine's own seconds, and in which boot: kept beside the time of day of
    what must have an age after a restart, or in another process."""

    boot: str
    seconds: float

    def to_json(self) -> list[str | float]:
        return [self.boot, round(self.seconds, 6)]

    @classmethod
    def from_json(cls, data: object) -> Mark | None:
        """Reads what `to_json` wrote; None for anything else."""
        match data:
            case [str() as boot, float() | int() as seconds]:
                return cls(boot, float(seconds))
        return None


class Timer(Struct, frozen=True):
    """How a wait measures and passes time: `monotonic` in seconds, `sleep` takes seconds.

    `boot` names the run of the machine in which these seconds are counted.
    """

    monotonic: Callable[[], float] = boot_seconds
    sleep: Callable[[float], None] = time.sleep
    boot: Callable[[], str] = boot_id

    def mark(self) -> Mark:
        return Mark(self.boot(), self.monotonic())


def of_ours(span: timedelta, now: Callable[[], datetime]) -> timedelta:
    """How far the account's clock goes while `span` passes on this machine. Leases between our
    processes and patience for an answer count in this machine's seconds, also where `now` is the
    clock of an exchange that runs faster."""
    return span * speed_of(now)


def speed_of(now: Callable[[], datetime]) -> float:
    """How many of the account's seconds pass in one of ours; 1 for a clock that does not say, and
    for one that is slower or stands still: nothing lasts shorter for that."""
    return float(max(getattr(now, "speed", 1.0), 1.0))


def leapt_by(now: Callable[[], datetime]) -> timedelta:
    """How far this clock was set altogether since it runs: no time that passed."""
    leapt: timedelta = getattr(now, "leapt", timedelta(0))
    return leapt


def age_seconds(at: datetime, mark: Mark | None, now: datetime, here: Mark) -> float:
    """How long ago something was that was noted at `at`, with its `mark` where it has one. Pure.

    In one boot the machine's own seconds say it, whatever was done to the wall clock. Otherwise
    the time of day must do; a moment that lies ahead by it is taken for this very moment.
    """
    if mark is not None and mark.boot and mark.boot == here.boot:
        return max(here.seconds - mark.seconds, 0.0)
    return max((now - at).total_seconds(), 0.0)
