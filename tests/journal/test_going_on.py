"""Goal: a journal whose file fails in the middle of a command goes on in memory with everything
that the command has written, where it may; what must last is never written there.

Method: a real file that another connection locks.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from journal.rows import record

from execbot.journal import Journal
from execbot.journal.errors import JournalCorrupt, JournalLocked
from execbot.journal.stand_in_journal import memory_of
from execbot.journal.standby import Standby


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path, busy_timeout_seconds=0.05) as opened:
        yield opened


def ready(may: bool = True) -> Standby:
    return Standby(lambda: may, memory_of)


def names(journal: Journal) -> set[str]:
    return {found.client_order_id for found in journal.orders()}


def test_it_goes_on_with_what_was_written_and_the_file_is_used_again_afterwards(
    path: Path, journal: Journal
) -> None:
    journal.put_orders([record("before")])
    with journal.going_on(ready()):
        with locked(path):
            with journal.transaction():
                journal.put_orders([record("one")])
                with journal.transaction():
                    journal.put_orders([record("two")])
            assert isinstance(journal.trouble, JournalLocked)
            assert journal.is_copy
            assert names(journal) == {"before", "one", "two"}
            with pytest.raises(ZeroDivisionError), journal.transaction():
                journal.put_orders([record("undone")])
                raise ZeroDivisionError
        assert names(journal) == {"before", "one", "two"}
    assert journal.trouble is None
    assert isinstance(journal.missed, JournalLocked)
    assert names(journal) == {"before"}
    with journal.going_on(ready()):
        assert journal.missed is None


def test_a_write_that_finds_the_disk_full_is_made_good_in_memory(journal: Journal) -> None:
    with journal.going_on(ready()):
        with journal.transaction():
            journal.put_orders([record("committed")])
        pages = journal._rows("PRAGMA page_count")[0][0]
        journal._connection.execute(f"PRAGMA max_page_count = {pages + 3}")
        with journal.transaction():
            journal.put_orders([record("first")])
            journal.put_orders([record(f"n{number}") for number in range(2000)])
        assert journal.trouble is not None
        assert {"committed", "first", "n1999"} <= names(journal)
        assert len(names(journal)) == 2002


def test_before_it_may_it_fails_as_ever(path: Path, journal: Journal) -> None:
    with journal.going_on(ready(may=False)), locked(path):
        with pytest.raises(JournalLocked), journal.transaction():
            pass
        assert journal.trouble is None


def test_what_must_last_is_not_written_to_memory(path: Path, journal: Journal) -> None:
    with journal.going_on(ready()):
        with locked(path):
            with pytest.raises(JournalLocked), journal.transaction(must_last=True):
                raise AssertionError("it was let in")
            journal.put_orders([record("noted")])
            assert journal.trouble is not None
            with pytest.raises(JournalLocked), journal.transaction(must_last=True):
                raise AssertionError("it was let in")
        with journal.transaction(must_last=True):  # nobody holds the file any more
            journal.put_orders([record("intent")])
        assert journal.trouble is None
        assert journal.missed is not None
    assert names(journal) == {"intent"}


def test_leave_to_keep_intents_in_memory_ends_with_its_command(
    path: Path, journal: Journal
) -> None:
    """A program closes a position without the journal, on purpose, and then sends an order."""
    with locked(path):
        with journal.going_on(ready()):
            journal.put_orders([record("noted")])
            journal.keeps_intents = True
            with journal.transaction(must_last=True):
                journal.put_orders([record("closing")])
        with journal.going_on(ready()):
            journal.put_orders([record("noted")])
            with pytest.raises(JournalLocked), journal.transaction(must_last=True):
                raise AssertionError("it was let in")


def test_a_mistake_of_ours_is_none_of_the_file(journal: Journal) -> None:
    with journal.going_on(ready()):
        with pytest.raises(Exception, match="syntax"):
            journal._run("NO SQL AT ALL")
        assert journal.trouble is None


def test_what_cannot_be_read_back_is_damage_and_memory_leaves_it_out(journal: Journal) -> None:
    journal.put_orders([record("whole"), record("spoilt")])
    journal._run("UPDATE orders SET intent_at = 'x' WHERE client_order_id = 'spoilt'")
    with pytest.raises(JournalCorrupt, match="orders"):
        journal.orders()
    with pytest.raises(JournalCorrupt):
        journal.order_by_client_id("spoilt")
    with journal.going_on(ready()):
        assert names(journal) == {"whole"}
        assert journal.order_by_client_id("spoilt") is None
