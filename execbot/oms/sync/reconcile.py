"""Reconciliation: journal and broker brought together, and every difference explained.

It settles what is in doubt, closes gaps, adopts what it does not know as foreign, and compares
orders, fills and positions. It only reads at the broker. A difference that is left is a *break*:
kind, subject, both sides, likely cause, and what to do. Nothing is overwritten silently; a
position is adjusted only when nothing of it was ever known here (adopted), for crypto fees, for
splits (`split_evidence`), or when a person accepts the broker's quantity. Average prices are
not compared: Alpaca changes them overnight without a trade.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from execbot.broker.port import BrokerClient
from execbot.journal.care.reconciled import remember_reconciliation
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.symbols import symbol_key
from execbot.model.timer import Timer
from execbot.oms.machine.changes import Change
from execbot.oms.recounts import recount, words_of
from execbot.oms.sync.breaks import BREAKS, Break
from execbot.oms.sync.differences import (
    PositionDifference,
    compare,
    forget_cured,
    reported_differences,
)
from execbot.oms.sync.evidence_reading import read_evidence
from execbot.oms.sync.gaps import fill_gap
from execbot.oms.sync.order_breaks import alarms_of, find_order_breaks, settle_doubt
from execbot.oms.sync.position_causes import (
    book_silent,
    is_moved,
    is_split,
    resolve,
    without_late_fills,
    without_successions,
)
from execbot.oms.sync.position_looks import compare_positions
from execbot.oms.sync.reconcile_work import RECONCILED_KEY, Work

NO_COSTS: Mapping[str, Decimal] = {}
UNREAD = BREAKS["answer.unknown"]


class ReconcileResult(Struct, frozen=True):
    """What reconciliation did and what it could not explain away.

    `adopted_orders` were placed elsewhere, `adopted_positions` were there before; `inferred` are
    fills concluded from totals that the broker has not listed; `notes` are short sentences. Of
    `costs_wanted` more is held at the broker, which was to be accepted, and nobody has said at what
    cost.
    """

    at: datetime
    breaks: tuple[Break, ...] = ()
    settled: tuple[OrderRecord, ...] = ()
    adopted_orders: tuple[OrderRecord, ...] = ()
    adopted_positions: tuple[PositionDifference, ...] = ()
    costs_wanted: tuple[str, ...] = ()
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


def reconcile(
    journal: Journal,
    client: BrokerClient,
    now: Callable[[], datetime],
    *,
    quiet_seconds: float,
    timer: Timer = Timer(),
    accept_positions: bool = False,
    costs: Mapping[str, Decimal] = NO_COSTS,
    wait: bool = False,
) -> ReconcileResult:
    """Bring both sides together. Raises BrokerError when the broker cannot be read.

    `costs` are what one share of a symbol has cost that is accepted, by the trader's word.
    """
    work = Work()
    settlement = settle_doubt(journal, client, now, timer, quiet_seconds, work, wait=wait)
    filled = fill_gap(journal, client, now)
    work.changes.extend(filled.changes)
    differences, positions, filled = compare_positions(journal, client, now, timer, filled, work)
    if not work.unread:
        taken_back = recount(journal, filled.orders, list(positions.values()), now())
        work.changes.extend(taken_back)
        work.notes.extend(map(words_of, taken_back))
        differences = compare(journal.positions(), positions.values())
    find_order_breaks(journal, filled, settlement, work)
    evidence = read_evidence(journal, client, list(positions.values()), now())
    book_silent(journal, evidence, positions, now, work)
    if evidence.before_splits:
        differences = work.known(compare(journal.positions(), positions.values()))
    for difference in without_successions(journal, evidence, differences, now, work):
        difference = without_late_fills(journal, difference, evidence, now, work)
        if difference.ours == difference.theirs:
            continue
        if is_moved(journal, difference, positions, evidence, now, work):
            continue
        awaited = evidence.awaited.get(difference.symbol)
        if awaited is not None and not accept_positions:
            work.notes.append(awaited)
            continue
        if not is_split(journal, client, difference, positions, evidence, now, work):
            resolve(
                journal, client, difference, positions, now, work,
                accept=accept_positions, cost=costs.get(symbol_key(difference.symbol)),
            )  # fmt: skip
    for row in work.unread:
        work.add("answer.unknown", row.symbol or row.what, "-", "?", f"{row}. {UNREAD.cause}")
    unknown = {
        item.symbol for item in reported_differences(journal).values() if work.is_unknown(item)
    }
    differing = {item.subject for item in work.breaks if item.kind == "position.qty"}
    forget_cured(journal, differing | unknown)
    work.notes += alarms_of(journal, work.changes, now())
    inferred = journal.inferred_executions()
    is_whole = not (work.unread or work.lags)
    if is_whole or journal.meta_get(RECONCILED_KEY) is not None:
        journal.meta_set(RECONCILED_KEY, now())  # else what was there before is not taken over yet
    remember_reconciliation(journal, now(), [f"{item.kind} {item.subject}" for item in work.breaks])
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
        costs_wanted=tuple(work.costs_wanted),
        orders_checked=len(filled.orders),
        positions_checked=len(positions),
        fills_added=sum(len(change.fills) for change in work.changes),
        inferred=tuple(item.execution_id for item in inferred),
        notes=tuple(work.notes),
        changes=tuple(work.changes),
    )
