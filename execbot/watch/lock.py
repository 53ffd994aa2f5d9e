"""One `watch` for an account: a lock on a file that ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from execbot.model.enums import ErrorCategory
from execbot.model.errors import ExecbotError

LOCK_NAME = "watch.lock"


class AlreadyWatching(ExecbotError):
    """Another process watches this account. `pid` is the holder's, 0 when it cannot be read."""

    kind = "watch.already_running"
    category = ErrorCategory.ADJUSTABLE
    hint = "One watch an account: two would act on the same events."

    def __init__(self, pid: int) -> None:
        super().__init__(f"This account is watched already, by process {pid}")
        self.pid = pid
        self.next_step = f"Look at it, or end it: kill {pid}"

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"pid": self.pid}


class WatchLock:
    """Held from `acquire` until `release` or the end of the process, however it ends."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK_NAME
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Raises AlreadyWatching."""
        handle = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _pid_in(handle)
            handle.close()
            raise AlreadyWatching(holder) from error
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        self._file = handle

    def release(self) -> None:
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None


def holder_of(directory: Path) -> int | None:
    """The pid of the process that watches this account, None when nobody does.

    Asking writes nothing, so it works on a full disk; a lock that this user cannot look at is
    nobody's that it could know of.
    """
    try:
        descriptor = os.open(directory / LOCK_NAME, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, errors="replace") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _pid_in(handle)
    except OSError:
        return None
    return None


def held_seconds(directory: Path) -> float:
    """How long ago the lock was taken or let go; 0.0 where nobody can tell."""
    try:
        return max(time.time() - (directory / LOCK_NAME).stat().st_mtime, 0.0)
    except OSError:
        return 0.0


def _pid_in(handle: IO[str]) -> int:
    """0 where it cannot be read."""
    try:
        written = handle.read().strip()
    except OSError:
        return 0
    return int(written) if written.isdigit() else 0
