"""Moves past rows of the journal into a file of their own: the only way that rows leave it.

Others write meanwhile, `watch` among them. So first the file is written, compared with what the
journal holds, and made durable under its final name, while nobody waits. Then, in one short write
transaction, the same is chosen again and compared with the copy; the rows are deleted and the file
is registered, together. Where something was told of them in between, nothing is moved, and the copy
is made anew. A kill before the commit leaves the journal as it was, and at most a file that nobody
reads; a kill after it leaves everything done. (SQLite does not commit two files in WAL mode as one,
so the order of the two is what counts.)
"""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import date, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from execbot.journal.archives.choosing import chosen
from execbot.journal.archives.files import (
    Archive,
    archive_of,
    archives_beside,
    compressed,
    digest_of,
)
from execbot.journal.archives.months import ORDERS_A_FILE
from execbot.journal.archives.tables import PACKED, Taken
from execbot.journal.books import Books
from execbot.journal.care.whole import flush
from execbot.journal.codec import AMONG, listed
from execbot.journal.errors import JournalCorrupt, JournalLocked, JournalUnavailable
from execbot.journal.packing.texts import unpacked
from execbot.journal.schema import LIVES_SINCE, NEVER_DELETED
from execbot.journal.statements import first_raw
from execbot.model.times import iso

PART = "part.db"
DIGITS = 12
"""Of a file's digest, in its name."""

CHANGING = ("orders", "fills", "signals", "plans_in_force")
"""Tables of which a row may change; to the others rows are only added."""

TRIES = 3
"""Of one file: what is past is told of seldom, and never three times in a row."""

Counted = dict[str, int]


class Held(Struct, frozen=True):
    """Rows of the journal: how many of each table, and those that may change as they are."""

    counted: Counted
    rows: dict[str, frozenset[tuple[Any, ...]]]


class Copied(Struct, frozen=True):
    """A file that is whole and on the disk, and what the journal held when it was written."""

    path: Path
    sha256: str
    bytes: int
    month: str
    taken: Taken
    held: Held
    span: tuple[str, str]


def archived(
    journal: Books,
    before: date,
    month: str,
    closed_plans: Collection[str],
    now: datetime,
    most: int = ORDERS_A_FILE,
) -> Archive | None:
    """Move the oldest `most` orders that may leave of all that were wanted before a New York day,
    with what belongs to them; None where nothing may leave.

    One process at a time. Raises JournalError: then the journal is as it was.
    """
    for _ in range(TRIES):
        with journal.as_of_one_moment():
            taken = chosen(journal, before, closed_plans, most)
        if not taken:
            return None
        copied = _copy(journal.path, month, taken)
        with journal.transaction(must_last=True):
            is_same = chosen(journal, before, closed_plans, most) == taken
            if is_same and _held(journal, "main", taken) == copied.held:
                _deleted(journal, taken, copied.held.counted)
                return _registered(journal, copied, now)
            if not journal._rows("SELECT 1 FROM archives WHERE name = ?", (copied.path.name,)):
                copied.path.unlink()
    words = f"past orders of {month} changed each time they were copied: {journal.path}"
    raise JournalLocked(words, path=journal.path)


# --- the file ----------------------------------------------------------------------------------


def _copy(source: Path, month: str, taken: Taken) -> Copied:
    part = _fresh(archives_beside(source))
    try:
        held, span = _written(source, part, taken)
        path = part.with_name(_sealed(part, month))
        return Copied(path, digest_of(path), path.stat().st_size, month, taken, held, span)
    except OSError as error:
        message = f"the archive cannot be written: {part} ({error})"
        raise JournalUnavailable(message, path=part) from error
    finally:
        _clear(part)


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


def _written(source: Path, part: Path, taken: Taken) -> tuple[Held, tuple[str, str]]:
    """Copy the rows and compare the copy; what they are, and from when to when."""
    with Books.open(part) as copy:
        copy._connection.create_function("plain", 2, _plain, deterministic=True)
        copy._run("PRAGMA journal_mode = DELETE")
        copy._run("ATTACH ? AS source", (f"{source.absolute().as_uri()}?mode=ro",))
        with copy.transaction():
            held = _held(copy, "source", taken)
            for table, count in held.counted.items():
                _copy_table(copy, table, taken, count)
        problems = copy.check()
        if problems:
            raise JournalCorrupt(f"the archive is damaged: {part} ({problems[0]})", path=part)
        span = _span(copy)
        copy._run("DETACH source")
    return held, span


def _held(books: Books, schema: str, taken: Taken) -> Held:
    counted, rows = Counted(), dict[str, frozenset[tuple[Any, ...]]]()
    for table in taken.rows():
        values = _values(table, taken)
        what = f"FROM {schema}.{table} WHERE {_picked(table, taken)}"
        [(counted[table],)] = books._rows(f"SELECT count(*) {what}", values)
        if table in CHANGING:
            rows[table] = frozenset(map(tuple, books._rows(f"SELECT * {what}", values)))
    return Held(counted, rows)


def _copy_table(copy: Books, table: str, taken: Taken, count: int) -> None:
    """Raises JournalCorrupt where the copy is not what the journal holds."""
    columns = [row[1] for row in copy._rows(f"PRAGMA main.table_info({table})")]
    names = ",".join(columns)
    texts = ",".join(_as_text(table, name) for name in columns)
    held = f"SELECT {texts} FROM source.{table} WHERE {_picked(table, taken)}"
    values = _values(table, taken)
    copy._run(f"INSERT INTO main.{table} ({names}) {held}", values)
    other = copy._rows(
        f"SELECT count(*) FROM ({held} EXCEPT SELECT {names} FROM main.{table})", values
    )
    found = copy._rows(f"SELECT count(*) FROM main.{table}")
    if other[0][0] or found[0][0] != count:
        raise JournalCorrupt(f"the archive is not what was copied: {table}", path=copy.path)


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


def _registered(journal: Books, copied: Copied, now: datetime) -> Archive:
    name, counted = copied.path.name, copied.held.counted
    journal._run(
        "INSERT INTO archives (name, sha256, bytes, month, first_at, last_at, orders, events, "
        "fills, archived_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(name, copied.sha256, copied.bytes, copied.month, *copied.span),
            *(counted["orders"], counted["order_events"], counted["fills"], iso(now)),
        ),
    )
    [row] = journal._rows("SELECT * FROM archives WHERE name = ?", (name,))
    found = archive_of(row)
    journal._run_many(
        "INSERT OR REPLACE INTO archived_ids (id, kind, archive) VALUES (?, ?, ?)",
        sorted((one, kind, found.number) for one, kind in copied.taken.ids()),
    )
    return found


# --- its room ----------------------------------------------------------------------------------

SHRUNK_MAX = 200_000_000
"""Bytes of a journal that is written anew at once: a second or two, for which writers wait. Never
beside a `watch`."""


def shrunk(journal: Books) -> None:
    """Give back what the rows took, where a fifth is empty; else it is filled first."""
    [(free,)] = journal._rows("PRAGMA freelist_count")
    [(page,)] = journal._rows("PRAGMA page_size")
    empty, size = int(free) * int(page), journal.size()
    if empty * 5 > size and size - empty <= SHRUNK_MAX:
        journal._run("VACUUM")
        journal._rows("PRAGMA wal_checkpoint(TRUNCATE)")
