"""The facts of an order, read from the journal. All of it may raise JournalError."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from statistics import median_low
from typing import Any

from execbot.config.schema import TradingSettings
from execbot.exits.exit_orders import is_meant_to_close
from execbot.exits.levels import risk_per_share
from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.store import open_plans, plan_by_id
from execbot.journal.confirmation import (
    QUOTE_SEEN,
    QUOTES_SEEN,
    Confirmation,
    OrderKind,
    QuoteSeen,
)
from execbot.journal.journal import Journal
from execbot.journal.records import OF, Execution, OrderRecord
from execbot.market.sessions import SessionTable, session_day
from execbot.model.enums import AssetClass, Side
from execbot.model.numbers import COIN_FEE_SHARE, ZERO, known_or, maybe_decimal
from execbot.model.quote import Quote
from execbot.model.symbols import is_option
from execbot.model.times import day_begins, eastern, parse_time
from execbot.oms.position_ledger import positions_before
from execbot.quality.arrival import seen_at
from execbot.quality.checks import SLOW_SECONDS_MIN, waited_seconds
from execbot.quality.facts import Facts, PositionFacts, SignalFacts
from execbot.quality.looks import looked_of

USUAL_OF = 50
"""So many of the last marketable orders say how long one takes."""

USUAL_MIN = 10

Table = Callable[[datetime], SessionTable]


def facts_of(
    journal: Journal,
    record: OrderRecord,
    now: datetime,
    settings: TradingSettings,
    table: Table,
    previous: Confirmation | None = None,
) -> Facts:
    """Everything about one order that the journal knows, with what the last version looked up."""
    executions = tuple(journal.executions_of(record.client_order_id))
    bare = Facts(now, record, executions, wait_since=_wait_since(record, table))
    may_be_slow = (waited_seconds(bare) or ZERO) > SLOW_SECONDS_MIN
    return Facts(
        now,
        record,
        executions,
        decided_by=decided_by(journal, record),
        decided_at=_decided_at(journal, record),
        signal=_signal(journal, record),
        risk_per_share=_risk(journal, record, bare.price, previous),
        position=_position(journal, bare, previous) if bare.fills else None,
        looked=looked_of(previous, bare.last_fill),
        wait_since=bare.wait_since,
        usual_seconds=usual_seconds(journal, record) if may_be_slow else None,
        alert_pct=settings.order_management.slippage_alert_pct,
        widest_spread_pct=settings.options.max_spread_pct,
    )


# --- the decision --------------------------------------------------------------------------------


def decided_by(journal: Journal, record: OrderRecord) -> QuoteSeen | None:
    """The quote that the checks of the order saw, or that its intent was made by. One that took the
    place of another, or is another attempt at it, was decided with the first; a leg with its
    parent."""
    for name in _decided_with(journal, record):
        if (row := journal.last_audit("risk", name)) is not None:
            said = row.facts.get(QUOTE_SEEN) or _of_contract(row.facts, record.symbol)
            if said:
                return _quote_of(record.symbol, said, row.at)
        if is_option(record.symbol) and (found := _with_intent(journal, name, record.symbol)):
            return found
    return None


def _with_intent(journal: Journal, name: str, contract: str) -> QuoteSeen | None:
    for event in journal.events_of(name):
        if said := _of_contract(event.details, contract):
            return _quote_of(contract, said, event.recorded_at)
    return None


def _of_contract(facts: Mapping[str, Any], symbol: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = (facts.get(QUOTES_SEEN) or {}).get(symbol)
    return found


def _quote_of(symbol: str, said: Mapping[str, Any], at: datetime) -> QuoteSeen:
    quote = Quote(
        symbol,
        parse_time(said.get("quoted_at")),
        known_or(maybe_decimal(said.get("bid")), ZERO),
        known_or(maybe_decimal(said.get("ask")), ZERO),
        feed=said.get("feed"),
    )
    return seen_at(quote, parse_time(said.get("at")) or at)


def _decided_at(journal: Journal, record: OrderRecord) -> datetime | None:
    """When the first of them was sent: the quote of that moment is looked up where none is kept.
    Measured from a later one, an order that was moved after the market would have cost nothing."""
    found = {one.client_order_id: one for one in _chain(journal, record)}
    for name in _decided_with(journal, record):
        one = found.get(name) or journal.order_by_client_id(name)
        if one is not None and (at := one.sent_at or one.order.submitted_at) is not None:
            return at
    return None


def _chain(journal: Journal, record: OrderRecord) -> list[OrderRecord]:
    """The order and those that it took the place of, the first one last."""
    return [record, *(journal.chain_before(record.order_id) if record.order.replaces else ())]


def _decided_with(journal: Journal, record: OrderRecord) -> Sequence[str]:
    """The orders that may carry the decision, the first one first."""
    chain = _chain(journal, record)
    first = chain[-1]
    events = journal.events_of(first.client_order_id)
    tried = [str(event.details[OF]) for event in events if event.details.get(OF)][:1]
    whole = [record.parent_id] if record.parent_id and is_option(record.symbol) else []
    own = (one.client_order_id for one in reversed(chain))
    return list(dict.fromkeys([*tried, *whole, *own]))


def _signal(journal: Journal, record: OrderRecord) -> SignalFacts:
    if record.signal_id is None:
        return SignalFacts()
    found = journal.signal(record.signal_id)
    if found is None:
        return SignalFacts()
    body = found.body
    return SignalFacts(
        parse_time(body.get("created_at")),
        found.received_at,
        maybe_decimal(body.get("expected_price")),
    )


def _risk(
    journal: Journal, record: OrderRecord, paid: Decimal | None, previous: Confirmation | None
) -> Decimal | None:
    """One R a share: the distance from the entry to the first stop, frozen when it is first known.
    An exit has that of its entry."""
    if previous is not None and previous.risk_per_share is not None:
        return previous.risk_per_share
    plan = _plan_of(journal, record)
    if plan is None:
        return None
    entry = journal.confirmation(plan.entry_client_order_id or "")
    if entry is not None and entry.risk_per_share is not None:
        return entry.risk_per_share
    if plan.risk is not None:
        return plan.risk
    is_entry = plan.entry_client_order_id == record.client_order_id
    stop = plan.stop.initial or plan.stop.price
    return risk_per_share(paid, stop) if is_entry and paid is not None and stop else None


def _plan_of(journal: Journal, record: OrderRecord) -> ExitPlan | None:
    """The plan of the order; of a leg that of its entry; of any other exit the one in force."""
    if record.plan_id is not None:
        return plan_by_id(journal, record.plan_id)
    entry = record.parent_id or record.client_order_id
    plans = [plan for plan in open_plans(journal) if plan.symbol == record.symbol]
    for plan in plans:
        if plan.entry_client_order_id == entry:
            return plan
    if not is_meant_to_close(record):
        return None
    active = [plan for plan in plans if plan.status is PlanStatus.ACTIVE]
    return active[0] if active else _plan_just_closed(journal, record)


def _plan_just_closed(journal: Journal, record: OrderRecord) -> ExitPlan | None:
    """The one that this very exit has ended."""
    found = journal.newest_plan(record.symbol, PlanStatus.CLOSED)
    wanted = record.intent_at
    if found is None or wanted is None or found.at < wanted:
        return None
    plan = plan_by_id(journal, found.plan_id)
    return plan if plan is not None and plan.created_at <= wanted else None


# --- times ---------------------------------------------------------------------------------------


def _wait_since(record: OrderRecord, table: Table) -> datetime | None:
    """From when on it could fill: the broker had it, and its session was open."""
    order = record.order
    since = order.submitted_at or record.sent_at
    if since is None or order.asset_class == AssetClass.CRYPTO or order.extended_hours:
        return since
    day = session_day(table(since), since)
    return since if day is None else max(since, day.open)


def usual_seconds(journal: Journal, record: OrderRecord) -> Decimal | None:
    """The median wait of the last marketable orders before this one; None with too few."""
    waits = [
        Decimal(str(wait))
        for item in journal.last_confirmations(str(OrderKind.MARKETABLE), limit=USUAL_OF)
        if item.client_order_id != record.client_order_id and (wait := _wait_of(item)) is not None
    ]
    return median_low(waits) if len(waits) >= USUAL_MIN else None


def _wait_of(item: Confirmation) -> float | None:
    times = item.times
    if times.first_fill is None or times.acknowledged is None:
        return None
    return max((times.first_fill - times.acknowledged).total_seconds(), 0.0)


# --- the position --------------------------------------------------------------------------------


def _position(journal: Journal, facts: Facts, previous: Confirmation | None) -> PositionFacts:
    """Ours around the order, and what the stream told with its last fill."""
    record, fills = facts.record, facts.fills
    symbol, first, last = record.symbol, fills[0], fills[-1]
    day = eastern(first.at).date()
    stood = positions_before(journal, day, [symbol]).get(symbol)
    known = sorted(
        journal.executions(day_begins(day), symbol=symbol), key=lambda e: (e.at, e.execution_id)
    )
    names = {fill.execution_id for fill in fills}
    others = [e for e in known if e.execution_id not in names]
    before = ZERO if stood is None else stood.qty
    before += sum((e.signed_qty for e in others if e.at < first.at), ZERO)
    between = sum((e.signed_qty for e in others if first.at <= e.at < last.at), ZERO)
    is_clear = not any(e.at == last.at and e.net_qty for e in others)
    told = _told(fills) if is_clear else None
    fee = ZERO
    if record.order.asset_class == AssetClass.CRYPTO:
        bought = facts.filled_qty if record.order.side is Side.BUY else ZERO
        fee = (max(before, ZERO) + max(between, ZERO) + bought) * COIN_FEE_SHARE
    found = PositionFacts(before, between, told, coin_fee=fee)
    return _as_read(found, facts, previous)


def _told(fills: Sequence[Execution]) -> Decimal | None:
    """After the last fill; a bust or a correction since then is not in it."""
    if any(fill.net_qty != fill.qty for fill in fills):
        return None
    return fills[-1].position_qty


def _as_read(found: PositionFacts, facts: Facts, previous: Confirmation | None) -> PositionFacts:
    """With what an earlier version has read at the broker, while the quantity is the same."""
    if previous is None or previous.position is None or previous.position.source != "rest":
        return found
    expected = facts.filled_qty * facts.record.order.side.sign
    if previous.position.expected != expected or previous.position.actual is None:
        return found
    differs = previous.position.actual - expected
    return PositionFacts(found.before, found.between, found.told, ZERO, differs, found.coin_fee)


def needs_broker_position(facts: Facts) -> bool:
    """Nothing says yet how the position changed."""
    known = facts.position
    return known is not None and known.told is None and known.theirs_now is None
