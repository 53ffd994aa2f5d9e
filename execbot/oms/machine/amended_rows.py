"""Corrections and busts of executions that are known from their FILL rows only. Pure.

A row does not say the execution's id, and an amendment does not say the row's. But the order shown
with an amendment says what had filled after it, and at which average: laid on the right row, all of
these totals work out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.journal.records import Amendment, Progress
from execbot.model.numbers import CENT, ZERO
from execbot.oms.machine.reports import Reports, Row, amended, ruling

SAME_FILL_SECONDS = 2
"""A row without a total is the known execution if it is this close in time."""

NEAR = timedelta(seconds=SAME_FILL_SECONDS)

TRIES_MAX = 2000
"""So many ways to lay several amendments on rows are weighed at once; of more, one by one."""

Choice = tuple[Row | None, ...]
"""Which row each amended execution is laid on; None: on none, it is an execution of its own."""


def amended_rows(reports: Reports, owners: Mapping[str, str], progress: Progress) -> dict[str, str]:
    """The rows of executions that only amendments have named: `{activity_id: execution_id}`.

    `owners` are the rows that belong to a frame.
    """
    unheard = [name for name in reports.amendments if name not in reports.frames]
    unheard.sort(key=lambda name: (reports.amendments[name][0].at, name))
    free = [row for row in reports.rows.values() if row.activity_id not in owners]
    if not unheard or not free:
        return {}
    scale = _Scale(reports, owners, progress, unheard, free)
    options = [_options(free, reports.amendments[name]) for name in unheard]
    ways: list[Choice] = list(_choices(options, scale))
    chosen = min(ways, key=scale.weigh)
    return {
        row.activity_id: name for row, name in zip(chosen, unheard, strict=True) if row is not None
    }


def is_later(row: Row, amendments: Sequence[Amendment]) -> bool:
    """A bust or correction cannot undo an execution that came after it."""
    return any(row.at > item.at + NEAR for item in amendments)


def is_same_price(left: Decimal, right: Decimal) -> bool:
    """Equal, or one is the other cut or rounded to a cent."""
    return left == right or (abs(left - right) < CENT and (_is_round(left) or _is_round(right)))


def _is_round(price: Decimal) -> bool:
    return price == price.quantize(CENT)


def _options(free: Sequence[Row], amendments: Sequence[Amendment]) -> list[Row | None]:
    return [None, *(row for row in free if not is_later(row, amendments))]


def _choices(options: Sequence[list[Row | None]], scale: _Scale) -> Iterator[Choice]:
    """Every way to lay the amendments, each row taken once; or what is best one by one."""
    ways = 1
    for rows in options:
        ways *= len(rows)
    if ways <= TRIES_MAX:
        yield from (way for way in itertools.product(*options) if _takes_once(way))
        return
    chosen: list[Row | None] = [None] * len(options)
    for number, rows in enumerate(options):
        taken = {row.activity_id for row in chosen if row is not None}
        tries: list[Choice] = []
        for row in rows:
            if row is None or row.activity_id not in taken:
                tries.append((*chosen[:number], row, *chosen[number + 1 :]))
        best: Choice = min(tries, key=scale.weigh)
        chosen = list(best)
    yield tuple(chosen)


def _takes_once(way: Choice) -> bool:
    taken = [row.activity_id for row in way if row is not None]
    return len(taken) == len(set(taken))


class _Item(Struct, frozen=True, gc=False):
    """An execution as it is weighed."""

    at: datetime
    qty: Decimal
    price: Decimal
    amendments: tuple[Amendment, ...]


class _Weight(Struct, frozen=True, order=True):
    """How badly a choice fits, the worst first.

    Nothing may be left that the broker no longer counts. What a bust says of its execution must
    agree, and the average where the quantity does. Then the quantities must work out, with as many
    amendments laid on rows as can be, and the averages. Of equals it is what happened last before.
    """

    too_much: Decimal
    contradictions: int
    too_little: Decimal
    on_none: int
    off_value: Decimal
    apart: timedelta
    names: tuple[str, ...]


class _Total(Struct, frozen=True, gc=False):
    """The broker's total: right after an amendment (`is_after`), or at a time."""

    at: datetime
    qty: Decimal
    average: Decimal | None
    is_after: bool


