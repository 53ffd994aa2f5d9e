"""Alarms of orders that a person must look at: their slugs, and the words for each. Pure.

Some alarms are of one event (a contradiction); others stand as long as the order is as it is, and
go when it is not (`standing`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from execbot.journal.records import Execution, FillState, OrderRecord
from execbot.model.amounts import maybe_price_words
from execbot.model.enums import UNDER_WAY, OrderStatus
from execbot.model.numbers import text
from execbot.oms.machine.table import UNTIMED

FILLED_LESS_AFTER = timedelta(seconds=2)
"""A total this much younger than the last execution counts it, or says that it was undone."""

AVERAGE_MAY_DIFFER = Decimal("0.005")
AVERAGE_SHARE_MAX = Decimal("0.001")
"""An average of the broker's is not another one within half a cent, of cheap coins within a
thousandth: it may be rounded."""

STUCK_AFTER = timedelta(minutes=15)
"""A cancel or replace takes milliseconds at the venue; one this old is lost, or waits for hours in
which it can be carried out."""


class OrderAlarm(StrEnum):
    """Kept as `alarm` of the order, and told by `watch` and `reconcile`."""

    REOPENED = "reopened_by_broker"
    CONTRADICTION = "contradiction"
    EXECUTION_CONFLICT = "execution_conflict"
    BUST_UNMATCHED = "bust_unmatched"
    ROW_UNREAD = "row_unread"
    OVERFILL = "overfill"
    QTY_BELOW_FILLED = "qty_below_filled"
    FILLED_WITHOUT_QTY = "filled_without_qty"
    FILLED_LESS = "filled_less"
    AVERAGE_DIFFERS = "average_differs"
    STUCK = "stuck"


STANDING = frozenset(
    {
        OrderAlarm.OVERFILL,
        OrderAlarm.QTY_BELOW_FILLED,
        OrderAlarm.FILLED_WITHOUT_QTY,
        OrderAlarm.FILLED_LESS,
        OrderAlarm.AVERAGE_DIFFERS,
    }
)

_WORDS: dict[OrderAlarm, str] = {
    OrderAlarm.REOPENED: "the broker reports it, though it was closed here; its word counts",
    OrderAlarm.CONTRADICTION: "the broker reports another state than {status}, in which it ended",
    OrderAlarm.EXECUTION_CONFLICT: "one execution was reported twice, with different numbers",
    OrderAlarm.BUST_UNMATCHED: "a correction or bust names no execution: nothing was undone",
    OrderAlarm.ROW_UNREAD: "a FILL row of the broker tells of no fill: it is not booked",
    OrderAlarm.OVERFILL: "filled {filled}, more than the {qty} ordered: all of it is in the books",
    OrderAlarm.QTY_BELOW_FILLED: (
        "its quantity was reduced at the broker to {qty}, below the {filled} that filled"
    ),
    OrderAlarm.FILLED_WITHOUT_QTY: (
        "the broker says filled, and counts {told} of {qty}: no fill was invented"
    ),
    OrderAlarm.FILLED_LESS: (
        "the broker counts {told} filled, the executions add up to {own}: nothing was taken back"
    ),
    OrderAlarm.AVERAGE_DIFFERS: (
        "the broker's average is {their_price}, the executions make {price}: a price may have been "
        "corrected without a report; profits here are by the executions"
    ),
    OrderAlarm.STUCK: "it is {status} since {since}: ask the broker, then cancel it again",
}


def alarm_words(record: OrderRecord, alarm: str | None = None) -> str:
    """Says in one sentence what is wrong with the order; an unknown slug stands for itself."""
    slug = alarm or record.alarm or ""
    if slug not in set(OrderAlarm):
        return slug
    order, progress = record.order, record.progress
    since = progress.status_at
    return _WORDS[OrderAlarm(slug)].format(
        filled=text(order.filled_qty + progress.chain_qty),
        own=text(order.filled_qty),
        qty="?" if order.qty is None else text(order.qty),
        told=text(progress.latest_qty),
        price=maybe_price_words(order.filled_avg_price, order.symbol),
        their_price=maybe_price_words(progress.latest_avg_price, order.symbol),
        status=order.status.value,
        since="an unknown time" if since in (None, UNTIMED) else f"{since:%Y-%m-%d %H:%M} UTC",
    )


def standing(
    before: OrderRecord, after: OrderRecord, executions: Iterable[Execution]
) -> OrderAlarm | None:
    """The alarm of the order as it stands now, if there is one."""
    order, progress = after.order, after.progress
    if order.is_spread:
        return None  # it counts units of its legs, which are looked at one by one
    filled = order.filled_qty + progress.chain_qty
    if order.qty is not None and order.filled_qty and filled > order.qty:
        known = before.alarm if before.alarm in STANDING else None
        if known in (OrderAlarm.OVERFILL, OrderAlarm.QTY_BELOW_FILLED):
            return OrderAlarm(known)
        was = before.order.qty
        reduced = was is not None and was > order.qty and filled <= was
        return OrderAlarm.QTY_BELOW_FILLED if reduced else OrderAlarm.OVERFILL
    if _is_filled_without_qty(after):
        return OrderAlarm.FILLED_WITHOUT_QTY
    each = list(executions)
    if _is_filled_less(after, each):
        return OrderAlarm.FILLED_LESS
    return OrderAlarm.AVERAGE_DIFFERS if _is_average_other(after, each) else None


def _is_filled_without_qty(record: OrderRecord) -> bool:
    """The broker's own totals do not make up what it calls filled."""
    order, progress = record.order, record.progress
    if order.status is not OrderStatus.FILLED or progress.chain_open:
        return False
    told = max(progress.latest_qty, progress.reported_qty)
    if order.qty is None:
        return not told and not order.filled_qty
    wanted = order.qty - progress.chain_qty
    return max(told, order.filled_qty) < wanted


def _is_filled_less(record: OrderRecord, executions: Iterable[Execution]) -> bool:
    return record.progress.latest_qty < record.order.filled_qty and _is_later(record, executions)


def _is_average_other(record: OrderRecord, executions: Iterable[Execution]) -> bool:
    """The broker counts the same shares at another average, and all of them were told by frames:
    rows may be rounded, and a replacement counts its chain in ways of its own."""
    order, progress = record.order, record.progress
    ours, theirs = order.filled_avg_price, progress.latest_avg_price
    if ours is None or theirs is None or progress.latest_qty != order.filled_qty:
        return False
    if order.replaces or order.replaced_by or progress.chain_qty or not order.is_terminal:
        return False
    known = list(executions)
    if any(item.state is FillState.INFERRED or not item.is_heard for item in known):
        return False
    allowed = min(AVERAGE_MAY_DIFFER, ours * AVERAGE_SHARE_MAX)
    return abs(ours - theirs) > allowed and _is_later(record, known)


def _is_later(record: OrderRecord, executions: Iterable[Execution]) -> bool:
    """The youngest total counts all that was executed and corrected, by the broker's own times."""
    progress = record.progress
    if progress.latest_at is None:
        return False
    times = [moment for item in executions for moment in (item.at, item.changed_at) if moment]
    return bool(times) and progress.latest_at > max(times) + FILLED_LESS_AFTER


def is_stuck(record: OrderRecord, now: datetime) -> bool:
    """A cancel or replace has been under way for longer than it can take."""
    since = record.progress.status_at
    if record.status not in UNDER_WAY or since is None or since == UNTIMED:
        return False
    return now - since >= STUCK_AFTER
