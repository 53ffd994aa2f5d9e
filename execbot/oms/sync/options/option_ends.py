"""Contracts that have ended and whose rows are not there yet (docs/evidence.md, E-OPT-3). Pure.

Positions and cash change at once when a contract expires, is exercised or assigned; the rows that
say so (OPEXP, OPEXC, OPASN, OPCSH, and OPTRD for the shares) may come a day late. Until the end of
the next trading day after its expiry a difference that fits is no break: it waits for its row.

An assignment, or an exercise, may also come on any night before: then contracts are gone and just
the shares that they deliver have come or gone with them. That is a pending event until the end of
the next trading day after it was first seen; either of the two alone is a break.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from execbot.market.sessions import SessionTable, trading_day
from execbot.model.numbers import ZERO
from execbot.model.symbols import OPTION_MULTIPLIER, OptionContract, option_contract
from execbot.model.times import day_begins, eastern
from execbot.oms.sync.differences import PositionDifference

DAYS_AHEAD_MAX = 10
"""The next trading day is never further away."""

NONE_ADOPTED: Mapping[str, Decimal] = {}


def delivered_early(
    differences: Iterable[PositionDifference],
    now: datetime,
    table: SessionTable,
    adopted: Mapping[str, Decimal] = NONE_ADOPTED,
    seen: Collection[str] = (),
) -> Mapping[str, PositionDifference]:
    """Contracts that are gone before their day, where just the shares that they deliver have moved:
    by symbol, with the underlying's own difference among them.

    A call and a put that are sold and assigned in one night bring and take the same shares: then no
    share differs. Nor does it for shares that were `adopted` meanwhile (by symbol), because they
    were closed before their row was there; nor where one that was `seen` to end before meets
    another. A list that leaves a spread out looks the same otherwise, and proves nothing.
    """
    known = {item.symbol: item for item in differences}
    gone: defaultdict[str, list[PositionDifference]] = defaultdict(list)
    for item in known.values():
        contract = option_contract(item.symbol)
        if contract is None or not is_closer_to_nothing(item):
            continue
        if now < _last_moment(contract, table):
            gone[contract.root].append(item)
    found: dict[str, PositionDifference] = {}
    for root, items in gone.items():
        shares = known.get(root)
        moved = ZERO if shares is None else shares.theirs - shares.ours
        taken = adopted.get(root, ZERO)
        was_seen = any(item.symbol in seen for item in items)
        if not (moved or taken or was_seen or all(item.ours < 0 for item in items)):
            continue
        if sum(map(shares_delivered, items), ZERO) in (moved, moved + taken):
            found |= {item.symbol: item for item in items}
            found |= {root: shares} if shares is not None else {}
    return found


def shares_delivered(item: PositionDifference) -> Decimal:
    """By contracts that are gone, signed: a bought call and a sold put bring shares, the others
    take them away."""
    contract = option_contract(item.symbol)
    assert contract is not None
    return (item.ours - item.theirs) * OPTION_MULTIPLIER * (1 if contract.is_call else -1)


def awaited(
    differences: Iterable[PositionDifference],
    now: datetime,
    table: SessionTable,
    early: Mapping[str, datetime] | None = None,
    changed: Mapping[str, str] | None = None,
) -> Mapping[str, str]:
    """Of the symbols that differ those that wait for rows, and why, in words.

    `early` are those of `delivered_early`, and contracts that seem to have become others, with the
    moment when each was first seen. `changed` are the words for the latter.
    """
    differences = list(differences)
    ended = {
        item.symbol: item
        for item in differences
        if (contract := option_contract(item.symbol)) is not None
        and is_closer_to_nothing(item)
        and has_just_ended(contract, now, table)
    }
    found = {symbol: f"{symbol} has expired, its row is not there yet" for symbol in ended}
    for symbol, seen_at in (early or {}).items():
        if now < _deadline(eastern(seen_at).date(), table):
            found[symbol] = (changed or {}).get(symbol) or (
                f"{symbol}: pending event, it fits an assignment or exercise before the contract's "
                "day, the rows are not there yet"
            )
    for item in differences:
        units = sum((_gone(end) for end in ended.values() if root_of(end) == item.symbol), ZERO)
        shares = abs(item.theirs - item.ours)
        if shares and shares <= units * OPTION_MULTIPLIER and not shares % OPTION_MULTIPLIER:
            found[item.symbol] = (
                f"{item.symbol} fits what its expired contracts deliver, their rows are not there "
                "yet"
            )
    return found


def is_closer_to_nothing(item: PositionDifference) -> bool:
    """An end only ever takes contracts away."""
    return abs(item.theirs) < abs(item.ours) and item.ours * item.theirs >= 0


def has_just_ended(contract: OptionContract, now: datetime, table: SessionTable) -> bool:
    """From the close of its last day to the end of the next trading day."""
    return _last_moment(contract, table) <= now < _deadline(contract.expires, table)


def _last_moment(contract: OptionContract, table: SessionTable) -> datetime:
    last = trading_day(table, contract.expires)
    return last.close if last is not None else day_begins(contract.expires + timedelta(days=1))


def _deadline(expires: date, table: SessionTable) -> datetime:
    for days in range(1, DAYS_AHEAD_MAX):
        day = expires + timedelta(days=days)
        if trading_day(table, day) is not None:
            return day_begins(day + timedelta(days=1))
    return day_begins(expires + timedelta(days=DAYS_AHEAD_MAX))


def _gone(item: PositionDifference) -> Decimal:
    return abs(item.ours - item.theirs)


def root_of(item: PositionDifference) -> str:
    """Of a contract; empty for anything else."""
    contract = option_contract(item.symbol)
    return contract.root if contract is not None else ""
