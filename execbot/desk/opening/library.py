"""The order management system as programs import it: one without arguments knows how to open."""

from __future__ import annotations

from execbot.desk.account import open_desk
from execbot.desk.opening.standalone import OrderManagementSystem

__all__ = ["OrderManagementSystem"]

OrderManagementSystem.opener = staticmethod(open_desk)
