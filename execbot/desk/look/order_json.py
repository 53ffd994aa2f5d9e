"""Orders, events, decisions and fills as JSON: the shapes that `--json` carries.

Absent values are null, never missing. Decimals and times are left as they are; whoever prints
them makes text of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from execbot.journal.records import AuditRow as AuditRow
    from execbot.journal.records import EventRecord as EventRecord
    from execbot.journal.records import Execution as Execution
    from execbot.journal.records import OrderRecord as OrderRecord
    from execbot.model.order import Fill, Order, OrderRequest

_ORDER_FIELDS = (
    "id",
    "client_order_id",
    "symbol",
    "side",
    "type",
    "time_in_force",
    "qty",
    "notional",
    "filled_qty",
    "filled_avg_price",
    "status",
    "outcome",
    "limit_price",
    "stop_price",
    "trail_price",
    "trail_percent",
    "extended_hours",
    "order_class",
    "asset_class",
    "replaces",
    "replaced_by",
    "submitted_at",
    "updated_at",
    "filled_at",
    "canceled_at",
    "expired_at",
    "failed_at",
)


_RECORD_FIELDS = (
    "origin",
    "role",
    "strategy_id",
    "reason",
    "signal_id",
    "intent_at",
    "sent_at",
    "arrival_price",
    "cancel_after",
    "note",
    "alarm",
)


def order_json(order: Order) -> dict[str, Any]:
    """The order in the words of the contract; absent values are null, never missing."""
    found = {name: getattr(order, name) for name in _ORDER_FIELDS}
    found["id"] = order.id or None
    found["legs"] = [order_json(leg) for leg in order.legs]
    return found


def record_json(record: OrderRecord) -> dict[str, Any]:
    return {**order_json(record.order), **{n: getattr(record, n) for n in _RECORD_FIELDS}}


def request_json(request: OrderRequest) -> dict[str, Any]:
    """Exactly the body that would be sent."""
    return request.to_wire()


def event_json(event: EventRecord) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": event.at or event.recorded_at,
        "recorded_at": event.recorded_at,
        "kind": event.kind,
        "source": event.source,
        "status": event.status,
        "result": event.result,
        "qty": event.qty,
        "price": event.price,
        "cum_qty": event.cum_qty,
        "execution_id": event.execution_id,
        "note": event.note,
        "details": event.details,
    }


def audit_json(row: AuditRow) -> dict[str, Any]:
    return {
        "at": row.at,
        "kind": row.kind,
        "rule": row.rule,
        "facts": row.facts,
        "result": row.result,
    }


def fill_json(fill: Fill) -> dict[str, Any]:
    names = (
        "execution_id",
        "client_order_id",
        "symbol",
        "side",
        "qty",
        "price",
        "at",
        "fee",
        "fee_estimated",
        "inferred",
    )
    return {"order_id": fill.order_id, **{name: getattr(fill, name) for name in names}}
