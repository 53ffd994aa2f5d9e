"""The journal: SQLite, the durable memory and audit trail. `Journal.open(path)` is the door."""

from __future__ import annotations

from execbot.journal.errors import (
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalNewer,
    JournalReadOnly,
    JournalUnavailable,
)
from execbot.journal.journal import Journal
from execbot.journal.records import (
    EventRecord,
    EventResult,
    Execution,
    FillState,
    OrderRecord,
    Origin,
    PositionRecord,
    Progress,
    Role,
)

__all__ = [
    "EventRecord",
    "EventResult",
    "Execution",
    "FillState",
    "Journal",
    "JournalCorrupt",
    "JournalError",
    "JournalFull",
    "JournalLocked",
    "JournalNewer",
    "JournalReadOnly",
    "JournalUnavailable",
    "OrderRecord",
    "Origin",
    "PositionRecord",
    "Progress",
    "Role",
]
