"""The matching engine and account core of the built-in exchange: no I/O, deterministic.

`Exchange` is the whole interface; everything else here serves it.
"""

from __future__ import annotations

from execbot.sim.engine.accounts.archive import Activity, Archive, MemoryArchive
from execbot.sim.engine.config import ExchangeConfig, FaultKind, OrderFault
from execbot.sim.engine.exchange import Exchange
from execbot.sim.engine.order import Order

__all__ = [
    "Activity",
    "Archive",
    "Exchange",
    "ExchangeConfig",
    "FaultKind",
    "MemoryArchive",
    "Order",
    "OrderFault",
]
