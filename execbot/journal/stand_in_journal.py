"""A journal in memory for the time of one command, when the account's own cannot be used.

It copies all that can still be read of the file, so ids, roles and history are known; the caller
adds the broker's word. It does not outlive the process, and serves for looking and for taking risk
away in an emergency, never for new orders.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path

from msgspec import Struct

from execbot.journal.connection import refuse_what_is_no_file
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.journal.sqlite_errors import classify

COPY_PATIENCE_SECONDS = 1.0
"""A write-ahead log lets everybody read at any time: who has to wait longer meets something odd."""


def stand_in_journal(path: Path, trouble: JournalError | None = None) -> Journal:
    """A journal in memory, a copy of the one at `path` where there is one to be had; `trouble` is
    why it stands in for that.

    Raises JournalError only if there is no memory for it.
    """
    connection, is_copy = memory_of(path)
    journal = Journal(path, connection, read_only=False)
    journal.trouble, journal.is_copy = trouble, is_copy
    journal.keeps_intents = True
    return journal


def memory_of(path: Path) -> tuple[sqlite3.Connection, bool]:
    """The database of such a journal, and whether it is a copy."""
    try:
        return _prepared(path, _copy_of(path)), True
    except (sqlite3.Error, JournalError, OSError):
        return _prepared(path, _in_memory()), False


def _prepared(path: Path, connection: sqlite3.Connection) -> sqlite3.Connection:
    """Brought to the schema of today, with every table that it should have."""
    journal = Journal(path, connection, read_only=False)
    try:
        journal._bring_up_to_date()
        _make_missing(connection)
    except sqlite3.Error as error:
        journal.close()
        raise classify(error, path) from error
    except JournalError:
        journal.close()
        raise
    return connection


def _make_missing(connection: sqlite3.Connection) -> None:
    """Tables that got lost, and those that lost a column, made again, empty."""
    found = _things(connection)
    for name, thing in _whole().items():
        there = found.get(name)
        if there is not None and there.columns >= thing.columns:
            continue
        if there is not None:
            connection.execute(f"DROP {there.kind} {name}")
            found = _things(connection)  # its indexes and triggers went with it
        connection.execute(thing.sql)
    _count_on(connection)


@cache
def _whole() -> Mapping[str, _Thing]:
    """The tables and indexes of a sound journal. Made once: the steps to it cost more than a copy
    of the file."""
    with closing(_in_memory()) as whole:
        Journal(Path(":memory:"), whole, read_only=False)._prepare()
        return _things(whole)


def _count_on(connection: sqlite3.Connection) -> None:
    """Events that are made anew have numbers behind those by which positions name the lost ones."""
    named = connection.execute("SELECT max(event_seq) FROM position_lives").fetchone()[0]
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'order_events'")
    last = found.fetchone()
    if isinstance(named, int) and (last is None or last["seq"] < named):
        connection.execute("DELETE FROM sqlite_sequence WHERE name = 'order_events'")
        connection.execute("INSERT INTO sqlite_sequence VALUES ('order_events', ?)", (named,))


class _Thing(Struct, frozen=True):
    """A table, index or trigger: the statement that makes it, and a table's columns."""

    kind: str
    sql: str
    columns: frozenset[str]


def _things(connection: sqlite3.Connection) -> dict[str, _Thing]:
    """Tables before indexes and triggers, which go and come with them."""
    rows = connection.execute(
        "SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL "
        "AND name NOT LIKE 'sqlite_%' ORDER BY type != 'table', name"
    ).fetchall()
    return {
        row["name"]: _Thing(row["type"], row["sql"], _columns(connection, row["name"]))
        for row in rows
    }


def _columns(connection: sqlite3.Connection, name: str) -> frozenset[str]:
    return frozenset(row["name"] for row in connection.execute(f"PRAGMA table_info({name})"))


def _in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda raw: raw.decode(errors="replace")  # what is damaged, too
    return connection


def _copy_of(path: Path) -> sqlite3.Connection:
    """Raises sqlite3.Error or OSError when there is no sound copy to be had."""
    refuse_what_is_no_file(path)
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
