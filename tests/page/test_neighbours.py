"""Goal: other accounts of this user are named with their worst state and where their page is."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from execbot.model.timer import Timer
from execbot.page.link import Link, keep
from execbot.page.neighbours import neighbours
from execbot.watch.heartbeat import HeartbeatFile
from execbot.watch.lock import WatchLock


def account(root: Path, name: str) -> Path:
    directory = root / name
    directory.mkdir()
    (directory / "journal.db").touch()
    return directory


def test_an_account_that_nobody_watches_and_shows_is_not_named(tmp_path: Path) -> None:
    own = account(tmp_path, "paper-1")
    account(tmp_path, "paper-2")
    (tmp_path / "exchange").mkdir()
    assert neighbours(own) == ()


def test_the_worst_state_of_each_and_the_address_without_its_token(tmp_path: Path) -> None:
    own, shown = account(tmp_path, "paper-1"), account(tmp_path, "paper-2")
    keep(shown, Link(os.getpid(), "http://127.0.0.1:9", "secret-token"))
    [line] = neighbours(own)
    assert (line.name, line.url, line.is_fine) == ("paper-2", "http://127.0.0.1:9", False)
    assert "secret-token" not in line.model_dump_json()

    lock = WatchLock(shown)
    lock.acquire()
    try:
        beats = HeartbeatFile(shown, datetime.now(UTC), Timer())
        beats.beat(datetime.now(UTC), stream_up=True)
        assert neighbours(own)[0].is_fine
        beats.end()
        beats = HeartbeatFile(shown, datetime.now(UTC), Timer())
        beats.beat(datetime.now(UTC), stream_up=True, trouble="the journal fails: <b>full</b>")
        [line] = neighbours(own)
        assert not line.is_fine and line.state == "the journal fails: <b>full</b>"
    finally:
        lock.release()


def test_a_page_that_has_died_or_lies_elsewhere_is_no_link(tmp_path: Path) -> None:
    own, dead = account(tmp_path, "paper-1"), account(tmp_path, "paper-2")
    keep(dead, Link(2**22 + 1, "http://127.0.0.1:9", "secret-token"))
    assert neighbours(own) == ()
    keep(dead, Link(os.getpid(), "javascript:alert(1)", "secret-token"))
    assert neighbours(own) == ()
