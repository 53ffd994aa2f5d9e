"""Orders, events and positions as JSON for programs and as rows for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from execbot.cli.show.amounts import price
from execbot.cli.show.output import Cell, Table
from execbot.journal.records import OrderRecord
from execbot.model.amounts import even
from execbot.model.enums import OrderStatus
from execbot.model.numbers import maybe_text, text
from execbot.model.times import show_eastern

if TYPE_CHECKING:
    from execbot.journal.records import AuditRow, EventRecord
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


_ORDER_COLUMNS = (
    "time (ET)",
    "symbol",
    "side",
    "type",
    "tif",
    "qty",
    "filled",
    "price",
    "avg price",
    "status",
    "id",
    "client_order_id",
)


def orders_table(
    records: Iterable[OrderRecord], *, empty: str = "No orders.", title: str = ""
) -> Table:
    """Legs stand below their parent."""
    rows: list[tuple[object, ...]] = []
    for record in records:
        rows.append(_order_row(record.order, record.intent_at))
        rows.extend(_order_row(leg, None, mark="└ ") for leg in record.order.legs)
    return Table(
        _ORDER_COLUMNS,
        rows,
        numeric=frozenset({"qty", "filled", "price", "avg price"}),
        empty=empty,
        title=title,
        drop=("client_order_id", "tif", "type", "filled", "avg price", "time (ET)"),
    )


def _order_row(order: Order, at: datetime | None, mark: str = "") -> tuple[object, ...]:
    size = maybe_text(order.qty) or (f"${text(order.notional)}" if order.notional else None)
    return (
        when(order.submitted_at or at),
        Cell(order.symbol, mark + (order.symbol or "spread")),
        order.side.value,
        order.type.value,
        order.time_in_force.value,
        size,
        text(order.filled_qty),
        Cell(prices_of(order), prices_of(order, even) or "-"),
        price(order.filled_avg_price),
        status_words(order),
        short_id(order.id, order.client_order_id),
        order.client_order_id,
    )


def status_words(order: Order) -> str:
    """The status, told so that a refused change is not taken for a refused order."""
    return "replace refused" if is_refused_change(order) else order.status.value


def is_refused_change(order: Order) -> bool:
    """A replacement that the broker did not take: the order it was meant to change stands."""
    return order.status is OrderStatus.REJECTED and bool(order.replaces) and not order.filled_qty


SHORT_ID_LENGTH = 8
"""Enough of an id to find the order by: `orders show` takes it."""


def short_id(order_id: str, client_order_id: str) -> Cell:
    """The broker's id; where there is none (refused by us) the tail of ours."""
    if order_id:
        return Cell(order_id, order_id[:SHORT_ID_LENGTH])
    return Cell(None, f"..{client_order_id[-SHORT_ID_LENGTH:]}")


def when(moment: datetime | None) -> Cell:
    """New York time: in full elsewhere, on a terminal the hour for today and the day else."""
    if moment is None:
        return Cell(None, "-")
    full = show_eastern(moment)
    today = show_eastern(datetime.now(UTC))[:10]
    return Cell(full, full[11:19] if full[:10] == today else full[5:16])


def prices_of(order: Order | OrderRequest, shown: Callable[[Decimal], str] = text) -> str | None:
    """`187.50`, `stop 180`, `stop 180 limit 179`, `trail 2%`: what the order waits for."""
    parts = []
    if order.stop_price is not None:
        parts.append(f"stop {shown(order.stop_price)}")
    if order.limit_price is not None:
        parts.append(f"limit {shown(order.limit_price)}" if parts else shown(order.limit_price))
    if order.trail_percent is not None:
        parts.append(f"trail {text(order.trail_percent)}%")
    if order.trail_price is not None:
        parts.append(f"trail {shown(order.trail_price)}")
    return " ".join(parts) or None


