"""Ends what a command left running: on Linux its orphans become children of this process."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_LOOK_SECONDS = 0.05


def adopt() -> None:
    """From now on children of children whose parent ends become ours, so they can be found."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


async def end(patience_seconds: float) -> None:
    """Asks whoever is left to end, and after `patience_seconds` makes them."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_seconds
    asked: set[int] = set()
    while living := _living():
        number = signal.SIGKILL if loop.time() > deadline else signal.SIGTERM
        for child in living:
            if number == signal.SIGKILL or child not in asked:
                asked.add(child)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, number)
        await asyncio.sleep(_LOOK_SECONDS)


def _living() -> list[int]:
    """Our children that have not ended; those that have are taken note of."""
    found: list[int] = []
    for listed in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, listed.read_text().split())
    living = []
    for child in found:
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(child, os.WNOHANG)[0] == 0:
                living.append(child)
    return living
