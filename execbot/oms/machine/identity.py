"""Which reports tell of the same execution (docs/evidence.md, rows E-EXE). Pure.

An execution is a place in its order: the last `qty` shares up to the total `cum_qty`. A frame and a
FILL row that say the same place are the same execution; prices are not compared, since a row may
round them. Two totals may count differently for a replacement (with what the chain before it had
filled, or without), but a source counts all executions of an order alike: one offset fits all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.journal.records import Progress
from execbot.model.numbers import ZERO
from execbot.oms.machine.amended_rows import NEAR, amended_rows, is_later, is_same_price
from execbot.oms.machine.reports import Frame, Reports, Row

SAME_INSTANT = timedelta(microseconds=100)
"""Frames and FILL rows both carry the time of the execution itself; rows cut it to microseconds."""


def owners_of(reports: Reports, progress: Progress) -> dict[str, str]:
    """Which execution each FILL row tells of: `{activity_id: execution_id}`.

    A row that is not in it is an execution of its own.
    """
    if not reports.rows or not (reports.frames or reports.amendments):
        return {}
    owners = _by_place(reports, progress)
    _by_time(reports, progress, owners)
    return owners | amended_rows(reports, owners, progress)


def has_row_of_place(reports: Reports, row: Row) -> bool:
    """Whether another row tells of the same shares, price and instant: the same execution.

    The broker gives an execution one row. If an answer spoils its id, the next one brings it anew.
    """
    place = (row.cum_qty, row.qty, row.price, row.at)
    return row.cum_qty is not None and any(
        (known.cum_qty, known.qty, known.price, known.at) == place
        for known in reports.rows.values()
    )


# --- frame and row -------------------------------------------------------------------------


class _Pair(Struct, frozen=True, order=True):
    """A frame and a row that may be the same; the smallest is the likeliest."""

    apart: timedelta
    frame_at: datetime
    execution_id: str
    activity_id: str


def _by_place(reports: Reports, progress: Progress) -> dict[str, str]:
    """Rows and frames of the same place, counted with the offset that fits best.

    What the chain had filled may have been corrected in between: then other offsets fit the rest.
    """
    is_chain = bool(progress.chain_qty) or progress.chain_changed_at is not None
    owners: dict[str, str] = {}
    offsets = [ZERO]
    if is_chain:
        offsets += [progress.chain_qty, -progress.chain_qty, *_offsets_seen(reports)]
    waiting = list(dict.fromkeys(offsets))
    while waiting:
        found = [(offset, _at_offset(reports, owners, offset, is_chain)) for offset in waiting]
        offset, pairs = max(found, key=lambda item: _fit(item[1]))
        owners |= {pair.activity_id: pair.execution_id for pair in pairs}
        waiting.remove(offset)
    return owners


def _at_offset(
    reports: Reports, owners: Mapping[str, str], offset: Decimal, is_chain: bool
) -> list[_Pair]:
    def same(frame: Frame, row: Row) -> bool:
        if frame.cum_qty is None or row.cum_qty is None:
            return False
        if row.cum_qty - frame.cum_qty != offset:
            return False
        # Lots of the chain's own size look alike: then the time has to agree as well.
        return not is_chain or _apart(frame, row) <= (SAME_INSTANT if offset else NEAR)

    return _likeliest(reports, owners, same)


def _fit(pairs: list[_Pair]) -> int:
    return sum(pair.apart <= SAME_INSTANT for pair in pairs)


def _offsets_seen(reports: Reports) -> list[Decimal]:
    """Between totals of the same instant and quantity, the smallest first."""
    found = {
        row.cum_qty - frame.cum_qty
        for frame in reports.frames.values()
        for row in reports.rows.values()
        if frame.qty == row.qty and _apart(frame, row) <= SAME_INSTANT
        if frame.cum_qty is not None and row.cum_qty is not None
    }
    return sorted(found, key=lambda offset: (abs(offset), offset))


def _likeliest(
    reports: Reports, owners: Mapping[str, str], same: Callable[[Frame, Row], bool]
) -> list[_Pair]:
    """Each frame with at most one row, the nearest in time first."""
    taken = set(owners.values())
    found: list[_Pair] = []
    for frame in reports.frames.values():
        if frame.execution_id in taken:
            continue
        amendments = reports.amendments.get(frame.execution_id, ())
        for row in reports.rows.values():
            if row.activity_id in owners or row.qty != frame.qty or is_later(row, amendments):
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
    return is_same_price(frame.price, row.price) and _apart(frame, row) <= NEAR


def _apart(frame: Frame, row: Row) -> timedelta:
    return abs(frame.at - row.at)
