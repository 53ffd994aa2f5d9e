"""Counts for the limits, from the journal: orders of the day, streaks, intents of this moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from execbot.config.schema import RiskSettings
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.enums import CUT_SHORT, OPEN_STATUSES, OrderStatus
from execbot.model.order import Order, OrderRequest
from execbot.model.symbols import is_pair
from execbot.model.times import day_begins, eastern, parse_time
from execbot.risk.account_rows import history_of
from execbot.risk.facts import Counters, RecentIntent, intent_key
from execbot.risk.streaks import losses_in_a_row
from execbot.risk.witnesses import AccountFacts

RESUMED_KEY = "kill_switch_resumed_at"


def counters_of(
    journal: Journal,
    risk: RiskSettings,
    request: OrderRequest,
    account: AccountFacts,
    now: datetime,
) -> Counters:
    """Today's orders, the streaks, and what was asked for of the symbol just now."""
    return replace(
        account_counters(journal, risk, now),
        scale_in_steps=_scale_in_steps(journal, risk, request, account),
        recent=_recent(journal, risk, request, now),
    )


def account_counters(journal: Journal, risk: RiskSettings, now: datetime) -> Counters:
    """Those of the whole account that have a limit."""
    day = day_start(now)
    resumed = parse_time(journal.meta_get(RESUMED_KEY))
    since = day if resumed is None else max(day, resumed + timedelta(microseconds=1))
    losses = rejections = 0
    if risk.max_consecutive_losses is not None:
        traded = {item.symbol for item in journal.executions(since=since)}
        ended = [symbol for symbol in traded if _may_have_ended(journal, symbol, since)]
        losses = losses_in_a_row(history_of(journal, ended, eastern(since).date()), since=since)
    if risk.max_consecutive_rejections is not None:
        most = risk.max_consecutive_rejections
        statuses = journal.last_statuses(limit=most, since=since)
        rejections = rejections_in_a_row(statuses)
    orders_today = 0
    if risk.max_daily_orders is not None:
        orders_today = journal.count_sent(since=day)
    return Counters(
        orders_today=orders_today,
        consecutive_losses=losses,
        consecutive_rejections=rejections,
    )


def _may_have_ended(journal: Journal, symbol: str, since: datetime) -> bool:
    """Did a trade end since then? Not where one is held that was opened before: what has long been
    held is not read from its opening. Of coins little may be left over that counts as nothing."""
    position = journal.position(symbol)
    if position is None or not position.qty or is_pair(symbol):
        return True
    return position.opened_at is None or position.opened_at >= since


def _recent(
    journal: Journal, risk: RiskSettings, request: OrderRequest, now: datetime
) -> tuple[RecentIntent, ...]:
    window = timedelta(seconds=float(risk.duplicate_window_seconds))
    if not window:
        return ()
    found = journal.orders(symbol=request.symbol, since=now - window, legs=False)
    return tuple(
        RecentIntent(r.client_order_id, r.intent_at or now, intent_key(_as_request(r.order)))
        for r in found
        if r.is_ours and not _came_to_nothing(r)
    )


def _scale_in_steps(
    journal: Journal, risk: RiskSettings, request: OrderRequest, account: AccountFacts
) -> int:
    """Entries on the symbol since its position was opened, the first and this not counted."""
    if not risk.scale_in.enabled or not account.held(request.symbol):
        return 0
    own_id = request.client_order_id
    position = journal.position(request.symbol)
    since = position.opened_at if position is not None else None
    if since is None and position is not None:
        since = position.updated_at  # flat here: what came before is over
    entries = [
        record
        for record in journal.orders(symbol=request.symbol, since=since, legs=False)
        if record.order.side is request.side
        and not (own_id and record.client_order_id == own_id)
        and (record.order.filled_qty > 0 or record.status in OPEN_STATUSES)
    ]
    return max(len(entries) - 1, 0) if since is None else len(entries)


def _came_to_nothing(record: OrderRecord) -> bool:
    """The order bought and sold nothing and never will, so giving it again doubles nothing."""
    return record.status in CUT_SHORT and not record.order.filled_qty


def _as_request(order: Order) -> OrderRequest:
    return OrderRequest(
        symbol=order.symbol,
        side=order.side,
        qty=order.qty,
        notional=order.notional,
        type=order.type,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trail_price=order.trail_price,
        trail_percent=order.trail_percent,
    )


def rejections_in_a_row(statuses: Sequence[OrderStatus]) -> int:
    """How many of the newest results, newest first, were rejections of the broker."""
    count = 0
    for status in statuses:
        if status is not OrderStatus.REJECTED:
            break
        count += 1
    return count


def day_start(now: datetime) -> datetime:
    """Midnight of New York's day."""
    return day_begins(eastern(now).date())
