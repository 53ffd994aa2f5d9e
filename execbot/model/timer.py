"""Seconds for waits and ages, by a clock that neither steps nor stops in suspend.

The wall clock says what time it is; how long something takes or how old it is must never be read
from it, because it is set while programs run. A `Timer` is handed to whoever waits, so that tests
and simulations wait in virtual time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

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


class Timer(Struct, frozen=True):
    """How a wait measures and passes time: `monotonic` in seconds, `sleep` takes seconds."""

    monotonic: Callable[[], float] = boot_seconds
    sleep: Callable[[float], None] = time.sleep
