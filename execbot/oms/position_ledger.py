"""Positions as the journal keeps them: as they stand, and as they stood before each day's fills.

What comes in order extends them. What is late (a fill of yesterday, a bust, a correction, an
adjustment back in time) makes the days after it fall: they are laid anew, from the day before it
on, so that nothing older is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime

from execbot.journal.journal import Journal
from execbot.journal.records import Execution, PositionRecord
from execbot.model.times import day_begins, eastern
from execbot.oms.machine.positions import comes_after, fold_days


def write_positions(
    journal: Journal, added: Mapping[str, Sequence[Execution]], changed: Mapping[str, datetime]
) -> None:
    """Count in what was added by symbol; of the symbols in `changed`, everything since then.

    Called when the executions are written, in their transaction.
    """
    symbols = sorted(added.keys() | changed.keys())
    before = journal.positions_of(symbols) if symbols else {}
    positions = []
    for symbol in symbols:
        known = before.get(symbol) or PositionRecord(symbol=symbol)
        new = sorted(added.get(symbol, ()), key=lambda item: (item.at, item.execution_id))
        if symbol not in changed and comes_after(new[0], known):
            position, days = fold_days(known, new)
            journal.put_position_days(days)
        else:
            since = min(item.at for item in new) if new else changed[symbol]
            position = _added_up(journal, symbol, min(since, changed.get(symbol, since)))
        positions.append(position)
    journal.put_positions(positions)


def _added_up(journal: Journal, symbol: str, since: datetime | None) -> PositionRecord:
    """The position from the last day kept before `since`, or from the beginning; days laid anew."""
    base = None if since is None else journal.position_day(symbol, until=eastern(since).date())
    position = PositionRecord(symbol=symbol) if base is None else base.position
    first = None if base is None else base.day
    after = None if first is None else day_begins(first)
    position, days = fold_days(position, journal.executions(after, symbol=symbol))
    journal.drop_position_days(symbol, since=first)
    journal.put_position_days(days)
    return position


def lay_archived(journal: Journal) -> None:
    """The positions that the archives add up to, and their days: where a rebuild begins."""
    symbols = journal.archived_symbols()
    journal.put_positions([_added_up(journal, symbol, None) for symbol in symbols])


def positions_before(
    journal: Journal, day: date, symbols: Collection[str]
) -> dict[str, PositionRecord]:
    """How the positions of these symbols stood before a New York day.

    The days of a journal from before they were kept are laid here, once.
    """
    found = {}
    for symbol in symbols:
        position = journal.position_before(symbol, day)
        if position is None:
            with journal.transaction():
                _added_up(journal, symbol, None)
            position = journal.position_before(symbol, day)
        if position is not None:
            found[symbol] = position
    return found


def symbols_of_day(journal: Journal, start: datetime, fills: Iterable[Execution]) -> set[str]:
    """Every symbol that was held at a moment or traded since: what is held, and what was sold."""
    held = {item.symbol for item in (*journal.positions(), *journal.flat_since(start))}
    return held | {item.symbol for item in fills}
