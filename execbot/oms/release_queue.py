"""Orders kept for the open: listed, released when they may trade, expired when they got too old.

Used by `watch` and by `execbot queue release` from cron; both may run at once, because releasing is
one transaction that only one of them wins. Each order is judged afresh, and an order that came
from a signal is also sized afresh: prices and the account have moved since.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.exits.exit_orders import is_exit
from execbot.exits.levels import LevelError
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Role
from execbot.market import halts
from execbot.market.order_hours import in_entry_window, may_trade_now
from execbot.market.queue import QueueAction, Queued, QueueDecision, decide, expires_at
from execbot.market.sessions import agreed_now, crypto_now
from execbot.model.enums import (
    OrderStatus,
    Outcome,
)
from execbot.model.flags import Flag
from execbot.model.times import iso
from execbot.oms.errors import OmsError
from execbot.oms.place.risk_desk import flags_given
from execbot.oms.send.intent import request_of
from execbot.oms.signals.executor import Executor
from execbot.risk.halting import current
from execbot.risk.kill_switch import Level
from execbot.risk.reading import HALTS_KEY, AccountFacts, FactsReader


class Released(Struct, frozen=True):
    """What was done about one queued order."""

    record: OrderRecord
    action: QueueAction
    outcome: Outcome
    reason: str
    error_kind: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "client_order_id": self.record.client_order_id,
            "symbol": self.record.symbol,
            "action": self.action.value,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "error_kind": self.error_kind or None,
        }


def queued_orders(journal: Journal) -> list[OrderRecord]:
    """What waits, oldest first."""
    found = [r for r in journal.orders("open", legs=False) if r.status is OrderStatus.QUEUED]
    return list(reversed(found))


def queue_decisions(reader: FactsReader) -> list[tuple[OrderRecord, QueueDecision]]:
    """What should be done about each queued order now. Asks the broker once for all of them."""
    records = {r.client_order_id: r for r in queued_orders(reader.journal)}
    if not records:
        return []
    account = reader.account_facts(fresh=True)
    items = [
        Queued(
            record.client_order_id,
            record.symbol,
            record.intent_at or reader.now(),
            is_exit(record, account.held(record.symbol)),
        )
        for record in records.values()
    ]
    reasons = _Reasons(reader, account, records)
    hours = reader.settings.market_hours.queue_expires_hours
    decisions = decide(items, reader.now(), hours, reasons)
    return [(records[d.item.client_order_id], d) for d in decisions]


def release_due(executor: Executor, *, only: str | None = None) -> list[Released]:
    """Release, expire or keep every queued order; `only` looks at one client_order_id.

    Raises BrokerError when the broker cannot be asked; nothing is released then.
    """
    done = []
    for record, decision in queue_decisions(executor.desk.reader):
        if only is not None and record.client_order_id != only:
            continue
        done.append(_carry_out(executor, record, decision))
    return done


def expiry_of(record: OrderRecord, hours: Decimal) -> str | None:
    """When a queued order lapses, as text."""
    return None if record.intent_at is None else iso(expires_at(record.intent_at, hours))


class _Reasons:
    """Why a queued order could not trade now; None when it could."""

    def __init__(
        self, reader: FactsReader, account: AccountFacts, records: dict[str, OrderRecord]
    ) -> None:
        self._reader = reader
        self._account = account
        self._records = records
        self._at = reader.market_time(account)
        self._book = halts.book_from_json(reader.journal.meta_get(HALTS_KEY))
        self._switch = current(reader.journal)

    def __call__(self, item: Queued) -> str | None:
        if not item.is_exit and self._switch.level is Level.REDUCE_ONLY:
            return self._switch.describe()
        halt = self._book.halted(item.symbol, self._at)
        if halt is not None:
            return f"halted: {halt.reason}"
        try:
            asset = self._reader.asset(item.symbol)
        except BrokerError as error:
            return error.message
        now = (
            crypto_now(self._at)
            if asset.is_crypto
            else agreed_now(self._reader.table_at(self._at), self._at, self._account.clock)
        )
        hours = self._reader.settings.market_hours
        request = request_of(self._records[item.client_order_id])
        for answer in (may_trade_now(request, asset, now, hours), in_entry_window(now, hours)):
            if not answer.allowed:
                return f"{answer.limit}: {answer.seen}"
        return None


def _carry_out(executor: Executor, record: OrderRecord, decision: QueueDecision) -> Released:
    name = record.client_order_id
    if decision.action is QueueAction.KEEP:
        return Released(record, decision.action, Outcome.QUEUED, decision.reason)
    if decision.action is QueueAction.EXPIRE:
        lapsed = executor.oms.lapse(name, reason=decision.reason)
        return Released(lapsed, decision.action, lapsed.outcome, decision.reason)
    checked = None
    try:
        entry, on_pass = executor.entries.requeued(record, request_of(record))
        said = flags_given(executor.oms.journal, name) - {Flag.ALLOW_DUPLICATE}
        executor.placer.refuse_flags(said)
        checked = executor.desk.check(entry.request, flags=said | {Flag.ALLOW_DUPLICATE})
        checked.on_pass = on_pass
        if record.role == Role.EXIT and not checked.closes:
            lapsed = executor.oms.lapse(name, reason=f"no position in {record.symbol} to close")
            return Released(lapsed, QueueAction.EXPIRE, lapsed.outcome, lapsed.note or "")
        sent = executor.placer.release(entry, checked)
    except (OmsError, BrokerError, LevelError) as error:
        if checked is not None:
            executor.placer.tell_if_tripped(checked)
        after = executor.oms.record(name)
        waits = after.status is OrderStatus.QUEUED
        action = QueueAction.KEEP if waits else decision.action
        return Released(after, action, after.outcome, error.message, error.kind)
    reason = "already taken" if sent.already else "released"
    return Released(sent, decision.action, sent.outcome, reason)
