"""Impossible values in what the broker says, told to the trader: seldom, however often it comes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from execbot.model.unread import Unread
from execbot.watch.core.jobs import Job
from execbot.watch.core.memory import CoreMemory
from execbot.watch.core.notes import alarm

TOLD_EVERY = timedelta(minutes=5)

ALARM = "unreadable"


def unread_alarms(memory: CoreMemory, rows: Iterable[Unread], now: datetime) -> list[Job]:
    jobs: list[Job] = []
    for row in rows:
        key = (row.symbol, f"{row.what} {row.why}")
        reported = memory.unread_reported.get(key)
        if reported is not None and now - reported < TOLD_EVERY:
            continue
        memory.unread_reported[key] = now
        words = (
            f"the broker's {row.what} has an impossible value ({row.why}); "
            "what was known before stands"
        )
        jobs.append(alarm(ALARM, row.symbol, words))
    memory.unread_reported = {
        key: at for key, at in memory.unread_reported.items() if now - at < TOLD_EVERY
    }
    return jobs
