"""How long entries may wait. Time counts only while they could have filled."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderClass, TimeInForce

SIMPLE = (OrderClass.NONE, OrderClass.SIMPLE)

PATIENT = frozenset({TimeInForce.OPG, TimeInForce.CLS, TimeInForce.IOC, TimeInForce.FOK})
"""Auction orders wait for their auction, and the others end by themselves."""


def has_timeout(record: OrderRecord) -> bool:
    """Whether an entry is bound to `timeout_seconds`.

    A plain good-till-canceled order says itself that it may wait; a bracket is `gtc` only for the
    sake of its legs, so it is bound. A quantity added by hand to a working order keeps its clock.
    """
    tif = record.order.time_in_force
    if tif in PATIENT:
        return False
    return tif is not TimeInForce.GTC or record.order.order_class not in SIMPLE


@dataclass
class EntryClocks:
    """Seconds each entry has been able to fill. A halt or a closed market stops its clock."""

    timeout: timedelta
    waited: dict[str, timedelta] = field(default_factory=dict)
    looked_at: datetime | None = None

    def advance(
        self, now: datetime, running: dict[str, OrderRecord], open_since: datetime | None = None
    ) -> list[str]:
        """Count the time since the last look for the entries that could fill; who is overdue.

        `running` are the entries whose market is open and not halted, by client_order_id;
        `open_since` is when it opened: what an order waited before that does not count.
        """
        passed = timedelta(0) if self.looked_at is None else now - self.looked_at
        self.looked_at = now
        overdue = []
        for name, record in running.items():
            if not has_timeout(record):
                continue
            start = self.waited.get(name)
            if start is None:
                sent = record.sent_at or record.intent_at or now
                sent = sent if open_since is None else max(sent, open_since)
                self.waited[name] = max(min(now - sent, self.timeout), timedelta(0))
            else:
                self.waited[name] = start + max(passed, timedelta(0))
            if self.waited[name] >= self.timeout:
                overdue.append(name)
        return overdue

    def forget(self, known: frozenset[str]) -> None:
        """Drop the clocks of orders that no longer work."""
        self.waited = {name: value for name, value in self.waited.items() if name in known}
