"""Orders kept for the open: listed, released when they may trade, expired when they got too old.

Used by `watch` and by `execbot queue release` from cron; both may run at once, because releasing is
one transaction that only one of them wins. Each order is judged afresh, and an order that came
from a signal is also sized afresh: prices and the account have moved since.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct

from execbot.alerts import Alert
from execbot.broker.errors import BrokerError
from execbot.exits.exit_orders import is_exit
from execbot.exits.levels import LevelError
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Role
from execbot.market import halts
from execbot.market.halts import HALTS_KEY
from execbot.market.order_hours import in_entry_window, may_trade_now
from execbot.market.queue import QueueAction, Queued, QueueDecision, decide, expires_at
from execbot.market.sessions import agreed_now, crypto_now
from execbot.model.enums import (
    ErrorCategory,
    OrderStatus,
    Outcome,
)
from execbot.model.flags import Flag
from execbot.model.numbers import maybe_decimal
from execbot.model.symbols import is_pair
from execbot.model.times import iso
from execbot.oms.errors import NotPossible, OmsError, Refused
from execbot.oms.place.family import family_of, made_before, name_in_signal, refuse_second
from execbot.oms.place.risk_gate import flags_given
from execbot.oms.send.intent import request_of
from execbot.oms.send.waiting import RATE_LIMITED, is_meant_for_now
from execbot.oms.signals.entry import shaped_for
from execbot.oms.signals.executor import Executor
from execbot.risk.halting import current
from execbot.risk.kill_switch import Level
from execbot.risk.reading import FactsReader
from execbot.risk.witnesses import AccountFacts


class Released(Struct, frozen=True):
    """What was done about one queued order."""

    record: OrderRecord
    action: QueueAction
    outcome: Outcome
    reason: str
    error_kind: str = ""
    category: ErrorCategory | None = None
    """Of the error, where there was one."""

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
    found = [(records[d.item.client_order_id], d) for d in decisions]
    return [(record, _unless_stale(reader, record, decision)) for record, decision in found]


def _unless_stale(
    reader: FactsReader, record: OrderRecord, decision: QueueDecision
) -> QueueDecision:
    """Who waits for the open is sized anew then; who waits only for the rate limit was meant for
    the moment of the signal, and lapses with it."""
    if record.signal_id is None or record.intent_at is None:
        return decision
    if not is_meant_for_now(reader.journal, record):
        return decision
    known = reader.journal.signal(record.signal_id)
    said = maybe_decimal(known.body.get("ttl_seconds")) if known is not None else None
    seconds = said or reader.settings.signal_ttl_seconds
    if reader.now() - record.intent_at < timedelta(seconds=float(seconds)):
        return decision
    reason = f"its signal was good for {seconds} s"
    return QueueDecision(decision.item, QueueAction.EXPIRE, reason)


def release_due(executor: Executor, *, only: str | None = None) -> list[Released]:
    """Release, expire or keep every queued order; `only` looks at one client_order_id.

    Raises BrokerError when the broker cannot be asked; nothing is released then.
    """
    done = []
    for record, decision in queue_decisions(executor.risk.reader):
        if only is not None and record.client_order_id != only:
            continue
        done.append(_carry_out(executor, record, decision))
        if done[-1].error_kind == RATE_LIMITED:
            break  # the others wait behind it
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
        if halt is None and not item.is_exit and not is_pair(item.symbol):
            halt = self._book.market_wide(self._at)
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
        record = self._records[item.client_order_id]
        request = request_of(record)
        if record.signal_id and self._reader.journal.signal(record.signal_id) is not None:
            request = shaped_for(now.session, request)
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
    try:
        return _sent_now(executor, record)
    except (OmsError, BrokerError, LevelError) as error:
        after = executor.oms.record(name)
        waits = after.status is OrderStatus.QUEUED
        if not waits and isinstance(error, OmsError) and not error.in_doubt:
            message = f"{record.symbol}: {name} left the queue and was not sent: {error.message}"
            executor.placer.alert(Alert(error.kind, message, record.symbol))
        if waits and isinstance(error, LevelError):  # a price cures it, or its time runs out
            reason = f"waits for a price that its exits fit: {error.message}"
            return Released(after, QueueAction.KEEP, after.outcome, reason)
        action = QueueAction.KEEP if waits else decision.action
        kind, category = error.kind, error.category
        return Released(after, action, after.outcome, error.message, kind, category)


def _tried_elsewhere(journal: Journal, record: OrderRecord) -> str:
    """In words, where it was tried again under another id while its release was under way."""
    family = family_of(journal, record)
    try:
        refuse_second(journal, family.name, made_before(family, record), record.client_order_id)
    except NotPossible as error:
        return error.message
    return ""


def _sent_now(executor: Executor, record: OrderRecord) -> Released:
    """Built and judged for the session of now, then sent; what time alone cures waits on."""
    name, placer = record.client_order_id, executor.placer
    done_elsewhere = _tried_elsewhere(executor.oms.journal, record)
    if done_elsewhere:
        lapsed = executor.oms.lapse(name, reason=done_elsewhere)
        return Released(lapsed, QueueAction.EXPIRE, lapsed.outcome, done_elsewhere)
    said = flags_given(executor.oms.journal, name) - {Flag.ALLOW_DUPLICATE}
    placer.refuse_flags(said)
    entry, checked = executor.entries.requeued(record, said | {Flag.ALLOW_DUPLICATE})
    if record.role == Role.EXIT and not checked.closes:
        lapsed = executor.oms.lapse(name, reason=f"no position in {record.symbol} to close")
        return Released(lapsed, QueueAction.EXPIRE, lapsed.outcome, lapsed.note or "")
    if checked.should_queue:
        return Released(record, QueueAction.KEEP, Outcome.QUEUED, checked.verdict.message)
    try:
        placed = placer.release(entry, checked, adjust=record.signal_id is not None)
    except Refused:
        placer.tell_if_tripped(checked)
        raise
    sent = placed.record
    why = placed.queued_for or "; ".join(placed.adjusted)
    name_in_signal(executor.oms.journal, record, sent, why, executor.oms.now())
    if placed.queued_for:
        return Released(sent, QueueAction.KEEP, sent.outcome, placed.queued_for)
    if sent.status is OrderStatus.QUEUED:  # it is proven that who had taken it has not sent it
        return Released(sent, QueueAction.KEEP, sent.outcome, sent.note or "")
    reason = "already taken" if sent.already else "; ".join(("released", *placed.adjusted))
    return Released(sent, QueueAction.RELEASE, sent.outcome, reason)
