"""What the account's activities, and its late fills, say of positions that differ: values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from execbot.oms.sync.late_fills import LateFills
from execbot.oms.sync.row_evidence import MovedShares, Succession
from execbot.oms.sync.split_evidence import Split


class Evidence(Struct, frozen=True):
    """What the account's activities say of the positions that differ.

    `splits` are proven, `before_splits` is booked first, whatever differs; of `transferred` symbols
    shares came or went by a transfer; `moved` and `successions` explain differences by rows of
    other kinds (see `row_evidence`); `late` by fills that were told after their shares had been
    taken over.
    """

    splits: tuple[Split, ...] = ()
    before_splits: tuple[MovedShares, ...] = ()
    transferred: frozenset[str] = frozenset()
    moved: tuple[MovedShares, ...] = ()
    successions: tuple[Succession, ...] = ()
    awaited: Mapping[str, str] = {}
    """Symbols whose difference waits for rows of options that have ended, and why."""
    late: tuple[LateFills, ...] = ()

    def split_of(self, symbol: str, ours: Decimal, theirs: Decimal) -> Split | None:
        """The proof for just this difference."""
        for split in self.splits:
            if (split.symbol, split.ours, split.theirs) == (symbol, ours, theirs):
                return split
        return None

    def late_of(self, symbol: str, ours: Decimal, theirs: Decimal) -> LateFills | None:
        """What explains just this difference, or leaves one that rows explain."""
        for found in self.late:
            if (found.symbol, found.ours, found.theirs) == (symbol, ours, theirs):
                return found
        return None

    def moved_of(self, symbol: str, ours: Decimal, theirs: Decimal) -> MovedShares | None:
        """The rows that explain just this difference."""
        for found in self.moved:
            if (found.symbol, found.qty) == (symbol, theirs - ours):
                return found
        return None
