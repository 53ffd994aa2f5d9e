"""Signals that the webhook has taken: their file goes with the journal's backup, and comes back
with it.

They stand beside the journal in an SQLite file of their own (`execbot.page.signals.store`), so a
backup has two files. Theirs is copied after the journal: none that the copy calls waiting was acted
on in what the journal's copy knows. What is done when they come back is nothing but reading: each
waits for `execbot page --signals`, which acts on it once, or skips it as too old.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from msgspec import Struct

from execbot.journal.care.whole import PATIENCE_SECONDS, copy_whole, flush
from execbot.journal.private_file import make_private
from execbot.model.enums import ErrorCategory
from execbot.model.errors import ExecbotError

NAME = "signals.db"
LOCK_NAME = "signals.lock"
STAGED_NAME = "signals.restoring.db"
ENDINGS = ("-shm", "-wal", "")
"""SQLite's files of one database."""

COUNTED = "SELECT count(*), count(*) FILTER (WHERE state <> 'done') FROM {table} WHERE {which}"
NEW = "signal_id NOT IN (SELECT signal_id FROM main.signals)"


class AlreadyTaking(ExecbotError):
    """Another process takes the signals of this account."""

    kind = "signals.already_running"
    category = ErrorCategory.ADJUSTABLE
    hint = "One listener an account: two would carry out the same rows."
    next_step = "End the other `execbot page --signals`."


class SignalsCarried(Struct, frozen=True):
    """`count` signals went along, `waiting` of them without an outcome. `problem`: why some did
    not, in words; `kept`: where a damaged file of the account's was moved."""

    count: int = 0
    waiting: int = 0
    problem: str = ""
    kept: Path | None = None


def lock_taking(directory: Path) -> IO[bytes]:
    """Whoever holds it alone takes signals of the account; it ends with the file, or the process.
    Raises AlreadyTaking."""
    handle = os.fdopen(os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise AlreadyTaking("Another process takes the signals of this account") from error
    return handle


@contextmanager
def nobody_takes(directory: Path) -> Iterator[None]:
    """No signal is taken or acted on meanwhile. Raises AlreadyTaking."""
    with lock_taking(directory):
        yield


def signals_beside(backup: Path) -> Path:
    """The file with the signals of the backup at `backup`."""
    return backup.with_name(f"{backup.stem}.{NAME}")


def back_up_signals(directory: Path, backup: Path) -> SignalsCarried | None:
    """Copy the account's signals beside its backup, and look through the copy; they may be taken
    meanwhile. None where none ever was. What fails is told in words: the journal's copy is good all
    the same."""
    source, target = directory / NAME, signals_beside(backup)
    if not source.exists():
        return None
    part = target.with_name(f"{target.name}.part")
    try:
        found = _copied(source, part)
        flush(part)
        part.replace(target)
        flush(target.parent)
    except (OSError, sqlite3.Error) as error:
        _remove(part)
        return SignalsCarried(problem=f"the webhook's signals are not in it: {source} ({error})")
    return found


def put_back_signals(backup: Path, directory: Path, now: datetime) -> SignalsCarried | None:
    """Add the signals of a backup to the account's own; None where the backup has none.

    Those that are there stay as they are: they are younger. A file that is damaged is kept under
    another name, and the backup's takes its place. What fails is told in words, and may be given
    again. A kill leaves all of them added, or none.
    """
    source, path, staged = signals_beside(backup), directory / NAME, directory / STAGED_NAME
    if not source.exists():
        return None
    try:
        _remove(staged)
        found, kept = _copied(source, staged), None
        if _is_sound(path):
            found = _merged(staged, path)
        else:
            kept = _kept_aside(path, now)
            flush(staged)
            staged.rename(path)
            flush(directory)
        _remove(staged)
    except (OSError, sqlite3.Error) as error:
        return SignalsCarried(
            problem=f"the webhook's signals did not come back: {source} ({error})"
        )
    return SignalsCarried(found.count, found.waiting, kept=kept)


# --- inside --------------------------------------------------------------------------------------


def _copied(source: Path, target: Path) -> SignalsCarried:
    """A whole, sound copy. Raises OSError, sqlite3.Error."""
    _remove(target)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_private(target)
    copy_whole(source, target)
    with _opened(target) as copy:
        if not _is_whole(copy):
            raise sqlite3.DatabaseError("it is damaged")
        return _counted(copy, "main.signals") if _has_table(copy) else SignalsCarried()


def _merged(staged: Path, path: Path) -> SignalsCarried:
    """Those that are only in the backup, in the order in which they came."""
    with _opened(path) as db:
        db.execute("PRAGMA synchronous=FULL")
        db.execute("ATTACH ? AS backup", (str(staged),))
        if not _has_table(db, "backup"):
            return SignalsCarried()
        new = _counted(db, "backup.signals", NEW)
        columns = ", ".join(sorted(_columns(db, "main") & _columns(db, "backup") - {"number"}))
        db.execute(
            f"INSERT INTO main.signals ({columns}) SELECT {columns} FROM backup.signals "
            f"WHERE {NEW} ORDER BY number"
        )
    return new


def _counted(db: sqlite3.Connection, table: str, which: str = "TRUE") -> SignalsCarried:
    count, waiting = db.execute(COUNTED.format(table=table, which=which)).fetchone()
    return SignalsCarried(int(count), int(waiting))


def _is_sound(path: Path) -> bool:
    """Whether there is one, and it can be added to; one without a table holds nothing."""
    if not path.exists():
        return False
    try:
        with _opened(path) as db:
            return _has_table(db) and _is_whole(db)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise  # locked, or unreadable: that says nothing of what is in it
        return False


def _is_whole(db: sqlite3.Connection) -> bool:
    return [tuple(row) for row in db.execute("PRAGMA integrity_check")] == [("ok",)]


def _has_table(db: sqlite3.Connection, schema: str = "main") -> bool:
    return bool(_columns(db, schema))


def _columns(db: sqlite3.Connection, schema: str) -> set[str]:
    found = db.execute("SELECT name FROM pragma_table_info('signals', ?)", (schema,))
    return {str(row[0]) for row in found}


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(path, timeout=PATIENCE_SECONDS, isolation_level=None)
    with closing(db):
        yield db


def _kept_aside(path: Path, now: datetime) -> Path | None:
    """Give what stands at `path` another name, with its log: SQLite would read a log that is left
    behind into whatever comes there."""
    kept = path.with_name(f"{path.stem}.replaced-{now:%Y%m%d-%H%M%S}{path.suffix}")
    is_there = path.exists()
    for ending in ENDINGS:
        part = path.with_name(f"{path.name}{ending}")
        if part.exists():
            part.rename(kept.with_name(f"{kept.name}{ending}"))
    return kept if is_there else None


def _remove(path: Path) -> None:
    for ending in ENDINGS:
        path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
