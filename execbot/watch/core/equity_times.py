"""When equity is sampled: each minute while the market is open, and once at its close. Pure.

A market that never closes is sampled each minute, round the clock. Outside of the regular session
nobody asks: statistics count from close to close.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from execbot.market.sessions import MarketNow, Session
from execbot.watch.core.jobs import Job, JobName
from execbot.watch.core.memory import CoreMemory

CLOSE_SEEN = timedelta(minutes=4)
"""So long after the close its equity can be had: after-hours trades move it."""


def sample_due(memory: CoreMemory, now: datetime) -> list[Job]:
    """The job that reads equity now, if it is time. At most one a minute, each close once."""
    market = memory.hours(now)
    if _is_at_close(memory, market, now):
        assert market.day is not None
        memory.close_asked = market.day.date.isoformat()
        return memory.account_job(JobName.SAMPLE_CLOSE, "the close", now)
    minute = now.replace(second=0, microsecond=0)
    if memory.equity_asked == minute or not (market.is_open or market.never_closes):
        return []
    memory.equity_asked = minute
    return memory.account_job(JobName.SAMPLE_EQUITY, "each minute", now)


def _is_at_close(memory: CoreMemory, market: MarketNow, now: datetime) -> bool:
    day = market.day
    if day is None or market.session is not Session.AFTER:
        return False
    return now - day.close < CLOSE_SEEN and memory.close_asked != day.date.isoformat()
