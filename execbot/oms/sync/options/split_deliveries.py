"""Shares that contracts delivered and that a split of the stock has changed since: E-OPT-8 of
docs/evidence.md. Pure.

Positions show both at once. The rows of the delivery come a day late, those of the split over
night, and neither alone explains what is held. So the deliveries are put where they belong, before
the split, and what then adds up is the proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import combinations

from msgspec import Struct
from msgspec.structs import replace

from execbot.journal.records import Execution, FillState, PositionRecord
from execbot.market.sessions import SessionTable
from execbot.model.account import Activity, Position
from execbot.model.enums import EventSource, Side
from execbot.model.numbers import ZERO
from execbot.model.symbols import option_contract
from execbot.oms.machine.positions import add_execution, position_of
from execbot.oms.sync.differences import PositionDifference
from execbot.oms.sync.options.deliveries import Adopted, adopted_lately, is_adopted
from execbot.oms.sync.options.option_ends import is_closer_to_nothing, shares_delivered
from execbot.oms.sync.options.row_moments import moment_of
from execbot.oms.sync.row_evidence import MovedShares
from execbot.oms.sync.split_evidence import SPLIT_ROWS, Split, by_quantity, by_record

ENDED_MAX = 6
"""Of more contracts that are gone at once it is not tried which of them had ended."""


def split_since(
    shares: PositionRecord,
    gone: Iterable[PositionDifference],
    theirs: Position | None,
    adopted: Adopted | None,
    now: datetime,
) -> Split | None:
    """The split that makes of our shares, and of what the contracts that are `gone` deliver, just
    what the broker shows. Quantity and average price bear it out; no row is needed.

    Shares that were `adopted` meanwhile are what came: as it was before the split, or after it.
    """
    symbol, gone = shares.symbol, list(gone)
    there = (theirs.qty, theirs.avg_entry_price) if theirs is not None else (ZERO, None)
    came = _with_deliveries(PositionRecord(symbol=symbol), gone, now)
    if adopted is None:
        return _split_of(_with_deliveries(shares, gone, now), there, now)
    if adopted.qty == came.qty:
        return _split_of(shares, there, now)
    return _split_of(came, (adopted.qty, adopted.price), now) if shares.qty == there[0] else None


def is_nothing_left(
    shares: PositionRecord,
    gone: Iterable[PositionDifference],
    theirs: Position | None,
    adopted: Adopted | None,
) -> bool:
    """Whether the deliveries took the last shares, or took as many as they brought: then a split
    found none, and only other contracts show it."""
    came = sum(map(shares_delivered, gone), ZERO)
    if adopted is not None:
        came -= adopted.qty
    return theirs is None and shares.qty + came == 0


def is_booked_already(
    shares: PositionRecord,
    gone: Iterable[PositionDifference],
    theirs: Position | None,
    adopted: Adopted | None,
) -> bool:
    """Whether just what the contracts brought was taken over, and a split of it is in the books:
    nothing of the shares is left to explain."""
    came = sum(map(shares_delivered, gone), ZERO)
    is_taken = adopted is not None and adopted.qty == came
    return is_taken and theirs is not None and theirs.qty == shares.qty


def perhaps_ended(
    differing: Iterable[PositionDifference],
) -> Iterator[tuple[PositionDifference, ...]]:
    """Which contracts that are gone may have been exercised or assigned, the fewest first."""
    gone = [
        item
        for item in differing
        if option_contract(item.symbol) is not None and is_closer_to_nothing(item)
    ][:ENDED_MAX]
    for count in range(1, len(gone) + 1):
        yield from combinations(gone, count)


def _split_of(
    before: PositionRecord, after: tuple[Decimal, Decimal | None], now: datetime
) -> Split | None:
    qty, average = before.qty, before.avg_entry_price
    return by_quantity(before.symbol, qty, average, *after, now, in_lieu=True)


def _with_deliveries(
    position: PositionRecord, gone: Iterable[PositionDifference], now: datetime
) -> PositionRecord:
    """What adds to a position comes first."""
    held = position.qty
    for item in sorted(gone, key=lambda one: shares_delivered(one) * held < 0):
        contract = option_contract(item.symbol)
        assert contract is not None
        trade = _trade(position.symbol, shares_delivered(item), contract.strike, now, "")
        position = add_execution(position, trade)
    return position


class SplitDelivery(Struct, frozen=True):
    """What is booked before the split; and the split, None where it is in the books already."""

    moved: MovedShares
    split: Split | None


def before_a_split(
    symbol: str,
    due: Sequence[Activity],
    executions: Sequence[Execution],
    rows: Sequence[Activity],
    theirs: Position | None,
    table: SessionTable,
    now: datetime,
) -> SplitDelivery | None:
    """The rows that are `due`, put before a split, where both explain what the broker shows.

    Shares that were taken over meanwhile, because they were sold before the rows came, are taken
    back where they were taken over.
    """
    qty = theirs.qty if theirs is not None else ZERO
    average = theirs.avg_entry_price if theirs is not None else None
    adopted = adopted_lately(executions, now)
    total = sum((row.qty or ZERO for row in due), ZERO)
    known = list(executions)
    moved = MovedShares(symbol, total, tuple(due), is_before_split=True)
    for _ in range(1 if adopted is None else 2):
        put = sorted([*known, *(_delivery(row, known, table, now) for row in due)], key=_when)
        position = position_of(symbol, put)
        if position.qty == qty and _is_booked(known, rows):
            return SplitDelivery(moved, None)
        split = by_record(symbol, put, rows, qty, average) or by_quantity(
            symbol, position.qty, position.avg_entry_price, qty, average, now, in_lieu=True
        )
        if split is not None:
            return SplitDelivery(moved, split)
        if adopted is not None:
            known = [item for item in executions if not is_adopted(item, now)]
            moved = replace(moved, adopted=adopted.qty, adopted_at=adopted.price)
    return None


def was_split_since(
    adopted: Adopted, executions: Iterable[Execution], rows: Sequence[Activity]
) -> bool:
    """Whether a split has been booked since shares were taken over."""
    return _is_booked([item for item in executions if item.at > adopted.at], rows)


def _is_booked(executions: Iterable[Execution], rows: Sequence[Activity]) -> bool:
    splits = {row.id for row in rows if row.activity_type in SPLIT_ROWS}
    return any(item.activity_id in splits for item in executions)


def _when(item: Execution) -> datetime:
    return item.at


def _delivery(
    row: Activity, known: Sequence[Execution], table: SessionTable, now: datetime
) -> Execution:
    at = moment_of(row, known, table, now)
    return _trade(row.symbol or "", row.qty or ZERO, row.price or ZERO, at, row.id)


def _trade(symbol: str, qty: Decimal, price: Decimal, at: datetime, name: str) -> Execution:
    return Execution(
        execution_id=f"delivered:{name}",
        order_id="",
        client_order_id="",
        symbol=symbol,
        side=Side.BUY if qty > 0 else Side.SELL,
        at=at,
        source=EventSource.RECONCILE,
        state=FillState.BOOKED,
        qty=abs(qty),
        price=price,
        net_qty=abs(qty),
        net_price=price,
        activity_id=name or None,
    )
