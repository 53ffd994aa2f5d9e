"""Protecting a symbol without the loop: decide, do, look again, until it is quiet.

For commands, when no `watch` runs that would do it. The same core and the same hands are used, so
the result is the same; only the stream is replaced by asking.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from execbot.exits.rules.view import Coverage, Guarded
from execbot.model.enums import IN_MOTION
from execbot.watch.core.inputs import Done, Tick
from execbot.watch.core.jobs import AccountJob, JobName
from execbot.watch.core.symbol_state import SymbolState
from execbot.watch.perform import Hands
from execbot.watch.watcher import HandJob, Watcher

QUIET = frozenset(
    {
        Guarded.FLAT,
        Guarded.PROTECTED,
        Guarded.SUSPENDED,
        Guarded.EMULATED,
        Guarded.DORMANT,
        Guarded.LIFTED,
        Guarded.NO_PLAN,
    }
)
PAUSE_SECONDS = 0.1


def protect_once(
    watcher: Watcher,
    hands: Hands,
    symbol: str,
    *,
    sleep: Callable[[float], None],
    wait_seconds: float = 10.0,
) -> Coverage:
    """Bring one symbol to where its plan says; how it stands when that is done, or time is up.

    Raises JournalError.
    """
    until = watcher.now() + timedelta(seconds=wait_seconds)
    jobs: list[HandJob] = watcher.load()
    jobs.append(AccountJob(JobName.GAP_FILL, "start"))
    is_read = True  # whether the broker was read since the last thing that was done there
    while True:
        while jobs:
            job = jobs.pop(0)
            is_read = isinstance(job, AccountJob) and (is_read or job.name is JobName.GAP_FILL)
            if isinstance(job, AccountJob) or job.symbol == symbol:
                jobs += watcher.take_results(hands.perform(job))
            else:
                jobs += watcher.feed(Done(job.symbol, ()))
                watcher.core.symbols.pop(job.symbol, None)
        jobs += watcher.follow()
        if watcher.journal_error is not None:
            raise watcher.journal_error
        if jobs:
            continue
        state = watcher.core.symbols.get(symbol)
        coverage = state.coverage if state is not None else Coverage()
        calm = state is None or _is_calm(state, watcher.now())
        if (calm and is_read and coverage.state in QUIET) or watcher.now() >= until:
            return coverage
        sleep(PAUSE_SECONDS)
        jobs += watcher.feed(Tick())
        jobs.append(AccountJob(JobName.GAP_FILL, "looking again"))


def _is_calm(state: SymbolState, now: datetime) -> bool:
    """Nothing is under way: what is still being replaced may have to be spread anew after it."""
    alive = {record.order_id for record in state.living}
    moving = any(r.status in IN_MOTION or r.order.replaces in alive for r in state.living)
    waiting = state.wake_at is not None or not state.memory.may_try(now)
    return not (state.is_busy or moving or waiting)
