"""The order room: state machine, submit pipeline, intake, recovery, reconciliation, positions.

What is exported here is the public API of the room; names are loaded at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from execbot.lazy_names import lazy_names

if TYPE_CHECKING:
    from execbot.oms.errors import InDoubt, OmsError, Refused
    from execbot.oms.machine.changes import Change, EventName
    from execbot.oms.results import GateVerdict
    from execbot.oms.service import OrderManagementSystem
    from execbot.oms.sync.breaks import Break
    from execbot.oms.sync.reconcile import ReconcileResult
    from execbot.oms.sync.tracker import PositionBook, PositionTracker

_HOME = {
    "errors": ("InDoubt", "OmsError", "Refused"),
    "machine.changes": ("Change", "EventName"),
    "results": ("GateVerdict",),
    "service": ("OrderManagementSystem",),
    "sync.breaks": ("Break",),
    "sync.reconcile": ("ReconcileResult",),
    "sync.tracker": (
        "PositionBook",
        "PositionTracker",
    ),
}

__all__ = [
    "Break",
    "Change",
    "EventName",
    "GateVerdict",
    "InDoubt",
    "OmsError",
    "OrderManagementSystem",
    "PositionBook",
    "PositionTracker",
    "ReconcileResult",
    "Refused",
]

__getattr__ = lazy_names(__name__, _HOME)
