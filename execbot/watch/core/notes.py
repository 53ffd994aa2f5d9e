"""What is shown and printed of each thing that happens: one line for people, data for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from execbot.exits.rules.actions import Cancel, Moved, Refresh, Replace, Submit
from execbot.exits.rules.failures import Outcome
from execbot.journal.records import OrderRecord
from execbot.model.numbers import maybe_text, text
from execbot.model.options.spreads import underlying_of
from execbot.model.order import Fill
from execbot.model.order_words import price_format, spreads_words
from execbot.model.times import iso, maybe_iso, show_eastern
from execbot.oms.machine.alarms import STANDING, alarm_words
from execbot.oms.machine.changes import Change
from execbot.oms.send.intent import request_of
from execbot.watch.core.jobs import Job, Note
from execbot.watch.core.symbol_state import SymbolState

_ACTION_NAMES: dict[type[Any], str] = {Submit: "submit", Cancel: "cancel", Replace: "replace"}


def alarm(
    kind: str,
    symbol: str,
    message: str,
    critical: bool = False,
    symbols: Sequence[str] | None = None,
) -> Note:
    """`symbols` are those that an alarm about the account concerns."""
    prefix = f"{symbol}: " if symbol and not message.startswith(symbol) else ""
    data: dict[str, Any] = {
        "kind": kind,
        "symbol": symbol,
        "message": message,
        "critical": critical,
    }
    if symbols is not None:
        data["symbols"] = list(symbols)
    return Note("alarm", prefix + message, data, is_alarm=True, is_critical=critical)


def rejected_text(record: OrderRecord) -> str:
    return f"{record.role} of {record.symbol} was rejected: {record.note or 'no reason given'}"


def guard_note(state: SymbolState) -> Note:
    coverage = state.coverage
    data = {
        "symbol": state.symbol,
        "state": coverage.state.value,
        "qty": text(state.qty),
        "covered": text(coverage.covered),
        "uncovered": text(coverage.uncovered),
    }
    words = f"{state.symbol} {coverage.state.value} ({text(coverage.covered)} of "
    return Note("guard", f"{words}{text(coverage.size)} covered)", data)


def moved_note(move: Moved) -> Note:
    data = {
        "symbol": move.symbol,
        "what": move.what,
        "was": maybe_text(move.was),
        "price": maybe_text(move.price),
    }
    return Note("moved_at_broker", f"{move.symbol} {move.message}", data)


def fact_notes(change: Change, now: datetime) -> list[Note]:
    """What is told of one change of an order: what became of it, what a person must look at."""
    notes = [order_note(change, now)] if change.is_news else []
    return [*notes, order_alarm(change)] if change.alarm else notes


def order_alarm(change: Change) -> Note:
    """Critical where the books and the broker may differ in quantity."""
    record, slug = change.record, change.alarm or ""
    name = record.client_order_id or record.order_id
    words = f"{record.symbol}: order {name}: {alarm_words(record, slug)}"
    note = alarm(slug, record.symbol, words, critical=slug in STANDING)
    return replace(note, data={**note.data, "event_id": f"order:{change.seq}:alarm"})


def order_note(change: Change, now: datetime, *, replayed: bool = False) -> Note:
    """One change of an order. `replayed`: an earlier run has told it."""
    order, record = change.record.order, change.record
    data = {
        "event_id": f"order:{change.seq}",
        "events": [name.value for name in change.names],
        "replayed": replayed,
        "happened_at": maybe_iso(change.at),
        "id": order.id,
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": str(order.side),
        "order_type": str(order.type),
        "status": str(order.status),
        "qty": text(order.qty) if order.qty is not None else None,
        "filled_qty": text(order.filled_qty),
        "filled_avg_price": text(order.filled_avg_price) if order.filled_avg_price else None,
        "limit_price": text(order.limit_price) if order.limit_price else None,
        "stop_price": text(order.stop_price) if order.stop_price else None,
        "role": record.role,
        "origin": str(record.origin),
        "fills": [_fill_data(fill) for fill in change.fills],
    }
    price = order.filled_avg_price
    at = f" at {price_format(order)(price)}" if price else ""
    words = f"{_what(record)} {order.type}: {order.status}"
    filled = f", filled {data['filled_qty']}{at}" if order.filled_qty else ""
    late = " (told before)" if replayed else _when(change.at, now)
    return Note("order", words + filled + late, data)


def _what(record: OrderRecord) -> str:
    """`AAPL buy 10`; of a spread, which has no symbol and no side, `3 AAPL spreads`."""
    order = record.order
    if order.is_spread:
        return spreads_words(order, underlying_of(request_of(record)) if record.is_ours else "")
    return f"{order.symbol} {order.side} {'?' if order.qty is None else text(order.qty)}"


def _fill_data(fill: Fill) -> dict[str, Any]:
    """An execution that the change brought; its id is the broker's unless it is inferred."""
    return {
        "execution_id": fill.execution_id,
        "qty": text(fill.qty),
        "price": text(fill.price),
        "at": iso(fill.at),
        "inferred": fill.inferred,
    }


TOLD_LATE = timedelta(minutes=1)


def _when(at: datetime | None, now: datetime) -> str:
    """What is told long after it happened says when that was."""
    return "" if at is None or now - at < TOLD_LATE else f" ({show_eastern(at)})"


def action_notes(action: Any, outcome: Outcome) -> list[Job]:
    if isinstance(action, Refresh):
        return []
    name = _ACTION_NAMES[type(action)]
    target = action.request.symbol if isinstance(action, Submit) else action.client_order_id
    result = "done" if outcome.is_done else f"failed ({outcome.kind}: {outcome.message})"
    data = {
        "action": name,
        "subject": target,
        "reason": action.reason,
        "result": outcome.kind or "done",
        "message": outcome.message,
    }
    return [Note("action", f"{name} {target}: {action.reason}: {result}", data)]
