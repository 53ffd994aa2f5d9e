"""A journal whose file fails in the middle, at the boundary of SQLite's driver.

Each write transaction of a process is one step. From a step on the file is locked, its disk is
full or does not write (the commit fails), or it is gone (after that step nothing of it can even be
read).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import pytest

from execbot.journal import connection, stand_in_journal
from execbot.journal.codec import EVENT_COLUMNS

WRITE = "BEGIN IMMEDIATE"
"""How a write transaction begins; a plain BEGIN only reads, and waits for nobody."""

WRITES = ("INSERT", "UPDATE", "DELETE")


class Fails(StrEnum):
    """How. BEFORE a step are the lock and the full disk, AFTER it is the file that is gone."""

    LOCKED = "locked"
    LOCKED_ONCE = "locked_once"
    FULL = "full"
    FAILS_TO_WRITE = "fails_to_write"
    GONE = "gone"


@dataclass
class Faults:
    """The `at`-th step fails, counted from 1; 0 never. `touched` are tables and kinds of events."""

    kind: Fails = Fails.LOCKED
    at: int = 0
    steps: int = 0
    is_open: bool = False
    touched: set[str] = field(default_factory=set)

    def before(self, sql: str) -> None:
        word = sql.split(" ", 1)[0]
        if self.kind is Fails.GONE and self.at and self.steps >= self.at and not self.is_open:
            raise _failed(sqlite3.SQLITE_IOERR, "disk I/O error")
        if sql == WRITE or (word in WRITES and not self.is_open):
            self.steps += 1
            once = self.kind is Fails.LOCKED_ONCE and self.steps == self.at
            if once or (self.kind is Fails.LOCKED and self._is_due()):
                raise _failed(sqlite3.SQLITE_BUSY, "database is locked")
        if not (word == "COMMIT" or (word in WRITES and not self.is_open)):
            return
        if self.kind is Fails.FULL and self._is_due():
            raise _failed(sqlite3.SQLITE_FULL, "database or disk is full")
        if self.kind is Fails.FAILS_TO_WRITE and self._is_due():
            raise _failed(sqlite3.SQLITE_IOERR, "disk I/O error")

    def after(self, sql: str) -> None:
        word = sql.split(" ", 1)[0]
        if sql == WRITE:
            self.is_open = True
        elif word in ("COMMIT", "ROLLBACK") and " TO " not in sql:
            self.is_open = False

    def _is_due(self) -> bool:
        return bool(self.at) and self.steps >= self.at


def _failed(code: int, words: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return error


class FailingFile(sqlite3.Connection):
    """A connection to the file that fails as told."""

    faults: ClassVar[Faults] = Faults()

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        self.faults.before(sql)
        done = super().execute(sql, values)
        self.faults.after(sql)
        if sql.startswith(WRITES):
            self.faults.touched.add(_table_of(sql) + (f" {values[0]}" if "meta" in sql else ""))
        return done

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        rows = list(rows)
        self.faults.before(sql)
        done = super().executemany(sql, rows)
        if "order_events" in sql:
            self.faults.touched |= {row[EVENT_COLUMNS.index("kind")] for row in rows}
        return done


def _table_of(sql: str) -> str:
    words = sql.replace("INTO", " ").replace("OR IGNORE", "").replace("OR REPLACE", "").split()
    return next(word for word in words if word.islower())


@contextmanager
def failing(patch: pytest.MonkeyPatch, kind: Fails, at: int) -> Iterator[Faults]:
    """Inside, journals that are opened fail so."""
    faults = Faults(kind, at)

    def connect(path: Path, read_only: bool, patience: float) -> sqlite3.Connection:
        opened = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}",
            uri=True,
            timeout=patience,
            isolation_level=None,
            check_same_thread=False,
            factory=FailingFile,
        )
        opened.row_factory = sqlite3.Row
        return opened

    copied = stand_in_journal._copied

    def copy(uri: str) -> sqlite3.Connection:
        faults.before("SELECT")
        return copied(uri)

    with patch.context() as patched:
        patched.setattr(FailingFile, "faults", faults)
        patched.setattr(connection, "_connect", connect)
        patched.setattr(stand_in_journal, "_copied", copy)
        yield faults
