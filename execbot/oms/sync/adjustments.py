"""Booking a quantity that came or went without a trade, so that journal and broker agree again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.exits.plan.rescale import price_ratio, ratio_words, rescaled, rescaled_by_price
from execbot.exits.store import plan_of, save_plan
from execbot.journal.journal import Journal
from execbot.journal.records import PositionRecord
from execbot.model.account import Position
from execbot.model.enums import AssetClass
from execbot.model.symbols import symbol_key
from execbot.oms.ledger import recording
from execbot.oms.machine.positions import ONE_AFTER
from execbot.oms.sync import split_evidence
from execbot.oms.sync.differences import PositionDifference, compare
from execbot.oms.sync.split_evidence import Evidence, Split

log = logging.getLogger("execbot.oms")

ROWS_BEFORE = timedelta(days=2)
"""Rows carry the day they take effect, in New York: the first look begins well before it."""


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
            price or ours.avg_entry_price or Decimal(0),
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


def read_evidence(
    journal: Journal, client: BrokerClient, positions: Sequence[Position]
) -> Evidence:
    """What the account's activities say of stocks whose quantity differs here and there.

    One request, and none where nothing differs. A broker that does not answer proves nothing.
    Raises JournalError.
    """
    mine = {item.symbol: item for item in journal.positions()}
    theirs = {symbol_key(item.symbol): item for item in positions}
    differing = [
        (difference, mine[difference.symbol])
        for difference in compare(mine.values(), positions)
        if difference.symbol in mine and _is_stock(mine[difference.symbol])
    ]
    if not differing:
        return Evidence()
    opened = [item.opened_at for _, item in differing if item.opened_at is not None]
    after = min(opened) - ROWS_BEFORE if opened else None
    try:
        rows = client.get_activities(
            (*split_evidence.SPLIT_ROWS, *split_evidence.TRANSFER_ROWS), after=after
        )
    except BrokerError as error:
        log.warning("no activities to explain a difference: %s", error)
        return Evidence()
    found: list[Split] = []
    moved: set[str] = set()
    for difference, item in differing:
        executions = journal.executions(symbol=item.symbol)
        since = split_evidence.last_adjustment(executions) or item.opened_at
        if split_evidence.is_transferred(item.symbol, rows, since):
            moved.add(item.symbol)
        position = theirs.get(symbol_key(item.symbol))
        split = split_evidence.by_record(
            item.symbol,
            executions,
            rows,
            difference.theirs,
            position.avg_entry_price if position is not None else None,
        )
        if split is not None:
            found.append(split)
    return Evidence(tuple(found), frozenset(moved))


def _is_stock(item: PositionRecord) -> bool:
    return item.asset_class == AssetClass.US_EQUITY
