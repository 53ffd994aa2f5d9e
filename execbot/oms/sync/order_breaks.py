"""Reconcile, the orders: doubt is settled, and each order is compared with the broker's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from execbot.broker.port import BrokerClient
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderStatus
from execbot.model.numbers import text
from execbot.model.order import Order
from execbot.model.timer import Timer
from execbot.oms.machine.alarms import OrderAlarm, alarm_words, is_stuck
from execbot.oms.machine.changes import Change
from execbot.oms.sync import settle
from execbot.oms.sync.gaps import GapFill
from execbot.oms.sync.reconcile_work import Work


def settle_doubt(
    journal: Journal,
    client: BrokerClient,
    now: Callable[[], datetime],
    timer: Timer,
    quiet_seconds: float,
    work: Work,
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


def find_order_breaks(
    journal: Journal, filled: GapFill, settlement: settle.Settlement, work: Work
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


def alarms_of(journal: Journal, changes: Iterable[Change], now: datetime) -> list[str]:
    """What about these orders a person must look at, and which requests got stuck."""
    words = {
        f"{change.record.client_order_id}: {alarm_words(change.record, change.alarm)}": None
        for change in changes
        if change.alarm and change.seq
    }
    for record in journal.orders("open"):
        if is_stuck(record, now):
            words[f"{record.client_order_id}: {alarm_words(record, OrderAlarm.STUCK)}"] = None
    return list(words)


def _compare_order(journal: Journal, order: Order, work: Work) -> None:
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
    # One that is whole by its executions had ended otherwise before they were all told.
    ended_as = (mine.status.value, record.progress.ended_as)
    same_end = order.status.value in ended_as or not (mine.is_terminal or order.is_terminal)
    if not same_end and order.status is not OrderStatus.UNKNOWN:
        work.add("order.status", record.client_order_id, mine.status.value, order.status.value)


def _younger_here(record: OrderRecord, order: Order) -> bool:
    """The stream has brought something after this look at REST."""
    mine, theirs = record.order.updated_at, order.updated_at
    return mine is not None and theirs is not None and mine > theirs
