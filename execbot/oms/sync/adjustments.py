"""Booking a quantity that came or went without a trade, so that journal and broker agree again."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from execbot.exits.plan.rescale import price_ratio, ratio_words, rescaled, rescaled_by_price
from execbot.exits.store import plan_of, save_plan
from execbot.journal.journal import Journal
from execbot.journal.records import PositionRecord
from execbot.model.account import Position
from execbot.model.enums import AssetClass
from execbot.model.numbers import ZERO, first_known, known_or
from execbot.oms.ledger import recording
from execbot.oms.machine.positions import ONE_AFTER
from execbot.oms.sync.differences import PositionDifference
from execbot.oms.sync.split_evidence import Split


def book_difference(
    journal: Journal,
    difference: PositionDifference,
    reason: str,
    price: Decimal | None,
    at: datetime,
) -> bool:
    """Book what the broker's quantity has beyond ours; False when a fill has changed ours since it
    was seen. Raises JournalError."""
    with recording(journal) as ledger:
        ours = journal.position(difference.symbol)
        if ours is None or ours.qty != difference.ours:
            return False
        ledger.adjust(
            difference.symbol,
            difference.theirs - difference.ours,
            known_or(first_known(price, ours.avg_entry_price), ZERO),
            reason=reason,
            asset_class=ours.asset_class,
            at=at,
            now=at,
        )
    return True


def book_split(journal: Journal, split: Split, now: datetime) -> bool:
    """Book the old shares out and the new ones in, at the same cost; nothing is realised.

    False when a fill has changed our quantity since the split was seen. Raises JournalError.
    """
    with recording(journal) as ledger:
        ours = journal.position(split.symbol)
        if ours is None or ours.qty != split.ours:
            return False
        written, seen = now, ours.updated_at or now
        for step in split.steps:
            # What nobody has dated comes after all that is in the books, whatever the clocks say.
            at = step.at if step.activity_id else max(step.at, seen + ONE_AFTER)
            for number, qty in enumerate((-step.before, step.after)):
                if not qty:
                    continue
                ledger.adjust(
                    split.symbol,
                    qty,
                    step.price,
                    reason="split",
                    asset_class=ours.asset_class,
                    at=at + number * ONE_AFTER,
                    now=written,
                    activity_id=step.activity_id,
                )
                written += ONE_AFTER  # two splits may take the same number of shares away
    return True


def take_split(
    journal: Journal, split: Split, their_average: Decimal | None, now: datetime
) -> bool:
    """Book a split and rescale the exit plan of the position, in one transaction.

    A plan that was rescaled already stays. False as `book_split`. Raises JournalError.
    """
    with journal.transaction():
        if not book_split(journal, split, now):
            return False
        plan = plan_of(journal, split.symbol)
        if plan is not None and split.theirs:
            ratio = split.ratio_for(plan, their_average)
            if ratio != 1:
                save_plan(journal, rescaled(plan, ratio, now))
    return True


def rescale_by_price(
    journal: Journal, difference: PositionDifference, position: Position | None, now: datetime
) -> list[str]:
    """Rescale the plan of a position whose prices have moved as in a split, though its quantity has
    not: call it before that is accepted. What was done, in words. Raises JournalError."""
    symbol = difference.symbol
    ours, plan = journal.position(symbol), plan_of(journal, symbol)
    if position is None or ours is None or plan is None or not _is_stock(ours):
        return []
    average = position.avg_entry_price or Decimal(0)
    their_cost = difference.theirs * average
    ratio = price_ratio(plan, ours.cost, their_cost, average, None, position.current_price)
    if ratio is None:
        return []
    sizes = (difference.ours, difference.theirs)
    save_plan(journal, rescaled_by_price(plan, ratio, now, sizes))
    return [
        f"{symbol}: the levels of its exit plan are rescaled as for a {ratio_words(ratio)} split"
    ]


def _is_stock(item: PositionRecord) -> bool:
    return item.asset_class == AssetClass.US_EQUITY
