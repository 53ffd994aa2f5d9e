"""Protecting a symbol without the loop: decide, do, look again, until it is quiet.

For commands, when no `watch` runs that would do it. The same core and the same hands are used, so
the result is the same; only the stream is replaced by asking.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.exits.plan.plan import PlanStatus
from execbot.exits.rules.actions import Cancel, Submit
from execbot.exits.rules.view import Coverage, Guarded
from execbot.model.enums import IN_MOTION
from execbot.model.numbers import ZERO
from execbot.model.retrying import Schedule, polled
from execbot.model.timer import Timer
from execbot.watch.core.inputs import Done, Tick
from execbot.watch.core.jobs import AccountJob, JobName, SymbolJob
from execbot.watch.core.symbol_state import SymbolState
from execbot.watch.perform import Performer
from execbot.watch.watcher import OutsideJob, Watcher

QUIET = frozenset(
    {
        Guarded.FLAT,
        Guarded.DUST,
        Guarded.PROTECTED,
        Guarded.SUSPENDED,
        Guarded.EMULATED,
        Guarded.DORMANT,
        Guarded.LIFTED,
        Guarded.NO_PLAN,
        Guarded.PENDING,
    }
)
PAUSE = Schedule((0.1,))

FREED_PAUSE = Schedule((0.02, 0.04, 0.08))
FREED_SECONDS = 1.0


def protect_once(
    watcher: Watcher,
    performer: Performer,
    symbol: str,
    *,
    timer: Timer = Timer(),
    wait_seconds: float = 10.0,
) -> Coverage:
    """Bring one symbol to where its plan says; how it stands when that is done, or time is up.

    The time is that of whoever waits, whatever the exchange's clock does. Raises JournalError.
    """
    once = _Once(watcher, performer, symbol, timer)
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

    def __init__(self, watcher: Watcher, performer: Performer, symbol: str, timer: Timer) -> None:
        self._timer = timer
        self._watcher = watcher
        self._performer = performer
        self._symbol = symbol
        self._has_begun = self._has_canceled = False
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
        stays = coverage.state in QUIET or (state is not None and _is_suspended(state))
        return _Seen(coverage, calm and self._is_read and stays)

    def _first_jobs(self) -> list[OutsideJob]:
        """What begins a look: the first reads everything, later ones what has changed."""
        if self._has_begun:
            return [*self._watcher.feed(Tick()), AccountJob(JobName.GAP_FILL, "looking again")]
        self._has_begun = True
        return [*self._watcher.load(), AccountJob(JobName.GAP_FILL, "start")]

    def _do(self, job: OutsideJob) -> list[OutsideJob]:
        is_fill = isinstance(job, AccountJob) and job.name is JobName.GAP_FILL
        self._is_read = isinstance(job, AccountJob) and (self._is_read or is_fill)
        if isinstance(job, AccountJob):
            return self._watcher.take_results(self._performer.perform(job))
        if job.symbol == self._symbol:
            if self._has_canceled:
                self._wait_until_free(job)
            self._has_canceled |= any(isinstance(action, Cancel) for action in job.actions)
            return self._watcher.take_results(self._performer.perform(job))
        found = self._watcher.feed(Done(job.symbol, ()))
        self._watcher.core.symbols.pop(job.symbol, None)
        return found

    def _wait_until_free(self, job: SymbolJob) -> None:
        """The broker frees the shares of a canceled exit a moment after its end: what is sent
        before that is refused, and protects no sooner."""
        wanted = max(
            (a.request.qty or ZERO for a in job.actions if isinstance(a, Submit)), default=ZERO
        )

        def is_free() -> bool:
            try:
                held = self._performer.oms.client.get_position(self._symbol)
            except BrokerError:
                return True  # it is tried all the same
            free = None if held is None else held.qty_available
            return free is None or abs(free) >= wanted

        if wanted:
            polled(is_free, bool, wait=FREED_PAUSE, seconds=FREED_SECONDS, timer=self._timer)


def _is_suspended(state: SymbolState) -> bool:
    return state.plan is not None and state.plan.status is PlanStatus.SUSPENDED


def _is_calm(state: SymbolState, now: datetime) -> bool:
    """Nothing is under way: what is still being replaced may have to be spread anew after it."""
    alive = {record.order_id for record in state.living}
    moving = any(r.status in IN_MOTION or r.order.replaces in alive for r in state.living)
    waiting = state.wake_at is not None or not state.memory.may_try(now)
    return not (state.is_busy or moving or waiting)
