"""The shortfall: what the broker's totals count beyond the reported executions. Pure.

A total counts what was executed until its time, as it was corrected until then. A quantity that it
counts and no report has named was lost on the way, or is on it: it is booked as one inferred
execution of the order, under a deterministic id, at the price at which the broker's average works
out. An execution that only a correction has named is inferred under its own id. Being a function of
the reports, it shrinks and vanishes as the real ones arrive, and is never counted twice.

A total below the executions lowers nothing: a bust proves, a total does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.journal.records import Execution, FillState, OrderRecord, Progress
from execbot.model.enums import EventSource
from execbot.model.numbers import CENT, QTY_STEP, ZERO
from execbot.model.order import Order
from execbot.oms.machine.reports import ruling

Executions = Mapping[str, Execution]

AVERAGE_STEP = Decimal("0.000001")
"""Alpaca shows average prices with six decimals."""


class Counted(Struct, frozen=True, gc=False):
    """The total of one report, in executions as they were first reported. `value` is None where it
    carried no average."""

    qty: Decimal
    value: Decimal | None


def is_complete(executions: Executions, progress: Progress) -> bool:
    """Is all that the broker has counted reported, nothing inferred, no price to work out?"""
    for item in executions.values():
        if item.state is FillState.INFERRED or not item.is_heard:
            return False
    return progress.chain_open or _missing(executions.values(), progress) <= 0


def with_inferred(executions: Executions, record: OrderRecord, fallback_at: datetime) -> Executions:
    """The reported executions and what has to be inferred beside them."""
    reported = {k: item for k, item in executions.items() if item.state is not FillState.INFERRED}
    real = {name: _as_told(item) for name, item in reported.items()}
    progress = record.progress
    if progress.chain_open:
        return _if_changed(executions, {name: _unfilled(item) for name, item in real.items()})
    counted = _counted(real.values(), progress)
    missing = _missing(real.values(), progress)
    value = _missing_value(real.values(), progress, counted)
    at = progress.reported_at or record.order.filled_at or fallback_at
    for name, item in real.items():
        if is_only_corrected(item):
            real[name] = given = _filled(item, max(missing, ZERO))
            missing -= given.net_qty
            value = None if value is None else value - given.net_qty * given.net_price
    if missing > 0:
        inferred = _inferred(record, missing, value, at)
        real[inferred.execution_id] = inferred
    elif missing == 0 and value:
        real = _with_exact_prices(real, counted, value)
    return _if_changed(executions, real)


def _if_changed(old: Executions, new: dict[str, Execution]) -> Executions:
    return old if list(old.items()) == list(new.items()) else new


def inferred_name(order: Order) -> str:
    return f"inferred:{order.id or order.client_order_id}"


def is_only_corrected(item: Execution) -> bool:
    """Only a correction has named it, so that its totals say how much of it there is."""
    if item.state is not FillState.CORRECTED:
        return False
    return not item.is_heard and item.activity_id is None


# --- counting ------------------------------------------------------------------------------


def _counted(real: Iterable[Execution], progress: Progress) -> Counted:
    """The report that counts most: the youngest, or the highest while nothing was taken back since.

    What was corrected or busted before it is counted as it was reported first.
    """
    changes = [item for item in real if item.changed_at is not None and _gross(item)]
    changed = [item.changed_at for item in real if item.changed_at is not None]
    if progress.chain_changed_at is not None:
        changed.append(progress.chain_changed_at)
    reports = [(progress.latest_qty, progress.latest_avg_price, progress.latest_at)]
    at = progress.reported_at
    if progress.latest_at is None or at is None or all(moment <= at for moment in changed):
        reports.append((progress.reported_qty, progress.reported_avg_price, at))
    found = Counted(ZERO, None)
    for total, average, at in reports:
        qty, value = total, None if average is None else total * average
        for item in changes:
            if counts_change(item, total, at):
                qty += item.qty - item.net_qty
                undone = item.qty * item.price - item.net_qty * item.net_price
                value = None if value is None else value + undone
        if qty > found.qty or (qty == found.qty and found.value is None):
            found = Counted(qty, value)
    return found


def counts_change(item: Execution, total: Decimal, at: datetime | None) -> bool:
    """Whether this total, shown `at`, knows that the execution was changed. Of one instant with it,
    it does where it is the one that came with the change."""
    if at is None or item.changed_at is None or item.changed_at != at:
        return at is None or item.changed_at is None or item.changed_at < at
    change = ruling(item.amendments)
    return change is None or change.total is None or change.total == total


def _gross(item: Execution) -> Decimal:
    """As first reported; what only an amendment has named was not."""
    return item.qty if item.is_heard or item.activity_id is not None else ZERO


def _missing(real: Iterable[Execution], progress: Progress) -> Decimal:
    items = [item for item in real if item.state is not FillState.INFERRED]
    counted = _counted(items, progress).qty
    reported = sum((_gross(item) for item in items), ZERO)
    return counted - carried_qty(items, progress) - reported


def _missing_value(
    real: Iterable[Execution], progress: Progress, counted: Counted
) -> Decimal | None:
    if counted.value is None:
        return None
    items = list(real)
    known = sum((_gross(item) * item.price for item in items), ZERO)
    carried = progress.chain_value if carried_qty(items, progress) else ZERO
    return counted.value - carried - known


def carried_qty(real: Iterable[Execution], progress: Progress) -> Decimal:
    """The part of a replacement's totals that the orders before it may have filled.

    Whether Alpaca counts it in the `filled_qty` of a replacement is documented nowhere. A total
    too low for that proves that it does not; until then a shortfall of up to that much is not
    concluded from, and the account activities decide it.
    """
    chain, items = progress.chain_qty, list(real)
    if not chain:
        return ZERO
    if progress.chain_changed_at is None:
        # What they say was counted when the chain was what it is now.
        if progress.lowest_qty is not None and progress.lowest_qty < chain:
            return ZERO
        for item in items:
            if item.is_heard and item.cum_qty is not None and item.cum_qty - item.qty < chain:
                return ZERO
    times = [item.at for item in items]
    if progress.chain_changed_at is not None:
        times.append(progress.chain_changed_at)
    if times and progress.latest_at is not None and max(times) <= progress.latest_at:
        net = sum((item.net_qty for item in items if _gross(item)), ZERO)
        if progress.latest_qty < net + chain:
            return ZERO
    return chain


# --- inferring -----------------------------------------------------------------------------


def _filled(item: Execution, room: Decimal) -> Execution:
    """A correction that came first, as far as the totals count its execution."""
    counts = ruling(item.amendments)
    assert counts is not None
    return replace(item, net_qty=min(counts.qty or ZERO, room))


def _unfilled(item: Execution) -> Execution:
    return _filled(item, ZERO) if is_only_corrected(item) else item


def _inferred(
    record: OrderRecord, missing: Decimal, value: Decimal | None, at: datetime
) -> Execution:
    order = record.order
    price = _price(record, missing, value)
    return Execution(
        execution_id=inferred_name(order),
        order_id=order.id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        at=at,
        source=EventSource.RECONCILE,
        state=FillState.INFERRED,
        qty=missing,
        price=price,
        net_qty=missing,
        net_price=price,
        asset_class=order.asset_class,
    )


def _price(record: OrderRecord, missing: Decimal, value: Decimal | None) -> Decimal:
    """Where the broker's average cannot work out, it stands for itself."""
    if value is not None:
        price = (value / missing).quantize(QTY_STEP, ROUND_HALF_EVEN)
        if price > 0:
            return price
    order, progress = record.order, record.progress
    average = progress.latest_avg_price or progress.reported_avg_price
    return average or order.limit_price or order.stop_price or record.arrival_price or ZERO


def _with_exact_prices(
    real: dict[str, Execution], counted: Counted, value: Decimal
) -> dict[str, Execution]:
    """FILL rows that were rounded to a cent, at the price at which the broker's average works out.

    Only what no frame has told, and only by less than a cent: an average that is further off is
    another matter, and executions are believed before it.
    """
    rounded = {name: item for name, item in real.items() if _may_be_rounded(item)}
    qty = sum((item.qty for item in rounded.values()), ZERO)
    if not qty or abs(value) <= counted.qty * AVERAGE_STEP:
        return real
    step = (value / qty).quantize(QTY_STEP, ROUND_HALF_EVEN)
    if abs(step) >= CENT:
        return real
    return {
        name: replace(item, net_price=item.price + step) if name in rounded else item
        for name, item in real.items()
    }


def _may_be_rounded(item: Execution) -> bool:
    if item.is_heard or item.amendments or not item.qty:
        return False
    return item.price == item.price.quantize(CENT)


def _as_told(item: Execution) -> Execution:
    """At the price of its own report."""
    if item.state is FillState.BOOKED and item.net_price != item.price:
        return replace(item, net_price=item.price)
    return item
