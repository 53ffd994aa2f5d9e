"""Goal: one `watch` an account. Method: the real lock file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from execbot.watch.lock import AlreadyWatching, WatchLock, holder_of


def test_the_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    first = WatchLock(tmp_path)
    first.acquire()
    with pytest.raises(AlreadyWatching) as caught:
        WatchLock(tmp_path).acquire()
    assert caught.value.pid == os.getpid()
    assert holder_of(tmp_path) == os.getpid()
    first.release()
    assert holder_of(tmp_path) is None
