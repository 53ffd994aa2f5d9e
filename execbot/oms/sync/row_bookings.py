"""Booking what the account's activities say of shares: each row once, and the plan follows."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from execbot.exits.plan.plan import PlanStatus
from execbot.exits.plan.rescale import rescaled
from execbot.exits.store import plan_of, save_plan
from execbot.exits.structures.changes import structures_follow
from execbot.journal.journal import Journal
from execbot.market.calendar_cache import load_table
from execbot.model.account import Activity
from execbot.model.symbols import asset_class_of
from execbot.model.times import day_begins
from execbot.oms.ledger import Ledger, recording
from execbot.oms.machine.positions import ONE_AFTER, PRICE_STEP
from execbot.oms.sync.options.deliveries import TAKEN_BACK, adopted_lately
from execbot.oms.sync.options.owed_deliveries import note_owed
from execbot.oms.sync.options.row_moments import moment_of
from execbot.oms.sync.row_evidence import (
    MovedShares,
    Succession,
    booked_as,
    price_of,
    signed_qty,
)


def book_moved(journal: Journal, moved: MovedShares, price: Decimal | None, now: datetime) -> bool:
    """Book shares that rows brought or took away, each row once; they realise nothing.

    What came has the cost of its row, else `price` (the broker's average). Rows of options are
    trades: they realise, on their own day, except where shares were taken over meanwhile. False
    when a row was booked meanwhile. Raises JournalError.
    """
    table = load_table()
    with recording(journal) as ledger:
        ours = journal.position(moved.symbol)
        executions = journal.executions(symbol=moved.symbol)
        booked = {item.activity_id for item in executions}
        if any(row.id in booked for row in moved.rows):
            return False
        average = ours.avg_entry_price if ours is not None else None
        adopted = adopted_lately(executions, now) if moved.is_before_split else None
        if moved.adopted:
            at = now if adopted is None else adopted.at + ONE_AFTER
            taken = (moved.symbol, moved.adopted, moved.adopted_at)
            _take_back(ledger, *taken, row=moved.rows[0], at=at, now=now)
            now += ONE_AFTER
        for number, row in enumerate(moved.rows):
            traded_at = price_of(row)
            worth = row.price or price or average
            happened_at = now
            if traded_at is not None and (moved.is_before_split or not moved.adopted):
                happened_at = moment_of(row, executions, table, now)
            if adopted is not None and moved.adopted:
                happened_at = min(happened_at, adopted.at)
            ledger.adjust(
                moved.symbol,
                signed_qty(row, moved.qty),
                (worth or Decimal(0)) if traded_at is None else traded_at,
                reason=booked_as(row.activity_type),
                asset_class=asset_class_of(moved.symbol),
                is_trade=traded_at is not None,
                at=happened_at + number * ONE_AFTER,
                now=now + number * ONE_AFTER,
                activity_id=row.id,
            )
        note_owed(journal, moved.rows, now)
    return True


def book_succession(journal: Journal, pair: Succession, now: datetime) -> bool:
    """Book one symbol out and the other in at the same cost, and have the plan follow a rename.

    The plan of what became something else is closed: its levels mean nothing there. False when the
    old symbol is not held as it went. Raises JournalError.
    """
    with journal.transaction():
        with recording(journal) as ledger:
            ours = journal.position(pair.old)
            if ours is None or ours.qty != -pair.gone:
                return False
            average = ours.avg_entry_price or Decimal(0)
            worth = abs(average * pair.gone / pair.come)
            for number, (symbol, qty, price, row) in enumerate(
                (
                    (pair.old, pair.gone, average, pair.rows[0]),
                    (pair.new, pair.come, worth.quantize(PRICE_STEP), pair.rows[1]),
                )
            ):
                ledger.adjust(
                    symbol,
                    qty,
                    price,
                    reason="renamed" if pair.is_rename else "merged",
                    asset_class=ours.asset_class,
                    at=now + number * ONE_AFTER,
                    now=now + number * ONE_AFTER,
                    activity_id=row.id,
                )
            if pair.is_contract:
                _take_back_contracts(ledger, journal, pair, now)
        _plan_follows(journal, pair, now)
        if pair.is_contract:
            structures_follow(journal, pair.change, now)
    return True


def _take_back_contracts(ledger: Ledger, journal: Journal, pair: Succession, now: datetime) -> None:
    """What was taken over of the new contract, which was traded before its rows were there: the
    rows have brought it now."""
    into = pair.rows[1]
    if into.at is None:
        return
    adopted = adopted_lately(journal.executions(day_begins(into.at.date()), symbol=pair.new), now)
    if adopted is None:
        return
    at = now + 2 * ONE_AFTER  # after both bookings of the pair
    _take_back(ledger, pair.new, adopted.qty, adopted.price, row=into, at=at, now=at)


def _take_back(
    ledger: Ledger,
    symbol: str,
    qty: Decimal,
    price: Decimal,
    *,
    row: Activity,
    at: datetime,
    now: datetime,
) -> None:
    """Book out what was taken over before `row` said where it came from. `qty` is signed."""
    ledger.adjust(
        symbol,
        -qty,
        price,
        reason="delivered",
        asset_class=asset_class_of(symbol),
        at=at,
        now=now,
        activity_id=f"{row.id}{TAKEN_BACK}",
    )


def _plan_follows(journal: Journal, pair: Succession, now: datetime) -> None:
    plan = plan_of(journal, pair.old)
    if plan is None:
        return
    note = f"{pair.old} became {pair.new}"
    save_plan(journal, plan.changed(now, status=PlanStatus.CLOSED, exit=None, lift=None, note=note))
    is_given_anew = pair.is_contract and plan_of(journal, pair.new) is not None
    if pair.is_rename and plan.status is not PlanStatus.PENDING and not is_given_anew:
        if pair.is_contract and pair.change.count != 1:
            plan = rescaled(plan, pair.change.count, now)
        renamed = replace(
            plan,
            plan_id=f"{plan.plan_id}~{pair.new}",
            symbol=pair.new,
            version=1,
            exit=None,
            lift=None,
            updated_at=now,
            note=note,
        )
        save_plan(journal, renamed)
