"""Proves from a broker's totals which executions it took back without a report. Pure.

One total below the executions proves nothing (E-EXE-9). Where an order has ended, and its quantity
and average say of one execution alone what became of it, that is a conclusion (E-EXE-12): it is
booked as a correction or bust under an id that says so, and any real one takes its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from execbot.journal.records import Execution, FillState, OrderRecord
from execbot.model.enums import EventSource
from execbot.model.numbers import ZERO, text
from execbot.model.order import Order
from execbot.oms.machine.amended_rows import is_same_price
from execbot.oms.machine.events import OrderEvent
from execbot.oms.machine.reports import RECOUNT_PREFIX
from execbot.oms.machine.table import BUST, CORRECTION
from execbot.oms.machine.totals import AVERAGE_STEP, counts_change


class Restated(Struct, frozen=True):
    """The quantity and price that an execution must have now: quantity 0 is a bust."""

    execution: Execution
    qty: Decimal
    price: Decimal


def restated(record: OrderRecord, executions: Iterable[Execution]) -> tuple[Restated, ...]:
    """The executions as the youngest totals restate them; empty if these prove nothing, or do not
    prove which execution."""
    known = list(executions)
    inferred = [item for item in known if item.state is FillState.INFERRED]
    stands = [item for item in known if item.net_qty and item not in inferred]
    if not stands or not _is_over(record, known):
        return ()
    if inferred and not _is_all_told(record, stands):
        return ()
    total, average = record.progress.latest_qty, record.progress.latest_avg_price
    own = sum((item.net_qty for item in known), ZERO)
    if not total:
        return _gone(stands)
    if total >= own or average is None:
        return ()  # an average alone has no second witness: a broker may show a wrong one
    by_age = sorted(stands, key=lambda item: (item.at, item.execution_id))
    whole = _told_of_less(record, known)
    if len({item.net_price for item in stands}) > 1:
        return () if inferred else _of_several(by_age, own - total, total, average, whole)
    if whole is None:
        return _of_equal_ones(by_age, total, average)
    if not is_same_price(whole.net_price, average):
        return ()
    by_age.remove(whole)
    left = total - whole.net_qty
    return _of_equal_ones(by_age, left, whole.net_price) if left else _gone(by_age)


def _is_over(record: OrderRecord, executions: Sequence[Execution]) -> bool:
    """The order has ended and every report of it has arrived. Excludes chains, which count in ways
    of their own."""
    order, progress = record.order, record.progress
    is_alone = not (order.replaces or order.replaced_by or progress.chain_qty or order.is_spread)
    if not (order.is_terminal and is_alone) or progress.latest_at is None:
        return False
    if not all(item.is_heard for item in executions):
        return False
    # A total that lags is followed by another: two are read.
    total, at = progress.latest_qty, progress.latest_at
    last = _told_of_less(record, executions)
    return all(
        (item.at < at or item == last) and counts_change(item, total, at) for item in executions
    )


def _told_of_less(record: OrderRecord, executions: Sequence[Execution]) -> Execution | None:
    """The execution with which the total came, if its own report counts less before it than had
    been executed: what came before had shrunk by then, and it is whole."""
    total = record.progress.latest_qty
    for item in executions:
        before = sum((one.net_qty for one in executions if one.at < item.at), ZERO)
        if item.cum_qty == total < before + item.qty and item.qty == item.net_qty <= total:
            return item
    return None


def _is_all_told(record: OrderRecord, told: Sequence[Execution]) -> bool:
    """What totals count beyond all that was ordered is no execution that is still to be told: the
    one that there was has been corrected upward, and this total has taken the place of that one."""
    ordered = record.order.qty
    return ordered is not None and sum((item.qty for item in told), ZERO) >= ordered


def _gone(stands: Iterable[Execution]) -> tuple[Restated, ...]:
    return tuple(Restated(item, ZERO, item.net_price) for item in stands)


def _of_equal_ones(
    stands: Sequence[Execution], total: Decimal, average: Decimal
) -> tuple[Restated, ...]:
    """All at one price: which of them it was makes no difference, so it was as many from the last
    on as are gone. At another average the last that is left has another price now."""
    *others, last = stands
    found = []
    left = total - sum((item.net_qty for item in others), ZERO)
    while left <= 0:
        found.append(Restated(last, ZERO, last.net_price))
        *others, last = others
        left += last.net_qty
    price = _price_of_last(last.net_price, left, total, average)
    if price <= 0:
        return ()
    if not found or left != last.net_qty or price != last.net_price:
        found.append(Restated(last, left, price))
    return tuple(found)


def _price_of_last(price: Decimal, left: Decimal, total: Decimal, average: Decimal) -> Decimal:
    """At which the average works out, while all others have this price."""
    if left == total:
        return price if is_same_price(price, average) else average
    if abs(price - average) <= AVERAGE_STEP:
        return price
    return ((total * average - (total - left) * price) / left).quantize(AVERAGE_STEP)


def _of_several(
    stands: Sequence[Execution],
    gone: Decimal,
    total: Decimal,
    average: Decimal,
    whole: Execution | None,
) -> tuple[Restated, ...]:
    """Of equals the last, `whole` left out; where those that fit had different prices the totals
    do not tell."""
    value = sum((item.net_qty * item.net_price for item in stands), ZERO)
    fitting = [
        item
        for item in stands
        if item != whole
        and item.net_qty >= gone
        and abs((value - gone * item.net_price) / total - average) <= AVERAGE_STEP
    ]
    if len({item.net_price for item in fitting}) != 1:
        return ()
    last = fitting[-1]
    return (Restated(last, last.net_qty - gone, last.net_price),)


def recount_event(order: Order, record: OrderRecord, what: Restated, now: datetime) -> OrderEvent:
    """The conclusion as an event of the history, with its evidence."""
    name = what.execution.execution_id
    evidence: dict[str, Any] = {
        "previous_execution_id": name,
        "evidence": f"the broker's order counts {text(order.filled_qty)}, twice read, "
        f"the executions add up to {text(record.order.filled_qty)}",
    }
    return OrderEvent(
        kind=CORRECTION if what.qty else BUST,
        source=EventSource.RECONCILE,
        recorded_at=now,
        at=order.updated_at,
        client_order_id=record.client_order_id,
        order_id=order.id,
        order=order,
        execution_id=f"{RECOUNT_PREFIX}{name}",
        qty=what.qty or what.execution.net_qty,
        price=what.price,
        details=evidence,
    )
