"""The workers beside the loop of `watch`: a bounded queue, exits first, nothing without an end.

Two kinds of threads take from one queue: some take anything, what takes risk away first, and one
takes that alone, so that no close waits behind entries. A request that follows its order has a
thread of its own, since it may take minutes.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from execbot.desk.door.messages import ActOn, Cancel, Close, Replace, Request, Submit
from execbot.desk.door.rules import SILENCE_SECONDS, Stage, Turn, next_stage
from execbot.model.timer import boot_seconds

QUEUE_MAX = 32
"""More would not be done before those who asked have given up."""

WORKERS = 2
FOLLOWERS_MAX = 8


@dataclass(eq=False)
class Job:
    """One request that a command waits for. `reply` is called once, by whoever ends it, with what
    the worker has to say; None where nothing was done, nor will be."""

    request: Request
    reply: Callable[[bytes | None], None]
    stage: Stage = Stage.WAITING
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def turn(self, turn: Turn) -> bool:
        """Whether this took it to another stage."""
        with self._guard:
            before, self.stage = self.stage, next_stage(self.stage, turn)
            return self.stage is not before

    @property
    def is_late(self) -> bool:
        """Whether whoever asked has given up waiting by now."""
        return boot_seconds() - self.request.asked_at > SILENCE_SECONDS


Work = Callable[[Request], bytes | None]
"""Does what is asked and returns the line that answers; None where it was handed back."""


def takes_risk_away(request: Request) -> bool:
    wanted = request.wanted
    is_exit = isinstance(wanted, ActOn) and not wanted.signal.side.opens
    return is_exit or isinstance(wanted, Cancel | Close)


def follows(request: Request) -> bool:
    wanted = request.wanted
    return isinstance(wanted, Submit | Close) and wanted.wait_seconds is not None


class Lanes:
    """Starts with `start`. `make_work` is called in each thread, for what it keeps to itself."""

    def __init__(self, make_work: Callable[[], Work]) -> None:
        self._make_work = make_work
        self._ready = threading.Condition()
        self._waiting: list[tuple[int, int, Job]] = []
        self._count = itertools.count()
        self._followers = 0
        self._is_ending = False

    def start(self) -> None:
        for number in range(WORKERS):
            self._thread(self._run, f"door-{number}", exits_only=False)
        self._thread(self._run, "door-exits", exits_only=True)

    def put(self, job: Job) -> bool:
        """Queue a job. False where there is no room: nothing is done for it then."""
        with self._ready:
            if self._is_ending:
                return False
            if follows(job.request):
                if self._followers >= FOLLOWERS_MAX:
                    return False
                self._followers += 1
                self._thread(self._follow, "door-follows", job=job)
                return True
            if len(self._waiting) >= QUEUE_MAX:
                return False
            rank = {True: 0, False: 2}[takes_risk_away(job.request)]
            rank = 1 if isinstance(job.request.wanted, Replace) else rank
            self._waiting.append((rank, next(self._count), job))
            self._ready.notify_all()
            return True

    def end(self) -> None:
        """Take nothing more. What waits is dropped; what is under way goes on."""
        with self._ready:
            self._is_ending = True
            waiting, self._waiting = self._waiting, []
            self._ready.notify_all()
        for _, _, job in waiting:
            if job.turn(Turn.ENDING):
                job.reply(None)

    def _thread(self, target: Callable[..., None], name: str, **given: object) -> None:
        threading.Thread(target=target, kwargs=given, name=name, daemon=True).start()

    def _run(self, *, exits_only: bool) -> None:
        work: Work | None = None
        while (job := self._next(exits_only)) is not None:
            work = work or self._make_work()
            carry_out(job, work)

    def _follow(self, *, job: Job) -> None:
        try:
            carry_out(job, self._make_work())
        finally:
            with self._ready:
                self._followers -= 1

    def _next(self, exits_only: bool) -> Job | None:
        """Wait for the most urgent; None when it ends."""
        with self._ready:
            while True:
                found = sorted(
                    (item for item in self._waiting if item[0] == 0 or not exits_only),
                    key=lambda item: item[:2],
                )
                if found:
                    self._waiting.remove(found[0])
                    return found[0][2]
                if self._is_ending:
                    return None
                self._ready.wait()


def carry_out(job: Job, work: Work) -> None:
    """Do one job, unless nobody waits for it any more."""
    if job.is_late:
        if job.turn(Turn.LATE):
            job.reply(None)
        return
    if not job.turn(Turn.BEGUN):
        return
    line = work(job.request)
    job.turn(Turn.HANDED_BACK if line is None else Turn.DONE)
    job.reply(line)
