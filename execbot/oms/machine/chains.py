"""Fills of the orders before a replacement. Pure, but for the look-up it is given.

The quantity of a replacement counts what its chain has filled before it (Alpaca). So a fill that
becomes known late, on an order that was replaced, changes what is left of those that came after it,
and what their totals say: the ledger tells them by an event of their own (`chain_event`).

A stop that was elected and `replaces` its target is no replacement in this sense: it is an order of
its own, with its own quantity.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from execbot.journal.records import OrderRecord
from execbot.model.enums import EventSource
from execbot.model.numbers import ZERO, text
from execbot.model.order import Order
from execbot.model.times import iso
from execbot.oms.machine.events import OrderEvent, OrderState
from execbot.oms.machine.table import CHAIN

CHAIN_LENGTH_MAX = 1000
"""A replace chain longer than this is a loop in what the broker says."""


class Chain(Struct, frozen=True, gc=False):
    """The orders before one, as far as they are known. `is_open`: not to the end.

    `changed_at` is when an execution of theirs was corrected or busted last; `nearest` is the order
    that was replaced.
    """

    qty: Decimal = ZERO
    value: Decimal = ZERO
    is_open: bool = False
    changed_at: datetime | None = None
    nearest: OrderRecord | None = None

    def facts(self) -> dict[str, Any]:
        """For the details of an event of the order."""
        facts: dict[str, Any] = {"chain_qty": text(self.qty), "chain_value": text(self.value)}
        if self.is_open:
            facts["chain_open"] = True
        if self.changed_at is not None:
            facts["chain_changed_at"] = iso(self.changed_at)
        return facts

    def is_known_to(self, record: OrderRecord) -> bool:
        known = record.progress
        return (
            known.chain_qty,
            known.chain_value,
            known.chain_open,
            known.chain_changed_at,
        ) == (self.qty, self.value, self.is_open, self.changed_at)


def chain_of(order: Order, state_of: Callable[[str], OrderState | None]) -> Chain:
    """Follow `replaces` back; `state_of` knows an order by the broker's id.

    Of an order that nobody here has seen, or that has not ended, what it filled is not known.
    """
    qty = value = ZERO
    is_open = False
    nearest: OrderRecord | None = None
    times: list[datetime] = []
    younger, seen = order, set[str]()
    while younger.replaces and younger.replaces not in seen and len(seen) < CHAIN_LENGTH_MAX:
        seen.add(younger.replaces)
        state = state_of(younger.replaces)
        if state is None:
            is_open = True
            break
        record = state.record
        nearest = nearest or record
        if record.order.type is not younger.type:
            break  # an elected stop in place of its target
        is_open = is_open or not record.order.is_terminal
        qty += record.order.filled_qty
        value += record.order.filled_qty * (record.order.filled_avg_price or ZERO)
        times += [item.changed_at for item in state.executions.values() if item.changed_at]
        younger = record.order
    return Chain(qty, value, is_open, max(times, default=None), nearest)


def chain_event(record: OrderRecord, chain: Chain, now: datetime) -> OrderEvent:
    """Tells a replacement what the orders before it have filled."""
    return OrderEvent(
        kind=CHAIN,
        source=EventSource.RECONCILE,
        recorded_at=now,
        client_order_id=record.client_order_id,
        order_id=record.order_id,
        details=chain.facts(),
    )
