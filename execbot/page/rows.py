"""What desk and watch know, as rows of the page. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from execbot.desk.look.account_state import AccountState, Usage
from execbot.desk.queueing import Waiting
from execbot.exits.position_view import Known, PositionState, PositionView, position_view
from execbot.exits.rules.view import Guarded
from execbot.journal.confirmation import Confirmation
from execbot.journal.records import AuditRow, OrderRecord
from execbot.market.sessions import MarketNow
from execbot.model.numbers import CENT, text
from execbot.model.order import Order
from execbot.model.order_words import describe
from execbot.model.printable import harmless_line
from execbot.quality.shown import in_words
from execbot.risk.kill_switch import KillSwitch
from execbot.risk.options.held import largest_loss_of
from execbot.schemas.board import (
    BoardAccount,
    BoardConfirmation,
    BoardEvent,
    BoardHalt,
    BoardLimit,
    BoardMarket,
    BoardOrder,
    BoardPosition,
    BoardQueued,
    BoardWatch,
    GuardTone,
)
from execbot.watch.show.frames import Held, Priced, Shape, Told, Working

GUARDS: dict[Guarded, tuple[str, GuardTone]] = {
    Guarded.PROTECTED: ("protected", "good"),
    Guarded.ARRIVING: ("arriving", "care"),
    Guarded.UNPROTECTED: ("UNPROTECTED", "bad"),
    Guarded.EMULATED: ("by watch", "care"),
    Guarded.DORMANT: ("at the open", "care"),
    Guarded.SUSPENDED: ("SUSPENDED", "bad"),
    Guarded.LIFTED: ("lifted", "care"),
    Guarded.LEAVING: ("leaving", "care"),
    Guarded.NO_PLAN: ("no plan", "bad"),
    Guarded.PENDING: ("pending event", "care"),
    Guarded.DUST: ("dust", "none"),
    Guarded.FLAT: ("-", "none"),
}
"""The words of the screen, and how they are coloured; every colour has its word."""

UNITS = {
    "max_account_exposure_pct": "%",
    "risk.max_daily_loss_pct": "%",
}
LIMIT_NAMES = {
    "max_positions": "positions",
    "max_account_exposure_pct": "exposure",
    "risk.max_daily_loss_pct": "day's loss",
    "risk.max_daily_orders": "orders today",
    "risk.max_consecutive_losses": "losses in a row",
    "risk.max_consecutive_rejections": "rejections in a row",
}
STEP = Decimal("0.000001")


def held_row(
    held: Held,
    priced: Priced | None,
    orders: Iterable[Order],
    now: datetime,
    *,
    differs: bool = False,
    bare_for: timedelta | None = None,
) -> BoardPosition:
    """A position as the watch shows it. `bare_for`: how long shares may be without a stop where
    every position is promised one (`exits.every_position`); None where none is."""
    known = Known(
        avg_entry_price=held.avg_entry_price,
        price=None if priced is None else priced.price,
        realized_pl=held.realized_pl,
        opened_at=held.opened_at,
        has_entry=held.has_entry,
        coverage=held.coverage,
        missing=_missing(held, now, bare_for),
        structure=held.structure,
    )
    view = position_view(held.symbol, held.qty, known, now=now, plan=held.plan, orders=orders)
    opened = (held.plan.opened_at if held.plan is not None else None) or held.opened_at
    return position_row(view, priced, opened, differs=differs)


def _missing(held: Held, now: datetime, bare_for: timedelta | None) -> str:
    """What is promised without a plan and is not there."""
    coverage = held.coverage
    if bare_for is None or coverage.state is not Guarded.NO_PLAN or coverage.uncovered <= 0:
        return ""
    is_young = held.opened_at is not None and now - held.opened_at < bare_for
    bare = f"{text(coverage.uncovered)} of {text(coverage.size)} have no stop"
    return "" if is_young else f"no plan: {bare}"


def position_row(
    view: PositionView,
    priced: Priced | None,
    opened_at: datetime | None,
    *,
    differs: bool = False,
) -> BoardPosition:
    guard, tone = GUARDS[view.guarded or Guarded.NO_PLAN]
    if view.unplanned_stop:
        guard, tone = view.unplanned_stop, "care" if view.is_covered_without_plan else "bad"
    if view.state is PositionState.PENDING_ENTRY:
        guard, tone = "entering", "care"
    elif view.missing:
        tone = "bad"
    return BoardPosition(
        symbol=harmless_line(view.symbol),
        side=view.side.value,
        qty=view.qty,
        state=view.state.value,
        entry=rounded(view.avg_entry_price),
        price=view.current_price,
        price_at=None if priced is None else priced.at,
        bid=None if priced is None else priced.bid,
        ask=None if priced is None else priced.ask,
        value=cents(view.market_value),
        pl=cents(view.unrealized_pl),
        pl_pct=_pl_pct(view),
        r=_to(view.r, "0.01"),
        best_r=_to(view.best_r, "0.01"),
        worst_r=_to(view.worst_r, "0.01"),
        risk_usd=cents(view.risk_usd),
        stop=view.stop,
        targets=view.targets,
        opened_at=opened_at,
        guard=guard,
        guard_tone=tone,
        missing=harmless_line(view.missing),
        is_promised=view.guarded is not Guarded.NO_PLAN or bool(view.missing),
        structure=None if view.structure is None else harmless_line(view.structure.levels),
        protected_qty=view.protected_qty,
        differs=differs,
    )


def _pl_pct(view: PositionView) -> Decimal | None:
    if view.unrealized_pl is None or not view.market_value:
        return None
    paid = abs(view.market_value - view.unrealized_pl)
    return _to(view.unrealized_pl * 100 / paid, "0.01") if paid else None


def record_row(record: OrderRecord, ends_at: datetime | None = None) -> BoardOrder:
    return order_row(
        Working(
            record.order,
            str(record.origin),
            None if record.role is None else str(record.role),
            record.strategy_id,
            record.reason,
            ends_at,
        ),
        record.intent_at,
    )


def order_row(working: Working, given_at: datetime | None = None) -> BoardOrder:
    order = working.order
    changes = (
        order.updated_at,
        order.filled_at,
        order.canceled_at,
        order.expired_at,
        order.failed_at,
    )
    at = given_at or order.submitted_at or order.created_at
    return BoardOrder(
        id=order.id,
        client_order_id=harmless_line(order.client_order_id),
        symbol=harmless_line(order.symbol),
        side=order.side.value,
        type=order.type.value,
        time_in_force=order.time_in_force.value,
        qty=order.qty,
        notional=order.notional,
        filled_qty=order.filled_qty,
        filled_avg_price=rounded(order.filled_avg_price),
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trail_price=order.trail_price,
        trail_percent=order.trail_percent,
        status=order.status.value,
        is_open=order.is_open,
        order_class=order.order_class.value,
        role=working.role,
        origin=working.origin,
        strategy=_line(working.strategy_id),
        reason=_line(working.reason),
        at=at,
        changed_at=max((one for one in changes if one is not None), default=at),
        ends_at=working.ends_at,
    )


def event_row(event: Told) -> BoardEvent:
    """What the running `watch` has said, as its door shows it."""
    return BoardEvent(
        number=event.number,
        at=event.at,
        type=event.type,
        text=harmless_line(event.text),
        symbol=harmless_line(event.symbol),
        is_alarm=event.is_alarm,
        is_critical=event.is_critical,
    )


def audit_event(row: AuditRow) -> BoardEvent:
    """What a `watch` has said, as the journal keeps it."""
    return BoardEvent(
        number=row.seq,
        at=row.at,
        type=row.kind,
        text=harmless_line(row.result),
        symbol=harmless_line(str(row.facts.get("symbol") or "")),
        is_alarm=row.kind == "alarm",
        is_critical=bool(row.facts.get("critical")),
    )


def confirmation_row(item: Confirmation) -> BoardConfirmation:
    return BoardConfirmation(
        client_order_id=harmless_line(item.client_order_id),
        symbol=harmless_line(item.symbol),
        at=item.made_at,
        words=harmless_line(in_words(item)),
        verdict=str(item.verdict),
        cost_bps=_to(None if item.cost is None else item.cost.bps, "0.01"),
    )


def queue_row(waiting: Waiting) -> BoardQueued:
    order = waiting.record.order
    return BoardQueued(
        client_order_id=harmless_line(order.client_order_id),
        symbol=harmless_line(order.symbol),
        words=harmless_line(describe(order)),
        due=waiting.due.value,
        waits_for=harmless_line(waiting.waits_for),
        expires_at=waiting.expires_at,
    )


def account_line(state: AccountState, at: datetime) -> BoardAccount:
    return BoardAccount(
        equity=cents(state.account.equity) if state.equity_known else None,
        day_pl=cents(state.day.profit),
        day_pl_pct=_to(state.day.profit_pct, "0.01"),
        open_pl=cents(state.open_pl),
        buying_power=cents(state.account.buying_power),
        exposure=cents(state.exposure),
        contracts=sum((one.count for one in state.contracts), Decimal(0)),
        contracts_max_loss=cents(largest_loss_of(state.contracts)),
        bars=tuple(_bar(item) for item in state.limits),
        at=at,
    )


def _bar(item: Usage) -> BoardLimit:
    unit = UNITS.get(item.name, "")
    used = _to(item.used, "0.01") if unit else item.used
    return BoardLimit(name=LIMIT_NAMES.get(item.name, item.name), used=used, limit=item.limit,
                      unit=unit)  # fmt: skip


def market_line(now: MarketNow, halts: Iterable[str]) -> BoardMarket:
    moments = [
        (at, word)
        for at, word in ((now.next_open, "opens"), (now.next_close, "closes"))
        if at is not None and at > now.at
    ]
    at, word = min(moments, default=(None, ""))
    return BoardMarket(
        session=now.session.value,
        is_open=now.is_open,
        never_closes=now.never_closes,
        changes_at=None if now.never_closes else at,
        changes_to="" if now.never_closes else word,
        halts=tuple(map(harmless_line, halts)),
    )


def halt_line(switch: KillSwitch) -> BoardHalt:
    return BoardHalt(
        stops_entries=switch.stops_entries,
        level=switch.level.value,
        reason=harmless_line(switch.reason),
        since=switch.at,
    )


def watch_line(shape: Shape) -> BoardWatch:
    return BoardWatch(
        stream_up=shape.stream_up,
        frame_at=shape.frame_at,
        lag_ms=round(shape.lag_ms, 1),
        requests_left=shape.requests_left,
        requests_per_minute=shape.requests_per_minute,
        guarded_at=shape.guarded_at,
        differing=shape.differing,
    )


def cents(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(CENT, ROUND_HALF_EVEN)


def rounded(value: Decimal | None) -> Decimal | None:
    """Averages without the noise of a division."""
    if value is None or value == value.quantize(STEP, ROUND_HALF_EVEN):
        return value
    return value.quantize(STEP, ROUND_HALF_EVEN)


def _to(value: Decimal | None, step: str) -> Decimal | None:
    return None if value is None else value.quantize(Decimal(step), ROUND_HALF_EVEN)


def _line(words: str | None) -> str | None:
    return None if words is None else harmless_line(words)
