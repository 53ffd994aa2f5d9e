"""Moves past rows of the journal into a file of their own: the only way that rows leave it.

All in one write transaction of the journal. First the file is written, compared with what the
journal holds, and made durable under its final name; then the rows are deleted and the file is
registered, together. A kill before the commit leaves the journal as it was, and at most a file that
nobody reads; a kill after it leaves everything done. (SQLite does not commit two files in WAL mode
as one, so the order of the two is what counts.)
"""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import date, datetime
from pathlib import Path

from execbot.journal.archives.choosing import chosen
from execbot.journal.archives.files import (
    Archive,
    archive_of,
    archives_beside,
    compressed,
    digest_of,
)
from execbot.journal.archives.tables import PACKED, Taken
from execbot.journal.books import Books
from execbot.journal.care.whole import flush
from execbot.journal.codec import AMONG, listed
from execbot.journal.errors import JournalCorrupt, JournalUnavailable
from execbot.journal.packing.texts import unpacked
from execbot.journal.schema import LIVES_SINCE, NEVER_DELETED
from execbot.journal.statements import first_raw
from execbot.model.times import iso

PART = "part.db"
DIGITS = 12
"""Of a file's digest, in its name."""

Counted = dict[str, int]


def archived(
    journal: Books, before: date, month: str, closed_plans: Collection[str], now: datetime
) -> Archive | None:
    """Move what may leave of all that was wanted before a New York day; None where nothing may.

    Raises JournalError: then the journal is as it was.
    """
    directory = archives_beside(journal.path)
    with journal.transaction(must_last=True):
        taken = chosen(journal, before, closed_plans)
        if not taken:
            return None
        part = _fresh(directory)
        try:
            counted, span = _written(journal.path, part, taken)
            name = _sealed(part, month)
        except OSError as error:
            message = f"the archive cannot be written: {part} ({error})"
            raise JournalUnavailable(message, path=part) from error
        finally:
            _clear(part)
        _deleted(journal, taken, counted)
        return _registered(journal, directory / name, month, span, counted, taken, now)


# --- the file ----------------------------------------------------------------------------------


def _fresh(directory: Path) -> Path:
    part = directory / PART
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear(part)
    except OSError as error:
        message = f"the archive cannot be written: {directory} ({error})"
        raise JournalUnavailable(message, path=directory) from error
    return part


def _clear(part: Path) -> None:
    for left in part.parent.glob(f"{part.name}*"):
        left.unlink(missing_ok=True)


def _written(source: Path, part: Path, taken: Taken) -> tuple[Counted, tuple[str, str]]:
    """Copy the rows and compare the copy; how many of each table, and from when to when."""
    with Books.open(part) as copy:
        copy._connection.create_function("plain", 2, _plain, deterministic=True)
        copy._run("PRAGMA journal_mode = DELETE")
        copy._run("ATTACH ? AS source", (f"{source.absolute().as_uri()}?mode=ro",))
        with copy.transaction():
            counted = {table: _copied(copy, table, taken) for table in taken.rows()}
        problems = copy.check()
        if problems:
            raise JournalCorrupt(f"the archive is damaged: {part} ({problems[0]})", path=part)
        span = _span(copy)
        copy._run("DETACH source")
    return counted, span


def _copied(copy: Books, table: str, taken: Taken) -> int:
    """Raises JournalCorrupt where the copy is not what the journal holds."""
    columns = [row[1] for row in copy._rows(f"PRAGMA main.table_info({table})")]
    names = ",".join(columns)
    texts = ",".join(_as_text(table, name) for name in columns)
    held = f"SELECT {texts} FROM source.{table} WHERE {_picked(table, taken)}"
    values = _values(table, taken)
    count = copy._run(f"INSERT INTO main.{table} ({names}) {held}", values)
    other = copy._rows(
        f"SELECT count(*) FROM ({held} EXCEPT SELECT {names} FROM main.{table})", values
    )
    found = copy._rows(f"SELECT count(*) FROM main.{table}")
    if other[0][0] or found[0][0] != count:
        raise JournalCorrupt(f"the archive is not what was copied: {table}", path=copy.path)
    return count


def _as_text(table: str, column: str) -> str:
    """SQL for a column as text; a report may be packed after the first one of its order."""
    if column not in PACKED:
        return column
    return f"plain({column}, {first_raw('source') if column == 'raw' else 'NULL'})"


