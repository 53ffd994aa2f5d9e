"""One SQLite file, many processes: opening, pragmas, transactions, typed errors."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from execbot.journal.errors import (
    JournalCorrupt,
    JournalError,
    JournalLocked,
    JournalNewer,
    JournalOlder,
    JournalReadOnly,
    JournalUnavailable,
)
from execbot.journal.private_file import make_private
from execbot.journal.schema import APPLICATION_ID, SCHEMA_VERSION, TABLES
from execbot.journal.sqlite_errors import classify
from execbot.journal.standby import Make, Standby, Statement
from execbot.model.retrying import Backoff, retried

BUSY_TIMEOUT_SECONDS = 10.0
"""Longest wait for another writer. Write transactions here take a few milliseconds."""

AGAIN_SECONDS = 0.5
"""The same once it has failed in this command: whoever waits has waited already."""

CLOSE_SECONDS = 2.0
"""How long closing waits for another thread."""

CHECKPOINT_PAGES = 4000
"""Fold the write-ahead log back at 16 MB: fewer pauses than SQLite's 4 MB, and still small."""

FRESH_TIMES = 6
"""A file that others are making at this moment is waited for so many times as long: each of them
needs it alone, and on a busy disk each of its commits takes its time. Not by one that has a second
(`HURRIED_SECONDS`): it takes risk away, and memory stands in."""

HURRIED_SECONDS = 1.0

WAL_WAIT = Backoff(first=0.02, most=0.03, least=0.01)
"""Switching a fresh file to WAL needs it alone for a moment: some 20 ms each."""


T = TypeVar("T")

UNREADABLE = (
    *(ValueError, TypeError, ArithmeticError, LookupError, AssertionError, AttributeError),
    msgspec.MsgspecError,
)
"""What reading a damaged row back ends with."""


