"""Reconciliation: journal and broker brought together, and every difference explained.

It settles what is in doubt, closes gaps, adopts what it does not know as foreign, and compares
orders, fills and positions. It only reads at the broker. A difference that is left is a *break*:
kind, subject, both sides, likely cause, and what to do. Nothing is overwritten silently; a
position is adjusted only when nothing of it was ever known here (adopted), for crypto fees, for
splits (`split_evidence`), or when a person accepts the broker's quantity. Average prices are
not compared: Alpaca changes them overnight without a trade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct, field

from execbot.broker.port import BrokerClient
from execbot.journal.journal import Journal
from execbot.journal.records import FillState, OrderRecord
from execbot.model.account import Position
from execbot.model.enums import AssetClass, OrderStatus
from execbot.model.numbers import ZERO, text
from execbot.model.order import Order
from execbot.model.retrying import Attempts, Schedule, polled
from execbot.model.symbols import symbol_key
from execbot.model.timer import Timer
from execbot.oms.ledger import recording
from execbot.oms.machine.alarms import OrderAlarm, alarm_words, is_stuck
from execbot.oms.machine.changes import Change
from execbot.oms.sync import settle
from execbot.oms.sync.adjustments import read_evidence, rescale_by_price, take_split
from execbot.oms.sync.breaks import BREAKS, Break
from execbot.oms.sync.differences import PositionDifference, compare, forget_cured, is_crypto_fee
from execbot.oms.sync.gaps import GapFill, fill_gap
from execbot.oms.sync.row_bookings import book_moved, book_succession
from execbot.oms.sync.split_evidence import Evidence, by_quantity, looks_like

RECONCILED_KEY = "reconciled_at"
"""Meta: when the last reconcile ended. Absent: the account's positions were never taken over."""

LOOKS = Attempts(4)
LOOK_PAUSE = Schedule((0.25,))
"""Positions and orders are read one after the other; a fill between them shows as a difference
that is gone at the next look."""


class ReconcileResult(Struct, frozen=True):
    """What reconciliation did and what it could not explain away.

    `adopted_orders` were placed elsewhere, `adopted_positions` were there before; `inferred` are
    fills concluded from totals that the broker has not listed; `notes` are short sentences.
    """

    at: datetime
    breaks: tuple[Break, ...] = ()
    settled: tuple[OrderRecord, ...] = ()
    adopted_orders: tuple[OrderRecord, ...] = ()
    adopted_positions: tuple[PositionDifference, ...] = ()
    adjusted_positions: tuple[PositionDifference, ...] = ()
    orders_checked: int = 0
    positions_checked: int = 0
    fills_added: int = 0
    inferred: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def has_breaks(self) -> bool:
        return bool(self.breaks)


class _Work(Struct):
    """What is gathered on the way."""

    breaks: list[Break] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    adopted: list[PositionDifference] = field(default_factory=list)
    adjusted: list[PositionDifference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, subject: str, ours: str, theirs: str, cause: str = "") -> None:
        known = BREAKS[kind]
        found = Break(kind, subject, ours, theirs, cause or known.cause, known.hint)
        if found not in self.breaks:
            self.breaks.append(found)


def reconcile(
    journal: Journal,
    client: BrokerClient,
    now: Callable[[], datetime],
    *,
    quiet_seconds: float,
    timer: Timer = Timer(),
    accept_positions: bool = False,
    wait: bool = False,
) -> ReconcileResult:
    """Bring both sides together. Raises BrokerError when the broker cannot be read."""
    work = _Work()
    settlement = _settle(journal, client, now, timer, quiet_seconds, work, wait=wait)
    filled = fill_gap(journal, client, now)
    work.changes.extend(filled.changes)
    differences, positions, filled = _compare_positions(journal, client, now, timer, filled, work)
    _order_breaks(journal, filled, settlement, work)
    evidence = read_evidence(journal, client, list(positions.values()), now())
    for difference in _without_successions(journal, evidence, differences, now, work):
        if _is_moved(journal, difference, positions, evidence, now, work):
            continue
        awaited = evidence.awaited.get(difference.symbol)
        if awaited is not None and not accept_positions:
            work.notes.append(awaited)
            continue
        if not _is_split(journal, client, difference, positions, evidence, now, work):
            _resolve(journal, client, difference, positions, now, work, accept=accept_positions)
    forget_cured(journal, {item.subject for item in work.breaks if item.kind == "position.qty"})
    work.notes += _alarms(journal, work.changes, now())
    inferred = journal.inferred_executions()
    journal.meta_set(RECONCILED_KEY, now())
    adopted = [
        change.record
        for change in work.changes
        if change.previous_status is None and not change.record.is_ours
    ]
    return ReconcileResult(
        at=now(),
        breaks=tuple(work.breaks),
        settled=settlement.settled,
        adopted_orders=tuple({record.client_order_id: record for record in adopted}.values()),
        adopted_positions=tuple(work.adopted),
        adjusted_positions=tuple(work.adjusted),
        orders_checked=len(filled.orders),
        positions_checked=len(positions),
        fills_added=sum(len(change.fills) for change in work.changes),
        inferred=tuple(item.execution_id for item in inferred),
        notes=tuple(work.notes),
        changes=tuple(work.changes),
    )


