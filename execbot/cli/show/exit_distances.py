"""How far the stop and the targets of an order are from where it trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from execbot.desk.context import Context
from execbot.journal.records import OrderRecord
from execbot.oms.place.entry_plans import PricedEntry

if TYPE_CHECKING:
    from execbot.exits.distances import Distance


class ShownExits(Struct, frozen=True):
    """The levels of an entry, the stop first; empty where it has none."""

    found: tuple[Distance, ...] = ()

    def lines(self) -> list[str]:
        return [one.words() for one in self.found]

    def to_list(self) -> list[dict[str, Any]]:
        return [one.to_dict() for one in self.found]


def exits_of(desk: Context, entry: PricedEntry, record: OrderRecord | None = None) -> ShownExits:
    """Measured from what was paid, where something was, else from where the order would trade."""
    if entry.plan is None:
        return ShownExits()
    from execbot.exits.distances import distances_of

    price, qty = entry.price, entry.request.qty
    if record is not None:
        price = record.order.filled_avg_price or price
        qty = record.order.qty or qty
    return ShownExits(distances_of(entry.plan, price, qty, desk.now()))
