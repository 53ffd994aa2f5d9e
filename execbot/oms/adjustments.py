"""Booking a quantity that came or went without a trade, so that journal and broker agree again."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from execbot.journal.journal import Journal
from execbot.oms.ledger import recording
from execbot.oms.positions import PositionDifference

ONE_AFTER = timedelta(microseconds=1)


def book_difference(
    journal: Journal,
    difference: PositionDifference,
    reason: str,
    price: Decimal | None,
    at: datetime,
) -> bool:
    """Book the broker's quantity; False when a fill has changed ours since it was seen.

    `price` is the broker's average. After a split it is that of every share, so the old position is
    booked out and the new one in; otherwise only the difference is booked. Raises JournalError.
    """
    with recording(journal) as ledger:
        ours = journal.position(difference.symbol)
        if ours is None or ours.qty != difference.ours:
            return False
        steps = [difference.theirs - difference.ours]
        if reason == "split":
            steps = [-difference.ours, difference.theirs]
        for number, qty in enumerate(steps):
            ledger.adjust(
                difference.symbol,
                qty,
                price or ours.avg_entry_price or Decimal(0),
                reason=reason,
                asset_class=ours.asset_class,
                at=at + number * ONE_AFTER,
                now=at,
            )
    return True
