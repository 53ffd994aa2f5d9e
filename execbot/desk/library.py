"""The order management system as programs import it: one without arguments knows how to open."""

from __future__ import annotations

from execbot.desk.context import open_context
from execbot.desk.standalone import OrderManagementSystem

__all__ = ["OrderManagementSystem"]

OrderManagementSystem.opener = staticmethod(open_context)
