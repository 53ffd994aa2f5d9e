"""Differences that wait for rows of options, and since when (docs/evidence.md, E-OPT-3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from execbot.journal.journal import Journal
from execbot.journal.records import PositionRecord
from execbot.market.calendar_cache import load_table
from execbot.model.account import Position
from execbot.model.numbers import ZERO, text
from execbot.model.options.changed import (
    ContractChange,
    Held,
    changed_contracts,
    stock_of,
    words_of,
)
from execbot.model.symbols import is_option, option_contract
from execbot.model.times import iso, parse_time
from execbot.oms.sync.differences import PositionDifference, compare
from execbot.oms.sync.options import deliveries, option_ends
from execbot.oms.sync.options.split_deliveries import (
    is_booked_already,
    is_nothing_left,
    perhaps_ended,
    split_since,
)

GONE_EARLY_KEY = "options:gone_early"
"""Meta: of each symbol `[ours, theirs]` as text, and when that was first seen."""

FORGOTTEN_AFTER = timedelta(days=14)
"""Later than any wait for rows: the same quantities are another event then."""


def pending_events(journal: Journal, held: Sequence[Position], now: datetime) -> Mapping[str, str]:
    """By symbol what the broker's list differs in and rows are to explain, in words. Nothing is
    asked and nothing written. Raises JournalError."""
    records = journal.positions()
    if not any(record.qty and is_option(record.symbol) for record in records):
        return {}
    return _awaited(journal, compare(records, held), held, now)[0]


def pending_changes(
    journal: Journal, held: Sequence[Position], now: datetime
) -> tuple[ContractChange, ...]:
    """Contracts that seem to have become others and whose rows are not there yet. Raises
    JournalError."""
    return _changes(journal, compare(journal.positions(), held), held, now)[0]


def _changes(
    journal: Journal,
    differing: Sequence[PositionDifference],
    listed: Sequence[Position],
    now: datetime,
) -> tuple[tuple[ContractChange, ...], Sequence[PositionDifference]]:
    """Contracts that became others; and those that had ended before that, where such are left
    over, with the shares that they delivered."""
    rows = {item.symbol: Held(item.symbol, item.ours, item.theirs) for item in differing}
    contracts = {symbol: row for symbol, row in rows.items() if is_option(symbol)}
    found = changed_contracts(contracts.values())
    if found or not contracts:
        return found, ()
    traded = _taken_over(journal, contracts, now)
    found = changed_contracts({**contracts, **traded}.values()) if traded else ()
    if found:
        return found, ()
    for ended in perhaps_ended(differing):
        left = {s: row for s, row in contracts.items() if s not in {item.symbol for item in ended}}
        found = changed_contracts(left.values())
        if found or not left:
            shares = _delivered_before_split(journal, ended, listed, now, is_shown=bool(found))
            if shares is not None:
                return found, (*ended, *shares)
    return (), ()


def _delivered_before_split(
    journal: Journal,
    ended: Sequence[PositionDifference],
    listed: Sequence[Position],
    now: datetime,
    *,
    is_shown: bool,
) -> Sequence[PositionDifference] | None:
    """The shares that differ, where what these contracts delivered and a split after it explain
    them all; None where they do not. `is_shown`: other contracts show the split."""
    found = []
    for root, group in groupby(sorted(ended, key=option_ends.root_of), key=option_ends.root_of):
        items = list(group)
        ours = journal.position(root) or PositionRecord(symbol=root)
        theirs = next((p for p in listed if p.symbol == root), None)
        adopted = deliveries.adopted_lately(journal.executions(symbol=root), now)
        split = split_since(ours, items, theirs, adopted, now)
        is_over = is_shown and (
            is_nothing_left(ours, items, theirs, adopted)
            or is_booked_already(ours, items, theirs, adopted)
        )
        if split is None and not is_over:
            return None
        qty = theirs.qty if theirs is not None else ZERO
        found += [PositionDifference(root, ours.qty, qty)] if ours.qty != qty else []
    return found


def _taken_over(journal: Journal, contracts: Mapping[str, Held], now: datetime) -> dict[str, Held]:
    """Contracts that were traded before the rows came that say what they had been: the broker's
    quantity was taken over then. Of them as they came."""
    roots = {stock_of(c.root) for s in contracts if (c := option_contract(s)) is not None}
    since = now - deliveries.ADOPTED_LATELY
    symbols = {
        item.symbol
        for item in journal.executions(since)
        if (c := option_contract(item.symbol)) is not None and stock_of(c.root) in roots
    }
    found = {}
    for symbol in symbols:
        adopted = deliveries.adopted_lately(journal.executions(symbol=symbol), now)
        position = journal.position(symbol)
        ours = ZERO if position is None else position.qty
        if adopted is not None and (symbol not in contracts or ours != adopted.qty):
            theirs = contracts[symbol].theirs if symbol in contracts else ours
            found[symbol] = Held(symbol, ZERO, adopted.qty + theirs - ours)
    return found


def keep_pending(
    journal: Journal,
    differing: Sequence[PositionDifference],
    listed: Sequence[Position],
    now: datetime,
) -> Mapping[str, str]:
    """The same; when an early end was first seen is kept: its wait ends."""
    awaited, early = _awaited(journal, differing, listed, now)
    if early and early != journal.meta_get(GONE_EARLY_KEY):
        journal.meta_set(GONE_EARLY_KEY, early)
    return awaited


def _awaited(
    journal: Journal,
    differing: Sequence[PositionDifference],
    listed: Sequence[Position],
    now: datetime,
) -> tuple[Mapping[str, str], Mapping[str, list[str]]]:
    table = load_table()
    kept = journal.meta_get(GONE_EARLY_KEY)
    known = kept if isinstance(kept, dict) else {}
    adopted = _adopted(journal, differing, now)
    changes, ended = _changes(journal, differing, listed, now)
    changed = dict(words_of(changes))
    for item in ended:
        changed[item.symbol] = (
            f"{item.symbol}: pending event, it fits an assignment or exercise and a split of the "
            "stock after it, the rows are not there yet"
        )
    others = [item for item in differing if item.symbol not in changed]
    early = dict(option_ends.delivered_early(others, now, table, adopted, known))
    early |= {item.symbol: item for item in differing if item.symbol in changed}
    seen: dict[str, datetime] = {}
    for symbol, item in early.items():
        match known.get(symbol):
            case [str(ours), str(theirs), str(at)] if (moment := parse_time(at)) is not None:
                is_same = [ours, theirs] == [text(item.ours), text(item.theirs)]
                seen[symbol] = moment if is_same and now - moment < FORGOTTEN_AFTER else now
            case _:
                seen[symbol] = now
    told = {s: [text(early[s].ours), text(early[s].theirs), iso(at)] for s, at in seen.items()}
    return option_ends.awaited(others, now, table, seen, changed), told


def _adopted(
    journal: Journal, differing: Sequence[PositionDifference], now: datetime
) -> dict[str, Decimal]:
    """Shares of underlyings that were taken over lately, maybe before the rows of an exercise."""
    contracts = (option_contract(item.symbol) for item in differing)
    roots = {contract.root for contract in contracts if contract is not None}
    found = {r: deliveries.adopted_lately(journal.executions(symbol=r), now) for r in sorted(roots)}
    return {root: adopted.qty for root, adopted in found.items() if adopted is not None}