class Connection:
    """A connection with nested transactions. Safe to share between threads of one process.

    While a command goes on (`going_on`), memory may take the place of a file that fails in the
    middle; `trouble` then says why, and `missed` also afterwards.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self.trouble: JournalError | None = None
        """Why what is in memory stands in for the file, while it does."""
        self.is_copy = False
        """Whether what stands in began as a copy of the file."""
        self.missed: JournalError | None = None
        """Why something that was done since the last command began is not in the file."""
        self.keeps_intents = False
        """Whether what stands in may keep intents too: risk is taken away without the journal, on
        purpose."""
        self._connection = connection
        self._file: sqlite3.Connection | None = None
        self._patience_seconds = BUSY_TIMEOUT_SECONDS
        self._standbys: list[Standby] = []
        self._said: list[Statement] = []
        self._begun: int | None = None
        """Where in `_said` the open transaction begins."""
        self._lasting = 0
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
        opened._patience_seconds = busy_timeout_seconds
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
        """After a statement of another thread that is under way: SQLite must not lose its database
        in the middle of one. One that does not end keeps it open, until the process ends."""
        if not self._lock.acquire(timeout=CLOSE_SECONDS):
            return
        try:
            self._connection.close()
            if self._file is not None:
                self._file.close()
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self, *, recoverable: bool = False, must_last: bool = False) -> Iterator[Self]:
        """All or nothing, alone among all writers (BEGIN IMMEDIATE); nests by savepoint.

        Whatever is read inside is what will be true when it commits, for every process: limits
        are checked here. Rolls back on any exception. A commit is on the disk when this returns;
        with `recoverable` it is safe from a kill at once and from a power cut a little later: for
        what the broker can be asked again. `must_last`: it is worth nothing in memory (an intent),
        so nothing may stand in for the file.
        """
        with self._lock, self._kept_in_file() if must_last else nullcontext():
            outermost = self._depth == 0
            eased = outermost and recoverable
            mark = f"nested_{self._depth}"
            if eased:
                self._run("PRAGMA synchronous = NORMAL")
            try:
                if outermost:
                    self._begun = len(self._said)
                self._run("BEGIN IMMEDIATE" if outermost else f"SAVEPOINT {mark}")
                try:
                    self._depth += 1
                    try:
                        yield self
                    finally:
                        self._depth -= 1
                    self._run("COMMIT" if outermost else f"RELEASE {mark}")
                    if outermost:
                        self._begun = None
                except BaseException:
                    self._undo(outermost, mark)
                    raise
            finally:
                if eased:
                    self._run("PRAGMA synchronous = FULL")

    @contextmanager
    def as_of_one_moment(self) -> Iterator[None]:
        """What is read inside is as of one moment, whatever others commit meanwhile. For reading
        only; no writer waits for it."""
        begun: list[sqlite3.Connection] = []

        def begin(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN")
            begun.append(connection)  # the file, or what stands in for it

        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._on_either(begin)
            try:
                yield
            finally:
                # Nothing was written: what fails here, of a file that has failed, changes nothing.
                with suppress(sqlite3.Error):
                    begun[0].execute("ROLLBACK")

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

    def check(self, table: str = "", *, quick: bool = False) -> list[str]:
        """SQLite's own integrity check of the file or of one table, read whole; an empty list means
        sound. A quick one does not compare indexes with what they point at."""
        pragma = "quick_check" if quick else "integrity_check"
        found = self._rows(f"PRAGMA {pragma}" + (f"({table})" if table else ""))
        words = [str(row[0]) for row in found]
        return [] if words == ["ok"] else words

    def size(self) -> int:
        """Bytes of the database, what the write-ahead log adds to it included."""
        (pages,), (page,) = self._rows("PRAGMA page_count")[0], self._rows("PRAGMA page_size")[0]
        return int(pages) * int(page)

    # --- memory in place of a file that fails --------------------------------------------------

    @contextmanager
    def going_on(self, standby: Standby) -> Iterator[None]:
        """For one command: where the file fails, memory takes its place as `standby` allows, with
        what the command has written so far. Afterwards the file is in use again.
        """
        with self._lock:
            if not self._standbys:
                self._said.clear()
                self.missed, self.keeps_intents = None, self._file is None and self.keeps_intents
            self._standbys.append(standby)
        try:
            yield
        finally:
            with self._lock:
                self._standbys.remove(standby)
                if not self._standbys:
                    self._said.clear()
                    self._back_to_file()

    def stand_in(self, trouble: JournalError, make: Make) -> None:
        """Use what `make` makes from here on, because of `trouble`. Raises it where that is in use
        already."""
        with self._lock:
            if self.trouble is not None:
                raise trouble
            memory, self.is_copy = make(self.path)
            file, self._file = self._connection, self._connection
            self._connection = memory
            self.trouble = trouble
            self.missed = self.missed or trouble
            with suppress(sqlite3.Error):
                file.execute("ROLLBACK")
            self._say_again()

    def _say_again(self) -> None:
        """Writes this command's rows again: all of them, or those that the copy cannot have yet."""
        committed = len(self._said) if self._begun is None else self._begun
        for statement in self._said[committed if self.is_copy else 0 :]:
            # What the copy refuses was about rows that it does not have: they are unreadable.
            with suppress(sqlite3.Error):
                statement.on(self._connection)

    def _goes_on(self, trouble: JournalError) -> bool:
        """Whether memory now stands in for the file that has failed."""
        may = not self._lasting and self.trouble is None and trouble.is_of_file
        ready = next((one for one in self._standbys if one.may()), None) if may else None
        if ready is None:
            return False
        self.stand_in(trouble, ready.make)
        return True

    @contextmanager
    def _kept_in_file(self) -> Iterator[None]:
        """Inside, what cannot be written to the file fails. Raises the trouble if it lasts."""
        if self.trouble is not None and not self.keeps_intents:
            self._try_file()
        self._lasting += 1
        try:
            yield
        finally:
            self._lasting -= 1

    def _try_file(self) -> None:
        """Use the file again if it can be written again. Raises JournalError if it cannot."""
        assert self.trouble is not None
        file = self._file
        if self._depth or file is None:
            raise self.trouble
        try:
            file.execute(f"PRAGMA busy_timeout = {round(AGAIN_SECONDS * 1000)}")
            file.execute("BEGIN IMMEDIATE")
            file.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise classify(error, self.path) from error
        self._back_to_file()

    def _back_to_file(self) -> None:
        """Rows written to memory are lost; the broker is asked for them again."""
        if self._file is None:
            return
        self._connection.close()
        self._connection, self._file = self._file, None
        self.trouble, self.is_copy, self.keeps_intents = None, False, False
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA synchronous = FULL")
            patience = round(self._patience_seconds * 1000)
            self._connection.execute(f"PRAGMA busy_timeout = {patience}")

    def _undo(self, outermost: bool, mark: str) -> None:
        """Roll back; a statement that failed hard (disk full) may have done so already."""
        if outermost:
            del self._said[self._begun or 0 :]
            self._begun = None
        if not self._connection.in_transaction:
            return
        if outermost:
            self._connection.execute("ROLLBACK")
        else:
            self._run(f"ROLLBACK TO {mark}")
            self._run(f"RELEASE {mark}")

    # --- statements ------------------------------------------------------------------------

    def _run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute one statement; the number of rows it changed."""
        return self._write(Statement(sql, values))

    def _run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._write(Statement(sql, list(rows), True))

    def _write(self, statement: Statement) -> int:
        with self._lock:
            changed = self._on_either(lambda connection: statement.on(connection).rowcount)
            if self._standbys:
                self._said.append(statement)
            return changed

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._on_either(lambda connection: connection.execute(sql, values).fetchall())

    def _on_either(self, do: Callable[[sqlite3.Connection], T]) -> T:
        """On the file, or on what then stands in for it."""
        try:
            return do(self._connection)
        except sqlite3.Error as error:
            trouble = classify(error, self.path)
            if not self._goes_on(trouble):
                raise trouble from error
        try:
            return do(self._connection)
        except sqlite3.Error as error:
            raise classify(error, self.path) from error

    def _read(
        self, make: Callable[[sqlite3.Row], T], sql: str, values: Sequence[Any] = ()
    ) -> list[T]:
        """Rows as values. Raises JournalCorrupt for one that cannot be read back; what stands in
        for a damaged file leaves it out."""

        def made(connection: sqlite3.Connection) -> list[T]:
            # Row by row: all of them together would stand beside their values.
            with closing(connection.execute(sql, values)) as rows:
                return [make(row) for row in rows]

        with self._lock:
            try:
                return self._on_either(made)
            except UNREADABLE as error:
                self.unreadable(f"in a row of {_table_of(sql)}", error)
            return [one for row in self._rows(sql, values) if (one := _made(make, row)) is not None]

    def unreadable(self, what: str, error: Exception) -> None:
        """Something read here means nothing: raises JournalCorrupt, unless memory stands in (which
        then knows nothing of it)."""
        if self.trouble is not None:
            return
        words = f"the journal is damaged: {self.path} ({what}: {type(error).__name__}: {error})"
        trouble = JournalCorrupt(words, path=self.path)
        if not self._goes_on(trouble):
            raise trouble from error

    def _prepare(self) -> None:
        """Bring it up to date, and refuse one that has lost a table: better now than halfway."""
        self._bring_up_to_date()
        found = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        missing = TABLES - {row[0] for row in found}
        if missing:
            words = f"the journal is damaged: {self.path} (no table {min(missing)})"
            raise JournalCorrupt(words, path=self.path)

    def _bring_up_to_date(self) -> None:
        """Set the pragmas, refuse what is not ours, and migrate when behind."""
        run = self._connection.execute
        self._when_free(lambda: run("PRAGMA synchronous = FULL"))  # reads the file, too
        run("PRAGMA temp_store = MEMORY")
        run(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        version = self._when_free(lambda: int(run("PRAGMA user_version").fetchone()[0]))
        if version == SCHEMA_VERSION:
            return
        if version > SCHEMA_VERSION:
            raise JournalNewer(
                f"the journal has version {version}, this execbot knows {SCHEMA_VERSION}: "
                f"{self.path}",
                path=self.path,
            )
        if self.read_only and version:
            raise JournalOlder(
                f"the journal has version {version}, this execbot works with {SCHEMA_VERSION}: "
                f"{self.path}",
                path=self.path,
            )
        if self.read_only:
            raise JournalUnavailable(f"there is no journal yet: {self.path}", path=self.path)
        if version == 0:
            tables = self._when_free(lambda: run("SELECT count(*) FROM sqlite_master").fetchone())
            if tables[0]:
                self._refuse_foreign()
        self._when_free(lambda: run("PRAGMA journal_mode = WAL"))
        self._when_free(self._migrate)

    def _refuse_foreign(self) -> None:
        """A database with tables and no version of ours is somebody else's file."""
        application = int(self._connection.execute("PRAGMA application_id").fetchone()[0])
        if application != APPLICATION_ID:
            raise JournalCorrupt(
                f"the file is a database but not an execbot journal: {self.path}", path=self.path
            )

    @property
    def _fresh_seconds(self) -> float:
        is_hurried = self._patience_seconds <= HURRIED_SECONDS
        return self._patience_seconds * (1 if is_hurried else FRESH_TIMES)

    def _when_free(self, do: Callable[[], T]) -> T:
        """Processes that make a new journal together stand in each other's way for a moment. Once
        it is in WAL mode nobody keeps a reader out: who waits here waits for one that makes it."""
        until = time.monotonic() + self._fresh_seconds
        return retried(
            do,
            may_retry=_is_busy,
            wait=WAL_WAIT,
            stop=lambda tries: time.monotonic() >= until,
            sleep=time.sleep,
        )

    def _migrate(self) -> None:
        # Imported before the lock is taken: other processes are waiting for it.
        from execbot.journal.migrations import migrate

        self._connection.execute(f"PRAGMA busy_timeout = {round(self._fresh_seconds * 1000)}")
        with self.transaction():
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if version < SCHEMA_VERSION:
                self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                migrate(self._connection)
        self._connection.execute(f"PRAGMA busy_timeout = {round(self._patience_seconds * 1000)}")


def _made(make: Callable[[sqlite3.Row], T], row: sqlite3.Row) -> T | None:
    """The row's value; None for a damaged one."""
    try:
        return make(row)
    except UNREADABLE:
        return None


def _table_of(sql: str) -> str:
    return sql.partition(" FROM ")[2].split(" ", 1)[0].removeprefix("main.")


def _is_busy(error: Exception) -> bool:
    if isinstance(error, JournalLocked):
        return True  # while several make a file, SQLite refuses some at once instead of waiting
    if not isinstance(error, sqlite3.OperationalError):
        return False
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _create(path: Path) -> None:
    """Make the private directory and the private file, so that no umask widens them."""
    refuse_what_is_no_file(path)
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_private(path)


def refuse_what_is_no_file(path: Path) -> None:
    """Opening a pipe in the journal's place would wait for whoever writes to it, for ever."""
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(f"it is no file: {path}")


def _connect(path: Path, read_only: bool, busy_timeout_seconds: float) -> sqlite3.Connection:
    refuse_what_is_no_file(path)
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
