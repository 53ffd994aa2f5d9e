"""Why a round trip ended: from the order that closed it, its plan, or the row that booked it. Pure.

The broker does not say why it sent an order: a liquidation looks like an order from its app
(Alpaca's own words: an ordinary order with an id you do not know). Only of option contracts on
their last afternoon it is told apart, when Alpaca closes what could not be exercised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from execbot.exits.plan.plan import ExitPlan
from execbot.exits.tags import target_index
from execbot.journal.records import OrderRecord, Origin, Role
from execbot.model.enums import OrderClass, OrderType
from execbot.model.numbers import ZERO
from execbot.model.symbols import option_contract
from execbot.model.times import eastern
from execbot.trades.model import Part, RoundTrip


class EndedBy(StrEnum):
    STOP = "stop"
    TARGET = "target"
    TRAILING = "trailing"
    TIME = "time"  # the time stop
    CLOSE_OF_DAY = "close_of_day"  # flattened before the close
    SIGNAL = "signal"
    BY_HAND = "by_hand"  # `close`, or an order of one's own
    FLATTEN = "flatten"  # `halt --flatten`
    ELSEWHERE = "elsewhere"  # the broker's app, another program, or a liquidation: not told apart
    LIQUIDATION = "liquidation"
    EXPIRED = "expired"  # a contract ended worthless, or at its cash
    EXERCISED = "exercised"
    ASSIGNED = "assigned"
    DELIVERED = "delivered"  # shares went at a strike: a contract was exercised or assigned
    BEFORE_EXPIRY = "before_expiry"  # `watch` left a contract before its last close
    CORPORATE_ACTION = "corporate_action"
    TRANSFER = "transfer"
    ADJUSTED = "adjusted"  # the broker's quantity was taken over
    UNKNOWN = "unknown"  # the journal does not have the order


class Ending(Struct, frozen=True):
    """`qty` shares were closed this way; `target` is the number of the target, from 1."""

    by: EndedBy
    qty: Decimal
    target: int | None = None

    def __str__(self) -> str:
        return f"{self.by} {self.target}" if self.target is not None else str(self.by)


LIQUIDATION_FROM = time(15, 15)
"""New York's time at which Alpaca begins to close contracts that expire that day."""

_BOOKED: Mapping[str, EndedBy] = {
    "renamed": EndedBy.CORPORATE_ACTION,
    "merged": EndedBy.CORPORATE_ACTION,
    "split": EndedBy.CORPORATE_ACTION,
    "acats": EndedBy.TRANSFER,
    "jnls": EndedBy.TRANSFER,
    "fopt": EndedBy.TRANSFER,
    "opexp": EndedBy.EXPIRED,
    "opexc": EndedBy.EXERCISED,
    "opasn": EndedBy.ASSIGNED,
    "opcsh": EndedBy.EXPIRED,
    "optrd": EndedBy.DELIVERED,
}

_CLOCK: Mapping[str, EndedBy] = {
    "time_stop": EndedBy.TIME,
    "flatten_before_close": EndedBy.CLOSE_OF_DAY,
    "stop": EndedBy.STOP,
    "stop_through_market": EndedBy.STOP,
    "underlying_stop": EndedBy.STOP,
    "target": EndedBy.TARGET,
    "expiry": EndedBy.BEFORE_EXPIRY,
    "broken": EndedBy.LIQUIDATION,
}
"""Reasons with which `watch` leaves a position (`exits.rules`), or contracts that stand together
(`watch.options`): `broken` is what was left when the broker had closed a leg."""

OF_CARE = "execbot-o-"
"""How the ids begin of the orders by which `watch` leaves contracts."""


def endings(
    trip: RoundTrip, orders: Mapping[str, OrderRecord], plans: Sequence[ExitPlan]
) -> tuple[Ending, ...]:
    """How its shares were closed, the last way last; each way once. `orders` are by their
    client_order_id, `plans` the versions of its plans, oldest first."""
    found: dict[tuple[EndedBy, int | None], Decimal] = {}
    for part in trip.exits:
        ending = _ending(trip, part, orders, plans)
        key = (ending.by, ending.target)
        qty = found.pop(key, ZERO)
        found[key] = qty + ending.qty
    return tuple(Ending(by, qty, target) for (by, target), qty in found.items())


def _ending(
    trip: RoundTrip, part: Part, orders: Mapping[str, OrderRecord], plans: Sequence[ExitPlan]
) -> Ending:
    record = orders.get(part.client_order_id)
    if not part.client_order_id:
        by = EndedBy.TRANSFER if part.is_trade else EndedBy.ADJUSTED
        return Ending(_BOOKED.get(part.booked_as, by), part.qty)
    if record is None:
        return Ending(EndedBy.UNKNOWN, part.qty)
    if record.order.order_class is OrderClass.MLEG:
        record = orders.get(record.parent_id or "", record)  # of a leg its order says why
    if record.role == Role.STOP:
        return Ending(_stop(part, record, plans), part.qty)
    if record.role == Role.TARGET:
        number = target_index(record.client_order_id)
        return Ending(EndedBy.TARGET, part.qty, 1 if number is None else number + 1)
    if record.origin == Origin.EXIT or record.client_order_id.startswith(OF_CARE):
        return _left(part, record, plans)
    return Ending(_by_order(trip, part, record), part.qty)


def _stop(part: Part, record: OrderRecord, plans: Sequence[ExitPlan]) -> EndedBy:
    """A stop that had followed the price when it was taken."""
    if record.order.type is OrderType.TRAILING_STOP:
        return EndedBy.TRAILING
    then = [plan for plan in plans if plan.updated_at <= part.at]
    stop = then[-1].stop if then else None
    if stop is None or stop.trail is None or stop.price is None:
        return EndedBy.STOP
    return EndedBy.TRAILING if stop.price != stop.initial else EndedBy.STOP


def _left(part: Part, record: OrderRecord, plans: Sequence[ExitPlan]) -> Ending:
    """`watch` left by an order of its own: its reason says why."""
    word = (record.reason or "").partition(":")[0].strip()
    if word.startswith("target_") and word[7:].isdigit():
        return Ending(EndedBy.TARGET, part.qty, int(word[7:]))
    by = _CLOCK.get(word, EndedBy.UNKNOWN)
    return Ending(_stop(part, record, plans) if by is EndedBy.STOP else by, part.qty)


def _by_order(trip: RoundTrip, part: Part, record: OrderRecord) -> EndedBy:
    if record.signal_id is not None or record.origin == Origin.SIGNAL:
        return EndedBy.SIGNAL
    reason = record.reason or ""
    if reason.startswith("signal "):
        return EndedBy.SIGNAL
    if reason.startswith("halt --flatten"):
        return EndedBy.FLATTEN
    if record.is_ours:
        return EndedBy.BY_HAND
    contract, then = option_contract(trip.symbol), eastern(part.at)
    if contract is not None and then.date() == contract.expires and then.time() >= LIQUIDATION_FROM:
        return EndedBy.LIQUIDATION
    return EndedBy.ELSEWHERE
