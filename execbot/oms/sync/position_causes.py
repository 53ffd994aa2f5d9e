"""Reconcile, what is behind a difference of positions: each cause that is proven is booked, and a
difference without one is a break."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from execbot.broker.port import BrokerClient
from execbot.journal.journal import Journal
from execbot.model.account import Position
from execbot.model.enums import AssetClass
from execbot.model.numbers import ZERO, first_known, known_or, text
from execbot.model.symbols import symbol_key
from execbot.oms.ledger import recording
from execbot.oms.machine.table import COIN_FEE
from execbot.oms.sync.adjustments import rescale_by_price, take_split
from execbot.oms.sync.coin_fees import is_fee
from execbot.oms.sync.differences import PositionDifference
from execbot.oms.sync.evidence import Evidence
from execbot.oms.sync.held_before import (
    ADOPTED,
    JUST_BEFORE,
    closing_orders,
    held_before,
    shows_less,
    shows_the_past,
)
from execbot.oms.sync.late_fills import book_late_fills
from execbot.oms.sync.reconcile_work import RECONCILED_KEY, Work
from execbot.oms.sync.row_bookings import book_moved, book_succession
from execbot.oms.sync.split_evidence import by_quantity, looks_like

BEHIND = (
    "The broker's list shows less than the fills make, or what was held some seconds ago: it may "
    "lag, or leave something out. Nothing is taken over for it."
)


def resolve(
    journal: Journal,
    client: BrokerClient,
    difference: PositionDifference,
    positions: dict[str, Position],
    now: Callable[[], datetime],
    work: Work,
    *,
    accept: bool,
    cost: Decimal | None,
) -> None:
    """Adopt, adjust for a fee, adjust because a person says so, or report the break."""
    position = positions.get(symbol_key(difference.symbol))
    ours = journal.position(difference.symbol)
    if ours is not None and is_fee(journal, ours, difference.theirs):
        if _adjust(journal, client, difference, position, COIN_FEE, now):
            work.notes.append(f"{difference.symbol}: fee of {_gap(difference)} taken in coins")
        return
    is_first = journal.meta_get(RECONCILED_KEY) is None
    unknown_here = not journal.was_traded(difference.symbol)
    # What lags is no look at what was there before the journal: the next one is the first.
    knows_fills = is_first and not unknown_here
    lags = knows_fills and _may_lag(journal, difference, now())
    work.lags = work.lags or lags
    behind = lags or (knows_fills and shows_less(difference.ours, difference.theirs))
    if (is_first or unknown_here) and difference.theirs and not behind:
        if _adjust(journal, client, difference, position, ADOPTED, now):
            work.adopted.append(difference)
        return
    if _was_held_before(journal, difference):
        if _adjust(journal, client, difference, position, ADOPTED, now):
            work.adopted.append(difference)
            if position is None:
                work.notes.append(
                    f"{difference.symbol}: {_gap(difference)} from before the journal were closed; "
                    "what they cost is not known, so closing them counts as no profit and no loss"
                )
        return
    work.notes.extend(rescale_by_price(journal, difference, position, now()))
    ours_text, theirs_text = text(difference.ours), text(difference.theirs)
    if accept:
        price = _cost_of(difference, position) if cost is None else cost
        if price is None:
            work.costs_wanted.append(difference.symbol)
            name = difference.symbol
            hint = f"`execbot reconcile --accept-positions --cost {name}=PRICE`: what one has cost."
            cause = "The broker does not say what the shares that came have cost."
            work.add("position.qty", name, ours_text, theirs_text, cause, hint)
        elif _adjust(journal, client, difference, position, "accepted", now, price):
            work.adjusted.append(difference)
        return
    cause = BEHIND if behind else ""
    ratio = looks_like(difference.ours, difference.theirs)
    if not behind and ratio and (position is None or position.asset_class == AssetClass.US_EQUITY):
        cause = f"It looks like a {ratio} split, which neither the broker's activities nor the "
        cause += "average price bear out; or a transfer or other booking without an order."
    work.add("position.qty", difference.symbol, ours_text, theirs_text, cause)


def _cost_of(difference: PositionDifference, position: Position | None) -> Decimal | None:
    """At what an accepted difference is booked, by the broker; None where it does not say.

    What goes takes its part of the cost along, whatever its price. An average of 0 is what Alpaca
    shows of transferred shares until their cost arrives.
    """
    ours, theirs = difference.ours, difference.theirs
    if ours * theirs >= 0 and abs(theirs) < abs(ours):
        return ZERO
    average = position.avg_entry_price if position is not None else None
    return average or None


def _may_lag(journal: Journal, difference: PositionDifference, now: datetime) -> bool:
    executions = journal.executions(symbol=difference.symbol)
    return shows_the_past(executions, difference.theirs, now)


def _was_held_before(journal: Journal, difference: PositionDifference) -> bool:
    """Do orders that can only have closed prove that just this was there before the first fill?"""
    executions = journal.executions(symbol=difference.symbol)
    before = held_before(executions, closing_orders(journal, executions))
    return bool(before) and before == difference.theirs - difference.ours


def without_successions(
    journal: Journal,
    evidence: Evidence,
    differences: list[PositionDifference],
    now: Callable[[], datetime],
    work: Work,
) -> list[PositionDifference]:
    """Book symbols that became others; the differences that this leaves."""
    done: set[str] = set()
    for pair in evidence.successions:
        if not book_succession(journal, pair, now()):
            continue
        done |= {pair.old, pair.new}
        work.notes.append(f"{pair}; it is booked")
    left = [item for item in differences if item.symbol not in done]
    work.adjusted.extend(item for item in differences if item.symbol in done)
    return left


def book_silent(
    journal: Journal,
    evidence: Evidence,
    positions: dict[str, Position],
    now: Callable[[], datetime],
    work: Work,
) -> None:
    """Book shares that contracts brought and took away in the same number: nothing differs, yet
    they were traded at two prices; and those that a split has changed since. Before the contracts:
    as long as those differ, rows are read."""
    if journal.meta_get(RECONCILED_KEY) is None:
        return
    silent = [item for item in evidence.moved if not item.qty]
    for moved in (*silent, *evidence.before_splits):
        position = positions.get(symbol_key(moved.symbol))
        average = position.avg_entry_price if position is not None else None
        if book_moved(journal, moved, average, now()):
            work.notes.append(f"{moved}; it is booked")


def without_late_fills(
    journal: Journal,
    difference: PositionDifference,
    evidence: Evidence,
    now: Callable[[], datetime],
    work: Work,
) -> PositionDifference:
    """Make smaller what was taken over where fills have been told since; the difference that this
    leaves."""
    late = evidence.late_of(difference.symbol, difference.ours, difference.theirs)
    if late is None or not book_late_fills(journal, late, now()):
        return difference
    work.adjusted.append(difference)
    work.notes.append(f"{late}; it is booked")
    return late.left


def is_moved(
    journal: Journal,
    difference: PositionDifference,
    positions: dict[str, Position],
    evidence: Evidence,
    now: Callable[[], datetime],
    work: Work,
) -> bool:
    """Book what rows of the account explain."""
    if journal.meta_get(RECONCILED_KEY) is None:
        return False  # what was there before the journal is adopted
    moved = evidence.moved_of(difference.symbol, difference.ours, difference.theirs)
    if moved is None:
        return False
    position = positions.get(symbol_key(difference.symbol))
    average = position.avg_entry_price if position is not None else None
    if book_moved(journal, moved, average, now()):
        work.adjusted.append(difference)
        work.notes.append(f"{moved}; it is booked")
    return True


def is_split(
    journal: Journal,
    client: BrokerClient,
    difference: PositionDifference,
    positions: dict[str, Position],
    evidence: Evidence,
    now: Callable[[], datetime],
    work: Work,
) -> bool:
    """Book a split with the plan of its position, on the same grounds as `watch` does."""
    symbol, ours = difference.symbol, journal.position(difference.symbol)
    if ours is None or ours.asset_class != AssetClass.US_EQUITY:
        return False
    position = positions.get(symbol_key(symbol))
    average = position.avg_entry_price if position is not None else None
    split = evidence.split_of(symbol, difference.ours, difference.theirs)
    if split is None and symbol not in evidence.transferred:
        split = by_quantity(
            symbol,
            difference.ours,
            ours.avg_entry_price,
            difference.theirs,
            average,
            _adjusted_at(journal, client, symbol, "split", now),
            in_lieu=True,
        )
    if split is None:
        return False
    if take_split(journal, split, average, now()):
        work.adjusted.append(difference)
        work.notes.append(f"{split}; it is booked")
    return True


def _gap(difference: PositionDifference) -> str:
    return text(abs(difference.theirs - difference.ours))


def _adjust(
    journal: Journal,
    client: BrokerClient,
    difference: PositionDifference,
    position: Position | None,
    reason: str,
    now: Callable[[], datetime],
    price: Decimal | None = None,
) -> bool:
    """Book the difference, unless a fill has changed our side since it was seen."""
    at = _adjusted_at(journal, client, difference.symbol, reason, now)
    with recording(journal) as ledger:
        ours = journal.position(difference.symbol)
        held = ours.qty if ours is not None else ZERO
        if held != difference.ours:
            return False
        if price is None:
            price = _price_at(journal, difference, position, reason)
        ledger.adjust(
            difference.symbol,
            difference.theirs - difference.ours,
            price,
            reason=reason,
            asset_class=position.asset_class if position is not None else _class_of(ours),
            at=at,
            now=now(),
            held=None if reason == COIN_FEE else difference.theirs,
        )
    return True


def _price_at(
    journal: Journal, difference: PositionDifference, position: Position | None, reason: str
) -> Decimal:
    """The broker's average, else ours. Of what was closed before it was ever seen nobody knows it:
    the price at which it was closed, so that nothing is realised."""
    ours = journal.position(difference.symbol)
    if reason == ADOPTED and position is None:
        return journal.executions(symbol=difference.symbol)[0].net_price
    theirs = position.avg_entry_price if position is not None else None
    mine = ours.avg_entry_price if ours is not None else None
    return known_or(first_known(theirs, mine), ZERO)


def _class_of(ours: object) -> str:
    return str(getattr(ours, "asset_class", "us_equity"))


def _adjusted_at(
    journal: Journal,
    client: BrokerClient,
    symbol: str,
    reason: str,
    now: Callable[[], datetime],
) -> datetime:
    """An adopted position was there before the first fill we know; the rest happened by now."""
    first = journal.first_execution(symbol) if reason == ADOPTED else None
    if first is not None:
        return first.at - JUST_BEFORE
    return client.get_clock().timestamp or now()
