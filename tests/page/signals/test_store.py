"""Goal: a signal whose keeping was confirmed is on the disk, once, whatever happens then; and the
store waits for nobody."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import wait
from datetime import timedelta
from pathlib import Path

import pytest
from page.signals.making import NOW, delivery
from support.waiting import PATIENCE_SECONDS

from execbot.desk.journals.taken_signals import AlreadyTaking
from execbot.journal import Journal
from execbot.page.signals.rows import State
from execbot.page.signals.store import SignalStore, StoreFailed, TooManyWaiting


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SignalStore]:
    opened = SignalStore(tmp_path)
    yield opened
    opened.close()


def test_the_same_id_is_kept_once_and_other_content_is_told(store: SignalStore) -> None:
    first = store.keep(delivery(id="a")).result()
    again = store.keep(delivery(NOW + timedelta(days=9), id="a", strength=82)).result()
    other = store.keep(delivery(id="a", strength=90)).result()
    assert [k.is_new for k in (first, again, other)] == [True, False, False]
    assert [k.differs for k in (again, other)] == [False, True]
    row = store.row("a")
    assert row is not None and row.repeats == 2 and row.signal == first.row.signal


def test_the_same_content_without_an_id_is_one_signal_within_the_window(
    store: SignalStore,
) -> None:
    times = [NOW + timedelta(seconds=s) for s in (0, 59, 61)]
    kept = [store.keep(delivery(at, new_id=f"w-{at:%H%M%S}")).result() for at in times]
    assert [k.is_new for k in kept] == [True, False, True]
    assert kept[1].row.id == kept[0].row.id
    assert store.keep(delivery(NOW, new_id="w", strength=99)).result().is_new


def test_many_at_once_are_each_kept_once_and_in_few_commits(store: SignalStore) -> None:
    promises = [store.keep(delivery(id=f"s-{n % 300}")) for n in range(600)]
    wait(promises)
    assert sum(p.result().is_new for p in promises) == 300
    assert [row.id for row in store.unfinished(limit=1000)] == [f"s-{n}" for n in range(300)]


def test_more_than_may_wait_are_refused_and_repeats_of_them_are_not(store: SignalStore) -> None:
    store.keep(delivery(id="a", waiting_max=1)).result()
    with pytest.raises(TooManyWaiting):
        store.keep(delivery(id="b", waiting_max=1)).result()
    assert not store.keep(delivery(id="a", waiting_max=1)).result().is_new
    assert store.row("b") is None


def test_one_for_which_nothing_was_sent_may_come_again(store: SignalStore) -> None:
    number = store.keep(delivery(id="a")).result().row.number
    store.begin(number, NOW)
    store.finish(number, NOW, {"outcome": "not_sent"}, may_come_again=True)
    again = store.keep(delivery(id="a")).result()
    assert (again.is_new, again.row.state) == (True, State.BEGUN)
    store.finish(number, NOW, {"outcome": "filled"})
    assert not store.keep(delivery(id="a")).result().is_new


def test_keeping_waits_for_no_lock_of_the_journal(store: SignalStore, tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db") as journal, journal.transaction():
        assert store.keep(delivery(id="a")).result(PATIENCE_SECONDS).is_new


def test_each_commit_is_on_the_disk_when_it_returns(store: SignalStore) -> None:
    assert store._writes.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    assert (store.path.stat().st_mode & 0o777) == 0o600


def test_a_disk_that_does_not_take_it_is_a_failure_and_the_next_one_is_kept(
    store: SignalStore,
) -> None:
    blocker = sqlite3.connect(store.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    store._writes.execute("PRAGMA busy_timeout = 1")
    with pytest.raises(StoreFailed):
        store.keep(delivery(id="a")).result()
    blocker.execute("ROLLBACK")
    blocker.close()
    assert store.keep(delivery(id="a")).result().is_new


def test_two_processes_do_not_take_signals_of_one_account(
    store: SignalStore, tmp_path: Path
) -> None:
    with pytest.raises(AlreadyTaking):
        SignalStore(tmp_path)


KEEPER = """
import sys
from pathlib import Path
from page.signals.making import delivery
from execbot.page.signals.store import SignalStore
store, n = SignalStore(Path(sys.argv[1])), 0
while True:
    names = [f"k-{n + i}" for i in range(7)]
    promises = [(name, store.keep(delivery(id=name, waiting_max=10**9))) for name in names]
    n += 7
    for name, promise in promises:
        promise.result()
        print(name, flush=True)
"""


def test_what_was_confirmed_before_a_kill_is_there(tmp_path: Path) -> None:
    """And in a copy of the files as they lay when it was killed."""
    keeper = subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": ""},
    )
    assert keeper.stdout is not None
    said = [keeper.stdout.readline().strip() for _ in range(200)]
    keeper.kill()
    said += keeper.stdout.read().split()
    keeper.wait()
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path, copy, ignore=shutil.ignore_patterns("copy"))
    for place in (tmp_path, copy):
        store = SignalStore(place)
        kept = [row.id for row in store.unfinished(limit=10**6)]
        store.close()
        assert set(said) <= set(kept)
        assert len(kept) == len(set(kept))


def test_what_ended_long_ago_is_forgotten_and_nothing_else(store: SignalStore) -> None:
    late = NOW + timedelta(days=1)
    for id, at in (("done", NOW), ("followed", NOW), ("waits", NOW), ("young", late)):
        number = store.keep(delivery(at, id=id)).result().row.number
        if id != "waits":
            store.finish(number, at, {"outcome": "filled"}, is_followed=id == "followed")
    assert store.forget(late) == 1
    assert [row.id for row in reversed(store.latest(10))] == ["followed", "waits", "young"]
    assert store.forget(late) == 0
    store.keep(delivery(NOW, id="done")).result()  # the journal knows that it has acted
    assert [row.id for row in store.unfinished()] == ["waits", "done"]


READ_BY_ANOTHER = (
    "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); "
    "found = db.execute('SELECT signal_id FROM signals ORDER BY number').fetchall(); "
    "print([row[0] for row in found]); db.close()"
)


def test_another_reader_takes_nothing_away_from_the_listener(tmp_path: Path) -> None:
    """A copy, or a look with SQLite's own tool: its end must not be taken for that of the last one,
    or the next signals would be written to a file that has no name any more."""
    store = SignalStore(tmp_path)

    def seen() -> str:
        words = [sys.executable, "-c", READ_BY_ANOTHER, str(store.path)]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    for name in ("one", "two", "three"):
        store.keep(delivery(id=name)).result()
        assert name in seen()
    assert store.path.with_name("signals.db-wal").exists()
    store.close()
    assert seen() == "['one', 'two', 'three']"
