"""Who keeps whom off an account's journal while it is moved about."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from execbot.desk.account import Desk
from execbot.model.enums import ErrorCategory
from execbot.model.errors import ExecbotError
from execbot.watch.lock import WatchLock

ARCHIVE_LOCK_NAME = "archive.lock"


class AlreadyArchiving(ExecbotError):
    """Another process moves months out of this account's journal."""

    kind = "journal.already_archiving"
    category = ErrorCategory.ADJUSTABLE
    hint = "One at a time; what is archived already stays so, however it ends."
    next_step = "Wait for it, and run the command again."


@contextmanager
def alone(desk: Desk) -> Iterator[None]:
    """Keep every `watch` off the account meanwhile: it would act on what it remembers of the
    journal. Raises AlreadyWatching."""
    lock = WatchLock(desk.directory)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def one_that_archives(directory: Path) -> Iterator[None]:
    """No other process archives meanwhile, or puts another journal in the place of this one. Ends
    with the process, however it ends. Raises AlreadyArchiving."""
    path = directory / ARCHIVE_LOCK_NAME
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            words = "Another process archives months of this account's journal"
            raise AlreadyArchiving(words) from error
        yield
