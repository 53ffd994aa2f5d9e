"""Orders, events and decisions as rows and sentences for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING

from execbot.cli.show.amounts import price
from execbot.cli.show.output import Cell, Table
from execbot.model.amounts import even, money_words
from execbot.model.enums import OrderStatus
from execbot.model.numbers import maybe_text, text
from execbot.model.order_words import describe, price_format, prices_of
from execbot.model.times import show_eastern

if TYPE_CHECKING:
    from execbot.desk.look.order_json import AuditRow, EventRecord, OrderRecord
    from execbot.model.order import Order


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


_UNTIL = "canceled at (ET)"


def orders_table(
    records: Iterable[OrderRecord],
    *,
    empty: str = "No orders.",
    title: str = "",
    ends: Mapping[str, datetime] | None = None,
    legs_of: Callable[[Order], Sequence[Order]] = attrgetter("legs"),
) -> Table:
    """Legs stand below their parent, those that `legs_of` picks. `ends`: when `watch` takes an
    order back."""
    rows: list[tuple[object, ...]] = []
    for record in records:
        rows.append(_order_row(record.order, record.intent_at))
        rows.extend(_order_row(leg, None, mark="└ ") for leg in legs_of(record.order))
    columns: tuple[str, ...] = _ORDER_COLUMNS
    if ends:
        columns = (*columns, _UNTIL)
        rows = [(*row, when(ends.get(str(row[-1])))) for row in rows]
    return Table(
        columns,
        rows,
        numeric=frozenset({"qty", "filled", "price", "avg price"}),
        empty=empty,
        title=title,
        drop=("client_order_id", "tif", "type", "filled", "avg price", "time (ET)"),
    )


def _order_row(order: Order, at: datetime | None, mark: str = "") -> tuple[object, ...]:
    size = maybe_text(order.qty) or (f"${money_words(order.notional)}" if order.notional else None)
    return (
        when(order.submitted_at or at),
        Cell(order.symbol, mark + (order.symbol or "spread")),
        order.side.value,
        order.type.value,
        order.time_in_force.value,
        size,
        text(order.filled_qty),
        prices_of(order, even),
        price(order.filled_avg_price),
        status_words(order),
        short_id(order.id, order.client_order_id),
        order.client_order_id,
    )


def status_words(order: Order) -> str:
    """The status, told so that a refused change is not taken for a refused order."""
    return "replace refused" if order.is_refused_change else order.status.value


SHORT_ID_LENGTH = 8
"""Enough of an id to find the order by: `orders show` takes it."""


def short_id(order_id: str, client_order_id: str) -> Cell:
    """The broker's id; where there is none (refused by us) the tail of ours."""
    if order_id:
        return Cell(order_id, order_id[:SHORT_ID_LENGTH])
    return Cell(None, tail_of(client_order_id).short)


def tail_of(client_order_id: str) -> Cell:
    """Our own id, on a terminal its last digits: commands take these as well."""
    short = f"..{client_order_id[-SHORT_ID_LENGTH:]}"
    return Cell(client_order_id, min(client_order_id, short, key=len))


def when(moment: datetime | None) -> Cell:
    """New York time: in full elsewhere, on a terminal the hour for today and the day else."""
    if moment is None:
        return Cell(None, "-")
    full = show_eastern(moment)
    today = show_eastern(datetime.now(UTC))[:10]
    return Cell(full, full[11:19] if full[:10] == today else full[5:16])


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
    if order.is_refused_change:
        head = f"The change was refused, {order.replaces} stands as it was"
    done = ""
    if order.filled_qty:
        of = f" of {text(order.qty)}" if order.qty and order.qty != order.filled_qty else ""
        at = f" at {price_format(order)(paid)}" if (paid := order.filled_avg_price) else ""
        done = f" {text(order.filled_qty)}{of}{at}"
        if order.is_terminal and order.outcome.value == "partially_filled":
            done += f", the rest {order.status.value}"
    return f"{head}{done}: {describe(order)}"


def history_table(
    events: Sequence[EventRecord], audit: Sequence[AuditRow], *, title: str = ""
) -> Table:
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
        title=title,
        drop=("source",),
        wrap=frozenset({"note"}),
    )


def _decision(row: AuditRow) -> str:
    """One line; lists (of checks, of the steps of a size) are told in full under --json."""
    what = f"{row.rule}: {row.result}"
    checks = row.facts.get("checks")
    if isinstance(checks, Mapping):
        failed = ", ".join(str(item.get("code")) for item in row.facts.get("failed", ()))
        return f"{what} ({len(checks)} checks, failed: {failed or 'none'})"
    simple = {
        n: v for n, v in row.facts.items() if v is not None and not isinstance(v, list | dict)
    }
    facts = ", ".join(f"{name}={value}" for name, value in simple.items())
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