class _Scale:
    """Weighs choices against all totals that came with amendments, and the youngest one."""

    def __init__(
        self,
        reports: Reports,
        owners: Mapping[str, str],
        progress: Progress,
        unheard: Sequence[str],
        free: Sequence[Row],
    ) -> None:
        self.amendments = [reports.amendments[name] for name in unheard]
        self.free = free
        self.known = [
            _Item(frame.at, frame.qty, frame.price, reports.amendments.get(name, ()))
            for name, frame in reports.frames.items()
        ]
        self.totals = _totals(itertools.chain.from_iterable(reports.amendments.values()))
        at = progress.latest_at
        if at is not None:
            average = progress.latest_avg_price
            self.totals.append(_Total(at, progress.latest_qty, average, is_after=False))
        # The totals of a replacement may count its chain, or not: all of them alike.
        self.carried = {(ZERO, ZERO), (progress.chain_qty, progress.chain_value)}

    def weigh(self, choice: Choice) -> _Weight:
        items = self._items(choice)
        seen = [(total, *_as_of(items, total)) for total in self.totals]
        too_much, misfits, too_little, off_value = min(
            _off(seen, chain_qty, chain_value) for chain_qty, chain_value in self.carried
        )
        laid = [(r, a) for r, a in zip(choice, self.amendments, strict=True) if r is not None]
        return _Weight(
            too_much,
            misfits + sum(_contradicts(amendments, row) for row, amendments in laid),
            too_little,
            len(choice) - len(laid),
            off_value,
            sum((amendments[0].at - row.at for row, amendments in laid), timedelta(0)),
            tuple(row.activity_id for row, _ in laid),
        )

    def _items(self, choice: Choice) -> list[_Item]:
        taken = {row.activity_id for row in choice if row is not None}
        items = list(self.known)
        items += [_Item(r.at, r.qty, r.price, ()) for r in self.free if r.activity_id not in taken]
        for row, amendments in zip(choice, self.amendments, strict=True):
            if row is not None:
                items.append(_Item(row.at, row.qty, row.price, amendments))
            else:
                items.append(_Item(amendments[0].at, ZERO, ZERO, amendments))
        return items


def _off(
    seen: Iterable[tuple[_Total, Decimal, Decimal]], chain_qty: Decimal, chain_value: Decimal
) -> tuple[Decimal, int, Decimal, Decimal]:
    """Too much, averages that do not work out, too little, and by how much they do not."""
    too_much = too_little = off_value = ZERO
    misfits = 0
    for total, qty, value in seen:
        off = qty - (total.qty - chain_qty)
        too_much, too_little = too_much + max(off, ZERO), too_little + max(-off, ZERO)
        if total.average is not None:
            off_by = abs(value - (total.qty * total.average - chain_value))
            misfits += off == 0 and off_by > total.qty * CENT  # rows may be rounded
            off_value += off_by
    return too_much, misfits, too_little, off_value.quantize(CENT)


def _totals(amendments: Iterable[Amendment]) -> list[_Total]:
    return [
        _Total(item.at, item.total, item.average, is_after=True)
        for item in amendments
        if item.total is not None
    ]


def _as_of(items: Iterable[_Item], total: _Total) -> tuple[Decimal, Decimal]:
    """Quantity and value as they stood at a time.

    What was executed in the very instant of an amendment was executed after it: an amendment comes
    late.
    """
    qty = value = ZERO
    for item in items:
        if item.at > total.at or (total.is_after and item.at == total.at and item.qty):
            continue
        counts = ruling(item.amendments, total.at)
        lot, price = item.qty, item.price
        if counts is not None:
            lot, price = amended(lot, price, counts)
        qty, value = qty + lot, value + lot * price
    return qty, value


def _contradicts(amendments: Iterable[Amendment], row: Row) -> bool:
    """A bust that says what it takes back says something else than this row."""
    for item in amendments:
        if not item.is_bust:
            continue
        if item.qty is not None and item.qty != row.qty:
            return True
        if item.price is not None and not is_same_price(item.price, row.price):
            return True
    return False
