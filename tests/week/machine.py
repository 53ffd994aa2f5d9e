"""The machine that nobody sits at: it starts what the set-up says, and it can lose its power.

Programs see a home of their own, on a small disk where one can be had. Each job's end is kept with
its code and what it printed: cron would mail that.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from week.set_ups import Entry

JOB_SECONDS = 600.0
"""`TimeoutStartSec` of the jobs' units, in seconds of this machine."""


@dataclass(frozen=True)
class Ended:
    """One run of a job. `code` is negative for a signal; times are the exchange's."""

    job: str
    began: datetime
    ended: datetime
    code: int
    said: str
    is_lasting: bool = False
    was_cut: bool = False
    """By the loss of power."""


@dataclass
class Run:
    entry: Entry
    process: subprocess.Popen[bytes]
    out: Path
    began: datetime
    since: float = field(default_factory=time.monotonic)


class Machine:
    """`home` is how its programs see their home, `outside` the same for us; `prefix` is what leads
    in there; `shared` are variables of every program, as the system's own would be."""

    def __init__(
        self,
        home: Path,
        outside: Path,
        logs: Path,
        shared: Mapping[str, str],
        prefix: Sequence[str] = (),
    ) -> None:
        self.home, self.outside, self.prefix = home, outside, prefix
        self._logs, self._shared = logs, dict(shared)
        self.urls: Mapping[str, str] = {}
        self._logs.mkdir(parents=True, exist_ok=True)
        self._count = 0
        self.running: list[Run] = []
        self.ended: list[Ended] = []
        self.missed: list[tuple[datetime, str]] = []
        """Jobs whose last run was still going on when they were due again."""

    # --- programs ----------------------------------------------------------------------------

    def popen(
        self, command: Sequence[str], environment: Mapping[str, str], out: IO[Any], **options: Any
    ) -> subprocess.Popen[bytes]:
        """In a session of its own, so that all of it can be killed. `env` becomes the program."""
        variables = {**self._shared, **environment}
        named = [f"{name}={value}" for name, value in variables.items()]
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(
            [*self.prefix, "/usr/bin/env", "-i", "-C", str(self.home), *named, *command],
            stdout=out,
            stderr=options.pop("stderr", subprocess.STDOUT),
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            **options,
        )

    def log(self, name: str) -> Path:
        """A file of its own for what a program prints."""
        self._count += 1
        return self._logs / f"{self._count:05}-{name.replace('/', '_').replace(' ', '_')}.out"

    def call(
        self, command: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """One command by its owner's shell, to its end."""
        variables = {**self._shared, **environment}
        named = [f"{name}={value}" for name, value in variables.items()]
        return subprocess.run(
            [*self.prefix, "/usr/bin/env", "-i", "-C", str(self.home), *named, *command],
            capture_output=True,
            text=True,
            timeout=JOB_SECONDS,
            check=False,
        )

    # --- jobs ----------------------------------------------------------------------------------

    def start(self, entry: Entry, now: datetime, *, may_overlap: bool = False) -> None:
        """Start a job; systemd starts none whose last run is still going on, cron does."""
        is_going_on = any(run.entry.job == entry.job for run in self.running)
        if is_going_on and not may_overlap:
            self.missed.append((now, entry.job))
            return
        out = self.log(entry.job)
        with out.open("wb") as file:
            process = self.popen(entry.command, entry.environment, file)
        self.running.append(Run(entry, process, out, now))

    def reap(self, now: datetime) -> None:
        """Keep what has ended since."""
        for run in list(self.running):
            code = run.process.poll()
            is_lasting = run.entry.is_lasting
            if code is None and not is_lasting and time.monotonic() - run.since > JOB_SECONDS:
                kill(run.process)
                code = run.process.wait()
            if code is not None:
                self._end(run, now, code)

    def _end(self, run: Run, now: datetime, code: int, *, was_cut: bool = False) -> None:
        self.running.remove(run)
        said = run.out.read_text(errors="replace")
        is_lasting = run.entry.is_lasting
        if not said.strip():
            run.out.unlink()
        # `flock -n` beside the one that runs: 1, and not a word.
        if is_lasting and code == 1 and not said.strip():
            return
        self.ended.append(Ended(run.entry.job, run.began, now, code, said, is_lasting, was_cut))

    @property
    def is_busy(self) -> bool:
        """Whether a job is going on that will end by itself."""
        return any(not run.entry.is_lasting for run in self.running)

    def lose_power(self, now: datetime) -> None:
        """Everything that was started here is gone at once."""
        for run in list(self.running):
            kill(run.process)
            self._end(run, now, run.process.wait(), was_cut=True)


def kill(process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    """The program and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
