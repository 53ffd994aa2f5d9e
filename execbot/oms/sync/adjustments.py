"""Booking a quantity that came or went without a trade, so that journal and broker agree again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.exits.plan.rescale import price_ratio, ratio_words, rescaled, rescaled_by_price
from execbot.exits.store import plan_of, save_plan
from execbot.journal.journal import Journal
from execbot.journal.records import Execution, PositionRecord
from execbot.market.calendar_cache import load_table
from execbot.model.account import Activity, Position
from execbot.model.enums import AssetClass
from execbot.model.numbers import ZERO, first_known, known_or
from execbot.model.symbols import symbol_key
from execbot.oms.ledger import recording
from execbot.oms.machine.positions import ONE_AFTER
from execbot.oms.sync import row_evidence, split_evidence
from execbot.oms.sync.differences import PositionDifference, compare
from execbot.oms.sync.late_fills import LateFills, late_fills
from execbot.oms.sync.options import deliveries
from execbot.oms.sync.options.owed_deliveries import forget_owed, is_owed
from execbot.oms.sync.options.pending_events import keep_pending
from execbot.oms.sync.options.split_deliveries import (
    SplitDelivery,
    before_a_split,
    was_split_since,
)
from execbot.oms.sync.row_evidence import MovedShares, Succession
from execbot.oms.sync.split_evidence import Evidence, Split

log = logging.getLogger("execbot.oms")

ExecutionsOf = Callable[[str], list[Execution]]
"""Those of a symbol, read once a look."""

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


def read_evidence(
    journal: Journal, client: BrokerClient, positions: Sequence[Position], now: datetime
) -> Evidence:
    """What the account's activities say of stocks and contracts whose quantity differs.

    One request, and none where nothing differs and no shares are owed. A broker that does not
    answer proves nothing. Raises JournalError.
    """
    mine = {symbol_key(item.symbol): item for item in journal.positions()}
    theirs = {symbol_key(item.symbol): item for item in positions}
    differences = compare(mine.values(), positions)
    executions_of = cache(lambda symbol: journal.executions(symbol=symbol))
    differing = [item for item in differences if _has_rows(item, mine, theirs)]
    if not differing and not is_owed(journal, now):
        return Evidence(late=_late(journal, executions_of, differences, {}, now))
    awaited = keep_pending(journal, differing, positions, now)
    opened = [item.opened_at for item in mine.values() if item.opened_at is not None]
    after = min(opened) - ROWS_BEFORE if opened else None
    kinds = dict.fromkeys((*split_evidence.SPLIT_ROWS, *row_evidence.MOVING_ROWS))
    try:
        rows = client.get_activities(tuple(kinds), after=after)
    except BrokerError as error:
        log.warning("no activities to explain a difference: %s", error)
        return Evidence(awaited=awaited, late=_late(journal, executions_of, differences, {}, now))
    moving = row_evidence.rows_by_symbol(rows)
    late = _late(journal, executions_of, differences, moving, now)
    found = Evidence(
        successions=_successions(journal, rows, differing),
        awaited=awaited,
        late=late,
    )
    left = {item.symbol: item.left for item in late}
    delivered, split_since = _delivered(
        journal, executions_of, moving, rows, theirs, differing, now
    )
    silent = [item for item in delivered if not item.qty]
    splits = tuple(item.split for item in split_since if item.split is not None)
    before = tuple(item.moved for item in split_since)
    waiting = {s: why for s, why in awaited.items() if s not in {item.symbol for item in before}}
    found = replace(
        found, moved=tuple(silent), splits=splits, before_splits=before, awaited=waiting
    )
    for difference in differing:
        executions = executions_of(difference.symbol)
        since = split_evidence.last_adjustment(executions)
        item = mine.get(symbol_key(difference.symbol))
        if since is None and item is not None:
            since = item.opened_at
        if split_evidence.is_transferred(difference.symbol, rows, since):
            found = replace(found, transferred=found.transferred | {difference.symbol})
        moved = next((item for item in delivered if item.symbol == difference.symbol), None)
        moved = moved or _by_rows(left.get(difference.symbol, difference), moving, executions)
        if moved is not None:
            found = replace(found, moved=(*found.moved, moved))
        position = theirs.get(symbol_key(difference.symbol))
        split = split_evidence.by_record(
            difference.symbol,
            executions,
            rows,
            difference.theirs,
            position.avg_entry_price if position is not None else None,
        )
        if split is not None:
            found = replace(found, splits=(*found.splits, split))
    return found


def _late(
    journal: Journal,
    executions_of: ExecutionsOf,
    differences: Sequence[PositionDifference],
    moving: Mapping[str, Sequence[Activity]],
    now: datetime,
) -> tuple[LateFills, ...]:
    found = []
    for item in differences:
        executions = executions_of(item.symbol)
        late = late_fills(journal, item, executions, moving.get(item.symbol, ()), now)
        found += [late] if late is not None else []
    return tuple(found)


def _by_rows(
    difference: PositionDifference,
    moving: Mapping[str, Sequence[Activity]],
    executions: Sequence[Execution],
) -> MovedShares | None:
    gap = difference.theirs - difference.ours
    rows = row_evidence.explaining(gap, moving.get(difference.symbol, ()), executions)
    return MovedShares(difference.symbol, gap, rows) if rows else None


def _delivered(
    journal: Journal,
    executions_of: ExecutionsOf,
    moving: Mapping[str, Sequence[Activity]],
    rows: Sequence[Activity],
    theirs: Mapping[str, Position],
    differing: Sequence[PositionDifference],
    now: datetime,
) -> tuple[list[MovedShares], list[SplitDelivery]]:
    """Shares of contracts whose own rows are booked, or explain what differs now. Those that come
    and go in the same number are among them: nothing differs for them, but the money does. Apart
    from them those that a split has changed since."""
    gaps = {item.symbol: item for item in differing}
    booked: dict[str, frozenset[str]] = {}
    ended: list[Activity] = []
    for symbol, of_symbol in moving.items():
        executions = executions_of(symbol)
        booked[symbol] = frozenset(item.activity_id for item in executions if item.activity_id)
        ended += [row for row in of_symbol if row.id in booked[symbol]]
        if symbol in gaps and (told := _by_rows(gaps[symbol], moving, executions)) is not None:
            ended += told.rows
    found: list[MovedShares] = []
    split_since: list[SplitDelivery] = []
    moved_rows = [row for of_symbol in moving.values() for row in of_symbol]
    forget_owed(journal, deliveries.delivered(moved_rows, ended, booked), now)
    for symbol, due in deliveries.due_deliveries(moved_rows, ended, booked).items():
        gap = gaps.get(symbol)
        difference = ZERO if gap is None else gap.theirs - gap.ours
        executions = executions_of(symbol)
        adopted = deliveries.adopted_lately(executions, now)
        moved = deliveries.explained(symbol, difference, due, adopted)
        if moved is None or (adopted is not None and was_split_since(adopted, executions, rows)):
            held = theirs.get(symbol_key(symbol))
            split = before_a_split(symbol, due, executions, rows, held, load_table(), now)
            split_since += [split] if split is not None else []
            moved = None if split is not None else moved
        found += [moved] if moved is not None else []
    return found, split_since


def _successions(
    journal: Journal, rows: Sequence[Activity], differing: Sequence[PositionDifference]
) -> tuple[Succession, ...]:
    """Those of which the old symbol is held here just as it went."""
    by_symbol = {item.symbol: item for item in differing}
    found = []
    for pair in row_evidence.successions(rows, ()):
        old = by_symbol.get(pair.old)
        ours = journal.position(pair.old)
        booked = {item.activity_id for item in journal.executions(symbol=pair.old)}
        if old is None or ours is None or ours.qty != -pair.gone or pair.rows[0].id in booked:
            continue
        found.append(pair)
    return tuple(found)


def _has_rows(
    difference: PositionDifference,
    mine: Mapping[str, PositionRecord],
    theirs: Mapping[str, Position],
) -> bool:
    """Rows tell of stocks and contracts; of a coin at most its fees."""
    key = symbol_key(difference.symbol)
    item = mine.get(key) or theirs.get(key)
    return item is None or item.asset_class != AssetClass.CRYPTO


def _is_stock(item: PositionRecord) -> bool:
    return item.asset_class == AssetClass.US_EQUITY
