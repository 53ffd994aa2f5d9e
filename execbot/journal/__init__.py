"""The journal: SQLite, the durable memory and audit trail. `Journal.open(path)` is the door.

Names are loaded at first use: who only knows its errors or records needs no SQLite.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOME = {
    "errors": (
        "JournalCorrupt",
        "JournalError",
        "JournalFull",
        "JournalLocked",
        "JournalNewer",
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
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

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


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
