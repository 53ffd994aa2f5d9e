"""Errors of the journal, each with a message, a hint and a next step.

    JournalError
    ├── JournalLocked        journal.locked         another process kept the write lock too long
    ├── JournalCorrupt       journal.corrupt        the file is damaged, or is not a journal
    ├── JournalReadOnly      journal.read_only      file or directory cannot be written
    ├── JournalFull          journal.disk_full      no space (or a size limit) for the next write
    ├── JournalNewer         journal.newer_version  written by a later execbot
    ├── JournalOlder         journal.older_version  written by an earlier one, and only to be read
    ├── JournalUnavailable   journal.unavailable    cannot be opened at all
    └── ArchiveUnusable      journal.archive        a file of a past month is missing

No order leaves without a durable intent, so each of these stops an order before it is sent; the
next `reconcile` finds the orders that were sent already. In the middle of a command memory may
stand in for the file (`standby`).
"""

from __future__ import annotations

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
        self.is_of_file = True
        """The file is at fault, or its disk; not a statement of ours that makes no sense."""

    @property
    def leaves_what_was_read(self) -> bool:
        """The file takes no writes (a lock, a full disk, an I/O error), but what was read of it is
        as good as before. Not so where it is damaged: what it says may be wrong."""
        return self.is_of_file and not isinstance(self, JournalCorrupt | JournalNewer)


class JournalLocked(JournalError):
    kind = "journal.locked"
    category = ErrorCategory.RETRYABLE
    hint = "Another process holds the write lock, a backup or a database browser perhaps."
    next_step = "Close it and run the command again."


class JournalCorrupt(JournalError):
    kind = "journal.corrupt"
    hint = "The file is damaged or was overwritten by something else."
    next_step = (
        "Run `execbot journal rebuild`: a copy without the damage. Where that fails too, move it "
        "away (keep it) and run `execbot reconcile`: orders, fills and positions are read back "
        "from the broker."
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


class JournalOlder(JournalError):
    kind = "journal.older_version"
    hint = "An earlier version of execbot has written this journal, and here it is only read."
    next_step = "Run any command on it, `execbot orders` for one: that upgrades it."


class JournalUnavailable(JournalError):
    kind = "journal.unavailable"
    hint = "The path is not usable as a file, or a part of it does not exist."
    next_step = "Check EXECBOT_STATE_DIR."


class ArchiveUnusable(JournalError):
    kind = "journal.archive"
    hint = "Trading goes on without it; what asks for that time, or for an order of it, does not."
    next_step = "Put the file back, from a backup: `execbot journal verify` names what is missing."
