"""Goal: `watch` ends when it is asked to, whatever its reader and the broker do.

Method: real processes. The reader has let the pipe fill and reads no more, or holds the terminal
still; the exchange does not answer.
"""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.processes import exchange, execbot, start_execbot
from support.waiting import PATIENCE_SECONDS, eventually

from execbot.cli.commands.watch import END_SECONDS, watch
from execbot.cli.exit_codes import ExitCode
from execbot.watch.lock import LOCK_NAME

ENDED = {0, ExitCode.INTERRUPTED}
"""The second where the signal comes before the watching has begun, or cuts off what hangs."""


def fill(writer: int) -> None:
    """Write until nothing more is taken: whoever is at the other end does not read."""
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, b"x")
    except BlockingIOError:
        fcntl.fcntl(writer, fcntl.F_SETFL, 0)


@contextmanager
def unread(make: Callable[[], tuple[int, int]]) -> Iterator[int]:
    """The writing end of a pipe or a terminal that takes nothing more."""
    reader, writer = make()
    fill(writer)
    try:
        yield writer
    finally:
        os.close(reader)
        os.close(writer)


def holder(home: Path) -> str:
    """Who says that it watches the account."""
    return "".join(path.read_text().strip() for path in home.rglob(LOCK_NAME))


def watching(home: Path, process: subprocess.Popen[str]) -> bool:
    """It holds the lock."""
    return holder(home) == str(process.pid)


def hears(process: subprocess.Popen[str], number: int) -> bool:
    """Whether the process has a handler for the signal; without one it ends at once."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def stopped(process: subprocess.Popen[str]) -> int:
    """How it ended after a signal; the test fails where it does not."""
    try:
        return process.wait(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()


def test_the_end_comes_within_the_seconds_that_the_help_promises() -> None:
    """That it comes is shown below; how soon a machine under load cannot tell."""
    assert "ends it within five seconds" in " ".join((watch.__doc__ or "").split())
    assert END_SECONDS < 5


@pytest.mark.parametrize("form", ["--json", "--plain"])
def test_watch_whose_reader_does_not_read_ends_after_one_signal(tmp_path: Path, form: str) -> None:
    with exchange(tmp_path) as server, unread(os.pipe) as pipe:
        env = server.environment(tmp_path)
        process = start_execbot(["watch", form], env, stdout=pipe, stderr=pipe)
        assert eventually(lambda: watching(tmp_path, process))
        process.send_signal(signal.SIGTERM)
        assert stopped(process) in ENDED
        assert execbot(["watch", form, "--seconds", "0.5"], env).code == 0


def test_watch_whose_reader_does_not_read_ends_by_itself_when_its_time_is_over(
    tmp_path: Path,
) -> None:
    with exchange(tmp_path) as server, unread(os.pipe) as pipe:
        env = server.environment(tmp_path)
        process = start_execbot(["watch", "--seconds", "1"], env, stdout=pipe, stderr=pipe)
        assert stopped(process) == 0


def test_watch_on_a_terminal_that_stands_still_ends_after_one_signal(tmp_path: Path) -> None:
    with exchange(tmp_path) as server, unread(pty.openpty) as terminal:
        env = {**server.environment(tmp_path), "TERM": "xterm-256color"}
        process = start_execbot(["watch"], env, stdin=terminal, stdout=terminal, stderr=terminal)
        assert eventually(lambda: watching(tmp_path, process))
        process.send_signal(signal.SIGTERM)
        assert stopped(process) in ENDED
        assert execbot(["watch", "--plain", "--seconds", "0.5"], env).code == 0


@pytest.mark.parametrize("signals", [1, 2])
def test_a_second_signal_ends_watch_at_once_and_so_does_time_while_the_broker_hangs(
    tmp_path: Path, signals: int
) -> None:
    with exchange(tmp_path) as server:
        # Only a watching that waits for an answer cannot end by itself before the second signal,
        # nor, while its patience is longer than ours, without one.
        patient = {
            "EXECBOT__BROKER__TIMEOUT_SECONDS": "300",
            "EXECBOT__ORDER_MANAGEMENT__SETTLE_QUIET_SECONDS": "450",
        }
        rule = {"kind": "reply_delayed", "method": "GET", "path": "/v2/positions"}
        fault = server.call("POST", "/sim/faults", {**rule, "params": {"seconds": 300}})["id"]
        env = {**server.environment(tmp_path), **patient}
        process = start_execbot(["watch", "--json"], env)
        assert eventually(lambda: watching(tmp_path, process))
        assert eventually(lambda: server.has_fired(fault))
        process.send_signal(signal.SIGTERM)
        assert eventually(lambda: not hears(process, signal.SIGTERM))
        if signals == 2:
            process.send_signal(signal.SIGTERM)
        assert stopped(process) == {1: ExitCode.INTERRUPTED, 2: -signal.SIGTERM}[signals]
