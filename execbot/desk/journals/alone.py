"""The journal of an account without a `watch` on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from execbot.desk.account import Desk
from execbot.watch.lock import WatchLock


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
