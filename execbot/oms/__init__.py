"""The order room: state machine, submit pipeline, intake, recovery, reconciliation, positions.

What is exported here is the public API of the room; names are loaded at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from execbot.oms.errors import GateVerdict, InDoubt, OmsError, Refused
    from execbot.oms.machine.changes import Change, EventName
    from execbot.oms.machine.positions import PositionBook, PositionTracker
    from execbot.oms.service import OrderManagementSystem
    from execbot.oms.sync.breaks import Break
    from execbot.oms.sync.reconcile import ReconcileResult

_HOME = {
    "sync.breaks": ("Break",),
    "machine.changes": ("Change", "EventName"),
    "errors": ("GateVerdict", "InDoubt", "OmsError", "Refused"),
    "machine.positions": ("PositionBook", "PositionTracker"),
    "sync.reconcile": ("ReconcileResult",),
    "service": ("OrderManagementSystem",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

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


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