def describe(order: Order | OrderRequest) -> str:
    """`buy 10 AAPL at market, day` in one line."""
    size = text(order.qty) if order.qty is not None else f"${text(order.notional or Decimal(0))} of"
    kind = _kind(order.type.value.replace("_", " "), prices_of(order))
    extra = ", extended hours" if order.extended_hours else ""
    return (
        f"{order.side.value} {size} {order.symbol} {kind}, {order.time_in_force.value}{extra}"
        + _legs_of(order)
    )


def _kind(type_: str, price: str | None) -> str:
    """`stop 180`, not `stop stop 180`."""
    if price is None:
        return "at market"
    return price if price.startswith(type_) else f"{type_} {price}"


def _legs_of(order: Order | OrderRequest) -> str:
    """The exits that a request carries along."""
    stop, target = getattr(order, "stop_loss", None), getattr(order, "take_profit", None)
    said = f", stop {text(stop.stop_price)}" if stop is not None else ""
    return said + (f", target {text(target.limit_price)}" if target is not None else "")


_OUTCOME_SENTENCES = {
    "filled": "Filled",
    "accepted": "Accepted, not yet filled",
    "partially_filled": "Partially filled",
    "canceled": "Canceled, nothing was filled",
    "rejected": "Rejected by the broker",
    "expired": "Expired, nothing was filled",
    "queued": "Queued for the open, nothing was sent",
    "in_doubt": "In doubt: the broker may have it. Run execbot reconcile, never resubmit",
    "not_sent": "Not sent",
}


def sentence(record: OrderRecord) -> str:
    """What became of the order, in one line a person can act on."""
    order = record.order
    head = _OUTCOME_SENTENCES[order.outcome.value]
    if order.status is OrderStatus.REPLACED and not order.filled_qty:
        head = f"Replaced by {order.replaced_by or 'another order'}"
    if is_refused_change(order):
        head = f"The change was refused, {order.replaces} stands as it was"
    done = ""
    if order.filled_qty:
        of = f" of {text(order.qty)}" if order.qty and order.qty != order.filled_qty else ""
        at = f" at {text(order.filled_avg_price)}" if order.filled_avg_price else ""
        done = f" {text(order.filled_qty)}{of}{at}"
        if order.is_terminal and order.outcome.value == "partially_filled":
            done += f", the rest {order.status.value}"
    return f"{head}{done}: {describe(order)}"


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
        "inferred",
    )
    return {"order_id": fill.order_id, **{name: getattr(fill, name) for name in names}}


def history_table(events: Sequence[EventRecord], audit: Sequence[AuditRow]) -> Table:
    """Events and decisions of one order together, in the order in which they were recorded."""
    rows: list[tuple[datetime, tuple[object, ...]]] = []
    for event in events:
        rows.append((event.recorded_at, _event_row(event)))
    for row in audit:
        cells = (when(row.at), row.kind, "decision", None, None, None, _decision(row))
        rows.append((row.at, cells))
    ordered = [row for _, row in sorted(rows, key=lambda pair: pair[0])]
    return Table(
        ("time (ET)", "event", "source", "qty", "price", "status", "note"),
        ordered,
        numeric=frozenset({"qty", "price"}),
        empty="No history.",
        drop=("source",),
        wrap=frozenset({"note"}),
    )


def _decision(row: AuditRow) -> str:
    """One line; the facts of a list of checks are told in full under --json."""
    what = f"{row.rule}: {row.result}"
    checks = row.facts.get("checks")
    if isinstance(checks, Mapping):
        failed = ", ".join(str(item.get("code")) for item in row.facts.get("failed", ()))
        return f"{what} ({len(checks)} checks, failed: {failed or 'none'})"
    facts = ", ".join(f"{name}={value}" for name, value in row.facts.items())
    return f"{what} ({facts})" if facts else what


def _event_row(event: EventRecord) -> tuple[object, ...]:
    result = event.result.value
    note = event.note or ("" if result == "applied" else result.replace("_", " "))
    return (
        when(event.at or event.recorded_at),
        event.kind,
        event.source.value,
        maybe_text(event.qty),
        price(event.price),
        event.status or None,
        note,
    )
