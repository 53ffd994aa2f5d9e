"""Which differences to the broker's quantities the trader was told of: one run's word for all.

`watch` tells a difference once; a later run shows it as one that stands, for as long as both
quantities stay as they were. A difference that is gone is forgotten, so that it is told anew should
it come back.
"""

from __future__ import annotations

from collections.abc import Collection

from execbot.journal.journal import Journal
from execbot.model.numbers import maybe_decimal, text
from execbot.oms.machine.positions import PositionDifference

TOLD_PREFIX = "position_differs:"
"""Meta: `[ours, theirs]` as text for each symbol."""


def told_differences(journal: Journal) -> dict[str, PositionDifference]:
    """By symbol. Raises JournalError."""
    found: dict[str, PositionDifference] = {}
    for key, value in journal.meta_all(TOLD_PREFIX).items():
        symbol = key.removeprefix(TOLD_PREFIX)
        quantities = [maybe_decimal(item) for item in value] if isinstance(value, list) else []
        match quantities:
            case [ours, theirs] if ours is not None and theirs is not None:
                found[symbol] = PositionDifference(symbol, ours, theirs)
    return found


def remember_told(journal: Journal, difference: PositionDifference) -> None:
    """Raises JournalError."""
    value = [text(difference.ours), text(difference.theirs)]
    journal.meta_set(f"{TOLD_PREFIX}{difference.symbol}", value)


def forget_told(journal: Journal, symbol: str) -> None:
    """Raises JournalError."""
    journal.meta_delete(f"{TOLD_PREFIX}{symbol}")


def forget_cured(journal: Journal, differing: Collection[str]) -> None:
    """Forget what was told of every other symbol than these. Raises JournalError."""
    for symbol in told_differences(journal):
        if symbol not in differing:
            forget_told(journal, symbol)
