"""How long entries may wait. Time counts only while they could have filled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct, field

from execbot.journal.records import OrderRecord, Origin, Role
from execbot.model.enums import TimeInForce

CLOSE_LEAD = timedelta(seconds=10)
"""Entries for the day are canceled this long before the close, so that the cancels get through."""


def clock_of(record: OrderRecord, of_signals: Decimal | None = None) -> timedelta | None:
    """How long the order may wait; None for one that nobody gave a clock.

    Which orders have one was decided when they were given. A quantity added by hand to a working
    order keeps its clock. An entry of a signal always has one: where it does not, an earlier
    version sent it, which kept none with the order, and `of_signals` (seconds) stands for it.
    """
    seconds = record.cancel_after
    if seconds is None and record.origin == Origin.SIGNAL and record.role == Role.ENTRY:
        seconds = of_signals
    return None if seconds is None else timedelta(seconds=float(seconds))


def ends_at_close(record: OrderRecord) -> bool:
    """Whether an entry is meant for this session only: what waits longer says so itself (gtc)."""
    return record.order.time_in_force is TimeInForce.DAY or record.for_the_day


class EntryClocks(Struct):
    """Seconds each entry has been able to fill. A halt or a closed market stops its clock."""

    of_signals: Decimal | None = None
    """Seconds for entries of signals that were sent before an upgrade."""
    waited: dict[str, timedelta] = field(default_factory=dict)
    looked_at: datetime | None = None

    def advance(
        self, now: datetime, running: Mapping[str, OrderRecord], open_since: datetime | None = None
    ) -> list[str]:
        """Count the time since the last look for the entries that could fill; who is overdue.

        `running` are the entries whose market is open and not halted, by client_order_id;
        `open_since` is when it opened: what an order waited before that does not count.
        """
        passed = timedelta(0) if self.looked_at is None else now - self.looked_at
        self.looked_at = now
        overdue = []
        for name, record in running.items():
            most = clock_of(record, self.of_signals)
            if most is None:
                continue
            start = self.waited.get(name)
            if start is None:
                sent = record.sent_at or record.intent_at or now
                sent = sent if open_since is None else max(sent, open_since)
                self.waited[name] = max(min(now - sent, most), timedelta(0))
            else:
                self.waited[name] = start + max(passed, timedelta(0))
            if self.waited[name] >= most:
                overdue.append(name)
        return overdue

    def due(self, record: OrderRecord) -> datetime | None:
        """When its time is up if nothing stops its clock; None where none runs now."""
        most, waited = clock_of(record, self.of_signals), self.waited.get(record.client_order_id)
        if most is None or waited is None or self.looked_at is None:
            return None
        return self.looked_at + most - waited

    def forget(self, known: frozenset[str]) -> None:
        """Drop the clocks of orders that no longer work."""
        self.waited = {name: value for name, value in self.waited.items() if name in known}
