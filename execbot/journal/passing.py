"""A journal in memory for the time of one command, when the account's own cannot be used.

What can still be read of the file is copied, so ids, roles and history are known; the broker's word
is added by whoever uses it. Nothing of it outlives the process: it is for looking, and for taking
risk away in an emergency, never for new orders.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from execbot.journal.errors import JournalError, classify
from execbot.journal.journal import Journal

COPY_PATIENCE_SECONDS = 1.0
"""A write-ahead log lets everybody read at any time: who has to wait longer meets something odd."""


def passing_journal(path: Path) -> tuple[Journal, bool]:
    """A journal in memory, and whether it holds a copy of the one at `path`.

    Raises JournalError only if there is no memory for it.
    """
    try:
        return _prepared(path, _copy_of(path)), True
    except (sqlite3.Error, JournalError, OSError):
        return _prepared(path, _in_memory()), False


def _prepared(path: Path, connection: sqlite3.Connection) -> Journal:
    journal = Journal(path, connection, read_only=False)
    try:
        journal._prepare()
    except sqlite3.Error as error:
        journal.close()
        raise classify(error, path) from error
    except JournalError:
        journal.close()
        raise
    return journal


def _in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.row_factory = sqlite3.Row
    return connection


def _copy_of(path: Path) -> sqlite3.Connection:
    """Raises sqlite3.Error or OSError when there is no sound copy to be had."""
    try:
        return _copied(f"{path.absolute().as_uri()}?mode=ro")
    except sqlite3.OperationalError:
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise
    # In a directory that cannot be written SQLite cannot make the files that readers share. With
    # no log beside it, the file alone is the whole journal.
    return _copied(f"{path.absolute().as_uri()}?immutable=1")


def _copied(uri: str) -> sqlite3.Connection:
    copy = _in_memory()
    try:
        source = sqlite3.connect(uri, uri=True, timeout=COPY_PATIENCE_SECONDS, isolation_level=None)
        with closing(source):
            # Reading has begun before the copying does: a backup would wait for a lock for ever.
            source.execute("BEGIN")
            if not source.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise sqlite3.DatabaseError("an empty file")
            source.backup(copy)
        if copy.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("a damaged copy")
    except BaseException:
        copy.close()
        raise
    return copy
