"""Whole-process measurements: wall time, CPU time and peak memory of commands, in turn.

Commands are run A B A B ... so that a drift of the machine's speed hits both alike; ratios are
taken pair by pair and their median is printed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One finished process: seconds, peak resident memory in MB, and what it read in MB."""

    wall_seconds: float
    cpu_seconds: float
    memory_mb: float
    read_mb: float = 0.0


def run_once(command: Sequence[str], env: Mapping[str, str]) -> Run:
    """Run a command to its end; raises RuntimeError when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        list(command),
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    errors = process.stderr.read()
    read = _read_mb(process.pid)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command} ended with {process.returncode}: {errors.decode()}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, read)


def _read_mb(pid: int) -> float:
    """What a process has read that has closed its last pipe: files, pages of databases, sockets."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    try:
        said = Path(f"/proc/{pid}/io").read_text()
    except OSError:
        return 0.0  # no such thing on this system
    return int(said.split()[1]) / 1e6


def compare(
    ours: Sequence[str],
    theirs: Sequence[str],
    env: Mapping[str, str],
    *,
    runs: int = 15,
    before: Callable[[], object] = lambda: None,
) -> tuple[Run, Run, Run]:
    """Medians of both commands, and the median of the pairwise ratios ours / theirs. `before` is
    done in front of each of ours, and not measured."""

    def one() -> Run:
        before()
        return run_once(ours, env)

    one()
    run_once(theirs, env)
    pairs = [(one(), run_once(theirs, env)) for _ in range(runs)]
    return (
        _median([a for a, _ in pairs]),
        _median([b for _, b in pairs]),
        _median(
            [
                Run(
                    a.wall_seconds / b.wall_seconds,
                    a.cpu_seconds / b.cpu_seconds,
                    a.memory_mb / b.memory_mb,
                )
                for a, b in pairs
            ]
        ),
    )


def _median(runs: Sequence[Run]) -> Run:
    return Run(
        statistics.median(run.wall_seconds for run in runs),
        statistics.median(run.cpu_seconds for run in runs),
        statistics.median(run.memory_mb for run in runs),
    )


def show(name: str, run: Run) -> str:
    return (
        f"{name:<34} wall {run.wall_seconds:7.3f} s   cpu {run.cpu_seconds:7.3f} s   "
        f"memory {run.memory_mb:7.1f} MB"
    )


def show_ratio(name: str, run: Run, goal: str) -> str:
    return (
        f"{name:<34} wall {run.wall_seconds:7.3f}     cpu {run.cpu_seconds:7.3f}     "
        f"memory {run.memory_mb:7.3f}      goal: {goal}"
    )


@dataclass(frozen=True)
class Speed:
    """Events a second by the clock; `work` is processor time an event, in microseconds."""

    a_second: float
    work: float

    @classmethod
    def since(cls, began: float, worked: float, events: int) -> Speed:
        passed, work = time.perf_counter() - began, time.process_time() - worked
        return cls(events / passed, work / events * 1e6)

    def __str__(self) -> str:
        return f"{self.a_second:8,.0f} events a second, {self.work:6.1f} us of processor time each"
