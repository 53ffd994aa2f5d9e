"""Goal: the write-ahead log is folded back beside the commits, and disturbs nobody.

Method: real SQLite files; what the database holds is read from a copy without its log.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from execbot.journal import Journal
from execbot.journal.checkpoint import EVENTS_BETWEEN, Checkpointer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal whose tables are in the database: whoever closes it last folds the log back."""
    made = tmp_path / "journal.db"
    Journal.open(made).close()
    return made


def is_in_the_database(path: Path) -> bool:
    """Is the value in the file itself, without its write-ahead log?"""
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        return bool(connection.execute("SELECT 1 FROM meta WHERE key = 'a'").fetchall())


def test_a_checkpoint_brings_what_was_committed_into_the_database(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.meta_set("a", 1)
        assert not is_in_the_database(path)
        assert journal.checkpoint() == 0
        assert is_in_the_database(path)


def test_a_checkpoint_leaves_over_what_a_reader_does_not_see_yet(path: Path) -> None:
    with Journal.open(path) as journal, Journal.open(path) as reader:
        reader._run("BEGIN")
        assert reader.meta_get("a") is None
        journal.meta_set("a", 1)
        assert journal.checkpoint() > 0
        assert reader.meta_get("a") is None
        reader._run("COMMIT")
        assert journal.checkpoint() == 0


@pytest.mark.parametrize(
    ("events", "folded"), [(EVENTS_BETWEEN - 1, False), (EVENTS_BETWEEN, True)]
)
def test_many_events_are_followed_by_a_checkpoint_and_few_are_not(
    path: Path, events: int, folded: bool
) -> None:
    with Journal.open(path) as journal:
        keeper = Checkpointer(path)
        keeper.start()
        journal.meta_set("a", 1)
        keeper.wrote(events)
        keeper.close()
        assert is_in_the_database(path) is folded


def test_one_that_cannot_open_the_journal_disturbs_nobody(tmp_path: Path) -> None:
    keeper = Checkpointer(tmp_path)  # a folder
    keeper.start()
    keeper.wrote(EVENTS_BETWEEN)
    keeper.close()
