"""Reads what the account's activities say of positions that differ: one request for all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.journal.journal import Journal
from execbot.journal.records import Execution, PositionRecord
from execbot.market.calendar_cache import load_table
from execbot.model.account import Activity, Position
from execbot.model.enums import AssetClass
from execbot.model.numbers import ZERO
from execbot.model.symbols import symbol_key
from execbot.oms.sync import row_evidence, split_evidence
from execbot.oms.sync.differences import PositionDifference, compare
from execbot.oms.sync.evidence import Evidence
from execbot.oms.sync.late_fills import LateFills, late_fills
from execbot.oms.sync.options import deliveries
from execbot.oms.sync.options.owed_deliveries import forget_owed, is_owed
from execbot.oms.sync.options.pending_events import keep_pending
from execbot.oms.sync.options.split_deliveries import (
    SplitDelivery,
    before_a_split,
    was_split_since,
)
from execbot.oms.sync.row_evidence import MovedShares, Succession

log = logging.getLogger("execbot.oms")

ROWS_BEFORE = timedelta(days=2)
"""Rows carry the day they take effect, in New York: the first look begins well before it."""

KINDS = tuple(dict.fromkeys((*split_evidence.SPLIT_ROWS, *row_evidence.MOVING_ROWS)))
"""The activities that are asked for."""

RowsBySymbol = Mapping[str, Sequence[Activity]]


class _Look(Struct, frozen=True):
    """Our books and the broker's list side by side at one moment. Both are by symbol key."""

    journal: Journal
    now: datetime
    mine: Mapping[str, PositionRecord]
    theirs: Mapping[str, Position]
    differences: Sequence[PositionDifference]
    executions_of: Callable[[str], list[Execution]]
    """Those of a symbol, read once a look."""

    @property
    def differing(self) -> list[PositionDifference]:
        """Those of which rows may tell: stocks and contracts; of a coin they tell at most fees."""
        return [item for item in self.differences if not self._is_coin(item)]

    def _is_coin(self, item: PositionDifference) -> bool:
        known = self.mine.get(symbol_key(item.symbol)) or self.theirs.get(symbol_key(item.symbol))
        return known is not None and known.asset_class == AssetClass.CRYPTO

    @property
    def since(self) -> datetime | None:
        """From when on rows are asked for; None: all that the broker gives."""
        opened = [item.opened_at for item in self.mine.values() if item.opened_at is not None]
        return min(opened) - ROWS_BEFORE if opened else None

    def agreed_at(self, symbol: str) -> datetime | None:
        """When both sides were last known to agree: at the last adjustment, else at the opening."""
        adjusted = split_evidence.last_adjustment(self.executions_of(symbol))
        position = self.mine.get(symbol_key(symbol))
        return position.opened_at if adjusted is None and position is not None else adjusted

    def late(self, moving: RowsBySymbol) -> tuple[LateFills, ...]:
        """What was taken over before its fills were told, where that explains a difference, if need
        be together with rows."""
        found = (
            late_fills(
                self.journal,
                item,
                self.executions_of(item.symbol),
                moving.get(item.symbol, ()),
                self.now,
            )
            for item in self.differences
        )
        return tuple(late for late in found if late is not None)


def read_evidence(
    journal: Journal, client: BrokerClient, positions: Sequence[Position], now: datetime
) -> Evidence:
    """What the account's activities say of stocks and contracts whose quantity differs.

    One request, and none where nothing differs and no shares are owed. A broker that does not
    answer proves nothing. Raises JournalError.
    """
    look = _look(journal, positions, now)
    differing = look.differing
    if not differing and not is_owed(journal, now):
        return Evidence(late=look.late({}))
    awaited = keep_pending(journal, differing, positions, now)
    try:
        rows = client.get_activities(KINDS, after=look.since)
    except BrokerError as error:
        log.warning("no activities to explain a difference: %s", error)
        return Evidence(awaited=awaited, late=look.late({}))
    return _evidence_of(look, rows, awaited)


def _look(journal: Journal, positions: Sequence[Position], now: datetime) -> _Look:
    mine = {symbol_key(item.symbol): item for item in journal.positions()}
    return _Look(
        journal=journal,
        now=now,
        mine=mine,
        theirs={symbol_key(item.symbol): item for item in positions},
        differences=compare(mine.values(), positions),
        executions_of=cache(lambda symbol: journal.executions(symbol=symbol)),
    )


