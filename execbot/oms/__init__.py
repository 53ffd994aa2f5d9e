"""The order room: state machine, submit pipeline, intake, recovery, reconciliation, positions.

What is exported here is the public API of the room; names are loaded at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
