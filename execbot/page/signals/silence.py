"""No signal for hours: an alert that a strategy, its alerts, or the tunnel to them have stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

LOOK_SECONDS = 30.0


def is_silent(last: datetime, now: datetime, hours: float) -> bool:
    """`last` is the last signal, or the start where none came since. Pure."""
    return now - last >= timedelta(hours=hours)


async def watch_silence(
    last_received: Callable[[], datetime | None],
    now: Callable[[], datetime],
    hours: float,
    tell: Callable[[], None],
    look_seconds: float = LOOK_SECONDS,
) -> None:
    """Call `tell` once for each silence; with each signal a new one may begin. Ends by being
    canceled."""
    started, reported = now(), None
    while True:
        last = await asyncio.to_thread(last_received)
        since = max(started, last or started)
        if reported != since and is_silent(since, now(), hours):
            reported = since
            tell()
        await asyncio.sleep(look_seconds)
