"""Protecting a symbol without the loop: decide, do, look again, until it is quiet.

For commands, when no `watch` runs that would do it. The same core and the same hands are used, so
the result is the same; only the stream is replaced by asking.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from execbot.exits.rules.view import Coverage, Guarded
from execbot.model.enums import IN_MOTION
from execbot.model.retrying import Schedule, polled
from execbot.model.timer import Timer
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
PAUSE = Schedule((0.1,))


def protect_once(
    watcher: Watcher,
    hands: Hands,
    symbol: str,
    *,
    timer: Timer = Timer(),
    wait_seconds: float = 10.0,
) -> Coverage:
    """Bring one symbol to where its plan says; how it stands when that is done, or time is up.

    The time is that of whoever waits, whatever the exchange's clock does. Raises JournalError.
    """
    once = _Once(watcher, hands, symbol)
    seen = polled(
        once.look, lambda seen: seen.is_quiet, wait=PAUSE, seconds=wait_seconds, timer=timer
    )
    return seen.coverage


class _Seen(Struct, frozen=True):
    """How the symbol stands, and whether that is how it stays."""

    coverage: Coverage
    is_quiet: bool


class _Once:
    """Does what is to be done for one symbol until there is nothing."""

    def __init__(self, watcher: Watcher, hands: Hands, symbol: str) -> None:
        self._watcher = watcher
        self._hands = hands
        self._symbol = symbol
        self._has_begun = False
        self._is_read = True  # whether the broker was read since the last thing done there

    def look(self) -> _Seen:
        watcher, symbol = self._watcher, self._symbol
        jobs = self._first_jobs()
        while jobs:
            while jobs:
                jobs += self._do(jobs.pop(0))
            jobs += watcher.follow()
            if watcher.journal_error is not None:
                raise watcher.journal_error
        state = watcher.core.symbols.get(symbol)
        coverage = state.coverage if state is not None else Coverage()
        calm = state is None or _is_calm(state, watcher.now())
        return _Seen(coverage, calm and self._is_read and coverage.state in QUIET)

    def _first_jobs(self) -> list[HandJob]:
        """What begins a look: the first reads everything, later ones what has changed."""
        if self._has_begun:
            return [*self._watcher.feed(Tick()), AccountJob(JobName.GAP_FILL, "looking again")]
        self._has_begun = True
        return [*self._watcher.load(), AccountJob(JobName.GAP_FILL, "start")]

    def _do(self, job: HandJob) -> list[HandJob]:
        is_fill = isinstance(job, AccountJob) and job.name is JobName.GAP_FILL
        self._is_read = isinstance(job, AccountJob) and (self._is_read or is_fill)
        if isinstance(job, AccountJob) or job.symbol == self._symbol:
            return self._watcher.take_results(self._hands.perform(job))
        found = self._watcher.feed(Done(job.symbol, ()))
        self._watcher.core.symbols.pop(job.symbol, None)
        return found


def _is_calm(state: SymbolState, now: datetime) -> bool:
    """Nothing is under way: what is still being replaced may have to be spread anew after it."""
    alive = {record.order_id for record in state.living}
    moving = any(r.status in IN_MOTION or r.order.replaces in alive for r in state.living)
    waiting = state.wake_at is not None or not state.memory.may_try(now)
    return not (state.is_busy or moving or waiting)
