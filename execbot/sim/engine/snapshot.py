"""The live state as JSON values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from heapq import heappush
from typing import Any

from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.config import FaultKind, OrderFault
from execbot.sim.engine.core import RANK, ExchangeCore
from execbot.sim.engine.options import expiry
from execbot.sim.engine.order import Order, OrderType


def dump(core: ExchangeCore) -> dict[str, Any]:
    """The live state as JSON values; finished orders and activities are in the archive."""
    return {
        "now": core.now,
        "counter": core.ids.counter,
        "seqs": [core.event_seq, core.order_seq, core.activity_seq],
        "accounts": [account.record() for account in core.accounts.values()],
        "orders": [order.record() for order in core.orders.values()],
        "halted": dict(core.halted),
        "bands": {symbol: [str(v) for v in band] for symbol, band in core.bands.items()},
        "stale": sorted(core.stale),
        "renamed": dict(core.renamed),
        "splits": {
            symbol: [[at, str(ratio)] for at, ratio in rows] for symbol, rows in core.splits.items()
        },
        "faults": [_fault_record(fault) for fault in core.faults],
        "options": core.options.dump(),
        "option_changes": core.options.dump_changes(),
        "option_looked_at": core.option_looked_at,
        "past": core.past.dump(),
        "late_rows": [list(row) for row in core.late_rows],
    }


def restore(core: ExchangeCore, state: Mapping[str, Any]) -> None:
    """Fills a fresh core with what `dump` returned. Events are not part of it."""
    core.ids.counter = state["counter"]
    core.options.load(state["options"])
    core.options.load_changes(state.get("option_changes", {}))  # an older file has none
    core.option_looked_at = state.get("option_looked_at", 0)
    core.event_seq, core.order_seq, core.activity_seq = state["seqs"]
    for record in state["accounts"]:
        account = Account.from_record(record)
        account.roots = core.options.roots
        core.accounts[account.id] = account
    expiry.watch_all(core)
    for record in state["orders"]:
        _restore(core, Order.from_record(record))
    core.halted.update(state["halted"])
    for symbol, (low, high) in state["bands"].items():
        core.bands[symbol] = (Decimal(low), Decimal(high))
    core.stale.update(state["stale"])
    core.renamed.update(state["renamed"])
    for symbol, rows in state["splits"].items():
        core.splits[symbol] = [(at, Decimal(ratio)) for at, ratio in rows]
    core.faults.extend(_fault(record) for record in state["faults"])
    core.past.load(state["past"])
    core.late_rows.extend((at, who, kind, row) for at, who, kind, row in state["late_rows"])


def _restore(core: ExchangeCore, order: Order) -> None:
    core.orders[order.id] = order
    account = core.accounts[order.account_id]
    amount, order.reserved = order.reserved, Decimal(0)
    account.add(order)
    account.reserve(order, amount)
    for kind, at in order.due.items():
        heappush(core.agenda, (at, RANK[kind], order.seq, kind, order.id))
    if not order.active:
        return
    if order.type is OrderType.TRAILING_STOP and not order.triggered:
        core.trailing[order.id] = order
    elif "touch" not in order.due and "look" not in order.due:
        heappush(core.watch, (order.seen, order.seq, order.id))


def _fault_record(fault: OrderFault) -> dict[str, Any]:
    return {
        "kind": fault.kind.value,
        "symbol": fault.symbol,
        "account_id": fault.account_id,
        "count": fault.count,
        "factor": None if fault.factor is None else str(fault.factor),
        "delay": fault.delay,
    }


def _fault(record: Mapping[str, Any]) -> OrderFault:
    factor = record["factor"]
    return OrderFault(
        FaultKind(record["kind"]),
        symbol=record["symbol"],
        account_id=record["account_id"],
        count=record["count"],
        factor=None if factor is None else Decimal(factor),
        delay=record["delay"],
    )
