"""How much room a journal takes, table by table."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal


class TableSize(Struct, frozen=True):
    """One table with its indexes."""

    name: str
    bytes: int


class Sizes(Struct, frozen=True):
    """`log_bytes` is the write-ahead log beside the file, `free_bytes` what the file has room for.

    `tables` are the largest first; empty where this SQLite does not count pages.
    """

    bytes: int
    log_bytes: int
    free_bytes: int
    oldest: datetime | None
    tables: tuple[TableSize, ...]


def sizes_of(journal: Journal) -> Sizes:
    """Reads the whole file. Raises JournalError."""
    (free,), (page,) = (
        journal._rows("PRAGMA freelist_count")[0],
        journal._rows("PRAGMA page_size")[0],
    )
    return Sizes(
        _bytes(journal.path),
        _bytes(journal.path.with_name(f"{journal.path.name}-wal")),
        int(free) * int(page),
        journal.first_written(),
        tuple(_tables(journal)),
    )


def _tables(journal: Journal) -> list[TableSize]:
    try:
        rows = journal._rows(
            "SELECT m.tbl_name, sum(s.pgsize) AS size FROM dbstat s JOIN sqlite_master m "
            "ON m.name = s.name WHERE s.aggregate = TRUE GROUP BY m.tbl_name ORDER BY size DESC, 1"
        )
    except JournalError as error:
        if isinstance(error.__cause__, sqlite3.OperationalError) and "dbstat" in str(error):
            return []
        raise
    return [TableSize(str(name), int(size)) for name, size in rows]


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
