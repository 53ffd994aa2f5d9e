"""Goal: the webhook's signals go with a backup whole or are told to be missing, and come back to
what is there without replacing any of it.

Method: real files of the store, spoilt by hand.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from page.signals.making import NOW, delivery

from execbot.desk.journals.taken_signals import (
    AlreadyTaking,
    back_up_signals,
    nobody_takes,
    put_back_signals,
    signals_beside,
)
from execbot.page.signals.rows import Row
from execbot.page.signals.store import SignalStore

LATER = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """Its directory: one signal that is done, one that waits."""
    directory = tmp_path / "account"
    directory.mkdir()
    with closing(SignalStore(directory)) as store:
        for name in ("done", "waits"):
            keep(store, name)
        store.finish(1, NOW, {"outcome": "filled"})
    return directory


@pytest.fixture
def backup(account: Path, tmp_path: Path) -> Path:
    """Of that, as it is now."""
    found = tmp_path / "saved.db"
    carried = back_up_signals(account, found)
    assert carried is not None and (carried.count, carried.waiting) == (2, 1)
    return found


def keep(store: SignalStore, name: str, *, at: datetime = NOW) -> None:
    store.keep(delivery(at, id=name)).result()


def rows(directory: Path) -> list[tuple[str, str]]:
    """Ids with their states, as they came."""
    with closing(SignalStore(directory)) as store:
        found: list[Row] = list(reversed(store.latest(100)))
    return [(row.id, row.state.value) for row in found]


def test_they_come_back_to_a_new_machine_as_they_were(backup: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    carried = put_back_signals(backup, new, LATER)
    assert carried is not None and (carried.count, carried.waiting) == (2, 1)
    assert rows(new) == [("done", "done"), ("waits", "waiting")]
    assert (new / "signals.db").stat().st_mode & 0o777 == 0o600
    assert not list(new.glob("signals.restoring*"))


def test_what_is_there_stays_and_what_is_missing_is_added(
    account: Path, backup: Path, tmp_path: Path
) -> None:
    """Younger than the backup: one was carried out since, one came since; another machine's has
    none of them."""
    with closing(SignalStore(account)) as store:
        store.finish(2, LATER, {"outcome": "filled"})
        keep(store, "since", at=LATER)
    carried = put_back_signals(backup, account, LATER)
    assert carried is not None and (carried.count, carried.waiting) == (0, 0)
    assert rows(account) == [("done", "done"), ("waits", "done"), ("since", "waiting")]
    other = tmp_path / "other"
    other.mkdir()
    with closing(SignalStore(other)) as store:
        keep(store, "waits")
        keep(store, "own", at=LATER)
    carried = put_back_signals(backup, other, LATER)
    assert carried is not None and (carried.count, carried.waiting) == (1, 0)
    assert rows(other) == [("waits", "waiting"), ("own", "waiting"), ("done", "done")]


def test_a_damaged_file_is_kept_and_replaced(account: Path, backup: Path) -> None:
    (account / "signals.db").write_bytes(b"once these were signals" * 1000)
    carried = put_back_signals(backup, account, LATER)
    assert carried is not None and carried.kept is not None and not carried.problem
    assert carried.kept.read_bytes().startswith(b"once these")
    assert rows(account) == [("done", "done"), ("waits", "waiting")]


def test_a_log_that_was_left_behind_is_not_read_into_the_backup(
    account: Path, backup: Path, tmp_path: Path
) -> None:
    """Only the database was lost: SQLite would take the log of the old one for one of the new."""
    with closing(SignalStore(account)) as store:
        keep(store, "lost")
        log = (account / "signals.db-wal").read_bytes()
    for path in account.glob("signals.db*"):
        path.unlink()
    (account / "signals.db-wal").write_bytes(log)
    put_back_signals(backup, account, LATER)
    assert rows(account) == [("done", "done"), ("waits", "waiting")]


def test_a_store_of_an_earlier_version_comes_back(account: Path, backup: Path) -> None:
    with closing(sqlite3.connect(signals_beside(backup), isolation_level=None)) as db:
        db.execute(
            "UPDATE signals SET signal_id = 'older-' || signal_id, "
            """line = replace(line, '"id":"', '"id":"older-')"""
        )
        for name in ("after_id", "then_id"):
            db.execute(f"ALTER TABLE signals DROP COLUMN {name}")
    put_back_signals(backup, account, LATER)
    assert [name for name, _ in rows(account)] == ["done", "waits", "older-done", "older-waits"]


@pytest.mark.parametrize("spoilt", [b"", b"no database at all" * 500])
def test_an_account_that_cannot_be_copied_says_so_and_leaves_nothing(
    account: Path, tmp_path: Path, spoilt: bytes
) -> None:
    (account / "signals.db").write_bytes(spoilt)
    carried = back_up_signals(account, tmp_path / "saved.db")
    assert carried is not None and carried.count == 0
    assert bool(carried.problem) is bool(spoilt), "an empty file has no signals in it"
    assert ("signals.db" in carried.problem) is bool(spoilt)
    assert not list(tmp_path.glob("*.part*"))
    assert signals_beside(tmp_path / "saved.db").exists() is not bool(spoilt)


def test_a_damaged_backup_changes_nothing(account: Path, backup: Path) -> None:
    signals_beside(backup).write_bytes(b"no database at all" * 500)
    before = rows(account)
    carried = put_back_signals(backup, account, LATER)
    assert carried is not None and carried.problem
    assert rows(account) == before


def test_where_there_never_was_a_webhook_nothing_is_said(tmp_path: Path) -> None:
    assert back_up_signals(tmp_path, tmp_path / "saved.db") is None
    assert put_back_signals(tmp_path / "saved.db", tmp_path, LATER) is None
    assert not list(tmp_path.iterdir())


def test_nobody_takes_signals_while_they_come_back(account: Path) -> None:
    with nobody_takes(account), pytest.raises(AlreadyTaking):
        SignalStore(account)
    with closing(SignalStore(account)), pytest.raises(AlreadyTaking), nobody_takes(account):
        pass


@pytest.fixture
def long_lived(account: Path) -> Iterator[SignalStore]:
    with closing(SignalStore(account)) as store:
        yield store


def test_they_are_copied_while_they_are_taken(
    account: Path, long_lived: SignalStore, tmp_path: Path
) -> None:
    """Whatever was confirmed before the copy began is in it."""
    for turn in range(5):
        kept = [long_lived.keep(delivery(NOW + timedelta(seconds=n), id=f"busy-{turn}-{n}"))
                for n in range(50)]  # fmt: skip
        kept[0].result()
        carried = back_up_signals(account, tmp_path / "busy.db")
        assert carried is not None and not carried.problem
        assert carried.count >= 3 + 50 * turn
        for promise in kept:
            promise.result()