# --- orders --------------------------------------------------------------------------------


def _settle(
    journal: Journal,
    client: BrokerClient,
    now: Callable[[], datetime],
    timer: Timer,
    quiet_seconds: float,
    work: _Work,
    *,
    wait: bool,
) -> settle.Settlement:
    settlement = settle.settle(journal, client, now, quiet_seconds=quiet_seconds, timer=timer)
    work.changes.extend(settlement.changes)
    if not (wait and settlement.open):
        return settlement
    timer.sleep(quiet_seconds + 0.1)
    second = settle.settle(journal, client, now, quiet_seconds=quiet_seconds, timer=timer)
    work.changes.extend(second.changes)
    return settle.Settlement((*settlement.settled, *second.settled), second.open)


def _order_breaks(
    journal: Journal, filled: GapFill, settlement: settle.Settlement, work: _Work
) -> None:
    for record, why in settlement.open:
        current = journal.order_by_client_id(record.client_order_id) or record
        if current.status is record.status:
            work.add("order.in_doubt", record.client_order_id, record.status.value, "?", why)
    for record in filled.missing:
        work.add("order.missing", record.client_order_id, record.status.value, "not found")
    for order in filled.orders:
        for each in (order, *order.legs):
            _compare_order(journal, each, work)


def _alarms(journal: Journal, changes: Iterable[Change], now: datetime) -> list[str]:
    """What about these orders a person must look at, and which requests got stuck."""
    told = {
        f"{change.record.client_order_id}: {alarm_words(change.record, change.alarm)}": None
        for change in changes
        if change.alarm and change.seq
    }
    for record in journal.orders("open"):
        if is_stuck(record, now):
            told[f"{record.client_order_id}: {alarm_words(record, OrderAlarm.STUCK)}"] = None
    return list(told)


def _compare_order(journal: Journal, order: Order, work: _Work) -> None:
    record = journal.order_by_broker_id(order.id)
    if record is None:
        return
    if "~" in record.client_order_id and record.client_order_id.endswith(order.id):
        work.add("order.duplicate_id", order.client_order_id, "one order", f"also {order.id}")
    if _younger_here(record, order):
        return
    mine, chain = record.order, record.progress.chain_qty
    if mine.filled_qty > order.filled_qty or (
        mine.filled_qty < order.filled_qty and mine.filled_qty + chain != order.filled_qty
    ):
        work.add(
            "order.filled_qty",
            record.client_order_id,
            text(mine.filled_qty),
            text(order.filled_qty),
        )
    same_end = mine.status is order.status or not (mine.is_terminal or order.is_terminal)
    if not same_end and order.status is not OrderStatus.UNKNOWN:
        work.add("order.status", record.client_order_id, mine.status.value, order.status.value)


def _younger_here(record: OrderRecord, order: Order) -> bool:
    """The stream has brought something after this look at REST."""
    mine, theirs = record.order.updated_at, order.updated_at
    return mine is not None and theirs is not None and mine > theirs


# --- positions -----------------------------------------------------------------------------


class _Look(Struct, frozen=True):
    """What one look at the positions showed."""

    differences: list[PositionDifference]
    positions: dict[str, Position]
    filled: GapFill
    is_quiet: bool


