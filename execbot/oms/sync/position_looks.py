"""Reconcile, the positions: looked at until two looks show the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from execbot.broker.port import BrokerClient
from execbot.journal.journal import Journal
from execbot.model.account import Position
from execbot.model.retrying import Attempts, Schedule, polled
from execbot.model.symbols import symbol_key
from execbot.model.timer import Timer
from execbot.model.unread import Unread, unread_of
from execbot.oms.sync.differences import PositionDifference, compare
from execbot.oms.sync.gaps import GapFill, fill_gap
from execbot.oms.sync.reconcile_work import Work
from execbot.oms.sync.unread_rows import keep_unread

LOOKS = Attempts(4)
LOOK_PAUSE = Schedule((0.25,))
"""Positions and orders are read one after the other; a fill between them shows as a difference
that is gone at the next look."""


class _Look(Struct, frozen=True):
    """What one look at the positions showed."""

    differences: list[PositionDifference]
    positions: dict[str, Position]
    filled: GapFill
    unread: tuple[Unread, ...]
    is_quiet: bool


def compare_positions(
    journal: Journal,
    client: BrokerClient,
    now: Callable[[], datetime],
    timer: Timer,
    filled: GapFill,
    work: Work,
) -> tuple[list[PositionDifference], dict[str, Position], GapFill]:
    """Differences that two looks in a row show the same: nothing was moving in between.

    Impossible answers are asked for again as well; those that stay make no difference.
    """
    looked: list[_Look] = []

    def look() -> _Look:
        known = filled
        if looked:
            again = fill_gap(journal, client, now)
            work.changes.extend(again.changes)
            known = _merge(looked[-1].filled, again)
        rows = client.get_positions()
        positions = {symbol_key(item.symbol): item for item in rows}
        differences = compare(journal.positions(), positions.values())
        unread = (*known.unread, *unread_of(rows))
        is_same = bool(looked) and looked[-1].differences == differences
        is_quiet = not unread and (not differences or is_same)
        looked.append(_Look(differences, positions, known, unread, is_quiet))
        return looked[-1]

    last = polled(look, lambda seen: seen.is_quiet, wait=LOOK_PAUSE, stop=LOOKS, timer=timer)
    work.unread, work.listed = last.unread, tuple(last.positions)
    keep_unread(journal, last.unread, now())
    return work.known(last.differences), last.positions, last.filled


def _merge(first: GapFill, second: GapFill) -> GapFill:
    """The later look at each order counts."""
    orders = {order.id: order for order in (*first.orders, *second.orders)}
    return GapFill(
        at=second.at,
        orders=tuple(orders.values()),
        missing=second.missing,
        activities=max(first.activities, second.activities),
        is_first=first.is_first,
        unread=second.unread,
    )
