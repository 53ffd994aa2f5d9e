"""One SQLite file, many processes: opening, pragmas, transactions, typed errors."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from execbot.journal.errors import (
    JournalCorrupt,
    JournalError,
    JournalNewer,
    JournalReadOnly,
    JournalUnavailable,
    classify,
)
from execbot.journal.schema import APPLICATION_ID, SCHEMA_VERSION
from execbot.model.retrying import Attempts, Backoff, retried

BUSY_TIMEOUT_SECONDS = 10.0
"""Longest wait for another writer. Write transactions here take a few milliseconds."""

CHECKPOINT_PAGES = 4000
"""Fold the write-ahead log back at 16 MB: fewer pauses than SQLite's 4 MB, and still small."""

WAL_ATTEMPTS = Attempts(500)
WAL_WAIT = Backoff(first=0.02, most=0.03, least=0.01)
"""Switching a fresh file to WAL needs it alone for a moment: some 20 ms each."""


class Connection:
    """A connection with nested transactions. Safe to share between threads of one process."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._connection = connection
        self._lock = threading.RLock()
        self._depth = 0

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS,
    ) -> Self:
        """Open (and create or upgrade, unless read-only) the journal at `path`.

        The directory is created with mode 0700 and the file with 0600. Raises JournalError.
        """
        target = Path(path)
        try:
            if not read_only:
                _create(target)
            connection = _connect(target, read_only, busy_timeout_seconds)
        except OSError as error:
            kind = JournalReadOnly if isinstance(error, PermissionError) else JournalUnavailable
            raise kind(f"the journal cannot be opened: {target} ({error})", path=target) from error
        except sqlite3.Error as error:
            raise classify(error, target) from error
        opened = cls(target, connection, read_only=read_only)
        try:
            opened._prepare()
        except sqlite3.Error as error:
            opened.close()
            raise classify(error, target) from error
        except JournalError:
            opened.close()
            raise
        return opened

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self, *, recoverable: bool = False) -> Iterator[Self]:
        """All or nothing, alone among all writers (BEGIN IMMEDIATE); nests by savepoint.

        Whatever is read inside is what will be true when it commits, for every process: limits
        are checked here. Rolls back on any exception. A commit is on the disk when this returns;
        with `recoverable` it is safe from a kill at once and from a power cut a little later: for
        what the broker can be asked again.
        """
        with self._lock:
            outermost = self._depth == 0
            eased = outermost and recoverable
            mark = f"nested_{self._depth}"
            if eased:
                self._run("PRAGMA synchronous = NORMAL")
            try:
                self._run("BEGIN IMMEDIATE" if outermost else f"SAVEPOINT {mark}")
                try:
                    self._depth += 1
                    try:
                        yield self
                    finally:
                        self._depth -= 1
                    self._run("COMMIT" if outermost else f"RELEASE {mark}")
                except BaseException:
                    self._undo(outermost, mark)
                    raise
            finally:
                if eased:
                    self._run("PRAGMA synchronous = FULL")

    @property
    def in_transaction(self) -> bool:
        return self._depth > 0

    def data_version(self) -> int:
        """Changes whenever another connection has committed to the file."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def checkpoint(self) -> int:
        """Copy the write-ahead log into the database as far as nobody is in the way; the number
        of pages left over."""
        _, pages, copied = self._rows("PRAGMA wal_checkpoint(PASSIVE)")[0]
        return int(pages) - int(copied)

    def check(self) -> list[str]:
        """SQLite's own quick integrity check; an empty list means sound."""
        found = [str(row[0]) for row in self._rows("PRAGMA quick_check")]
        return [] if found == ["ok"] else found

    def _undo(self, outermost: bool, mark: str) -> None:
        """Roll back; a statement that failed hard (disk full) may have done so already."""
        if not self._connection.in_transaction:
            return
        if outermost:
            self._connection.execute("ROLLBACK")
        else:
            self._connection.execute(f"ROLLBACK TO {mark}")
            self._connection.execute(f"RELEASE {mark}")

    def _run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute one statement; the number of rows it changed."""
        with self._lock:
            try:
                return self._connection.execute(sql, values).rowcount
            except sqlite3.Error as error:
                raise classify(error, self.path) from error

    def _run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._lock:
            try:
                self._connection.executemany(sql, rows)
            except sqlite3.Error as error:
                raise classify(error, self.path) from error

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise classify(error, self.path) from error

    def _prepare(self) -> None:
        """Set the pragmas, refuse what is not ours, and migrate when behind."""
        run = self._connection.execute
        run("PRAGMA synchronous = FULL")
        run("PRAGMA temp_store = MEMORY")
        run(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        version = int(run("PRAGMA user_version").fetchone()[0])
        if version == SCHEMA_VERSION:
            return
        if version > SCHEMA_VERSION:
            raise JournalNewer(
                f"the journal has version {version}, this execbot knows {SCHEMA_VERSION}: "
                f"{self.path}",
                path=self.path,
            )
        if self.read_only:
            raise JournalUnavailable(f"there is no journal yet: {self.path}", path=self.path)
        if version == 0 and run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            self._refuse_foreign()
        self._use_wal()
        self._migrate()

    def _refuse_foreign(self) -> None:
        """A database with tables and no version of ours is somebody else's file."""
        application = int(self._connection.execute("PRAGMA application_id").fetchone()[0])
        if application != APPLICATION_ID:
            raise JournalCorrupt(
                f"the file is a database but not an execbot journal: {self.path}", path=self.path
            )

    def _use_wal(self) -> None:
        """Processes that make a new journal together stand in each other's way for a moment."""
        retried(
            lambda: self._connection.execute("PRAGMA journal_mode = WAL"),
            may_retry=_is_busy,
            wait=WAL_WAIT,
            stop=WAL_ATTEMPTS,
            sleep=time.sleep,
        )

    def _migrate(self) -> None:
        # Imported before the lock is taken: other processes are waiting for it.
        from execbot.journal.migrations import migrate

        with self.transaction():
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if version < SCHEMA_VERSION:
                self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                migrate(self._connection)


def _is_busy(error: Exception) -> bool:
    if not isinstance(error, sqlite3.OperationalError):
        return False
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _create(path: Path) -> None:
    """Make the private directory and the private file, so that no umask widens them."""
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _connect(path: Path, read_only: bool, busy_timeout_seconds: float) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
    connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=busy_timeout_seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.row_factory = sqlite3.Row
    return connection
