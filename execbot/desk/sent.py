"""What became of an order, as commands show it and as `watch` answers with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from execbot.desk.additions import Added
from execbot.desk.later_targets import LaterTargets
from execbot.desk.look.halts_known import HaltsKnown
from execbot.desk.look.order_ends import Ending
from execbot.exits.distances import Distance
from execbot.exits.entry_risk import EntryRisk
from execbot.journal.records import OrderRecord


class ShownExits(Struct, frozen=True):
    """How far the levels of an entry are from where it trades, the stop first; empty without."""

    found: tuple[Distance, ...] = ()

    def lines(self) -> list[str]:
        return [one.words() for one in self.found]

    def to_list(self) -> list[dict[str, Any]]:
        return [one.to_dict() for one in self.found]


class Sent(Struct, frozen=True):
    """What became of an order. `opens_short` says so in words; `added` where it enlarged a
    position that has an exit plan; `ending` says when `watch` takes it back, `halts` whether
    a halt of its symbol would have been heard of. `risk` is None for exits."""

    record: OrderRecord
    warnings: Sequence[str] = ()
    added: Added | None = None
    later: LaterTargets | None = None
    exits: ShownExits = ShownExits()
    opens_short: str = ""
    ending: Ending | None = None
    halts: HaltsKnown = HaltsKnown()
    risk: EntryRisk | None = None
    shortfall: str = ""
    """Why the order is smaller than what it was sized by, in words."""
