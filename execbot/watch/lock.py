"""One `watch` for an account: a lock on a file that ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
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
            holder = handle.read().strip()
            handle.close()
            raise AlreadyWatching(int(holder) if holder.isdigit() else 0) from error
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
    """The pid of the process that watches this account, None when nobody does."""
    probe = WatchLock(directory)
    try:
        probe.acquire()
    except AlreadyWatching as error:
        return error.pid
    probe.release()
    return None
