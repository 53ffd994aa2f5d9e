"""A running `watch` as a process, with its door; it can be suspended, woken, killed and ended."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from support.processes import start_execbot
from support.waiting import eventually


class Watching:
    """`watch --json` of the one account under HOME."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.home = Path(env["HOME"])
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Until its door is open."""
        with open(self.home / "watch.out", "ab") as out:
            self.process = start_execbot(["watch", "--json"], self.env, stdout=out, stderr=out)
        assert eventually(lambda: self.process is None or self.is_open or self.has_ended)
        assert self.is_open, (self.home / "watch.out").read_text()

    @property
    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    @property
    def directory(self) -> Path:
        """The account's state directory."""
        root = Path(self.env.get("EXECBOT_STATE_DIR") or self.home / "state" / "execbot")
        [lock] = root.glob("*/watch.lock")
        return lock.parent

    @property
    def socket(self) -> Path:
        return Path((self.directory / "watch.door").read_text().strip())

    @property
    def is_open(self) -> bool:
        with socket.socket(socket.AF_UNIX) as knocking:
            try:
                knocking.connect(str(self.socket))
            except (OSError, ValueError):
                return False
        return True

    @property
    def log(self) -> str:
        return (self.directory / "watch.log").read_text()

    def did(self, name: str) -> bool:
        """Whether it took a request of that name."""
        return f"door: {name}: " in self.log

    def send(self, number: int) -> None:
        if not self.has_ended:
            assert self.process is not None
            self.process.send_signal(number)

    def suspend(self) -> None:
        """Between two of its writes: one that is suspended with the journal's lock in its hands
        holds up everybody, which is another story."""
        assert eventually(self._is_suspended_without_the_lock)

    def _is_suspended_without_the_lock(self) -> bool:
        self.send(signal.SIGSTOP)
        with closing(sqlite3.connect(self.directory / "journal.db", timeout=0)) as journal:
            try:
                journal.execute("BEGIN IMMEDIATE")
                journal.rollback()
                return True
            except sqlite3.OperationalError:
                self.wake()
                return False

    def wake(self) -> None:
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def end(self) -> None:
        self.wake()
        self.send(signal.SIGINT)
        if self.process is not None:
            self.process.wait(timeout=60)


@contextmanager
def watching(env: Mapping[str, str]) -> Iterator[Watching]:
    """One that runs, and is gone afterwards, whatever was done to it."""
    watch = Watching(env)
    watch.start()
    try:
        yield watch
    finally:
        watch.wake()
        watch.kill()
