"""The journal: SQLite, the durable memory and audit trail. `Journal.open(path)` is the door.

Names are loaded at first use: who only knows its errors or records needs no SQLite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from execbot.lazy_names import lazy_names

if TYPE_CHECKING:
    from execbot.journal.errors import (
        JournalCorrupt,
        JournalError,
        JournalFull,
        JournalLocked,
        JournalNewer,
        JournalOlder,
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

_HOME = {
    "errors": (
        "JournalCorrupt",
        "JournalError",
        "JournalFull",
        "JournalLocked",
        "JournalNewer",
        "JournalOlder",
        "JournalReadOnly",
        "JournalUnavailable",
    ),
    "journal": ("Journal",),
    "records": (
        "EventRecord",
        "EventResult",
        "Execution",
        "FillState",
        "OrderRecord",
        "Origin",
        "PositionRecord",
        "Progress",
        "Role",
    ),
}

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
    "JournalOlder",
    "JournalReadOnly",
    "JournalUnavailable",
    "OrderRecord",
    "Origin",
    "PositionRecord",
    "Progress",
    "Role",
]

__getattr__ = lazy_names(__name__, _HOME)
