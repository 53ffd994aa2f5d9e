"""Remembers across restarts which differences to the broker's quantities were already reported.

`watch` tells a difference once; a later run shows it as one that stands, for as long as both
quantities stay as they were. A difference that is gone is forgotten, so that it is told anew should
it come back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal

from msgspec import Struct

from execbot.journal.journal import Journal
from execbot.journal.records import PositionRecord
from execbot.model.account import Position
from execbot.model.enums import AssetClass
from execbot.model.numbers import COIN_FEE_SHARE, ZERO, maybe_decimal, text
from execbot.model.symbols import symbol_key

TOLD_PREFIX = "position_differs:"
"""Meta: `[ours, theirs]` as text for each symbol."""


def reported_differences(journal: Journal) -> dict[str, PositionDifference]:
    """By symbol. Raises JournalError."""
    found: dict[str, PositionDifference] = {}
    for key, value in journal.meta_all(TOLD_PREFIX).items():
        symbol = key.removeprefix(TOLD_PREFIX)
        quantities = [maybe_decimal(item) for item in value] if isinstance(value, list) else []
        match quantities:
            case [ours, theirs] if ours is not None and theirs is not None:
                found[symbol] = PositionDifference(symbol, ours, theirs)
    return found


def remember_reported(journal: Journal, difference: PositionDifference) -> None:
    """Raises JournalError."""
    value = [text(difference.ours), text(difference.theirs)]
    journal.meta_set(f"{TOLD_PREFIX}{difference.symbol}", value)


def forget_reported(journal: Journal, symbol: str) -> None:
    """Raises JournalError."""
    journal.meta_delete(f"{TOLD_PREFIX}{symbol}")


def forget_cured(journal: Journal, differing: Collection[str]) -> None:
    """Forget what was told of every other symbol than these. Raises JournalError."""
    for symbol in reported_differences(journal):
        if symbol not in differing:
            forget_reported(journal, symbol)


class PositionDifference(Struct, frozen=True):
    """Two quantities that should be one. `ours` is the journal or tracker, `theirs` the broker."""

    symbol: str
    ours: Decimal
    theirs: Decimal

    def __str__(self) -> str:
        return f"{self.symbol}: {text(self.ours)} here, {text(self.theirs)} at the broker"


def is_crypto_fee(position: PositionRecord, theirs: Decimal) -> bool:
    """Is the difference no more than the fees that the last crypto purchases cost in coins?"""
    if position.asset_class != AssetClass.CRYPTO:
        return False
    return is_fee_in_coins(position.qty, theirs, position.bought_qty)


def is_fee_in_coins(ours: Decimal, theirs: Decimal, bought: Decimal) -> bool:
    """Does the broker hold less by no more than the fees of what was `bought`?"""
    return ZERO < ours - theirs <= bought * COIN_FEE_SHARE


def compare(ours: Iterable[PositionRecord], theirs: Iterable[Position]) -> list[PositionDifference]:
    """Differences in quantity by symbol; average prices are not compared."""
    mine = {symbol_key(item.symbol): item for item in ours}
    broker = {symbol_key(item.symbol): item for item in theirs}
    found: list[PositionDifference] = []
    for key in sorted(mine.keys() | broker.keys()):
        own, other = mine.get(key), broker.get(key)
        left = own.qty if own is not None else ZERO
        right = other.qty if other is not None else ZERO
        if left != right:
            symbol = own.symbol if own is not None else other.symbol if other is not None else key
            found.append(PositionDifference(symbol, left, right))
    return found
