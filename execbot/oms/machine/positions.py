"""Positions as the sum of fills: average price, realised P&L, flips through zero, dust. Pure.

The average is the quantity-weighted cost of what is held; a reduction realises the difference to
it. Alpaca compresses cost by FIFO overnight, so its `avg_entry_price` may differ the next morning
with no trade at all: quantities must agree, average prices need not.

Fills are added in the order of their execution (time, then id), not of their arrival, so a report
that comes late gives the same position as one that came in time.

Cost and profit are in dollars: a contract costs a hundred times its price (`multiplier_of`), the
average stays a price.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec.structs import replace

from execbot.journal.records import Execution, FillState, PositionDay, PositionRecord
from execbot.model.numbers import ZERO
from execbot.model.symbols import multiplier_of
from execbot.model.times import eastern

PRICE_STEP = Decimal("0.000000001")
ONE_AFTER = timedelta(microseconds=1)
"""Between the two adjustments of a split."""

COST_STEP = Decimal("0.000000000001")
"""Cost keeps three digits more than prices, so that dust of nine decimals leaves no residue."""


def add_execution(position: PositionRecord, execution: Execution) -> PositionRecord:
    """The position after one more execution; `net_*` values count. Flips realise, then reopen."""
    signed = execution.net_qty * execution.side.sign
    seen = replace(position, updated_at=execution.at, last_execution_id=execution.execution_id)
    if not signed:
        return seen
    kept = ZERO
    if not position.qty:
        is_exchange = _is_exchange(position, execution)
        kept = position.cost if is_exchange else ZERO
        seen = replace(seen, cost=ZERO, opened_at=position.opened_at if is_exchange else None)
    seen = replace(seen, bought_qty=_bought_since(position, signed, execution))
    if position.qty * signed >= 0:
        return _extend(seen, signed, execution, kept)
    closing = min(abs(signed), abs(position.qty)) * (1 if signed > 0 else -1)
    reduced = _reduce(seen, closing, execution)
    rest = signed - closing
    return _extend(replace(reduced, opened_at=None), rest, execution) if rest else reduced


def _is_exchange(position: PositionRecord, execution: Execution) -> bool:
    """New shares for old ones that were booked out just before: a split, no new position."""
    if execution.state is not FillState.ADJUSTMENT or position.updated_at is None:
        return False
    return execution.at - position.updated_at <= ONE_AFTER


def _bought_since(position: PositionRecord, signed: Decimal, execution: Execution) -> Decimal:
    """Purchases whose fee may still be missing here.

    An adjustment takes the broker's quantity over, and with it all fees until then. A position that
    was sold out was all there: no fee of it is missing.
    """
    if execution.state is FillState.ADJUSTMENT or position.qty + signed == 0:
        return ZERO
    return position.bought_qty + max(signed, ZERO)


def _extend(
    position: PositionRecord, signed: Decimal, execution: Execution, kept: Decimal = ZERO
) -> PositionRecord:
    """`kept` is what the shares cost that these take the place of: a correction may have changed it
    since the split was booked, with the price of then."""
    qty = position.qty + signed
    each = multiplier_of(position.symbol)
    cost = kept if kept * signed > 0 else position.cost + signed * execution.net_price * each
    return replace(
        position,
        asset_class=execution.asset_class,
        qty=qty,
        cost=cost,
        avg_entry_price=(cost / qty / each).quantize(PRICE_STEP, ROUND_HALF_EVEN),
        opened_at=position.opened_at or execution.at,
    )


def _reduce(position: PositionRecord, signed: Decimal, execution: Execution) -> PositionRecord:
    """Give up part of the position; a fee taken in coins (price 0) realises no profit.

    The cost of shares that an adjustment takes away whole is remembered until the next execution:
    if that brings new shares for them, it is theirs.
    """
    qty = position.qty + signed
    cost_out = position.cost if not qty else _share(position.cost, signed, position.qty)
    adjusts = execution.state is FillState.ADJUSTMENT
    each = multiplier_of(position.symbol)
    proceeds = cost_out if adjusts else -signed * execution.net_price * each
    cost = position.cost - (cost_out if qty or not adjusts else ZERO)
    return replace(
        position,
        qty=qty,
        cost=cost,
        realized_pl=position.realized_pl + proceeds - cost_out,
        avg_entry_price=position.avg_entry_price if qty else None,
        opened_at=position.opened_at if qty or adjusts else None,
    )


def _share(cost: Decimal, signed: Decimal, held: Decimal) -> Decimal:
    return (cost * -signed / held).quantize(COST_STEP, ROUND_HALF_EVEN)


def position_of(symbol: str, executions: Iterable[Execution]) -> PositionRecord:
    """Fold the executions of one symbol, given in order of execution."""
    position = PositionRecord(symbol=symbol)
    for execution in executions:
        position = add_execution(position, execution)
    return position


def fold_days(
    position: PositionRecord, executions: Iterable[Execution]
) -> tuple[PositionRecord, list[PositionDay]]:
    """Add executions, given in order; and how it stood before the first of each New York day."""
    days: list[PositionDay] = []
    last = None if position.updated_at is None else eastern(position.updated_at).date()
    for execution in executions:
        day = eastern(execution.at).date()
        if day != last:
            days.append(PositionDay(day, position))
            last = day
        position = add_execution(position, execution)
    return position, days


def comes_after(execution: Execution, position: PositionRecord) -> bool:
    """Is this execution younger than all that the position has seen?"""
    if position.updated_at is None:
        return True
    return (execution.at, execution.execution_id) > (
        position.updated_at,
        position.last_execution_id,
    )


# --- comparing two sets of positions -------------------------------------------------------
