"""What became of a signal, or would: values that commands print and programs look at."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from execbot.exits.distances import Distance, distances_of, distances_of_structure
from execbot.exits.plan.left_to_watch import left_to_watch
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderStatus, Outcome
from execbot.model.errors import ExecbotError
from execbot.model.numbers import maybe_text
from execbot.model.order import Order, OrderRequest
from execbot.model.signal import Signal
from execbot.model.times import maybe_iso
from execbot.oms.place.entry_plans import PricedEntry
from execbot.oms.place.entry_risk import EntryRisk, risk_of
from execbot.oms.place.placed import Placed
from execbot.oms.place.risk_gate import Checked
from execbot.oms.place.sized import size_code
from execbot.oms.signals.rules import Skip
from execbot.risk.sizing import Sized, SizeRefused

if TYPE_CHECKING:
    from execbot.config.schema import TradingSettings
    from execbot.exits.plan.plan import ExitPlan
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
    cancel_at: datetime | None = None
    """When a running `watch` takes its order back, unfilled."""
    halts_known: bool | None = None
    """Whether a halt of its symbol would have been heard of; None where none matters."""
    risk: EntryRisk | None = None
    """What its entry costs, risks and leaves of the limits; None for exits."""

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
            "cancel_after": maybe_text(self.record.cancel_after) if self.record else None,
            "cancel_at": maybe_iso(self.cancel_at),
            "halts_known": self.halts_known,
            "notes": list(self.notes),
            "exits": [one.to_dict() for one in self.exits],
            "risk": None if self.risk is None else self.risk.to_dict(),
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
    risk: EntryRisk | None = None


def skipped(signal: Signal, skip: Skip) -> SignalResult:
    return SignalResult(signal, Outcome.NOT_SENT, skip.code, skip.message)


def sent(
    signal: Signal, placed: Placed, now: datetime, limits: TradingSettings | None = None
) -> SignalResult:
    """`limits`: those of which it is told what is left."""
    record = placed.record
    lifts = sorted(placed.addition.lifts) if placed.addition is not None else ()
    short = (f"it {placed.opens_short}",) if placed.opens_short else ()
    queued_for = placed.queued_for
    if record.status is OrderStatus.QUEUED:
        queued_for = queued_for or record.note or ""
    return SignalResult(
        signal,
        record.outcome,
        message=queued_for and f"queued: {queued_for}",
        record=record,
        notes=(*short, *placed.adjusted, *(f"lifted {name} for it" for name in lifts)),
        exits=exits_of(placed.entry, record.order, now),
        left=_left(placed.entry),
        risk=None if limits is None else risk_of(placed, _plan_of(placed), limits),
    )


def _plan_of(placed: Placed) -> ExitPlan | None:
    if placed.plan is not None:
        return placed.plan
    if placed.addition is not None:
        return placed.addition.plan
    return None if placed.entry is None else placed.entry.plan


def _left(entry: PricedEntry | None) -> tuple[str, ...]:
    return () if entry is None or entry.plan is None else left_to_watch(entry.plan, entry.request)


def exits_of(
    entry: PricedEntry | None, order: Order | OrderRequest, now: datetime
) -> tuple[Distance, ...]:
    """How far its stop and targets are from what was paid, or from where it would trade."""
    paid = order.filled_avg_price if isinstance(order, Order) else None
    if entry is not None and entry.structure is not None:
        return distances_of_structure(entry.structure, paid, order.qty)
    if entry is None or entry.plan is None:
        return ()
    return distances_of(entry.plan, paid or entry.price, order.qty, now)


def failed(signal: Signal, error: Exception, kind: str, record: OrderRecord | None) -> SignalResult:
    known = error if isinstance(error, ExecbotError) else None
    refused = record is not None and record.status is OrderStatus.REJECTED
    outcome = Outcome.NOT_SENT
    if known is not None and known.in_doubt:
        outcome = Outcome.IN_DOUBT
    elif known is not None and known.after:
        outcome = Outcome(known.after)
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
