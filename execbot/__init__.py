"""execbot: the trade executor for Alpaca.

    from execbot import AlpacaClient, Journal, OrderManagementSystem, OrderRequest, Side

    client = AlpacaClient(api_key, secret_key, paper=True)
    oms = OrderManagementSystem(client, Journal.open("journal.db"))
    oms.subscribe("order_filled", lambda change: print(change.record.order.filled_avg_price))
    record = oms.submit(OrderRequest("AAPL", Side.BUY, qty=Decimal(10)))

Names are loaded at first use, so `import execbot` costs nothing. What is listed in `__all__` is the
public API; everything else may change.
"""

from __future__ import annotations

TYPE_CHECKING = False  # that of `typing`, without loading it before Ctrl-C is heard

if TYPE_CHECKING:
    from typing import Any

    from execbot.broker.alpaca import AlpacaClient
    from execbot.broker.errors import BrokerError
    from execbot.broker.port import BrokerClient, OrderQuery, ReplaceRequest, TradeUpdate
    from execbot.config.errors import ConfigError
    from execbot.config.load import Settings, load_settings
    from execbot.desk.account import Context, Desk, open_context, open_desk
    from execbot.desk.opening.library import OrderManagementSystem
    from execbot.exits.levels import LevelError
    from execbot.journal.errors import JournalError
    from execbot.journal.journal import Journal
    from execbot.journal.records import OrderRecord, PositionRecord
    from execbot.model.account import Account, Asset, Clock, Position
    from execbot.model.enums import (
        OrderClass,
        OrderStatus,
        OrderType,
        Outcome,
        Side,
        TimeInForce,
    )
    from execbot.model.errors import ExecbotError
    from execbot.model.order import Fill, Order, OrderRequest, StopLoss, TakeProfit
    from execbot.model.quote import Bar, Quote, Trade
    from execbot.model.signal import Signal, SignalError
    from execbot.oms.errors import InDoubt, OmsError, Refused
    from execbot.oms.machine.changes import Change, EventName
    from execbot.oms.place.risk_gate import RiskDesk, RiskGate
    from execbot.oms.signals.executor import Executor
    from execbot.oms.signals.result import SignalResult
    from execbot.oms.sync.breaks import Break
    from execbot.oms.sync.reconcile import ReconcileResult
    from execbot.oms.sync.tracker import PositionTracker
    from execbot.version import __version__ as __version__

_HOME = {
    "version": ("__version__",),
    "broker.alpaca": ("AlpacaClient",),
    "broker.errors": ("BrokerError",),
    "broker.port": ("BrokerClient", "OrderQuery", "ReplaceRequest", "TradeUpdate"),
    "config.errors": ("ConfigError",),
    "config.load": ("Settings", "load_settings"),
    "desk.account": ("Context", "Desk", "open_context", "open_desk"),
    "desk.opening.library": ("OrderManagementSystem",),
    "exits.levels": ("LevelError",),
    "journal.errors": ("JournalError",),
    "journal.journal": ("Journal",),
    "journal.records": ("OrderRecord", "PositionRecord"),
    "model.account": ("Account", "Asset", "Clock", "Position"),
    "model.enums": ("OrderClass", "OrderStatus", "OrderType", "Outcome", "Side", "TimeInForce"),
    "model.errors": ("ExecbotError",),
    "model.order": ("Fill", "Order", "OrderRequest", "StopLoss", "TakeProfit"),
    "model.quote": ("Bar", "Quote", "Trade"),
    "model.signal": ("Signal", "SignalError"),
    "oms.errors": ("InDoubt", "OmsError", "Refused"),
    "oms.machine.changes": ("Change", "EventName"),
    "oms.place.risk_gate": ("RiskDesk", "RiskGate"),
    "oms.signals.executor": ("Executor",),
    "oms.signals.result": ("SignalResult",),
    "oms.sync.breaks": ("Break",),
    "oms.sync.reconcile": ("ReconcileResult",),
    "oms.sync.tracker": ("PositionTracker",),
}

__all__ = [
    "Account",
    "AlpacaClient",
    "Asset",
    "Bar",
    "Break",
    "BrokerClient",
    "BrokerError",
    "Change",
    "Clock",
    "ConfigError",
    "Context",
    "Desk",
    "EventName",
    "ExecbotError",
    "Executor",
    "Fill",
    "InDoubt",
    "Journal",
    "JournalError",
    "LevelError",
    "OmsError",
    "Order",
    "OrderClass",
    "OrderManagementSystem",
    "OrderQuery",
    "OrderRecord",
    "OrderRequest",
    "OrderStatus",
    "OrderType",
    "Outcome",
    "Position",
    "PositionRecord",
    "PositionTracker",
    "Quote",
    "ReconcileResult",
    "Refused",
    "ReplaceRequest",
    "RiskDesk",
    "RiskGate",
    "Settings",
    "Side",
    "Signal",
    "SignalError",
    "SignalResult",
    "StopLoss",
    "TakeProfit",
    "TimeInForce",
    "Trade",
    "TradeUpdate",
    "load_settings",
    "open_context",
    "open_desk",
]


def __getattr__(name: str) -> Any:
    from execbot.lazy_names import lazy_names

    return lazy_names(__name__, _HOME)(name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