def _compare_positions(
    journal: Journal,
    client: BrokerClient,
    now: Callable[[], datetime],
    timer: Timer,
    filled: GapFill,
    work: _Work,
) -> tuple[list[PositionDifference], dict[str, Position], GapFill]:
    """Differences that two looks in a row show the same: nothing was moving in between."""
    looked: list[_Look] = []

    def look() -> _Look:
        known = filled
        if looked:
            again = fill_gap(journal, client, now)
            work.changes.extend(again.changes)
            known = _merge(looked[-1].filled, again)
        positions = {symbol_key(item.symbol): item for item in client.get_positions()}
        differences = compare(journal.positions(), positions.values())
        is_quiet = not differences or bool(looked and looked[-1].differences == differences)
        looked.append(_Look(differences, positions, known, is_quiet))
        return looked[-1]

    last = polled(look, lambda seen: seen.is_quiet, wait=LOOK_PAUSE, stop=LOOKS, timer=timer)
    return last.differences, last.positions, last.filled


def _merge(first: GapFill, second: GapFill) -> GapFill:
    """The later look at each order counts."""
    orders = {order.id: order for order in (*first.orders, *second.orders)}
    return GapFill(
        at=second.at,
        orders=tuple(orders.values()),
        missing=second.missing,
        activities=max(first.activities, second.activities),
        is_first=first.is_first,
    )


def _resolve(
    journal: Journal,
    client: BrokerClient,
    difference: PositionDifference,
    positions: dict[str, Position],
    now: Callable[[], datetime],
    work: _Work,
    *,
    accept: bool,
) -> None:
    """Adopt, adjust for a fee, adjust because a person says so, or report the break."""
    position = positions.get(symbol_key(difference.symbol))
    ours = journal.position(difference.symbol)
    if ours is not None and is_crypto_fee(ours, difference.theirs):
        if _adjust(journal, client, difference, position, "crypto_fee", now):
            work.notes.append(f"{difference.symbol}: fee of {_gap(difference)} taken in coins")
        return
    is_first = journal.meta_get(RECONCILED_KEY) is None
    unknown_here = not any(
        item.state is not FillState.ADJUSTMENT
        for item in journal.executions(symbol=difference.symbol)
    )
    if (is_first or unknown_here) and difference.theirs:
        if _adjust(journal, client, difference, position, "adopted", now):
            work.adopted.append(difference)
        return
    work.notes.extend(rescale_by_price(journal, difference, position, now()))
    if accept:
        if _adjust(journal, client, difference, position, "accepted", now):
            work.adjusted.append(difference)
        return
    cause = ""
    ratio = looks_like(difference.ours, difference.theirs)
    if ratio and (position is None or position.asset_class == AssetClass.US_EQUITY):
        cause = f"It looks like a {ratio} split, which neither the broker's activities nor the "
        cause += "average price bear out; or a transfer or other booking without an order."
    ours_text, theirs_text = text(difference.ours), text(difference.theirs)
    work.add("position.qty", difference.symbol, ours_text, theirs_text, cause)


def _without_successions(
    journal: Journal,
    evidence: Evidence,
    differences: list[PositionDifference],
    now: Callable[[], datetime],
    work: _Work,
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


def _is_moved(
    journal: Journal,
    difference: PositionDifference,
    positions: dict[str, Position],
    evidence: Evidence,
    now: Callable[[], datetime],
    work: _Work,
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


def _is_split(
    journal: Journal,
    client: BrokerClient,
    difference: PositionDifference,
    positions: dict[str, Position],
    evidence: Evidence,
    now: Callable[[], datetime],
    work: _Work,
) -> bool:
    """Book a split with the plan of its position, on the same grounds as `watch` does."""
    symbol, ours = difference.symbol, journal.position(difference.symbol)
    if ours is None or ours.asset_class != AssetClass.US_EQUITY:
        return False
    if journal.meta_get(RECONCILED_KEY) is None:
        return False  # shares may be older than the journal, and are adopted
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
) -> bool:
    """Book the difference, unless a fill has changed our side since it was seen."""
    with recording(journal) as ledger:
        ours = journal.position(difference.symbol)
        held = ours.qty if ours is not None else ZERO
        if held != difference.ours:
            return False
        price = position.avg_entry_price if position is not None else None
        if price is None and ours is not None:
            price = ours.avg_entry_price
        ledger.adjust(
            difference.symbol,
            difference.theirs - difference.ours,
            price or Decimal(0),
            reason=reason,
            asset_class=position.asset_class if position is not None else _class_of(ours),
            at=_adjusted_at(journal, client, difference.symbol, reason, now),
            now=now(),
        )
    return True


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
    executions = journal.executions(symbol=symbol)
    if reason == "adopted" and executions:
        return executions[0].at - timedelta(microseconds=1)
    return client.get_clock().timestamp or now()
