"""Derives orders, fills and positions again from the append-only events."""

from __future__ import annotations

from execbot.journal.journal import Journal
from execbot.oms.ledger import Ledger
from execbot.oms.machine.events import OrderEvent


def rebuild(journal: Journal) -> int:
    """Throw the derived tables away and replay the whole history; returns the events replayed.

    One transaction: other processes see the old tables or the new ones. The result is identical
    to what was there, unless the tables were damaged or the rules have changed since.
    """
    with journal.transaction():
        journal.clear_derived()
        ledger = Ledger(journal, replaying=True)
        count = 0
        for record in journal.all_events():
            ledger.replay(OrderEvent.from_record(record))
            count += 1
        ledger.flush()
    return count