def _plain(value: str | bytes | None, first: str | bytes | None) -> str | bytes | None:
    """A value that cannot be read back stays as it is."""
    if not isinstance(value, bytes):
        return value
    try:
        return unpacked(value, None if first is None else unpacked(first))
    except ValueError:
        return value


def _picked(table: str, taken: Taken) -> str:
    column, _ = taken.rows()[table]
    return f"{column} {AMONG}" + (f" OR seq {AMONG}" if table == "audit" else "")


def _values(table: str, taken: Taken) -> list[str]:
    values = [listed(taken.rows()[table][1])]
    return [*values, listed(taken.seqs)] if table == "audit" else values


_MOMENTS = (
    ("orders", ("intent_at", "sent_at", "submitted_at", "filled_at", "canceled_at")),
    ("order_events", ("recorded_at",)),
    ("fills", ("at",)),
    ("audit", ("at",)),
    ("signals", ("received_at",)),
)
"""By these a row is asked for."""


def _span(copy: Books) -> tuple[str, str]:
    firsts, lasts = list[str](), list[str]()
    for table, columns in _MOMENTS:
        for column in columns:
            [(first, last)] = copy._rows(
                f"SELECT min({column}), max({column}) FROM main.{table} WHERE {column} > ''"
            )
            firsts += [first] if first else []
            lasts += [last] if last else []
    return min(firsts), max(lasts)


def _sealed(part: Path, month: str) -> str:
    """On the disk, for reading only, under a name that no other content can have."""
    packed = part.with_name(f"{part.name}.xz")
    with packed.open("wb") as written:
        written.write(compressed(part))
        written.flush()
        os.fsync(written.fileno())
    packed.chmod(0o400)
    name = f"{month}-{digest_of(packed)[:DIGITS]}.db.xz"
    packed.rename(packed.with_name(name))
    for directory in (part.parent, part.parent.parent):
        flush(directory)
    return name


# --- the journal -------------------------------------------------------------------------------


def _deleted(journal: Books, taken: Taken, counted: Counted) -> None:
    """Raises JournalCorrupt where other rows would go than those that were copied."""
    _keep_lives(journal, taken)
    journal._run("DROP TRIGGER order_events_are_never_deleted")
    for table, count in counted.items():
        gone = journal._run(
            f"DELETE FROM {table} WHERE {_picked(table, taken)}", _values(table, taken)
        )
        if gone != count:
            words = f"{gone} rows of {table} instead of the {count} that were archived"
            raise JournalCorrupt(words, path=journal.path)
    journal._run(NEVER_DELETED)


def _keep_lives(journal: Books, taken: Taken) -> None:
    """Keeps the lives of this time: the rest of the history is not enough to derive them anew."""
    [(last,)] = journal._rows(
        f"SELECT max(seq) FROM order_events WHERE {_picked('order_events', taken)}",
        _values("order_events", taken),
    )
    if last is not None:
        journal.meta_set(LIVES_SINCE, max(int(last), int(journal.meta_get(LIVES_SINCE, 0))))


def _registered(
    journal: Books,
    path: Path,
    month: str,
    span: tuple[str, str],
    counted: Counted,
    taken: Taken,
    now: datetime,
) -> Archive:
    journal._run(
        "INSERT INTO archives (name, sha256, bytes, month, first_at, last_at, orders, events, "
        "fills, archived_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(path.name, digest_of(path), path.stat().st_size, month, *span),
            *(counted["orders"], counted["order_events"], counted["fills"], iso(now)),
        ),
    )
    [row] = journal._rows("SELECT * FROM archives WHERE name = ?", (path.name,))
    found = archive_of(row)
    journal._run_many(
        "INSERT OR REPLACE INTO archived_ids (id, kind, archive) VALUES (?, ?, ?)",
        sorted((name, kind, found.number) for name, kind in taken.ids()),
    )
    return found


# --- its room ----------------------------------------------------------------------------------

SHRUNK_MAX = 200_000_000
"""Bytes of a journal that is written anew at once: a second or two, for which writers wait."""


def shrunk(journal: Books) -> None:
    """Give back what the rows took, where a fifth is empty; else it is filled first."""
    [(free,)] = journal._rows("PRAGMA freelist_count")
    [(page,)] = journal._rows("PRAGMA page_size")
    empty, size = int(free) * int(page), journal.size()
    if empty * 5 > size and size - empty <= SHRUNK_MAX:
        journal._run("VACUUM")
        journal._rows("PRAGMA wal_checkpoint(TRUNCATE)")
