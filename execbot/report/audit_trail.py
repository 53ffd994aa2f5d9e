"""Is there a wish on record for every order of ours, and a report for every fill? Pure.

An order typed in the broker's app is not ours, and not unauthorised: somebody asked for it there.
Legs are asked for with their parent.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from msgspec import Struct

from execbot.journal.records import EventResult, Execution, FillState, OrderRecord, Trail
from execbot.model.enums import EventSource
from execbot.oms.machine.table import Act
from execbot.report.costs import TimeRow, time_row

WISHES = frozenset({Act.INTENT, Act.QUEUE, Act.DENY})
"""What is written before an order may leave."""


class AuditTrail(Struct, frozen=True):
    """`unasked` are orders of ours (client_order_ids) without a wish on record, `untraced` fills
    (execution ids) without an event of their own. `lags`: from the moment of a fill, by the broker,
    until it was in our books, for fills that the stream told."""

    orders: int
    unasked: tuple[str, ...]
    foreign: int
    fills: int
    untraced: tuple[str, ...]
    lags: TimeRow


def audit_trail(
    records: Iterable[OrderRecord], fills: Iterable[Execution], trails: Iterable[Trail]
) -> AuditTrail:
    """`trails` are the events of these orders, legs included."""
    counted = [
        f for f in fills if f.client_order_id and f.qty and f.state is not FillState.ADJUSTMENT
    ]
    filled = {fill.execution_id for fill in counted}
    wished: set[str] = set()
    traced: set[str] = set()
    lags: dict[str, timedelta] = {}
    for row in trails:
        if row.kind in WISHES:
            wished.add(row.client_order_id)
        if row.execution_id is None:
            continue
        traced.add(row.execution_id)
        told = row.source == EventSource.STREAM and row.result == EventResult.APPLIED
        # Alpaca gives every event of an order such an id, `new` and `canceled` too.
        if told and row.at is not None and row.execution_id in filled:
            lags.setdefault(row.execution_id, row.recorded_at - row.at)
    known = list(records)
    ours = [r for r in known if r.is_ours and r.parent_id is None]
    return AuditTrail(
        orders=len(ours),
        unasked=tuple(r.client_order_id for r in ours if r.client_order_id not in wished),
        foreign=sum(1 for r in known if not r.is_ours),
        fills=len(counted),
        untraced=tuple(
            f.execution_id
            for f in counted
            if f.state is not FillState.INFERRED and f.execution_id not in traced
        ),
        lags=time_row("fill to books", lags.values(), apart=True),
    )
