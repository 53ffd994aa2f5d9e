"""Which reports tell of the same execution (docs/evidence.md, rows E-EXE). Pure.

An execution is a place in its order: the last `qty` shares up to the total `cum_qty`. A frame and a
FILL row that say the same place are the same execution; prices are not compared, since a row may
round them. Two totals may count differently for a replacement (with what the chain before it had
filled, or without), but a source counts all executions of an order alike: one offset fits all.

A correction or bust of an execution that no frame has told is laid on the row that it fits: what
the order had filled after it, and at which average, says which one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct, field

from execbot.journal.records import Amendment, Progress
from execbot.model.numbers import CENT, ZERO
from execbot.oms.machine.reports import Frame, Reports, Row

SAME_FILL_SECONDS = 2
"""A row without a total is the known execution if it is this close in time."""

SAME_INSTANT = timedelta(microseconds=100)
"""Frames and FILL rows both carry the time of the execution itself; rows cut it to microseconds."""

_NEAR = timedelta(seconds=SAME_FILL_SECONDS)


def owners_of(reports: Reports, progress: Progress) -> dict[str, str]:
    """Which execution each FILL row tells of: `{activity_id: execution_id}`.

    A row that is not in it is an execution of its own.
    """
    if not reports.rows or not (reports.frames or reports.amendments):
        return {}
    owners = _by_place(reports, progress.chain_qty)
    _by_time(reports, progress, owners)
    unheard = [name for name in reports.amendments if name not in reports.frames]
    if unheard and len(owners) < len(reports.rows):
        _by_totals(reports, progress, unheard, owners)
    return owners


# --- frame and row -------------------------------------------------------------------------


class _Pair(Struct, frozen=True, order=True):
    """A frame and a row that may be the same; the smallest is the likeliest."""

    apart: timedelta
    frame_at: datetime
    execution_id: str
    activity_id: str


def _by_place(reports: Reports, chain_qty: Decimal) -> dict[str, str]:
    """Rows and frames of the same place, counted with the offset that fits best."""
    best: dict[str, str] = {}
    best_fit = -1
    for offset in dict.fromkeys((ZERO, chain_qty, -chain_qty)):

        def same(frame: Frame, row: Row, offset: Decimal = offset) -> bool:
            if frame.cum_qty is None or row.cum_qty is None:
                return False
            if row.cum_qty - frame.cum_qty != offset:
                return False
            # Lots of the chain's own size look alike: then the time has to agree as well.
            return not chain_qty or _apart(frame, row) <= (SAME_INSTANT if offset else _NEAR)

        pairs = _likeliest(reports, {}, same)
        fit = sum(pair.apart <= SAME_INSTANT for pair in pairs)
        if fit > best_fit:
            best, best_fit = {pair.activity_id: pair.execution_id for pair in pairs}, fit
    return best


def _likeliest(
    reports: Reports, owners: Mapping[str, str], same: Callable[[Frame, Row], bool]
) -> list[_Pair]:
    """Each frame with at most one row, the nearest in time first."""
    taken = set(owners.values())
    found: list[_Pair] = []
    for frame in reports.frames.values():
        if frame.execution_id in taken:
            continue
        amendment = reports.amendments.get(frame.execution_id)
        for row in reports.rows.values():
            if row.activity_id in owners or row.qty != frame.qty or _is_later(row, amendment):
                continue
            if same(frame, row):
                apart = _apart(frame, row)
                found.append(_Pair(apart, frame.at, frame.execution_id, row.activity_id))
    chosen: list[_Pair] = []
    for pair in sorted(found):
        if pair.execution_id not in taken and pair.activity_id not in {
            p.activity_id for p in chosen
        }:
            taken.add(pair.execution_id)
            chosen.append(pair)
    return chosen


def _is_later(row: Row, amendment: Amendment | None) -> bool:
    """What was executed after a bust or correction is not what that undid."""
    return amendment is not None and row.at > amendment.at + _NEAR


def _by_time(reports: Reports, progress: Progress, owners: dict[str, str]) -> None:
    """Where a total is missing, or a row more would be more than was ever counted, time decides."""

    def untotaled(frame: Frame, row: Row) -> bool:
        return (frame.cum_qty is None or row.cum_qty is None) and _is_like(frame, row)

    for pair in _likeliest(reports, owners, untotaled):
        owners[pair.activity_id] = pair.execution_id
    if reports.amendments:
        return  # then more was executed than is counted
    counted = max([progress.reported_qty, *_totals(reports)])
    gross = sum((frame.qty for frame in reports.frames.values()), ZERO)
    gross += sum((row.qty for name, row in reports.rows.items() if name not in owners), ZERO)
    for pair in _likeliest(reports, owners, _is_like) if gross > counted else ():
        if gross <= counted:
            break
        owners[pair.activity_id] = pair.execution_id
        gross -= reports.rows[pair.activity_id].qty


def _totals(reports: Reports) -> list[Decimal]:
    totals = [frame.cum_qty for frame in reports.frames.values()]
    totals += [row.cum_qty for row in reports.rows.values()]
    return [total for total in totals if total is not None]


def _is_like(frame: Frame, row: Row) -> bool:
    return is_same_price(frame.price, row.price) and _apart(frame, row) <= _NEAR


def is_same_price(left: Decimal, right: Decimal) -> bool:
    """Equal, or one is the other cut or rounded to a cent."""
    return left == right or (abs(left - right) < CENT and (_is_round(left) or _is_round(right)))


def _is_round(price: Decimal) -> bool:
    return price == price.quantize(CENT)


def _apart(frame: Frame, row: Row) -> timedelta:
    return abs(frame.at - row.at)


# --- an amendment and a row ----------------------------------------------------------------


class _Book(Struct):
    """What is known to have been executed, as it stood at some time."""

    items: list[tuple[datetime, Decimal, Decimal, Amendment | None]] = field(default_factory=list)

    def add(self, at: datetime, qty: Decimal, price: Decimal, amendment: Amendment | None) -> None:
        self.items.append((at, qty, price, amendment))

    def until(self, at: datetime) -> tuple[Decimal, Decimal]:
        """Quantity and value."""
        total = value = ZERO
        for executed_at, qty, price, amendment in self.items:
            if executed_at > at:
                continue
            if amendment is not None and amendment.at <= at:
                qty, price = amended(qty, price, amendment)
            total, value = total + qty, value + qty * price
        return total, value


def amended(qty: Decimal, price: Decimal, amendment: Amendment) -> tuple[Decimal, Decimal]:
    """Quantity and price as the amendment leaves them."""
    if amendment.is_bust:
        return ZERO, price
    return (
        qty if amendment.qty is None else amendment.qty,
        price if amendment.price is None else amendment.price,
    )


def _by_totals(
    reports: Reports, progress: Progress, unheard: list[str], owners: dict[str, str]
) -> None:
    """Lay each amendment of an execution that no frame has told on the row that it fits."""
    for name in sorted(unheard, key=lambda key: (reports.amendments[key].at, key)):
        amendment = reports.amendments[name]
        free = [row for row in reports.rows.values() if row.activity_id not in owners]
        free = [row for row in free if not _is_later(row, amendment)]
        book = _known(reports, owners)
        none = _Fit.of(amendment, None, book, progress.chain_qty)
        fits = [(_Fit.of(amendment, row, book, progress.chain_qty), row) for row in free]
        fit, row = min(fits, key=lambda item: item[0], default=(none, None))
        if row is not None and fit < none:
            owners[row.activity_id] = name


def _known(reports: Reports, owners: Mapping[str, str]) -> _Book:
    book = _Book()
    for name, frame in reports.frames.items():
        book.add(frame.at, frame.qty, frame.price, reports.amendments.get(name))
    for activity_id, row in reports.rows.items():
        owner = owners.get(activity_id)
        if owner not in reports.frames:
            book.add(row.at, row.qty, row.price, reports.amendments.get(owner or ""))
    return book


class _Fit(Struct, frozen=True, order=True):
    """How well a row (or none) fits an amendment: the smallest fits best.

    First nothing may be left that the broker no longer counts; then what a bust says of its
    execution must agree, the quantity work out, and the average; of equals it is the latest.
    """

    too_much: Decimal
    contradicts: bool
    too_little: Decimal
    is_none: bool
    off_price: Decimal = ZERO
    apart: timedelta = timedelta(0)
    activity_id: str = ""

    @classmethod
    def of(cls, amendment: Amendment, row: Row | None, book: _Book, chain_qty: Decimal) -> _Fit:
        at = amendment.at if row is None else max(amendment.at, row.at)
        qty, value = book.until(at)
        if row is not None:
            new_qty, new_price = amended(row.qty, row.price, amendment)
            qty, value = qty - row.qty + new_qty, value - row.qty * row.price + new_qty * new_price
        too_much = too_little = off_price = ZERO
        if amendment.total is not None:
            off = [qty - total for total in {amendment.total, amendment.total - chain_qty}]
            nearest = min(off, key=abs)
            if row is None and nearest < 0 and not amendment.is_bust:
                # What it corrects is an execution of its own, and takes what room there is.
                nearest = min(nearest + (amendment.qty or ZERO), ZERO)
            too_much, too_little = max(nearest, ZERO), max(-nearest, ZERO)
            if amendment.average is not None and not chain_qty:
                off_price = abs(value - amendment.total * amendment.average)
        if row is None:
            return cls(too_much, False, too_little, True)
        return cls(
            too_much,
            _contradicts(amendment, row),
            too_little,
            False,
            off_price.quantize(CENT),
            abs(amendment.at - row.at),
            row.activity_id,
        )


def _contradicts(amendment: Amendment, row: Row) -> bool:
    """A bust that says what it takes back says something else than this row."""
    if not amendment.is_bust:
        return False
    if amendment.qty is not None and amendment.qty != row.qty:
        return True
    return amendment.price is not None and not is_same_price(amendment.price, row.price)
