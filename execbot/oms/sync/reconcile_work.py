"""What one reconcile gathers on its way: breaks, changes, and what was adopted or adjusted."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from execbot.model.unread import Unread, unread_about
from execbot.oms.machine.changes import Change
from execbot.oms.sync.breaks import BREAKS, Break
from execbot.oms.sync.differences import PositionDifference

RECONCILED_KEY = "reconciled_at"
"""Meta: when the last reconcile ended. Absent: the account's positions were never taken over."""


class Work(Struct):
    """What is gathered on the way."""

    breaks: list[Break] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    adopted: list[PositionDifference] = field(default_factory=list)
    adjusted: list[PositionDifference] = field(default_factory=list)
    costs_wanted: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unread: tuple[Unread, ...] = ()
    lags: bool = False
    """The broker's list may lag behind the fills of some symbol."""
    listed: tuple[str, ...] = ()
    """The symbols of the positions that could be read."""

    def is_unknown(self, difference: PositionDifference) -> bool:
        return unread_about(difference.symbol, self.unread, self.listed) is not None

    def known(self, differences: Iterable[PositionDifference]) -> list[PositionDifference]:
        """Without those of positions that could not be read."""
        return [item for item in differences if not self.is_unknown(item)]

    def add(
        self, kind: str, subject: str, ours: str, theirs: str, cause: str = "", hint: str = ""
    ) -> None:
        known = BREAKS[kind]
        found = Break(kind, subject, ours, theirs, cause or known.cause, hint or known.hint)
        if found not in self.breaks:
            self.breaks.append(found)
