"""What can go wrong with the journal, each with a message, a hint and a next step.

    JournalError
    ├── JournalLocked        journal.locked         another process kept the write lock too long
    ├── JournalCorrupt       journal.corrupt        the file is damaged, or is not a journal
    ├── JournalReadOnly      journal.read_only      file or directory cannot be written
    ├── JournalFull          journal.disk_full      no space (or a size limit) for the next write
    ├── JournalNewer         journal.newer_version  written by a later execbot
    └── JournalUnavailable   journal.unavailable    cannot be opened at all

Nothing is sent to the broker without a durable intent, so every one of these stops an order before
it leaves; what was already sent is found again by the next `reconcile`.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from execbot.model.enums import ErrorCategory
from execbot.model.errors import ExecbotError


class JournalError(ExecbotError):
    """The journal could not do what was asked. `kind` is a stable slug for scripts."""

    kind = "journal.error"
    category = ErrorCategory.FATAL
    hint = "The journal is the durable memory of orders; execbot does not trade without it."
    next_step = "Run `execbot doctor`."

    def __init__(self, message: str, *, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class JournalLocked(JournalError):
    kind = "journal.locked"
    category = ErrorCategory.RETRYABLE
    hint = "Another process holds the write lock, a backup or a database browser perhaps."
    next_step = "Close it and run the command again."


class JournalCorrupt(JournalError):
    kind = "journal.corrupt"
    hint = "The file is damaged or was overwritten by something else."
    next_step = (
        "Move it away (keep it), then run `execbot reconcile`: orders, fills and positions are "
        "read back from the broker."
    )


class JournalReadOnly(JournalError):
    kind = "journal.read_only"
    category = ErrorCategory.ADJUSTABLE
    hint = "The file or its directory cannot be written by this user."
    next_step = "Correct the permissions, or set EXECBOT_STATE_DIR to a directory you own."


class JournalFull(JournalError):
    kind = "journal.disk_full"
    category = ErrorCategory.ADJUSTABLE
    hint = "There is no space left for the next write."
    next_step = "Free some space and run `execbot reconcile`."


class JournalNewer(JournalError):
    kind = "journal.newer_version"
    hint = "A later version of execbot has written this journal."
    next_step = "Upgrade execbot, or use another state directory."


class JournalUnavailable(JournalError):
    kind = "journal.unavailable"
    hint = "The path is not usable as a file, or a part of it does not exist."
    next_step = "Check EXECBOT_STATE_DIR."


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
    words = _WORDS.get(kind, "the journal failed")
    return kind(f"{words}: {path} ({error})", path=path)
