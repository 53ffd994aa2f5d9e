"""Goal: one `watch` an account. Method: the real lock file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from execbot.watch.lock import LOCK_NAME, AlreadyWatching, WatchLock, holder_of


def test_the_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    first = WatchLock(tmp_path)
    first.acquire()
    with pytest.raises(AlreadyWatching) as caught:
        WatchLock(tmp_path).acquire()
    assert caught.value.pid == os.getpid()
    assert holder_of(tmp_path) == os.getpid()
    first.release()
    assert holder_of(tmp_path) is None


def test_to_ask_writes_nothing(tmp_path: Path) -> None:
    """So it works on a full disk, and where the folder cannot be written."""
    assert holder_of(tmp_path) is None
    assert not (tmp_path / LOCK_NAME).exists()
    (tmp_path / LOCK_NAME).write_text("4711")
    assert holder_of(tmp_path) is None
    assert (tmp_path / LOCK_NAME).read_text() == "4711"


@pytest.mark.parametrize("as_what", ["directory", "pipe"])
def test_a_lock_that_cannot_be_looked_at_is_nobodys(tmp_path: Path, as_what: str) -> None:
    """It is asked after orders were sent: it must not take the place of their outcome."""
    place = tmp_path / LOCK_NAME
    if as_what == "directory":
        place.mkdir()
    else:
        os.mkfifo(place)
    assert holder_of(tmp_path) is None
