"""The files of past months: the journal's record of each, their place, and opening one.

A file is an SQLite database, compressed whole by xz: `xz -dc FILE > past.db` shows it to others. It
is written once, named by its own digest, and never changed; only one that the journal knows is
read. The half file of a killed `archive` is no archive.
"""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from execbot.journal.books import Books
from execbot.journal.errors import ArchiveUnusable, JournalCorrupt

READ_AT_ONCE = 1 << 20
"""Bytes."""

PRESET = 1
"""Of xz. The higher ones take several times as long, for a tenth less."""


class Archive(Struct, frozen=True):
    """One file, as the journal has registered it. `first_at` and `last_at` are the earliest and the
    latest moment of anything in it, as ISO text."""

    number: int
    name: str
    sha256: str
    bytes: int
    month: str
    first_at: str
    last_at: str
    orders: int
    events: int
    fills: int
    archived_at: datetime


def archive_of(row: sqlite3.Row) -> Archive:
    values = dict(zip(row.keys(), row, strict=True))
    return Archive(**{**values, "archived_at": datetime.fromisoformat(values["archived_at"])})


def archives_beside(path: Path) -> Path:
    """The directory with the archives of the journal (or backup) at `path`."""
    return path.with_name(f"{path.stem}.archives")


def digest_of(path: Path) -> str:
    """SHA-256 of a file. Raises OSError."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(READ_AT_ONCE):
            found.update(piece)
    return found.hexdigest()


def trouble_with(archive: Archive, directory: Path) -> str:
    """Why a file is not what was written; empty when it is. Reads all of it."""
    path = directory / archive.name
    try:
        if digest_of(path) == archive.sha256:
            return ""
    except FileNotFoundError:
        return f"archive {archive.name} is missing: {path}"
    except OSError as error:
        return f"archive {archive.name} cannot be read: {path} ({error})"
    return f"archive {archive.name} is not as it was written: {path}"


def opened(archive: Archive, directory: Path) -> Books:
    """One for reading; the caller closes it. Raises JournalError, ArchiveUnusable if it is gone."""
    path = directory / archive.name
    if not path.is_file():
        raise ArchiveUnusable(f"{trouble_with(archive, directory)}", path=path)
    books = Books(path, _connected(path), read_only=False)
    try:
        books._prepare()
    except BaseException:
        books.close()
        raise
    return books


def _connected(path: Path) -> sqlite3.Connection:
    """To what the file holds, in memory, where one of an older version can be brought up to
    today's. Raises JournalCorrupt."""
    import lzma

    found = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    found.row_factory = sqlite3.Row
    try:
        found.deserialize(lzma.decompress(path.read_bytes()))
    except (lzma.LZMAError, OSError, sqlite3.Error) as error:
        found.close()
        raise JournalCorrupt(f"the archive is damaged: {path} ({error})", path=path) from error
    return found


def compressed(path: Path) -> bytes:
    """The database at `path`, compressed; takes a third of a second for each ten megabytes."""
    import lzma

    return lzma.compress(path.read_bytes(), preset=PRESET)
