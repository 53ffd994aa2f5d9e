"""What became of a signal, or would: values that commands print and programs look at."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from execbot.exits.distances import Distance, distances_of
from execbot.exits.plan.left_to_watch import left_to_watch
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderStatus, Outcome
from execbot.model.errors import ExecbotError
from execbot.model.numbers import maybe_text
from execbot.model.order import Order, OrderRequest
from execbot.model.signal import Signal
from execbot.oms.place.entry_plans import PricedEntry
from execbot.oms.place.placer import Placed
from execbot.oms.place.risk_desk import Checked
from execbot.oms.signals.rules import Skip
from execbot.risk.sizing import Sized, SizeRefused

if TYPE_CHECKING:
    from execbot.oms.place.add_to_position import Addition

CLOSED = "closed"
REPEATED = "signal.repeated"


class SignalResult(Struct, frozen=True):
    """What became of a signal. `code` is empty when an order was sent, queued or closed.

    `is_failure`: it should have been acted on and could not be. A skip is no failure.
    """

    signal: Signal
    outcome: Outcome
    code: str = ""
    message: str = ""
    record: OrderRecord | None = None
    is_failure: bool = False
    category: str | None = None
    error: BaseException | None = None
    notes: tuple[str, ...] = ()
    exits: tuple[Distance, ...] = ()
    """How far stop and targets are from where the entry trades."""
    left: tuple[str, ...] = ()
    """What of its plan only a `watch` does."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "signal_id": self.signal.id,
            "symbol": self.signal.symbol,
            "side": self.signal.side.value,
            "outcome": self.outcome.value,
            "reason": self.code or None,
            "message": self.message or None,
            "category": self.category,
            "client_order_id": self.record.client_order_id if self.record else None,
            "order_id": (self.record.order_id or None) if self.record else None,
            "qty": maybe_text(self.record.order.qty) if self.record else None,
            "notional": maybe_text(self.record.order.notional) if self.record else None,
            "notes": list(self.notes),
            "exits": [one.to_dict() for one in self.exits],
        }


class Preview(Struct, frozen=True):
    """What a signal would lead to: a skip, or the request with its size and verdict. A `sell`
    that is not skipped has neither: it cancels and closes whatever it finds."""

    skip: Skip | None = None
    request: OrderRequest | None = None
    sized: Sized | None = None
    checked: Checked | None = None
    addition: Addition | None = None
    """What it adds to, and the exits that would be lifted for it."""
    exits: tuple[Distance, ...] = ()


def skipped(signal: Signal, skip: Skip) -> SignalResult:
    return SignalResult(signal, Outcome.NOT_SENT, skip.code, skip.message)


def sent(signal: Signal, placed: Placed, now: datetime) -> SignalResult:
    record = placed.record
    lifts = sorted(placed.addition.lifts) if placed.addition is not None else ()
    short = (f"it {placed.opens_short}",) if placed.opens_short else ()
    return SignalResult(
        signal,
        record.outcome,
        message=placed.queued_for and f"queued: {placed.queued_for}",
        record=record,
        notes=(*short, *placed.adjusted, *(f"lifted {name} for it" for name in lifts)),
        exits=exits_of(placed.entry, record.order, now),
        left=_left(placed.entry),
    )


def _left(entry: PricedEntry | None) -> tuple[str, ...]:
    return () if entry is None or entry.plan is None else left_to_watch(entry.plan, entry.request)


def exits_of(
    entry: PricedEntry | None, order: Order | OrderRequest, now: datetime
) -> tuple[Distance, ...]:
    """How far its stop and targets are from what was paid, or from where it would trade."""
    if entry is None or entry.plan is None:
        return ()
    paid = order.filled_avg_price if isinstance(order, Order) else None
    return distances_of(entry.plan, paid or entry.price, order.qty, now)


def failed(signal: Signal, error: Exception, kind: str, record: OrderRecord | None) -> SignalResult:
    known = error if isinstance(error, ExecbotError) else None
    refused = record is not None and record.status is OrderStatus.REJECTED
    outcome = Outcome.NOT_SENT
    if known is not None and known.in_doubt:
        outcome = Outcome.IN_DOUBT
    elif refused:
        outcome = Outcome.REJECTED
    return SignalResult(
        signal,
        outcome,
        kind,
        str(error) if known is None else known.message,
        record,
        is_failure=True,
        category=None if known is None else str(known.category),
        error=error,
    )


def unsized(signal: Signal, refused: SizeRefused) -> SignalResult:
    """No size fits: it should have been acted on and could not be."""
    return SignalResult(
        signal,
        Outcome.NOT_SENT,
        size_code(refused),
        refused.message,
        is_failure=True,
        category="adjustable",
    )


def size_code(refused: SizeRefused) -> str:
    """`size.below_minimum` -> `risk.size_below_minimum`: the slug that errors carry."""
    return f"risk.{refused.code.replace('.', '_')}"
