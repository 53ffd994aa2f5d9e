"""Fills whose report comes after the shares that they brought were taken over (E-POS-12).

The broker's list may show shares before stream, orders and rows tell of the fill. Taken over then
as shares of unknown origin, they would count twice once the fill is told. What was taken over
stands for what was executed until then: it shrinks by those fills, where the position bears it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.journal.journal import Journal
from execbot.journal.records import EventRecord, Execution
from execbot.model.account import Activity
from execbot.model.enums import AssetClass
from execbot.model.numbers import COIN_FEE_SHARE, ZERO, maybe_decimal, text
from execbot.oms.ledger import recording
from execbot.oms.machine.positions import PRICE_STEP
from execbot.oms.machine.table import ADJUST
from execbot.oms.sync.differences import PositionDifference
from execbot.oms.sync.options.deliveries import ADOPTED_LATELY
from execbot.oms.sync.row_evidence import explaining

LIST_SETTLES = timedelta(seconds=8)
"""So long after an execution the broker's list is taken to know of it."""


class LateFills(Struct, frozen=True):
    """`gone` (signed) of what was taken over were fills that are told by now; `rest` of it is left,
    at `price`."""

    symbol: str
    ours: Decimal
    theirs: Decimal
    taken_over: Execution
    gone: Decimal
    price: Decimal

    @property
    def rest(self) -> Decimal:
        return self.taken_over.signed_qty - self.gone

    @property
    def left(self) -> PositionDifference:
        """What differs once it is booked."""
        return PositionDifference(self.symbol, self.ours - self.gone, self.theirs)

    def __str__(self) -> str:
        return f"{text(self.gone)} {self.symbol} were taken over before their fills were told"


def late_fills(
    journal: Journal,
    difference: PositionDifference,
    executions: Sequence[Execution],
    rows: Sequence[Activity],
    now: datetime,
) -> LateFills | None:
    """What explains the difference, if need be together with `rows`. `executions` are those of the
    symbol, `now` is after the moment of which the broker's quantity is. Raises JournalError."""
    if not any(_is_taken_over(item) for item in executions):
        return None
    if any(now - item.at < LIST_SETTLES for item in executions if item.net_qty):
        return None  # the broker's list may not know of it
    for event in _takings_over(journal, difference.symbol, now):
        found = _explained(event, difference, executions, rows)
        if found is not None:
            return found
    return None


def _is_taken_over(item: Execution) -> bool:
    return item.is_adjustment and item.activity_id is None


def _takings_over(journal: Journal, symbol: str, now: datetime) -> Iterable[EventRecord]:
    """The youngest first."""
    lately = journal.seq_before(now - ADOPTED_LATELY)
    for event in reversed(journal.events_of("", after=lately)):
        told = event.details
        if event.kind != ADJUST or told.get("symbol") != symbol or "held" not in told:
            continue
        if LIST_SETTLES <= now - event.recorded_at < ADOPTED_LATELY:
            yield event


def _explained(
    event: EventRecord,
    difference: PositionDifference,
    executions: Sequence[Execution],
    rows: Sequence[Activity],
) -> LateFills | None:
    """By what the broker held in that moment and our executions until then, as they are known now,
    too much was taken over; and just that differs."""
    held, name = maybe_decimal(event.details["held"]), event.details.get("execution_id")
    taken = next((item for item in executions if item.execution_id == name), None)
    if held is None or taken is None or not taken.net_qty:
        return None
    before = [item for item in executions if item is not taken and item.at <= event.recorded_at]
    much = sum((item.signed_qty for item in before), taken.signed_qty) - held
    gone = _part_of(taken, much)
    gap = difference.theirs - difference.ours
    if not gone or not (gap == -much or explaining(gap + much, rows, executions)):
        return None
    price = _price_of_rest(taken, gone, before)
    return LateFills(difference.symbol, difference.ours, difference.theirs, taken, gone, price)


def _part_of(taken: Execution, much: Decimal) -> Decimal:
    """So much of what was taken over; of a coin the fee had gone off that already."""
    qty = taken.signed_qty
    if much * qty <= 0:
        return ZERO
    beyond = abs(much) - abs(qty)
    is_fee = taken.asset_class == AssetClass.CRYPTO and beyond <= abs(much) * COIN_FEE_SHARE
    if beyond > 0:
        return qty if is_fee else ZERO
    return much


def _price_of_rest(taken: Execution, gone: Decimal, before: Sequence[Execution]) -> Decimal:
    """The average at which all was taken over, less what the fills have cost."""
    rest = taken.signed_qty - gone
    if not rest or sum((item.signed_qty for item in before), ZERO) != gone:
        return taken.net_price
    paid = sum((item.signed_qty * item.net_price for item in before), ZERO)
    price = (taken.signed_qty * taken.net_price - paid) / rest
    is_one_way = all(item.signed_qty * gone >= 0 for item in before)
    return price.quantize(PRICE_STEP) if is_one_way and price > 0 else taken.net_price


def book_late_fills(journal: Journal, late: LateFills, now: datetime) -> bool:
    """Make smaller what was taken over; nothing is realised. False when a fill has changed ours
    since it was seen. Raises JournalError."""
    with recording(journal) as ledger:
        ours = journal.position(late.symbol)
        if (ZERO if ours is None else ours.qty) != late.ours:
            return False
        ledger.restate_adjustment(
            late.taken_over, late.rest, late.price, reason="late_fills", now=now
        )
    return True