def _evidence_of(look: _Look, rows: Sequence[Activity], awaited: Mapping[str, str]) -> Evidence:
    """What rows say of each difference, and of shares whose quantity does not differ."""
    moving = row_evidence.rows_by_symbol(rows)
    late = look.late(moving)
    left = {item.symbol: item.left for item in late}
    delivered, before_splits = _deliveries(look, rows, moving)
    moved = [item for item in delivered if not item.qty]
    splits = [item.split for item in before_splits if item.split is not None]
    transferred = set()
    for difference in look.differing:
        symbol, executions = difference.symbol, look.executions_of(difference.symbol)
        if split_evidence.is_transferred(symbol, rows, look.agreed_at(symbol)):
            transferred.add(symbol)
        explained = next((item for item in delivered if item.symbol == symbol), None)
        explained = explained or _by_rows(left.get(symbol, difference), moving, executions)
        moved += [explained] if explained is not None else []
        held = look.theirs.get(symbol_key(symbol))
        average = held.avg_entry_price if held is not None else None
        split = split_evidence.by_record(symbol, executions, rows, difference.theirs, average)
        splits += [split] if split is not None else []
    told = {item.moved.symbol for item in before_splits}
    return Evidence(
        splits=tuple(splits),
        before_splits=tuple(item.moved for item in before_splits),
        transferred=frozenset(transferred),
        moved=tuple(moved),
        successions=_successions(look, rows),
        awaited={symbol: why for symbol, why in awaited.items() if symbol not in told},
        late=late,
    )


def _by_rows(
    difference: PositionDifference, moving: RowsBySymbol, executions: Sequence[Execution]
) -> MovedShares | None:
    gap = difference.theirs - difference.ours
    rows = row_evidence.explaining(gap, moving.get(difference.symbol, ()), executions)
    return MovedShares(difference.symbol, gap, rows) if rows else None


def _deliveries(
    look: _Look, rows: Sequence[Activity], moving: RowsBySymbol
) -> tuple[list[MovedShares], list[SplitDelivery]]:
    """Shares of contracts whose own rows are booked, or explain what differs now. Those that come
    and go in the same number are among them: nothing differs for them, but the money does. Apart
    from them those that a split has changed since."""
    gaps = {item.symbol: item for item in look.differing}
    booked = {symbol: _booked_rows(look.executions_of(symbol)) for symbol in moving}
    ended = list(_ended(look, moving, gaps, booked))
    found: list[MovedShares] = []
    before_splits: list[SplitDelivery] = []
    moved_rows = [row for of_symbol in moving.values() for row in of_symbol]
    forget_owed(look.journal, deliveries.delivered(moved_rows, ended, booked), look.now)
    for symbol, due in deliveries.due_deliveries(moved_rows, ended, booked).items():
        gap = gaps.get(symbol)
        difference = ZERO if gap is None else gap.theirs - gap.ours
        executions = look.executions_of(symbol)
        adopted = deliveries.adopted_lately(executions, look.now)
        moved = deliveries.explained(symbol, difference, due, adopted)
        if moved is None or (adopted is not None and was_split_since(adopted, executions, rows)):
            held = look.theirs.get(symbol_key(symbol))
            split = before_a_split(symbol, due, executions, rows, held, load_table(), look.now)
            before_splits += [split] if split is not None else []
            moved = None if split is not None else moved
        found += [moved] if moved is not None else []
    return found, before_splits


def _booked_rows(executions: Iterable[Execution]) -> frozenset[str]:
    return frozenset(item.activity_id for item in executions if item.activity_id)


def _ended(
    look: _Look,
    moving: RowsBySymbol,
    gaps: Mapping[str, PositionDifference],
    booked: Mapping[str, frozenset[str]],
) -> Iterable[Activity]:
    """Rows that are in the books, and those that are about to be since they explain a difference:
    the ends of contracts are among them."""
    for symbol, of_symbol in moving.items():
        yield from (row for row in of_symbol if row.id in booked[symbol])
        if symbol in gaps:
            told = _by_rows(gaps[symbol], moving, look.executions_of(symbol))
            yield from () if told is None else told.rows


def _successions(look: _Look, rows: Sequence[Activity]) -> tuple[Succession, ...]:
    """Those of which the old symbol is held here just as it went."""
    differing = {item.symbol for item in look.differing}
    return tuple(
        pair
        for pair in row_evidence.successions(rows, ())
        if pair.old in differing
        and (ours := look.journal.position(pair.old)) is not None
        and ours.qty == -pair.gone
        and pair.rows[0].id not in _booked_rows(look.executions_of(pair.old))
    )
