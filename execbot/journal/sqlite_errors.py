"""A failure of SQLite's as the journal's error. Apart from the errors, which commands know too that
open no journal."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from execbot.journal.errors import (
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalReadOnly,
    JournalUnavailable,
)

_BY_CODE: dict[int, type[JournalError]] = {
    sqlite3.SQLITE_BUSY: JournalLocked,
    sqlite3.SQLITE_LOCKED: JournalLocked,
    sqlite3.SQLITE_CORRUPT: JournalCorrupt,
    sqlite3.SQLITE_NOTADB: JournalCorrupt,
    sqlite3.SQLITE_FORMAT: JournalCorrupt,
    sqlite3.SQLITE_READONLY: JournalReadOnly,
    sqlite3.SQLITE_PERM: JournalReadOnly,
    sqlite3.SQLITE_FULL: JournalFull,
    sqlite3.SQLITE_CANTOPEN: JournalUnavailable,
}

_OF_STATEMENT = (
    *(0, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH),
    *(sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_TOOBIG),
)

_SIGNS_OF_DAMAGE = ("no such table", "no such column", "could not decode to utf-8", "malformed")
"""Of a file that passes SQLite's own check: SQLite blames the statement for them."""

_WORDS: dict[type[JournalError], str] = {
    JournalLocked: "the journal is locked by another process",
    JournalCorrupt: "the journal is damaged",
    JournalReadOnly: "the journal cannot be written",
    JournalFull: "the journal cannot grow: the disk is full",
    JournalUnavailable: "the journal cannot be opened",
}


def classify(error: sqlite3.Error, path: Path) -> JournalError:
    """Turn an SQLite failure into its typed form; what is not recognised stays JournalError."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    kind = _BY_CODE.get(code, JournalError)
    if kind is JournalUnavailable and path.exists() and not os.access(path.parent, os.W_OK):
        # WAL needs two files beside the journal: a read-only directory shows as CANTOPEN.
        kind = JournalReadOnly
    if code == sqlite3.SQLITE_IOERR and "full" in str(error).lower():
        kind = JournalFull
    if code in _OF_STATEMENT and str(error).lower().startswith(_SIGNS_OF_DAMAGE):
        kind = JournalCorrupt
    words = _WORDS.get(kind, "the journal failed")
    found = kind(f"{words}: {path} ({error})", path=path)
    found.is_of_file = kind is not JournalError or code not in _OF_STATEMENT
    return found
