"""The threads of `watch` that carry jobs out: the most urgent first, and one line for each kind.

Actions of symbols have two threads and a line of their own, so that no look at the whole account
stands before a stop. What came of a job goes back by `put`. Jobs that wait when the end comes are
left: the next run decides anew.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any

from execbot.watch.core.inputs import Input
from execbot.watch.core.jobs import SymbolJob
from execbot.watch.watcher import OutsideJob

SYMBOL_THREADS = 2

LAST = 99
"""A priority behind that of every job."""


class Workers:
    """Three threads. `perform` does one job and says what it brought; `put` takes that.

    Once `stopping` is set they begin nothing more.
    """

    def __init__(
        self,
        perform: Callable[[OutsideJob], list[Input]],
        put: Callable[[list[Input]], None],
        stopping: threading.Event,
    ) -> None:
        self._perform, self._put, self._stopping = perform, put, stopping
        self._symbol_jobs: queue.PriorityQueue[Any] = queue.PriorityQueue()
        self._account_jobs: queue.PriorityQueue[Any] = queue.PriorityQueue()
        self._count = itertools.count()
        """Between jobs of one priority the older goes first."""
        self.threads = [
            threading.Thread(
                target=self._work, args=(line,), name=f"performer-{number}", daemon=True
            )
            for number, line in enumerate(self._lines())
        ]

    @property
    def waiting(self) -> int:
        """Jobs that nobody has begun yet."""
        return self._symbol_jobs.qsize() + self._account_jobs.qsize()

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def give(self, jobs: Iterable[OutsideJob]) -> None:
        for job in jobs:
            line = self._symbol_jobs if isinstance(job, SymbolJob) else self._account_jobs
            line.put((int(job.priority), next(self._count), job))

    def end(self) -> None:
        """Let each thread end after the job it is at. Whoever waits for that joins `threads`."""
        for line in self._lines():
            line.put((LAST, next(self._count), None))

    def _lines(self) -> list[queue.PriorityQueue[Any]]:
        return [*[self._symbol_jobs] * SYMBOL_THREADS, self._account_jobs]

    def _work(self, line: queue.PriorityQueue[Any]) -> None:
        while True:
            _, _, job = line.get()
            if job is None:
                return
            if not self._stopping.is_set():
                self._put(self._perform(job))
