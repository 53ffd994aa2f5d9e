"""Leaving a position now: take the exits away, wait for the shares, sell, and press on.

The order goes limit -> marketable limit -> market, each for `exit_timeout`. No order is sent into a
halt or a closed market, and until one can be sent the protective orders stay where they are. When
the broker refuses three times the position is protected again and the trader is told; the next
attempt then waits, longer each time, until the position changes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from execbot.exits.levels import on_grid
from execbot.exits.living_orders import SymbolOrders
from execbot.exits.plan.plan import ExitIntent, ExitPlan, ExitStage
from execbot.exits.rules.actions import (
    Action,
    Alarm,
    Cancel,
    Priority,
    SavePlan,
    Submit,
    WaitFor,
    can_cancel,
    cancelable,
)
from execbot.exits.rules.failures import Lesson, lesson_of
from execbot.exits.rules.view import EXIT_REFUSED, Memory, View
from execbot.exits.tags import exit_tag
from execbot.journal.records import Role
from execbot.model.enums import OrderType, PositionSide, TimeInForce
from execbot.model.numbers import ZERO, text
from execbot.model.order import OrderRequest
from execbot.model.quote import Quote
from execbot.model.symbols import is_option

EXIT_ATTEMPTS = 3
EXIT_PAUSE = timedelta(seconds=1)
EXIT_PAUSE_MAX = timedelta(seconds=60)
"""After an exit was given up the next one waits for the first, doubling up to the second."""

OUTAGE_PAUSE_MAX = timedelta(seconds=5)
"""The longest pause where the broker could not be reached: nothing was wrong with the exit."""

POLL = timedelta(milliseconds=500)
"""How soon to look again while waiting for a cancel or for shares to be released."""

NEXT_STAGE = {
    ExitStage.LIMIT: ExitStage.MARKETABLE_LIMIT,
    ExitStage.MARKETABLE_LIMIT: ExitStage.MARKET,
    ExitStage.MARKET: ExitStage.MARKET,
}


def wants_out(
    plan: ExitPlan,
    reason: str,
    now: datetime,
    *,
    stage: ExitStage = ExitStage.MARKET,
    keep_qty: Decimal = ZERO,
    target: int | None = None,
) -> ExitPlan:
    """The plan with a decision to leave; one that has it already is returned as it is."""
    if plan.exit is not None:
        return plan
    intent = ExitIntent(reason, now, stage, now, keep_qty, target)
    return plan.changed(now, exit=intent, lift=None, note=f"leaving: {reason}")


def leave(
    view: View, plan: ExitPlan, orders: SymbolOrders, memory: Memory
) -> tuple[list[Action], ExitPlan, Memory]:
    """The next step out. `plan.exit` must be set."""
    intent = plan.exit
    assert intent is not None
    if view.size <= intent.keep_qty:
        return _finished(view, plan, intent, memory)
    if memory.exit_failures >= EXIT_ATTEMPTS:
        return _given_up(view, plan, intent, memory)
    if view.market.is_halted:
        return [WaitFor(view.now + POLL, "halted")], plan, memory
    if not view.market.is_open and not view.market.is_extended:
        return [WaitFor(view.now + POLL * 10, "market closed")], plan, memory
    if memory.retry_at is not None and view.now < memory.retry_at:
        return [WaitFor(memory.retry_at, "retry")], plan, memory
    if orders.exits:
        return _press(view, plan, intent, orders, memory)
    cancels = [*_cancel_entries(orders, intent.reason), *_cancel_groups(orders, intent.reason)]
    if cancels:
        return list(cancels), plan, memory
    if _still_held(view, orders) > 0:
        return [WaitFor(view.now + POLL, "shares still held")], plan, memory
    order = _exit_order(view, plan, intent)
    if order.request.type is OrderType.MARKET and not view.market.is_open:
        return [WaitFor(view.now + POLL, "no price to set a limit by")], plan, memory
    return [order], plan, memory


def _finished(
    view: View, plan: ExitPlan, intent: ExitIntent, memory: Memory
) -> tuple[list[Action], ExitPlan, Memory]:
    targets = tuple(
        replace(target, done=True) if number == intent.target else target
        for number, target in enumerate(plan.targets)
    )
    done = plan.changed(view.now, exit=None, targets=targets, note=f"left: {intent.reason}")
    memory = replace(memory.without_exit_failures(), failures=0, retry_at=None)
    return [SavePlan(done, "exit done")], done, memory


def _given_up(
    view: View, plan: ExitPlan, intent: ExitIntent, memory: Memory
) -> tuple[list[Action], ExitPlan, Memory]:
    kept = plan.changed(view.now, exit=None, note=f"exit refused: {intent.reason}")
    pause = _pause_before_next(memory)
    refusal = f"{EXIT_REFUSED} {intent.reason}"
    # Told once while it is tried in quick rounds, then with each round: they are a minute apart.
    is_due = refusal not in memory.reported or pause >= EXIT_PAUSE_MAX
    memory = replace(
        memory,
        failures=0,
        retry_at=None,
        exit_failures=0,
        exit_rounds=memory.exit_rounds + 1,
        exit_not_before=view.now + pause,
        reported=memory.reported | {refusal},
    )
    actions: list[Action] = [SavePlan(kept, "exit refused")]
    if is_due:
        again = f"tried again in {pause.total_seconds():.0f} s"
        cause = f": {memory.exit_cause}" if memory.exit_cause else ""
        message = f"the exit ({intent.reason}) was refused {EXIT_ATTEMPTS} times, {again}{cause}"
        actions.append(Alarm(EXIT_REFUSED, view.symbol, message, critical=True))
    return [*actions, WaitFor(view.now + pause, "exit refused")], kept, memory


def _pause_before_next(memory: Memory) -> timedelta:
    is_outage = lesson_of(memory.exit_refusal) is Lesson.BACK_OFF
    doubled: timedelta = EXIT_PAUSE * 2 ** min(memory.exit_rounds, 6)
    return min(doubled, OUTAGE_PAUSE_MAX if is_outage else EXIT_PAUSE_MAX)


def _press(
    view: View, plan: ExitPlan, intent: ExitIntent, orders: SymbolOrders, memory: Memory
) -> tuple[list[Action], ExitPlan, Memory]:
    """An exit order works: wait, and when its time is up cancel it for a more urgent one.

    A market order is the last word in the regular session. A limit of the stage `market` was sent
    outside of it, where nothing else is taken: once the market is open its time is up, and so is
    that of an order for less than has to go.
    """
    due = intent.stage_since + view.limits.exit_timeout
    limited = any(order.order.type is not OrderType.MARKET for order in orders.exits)
    if not limited and not view.market.is_extended:
        return [WaitFor(view.now + view.limits.exit_timeout, "market exit works")], plan, memory
    to_leave = view.size - intent.keep_qty
    outdated = limited and intent.stage is ExitStage.MARKET and view.market.is_open
    outdated = outdated or orders.leaving < to_leave
    if view.now < due and not outdated:
        return [WaitFor(due, f"{intent.stage} exit works")], plan, memory
    cancels = [
        Cancel(order.name, order.order.id, f"exit not filled as {intent.stage}", Priority.EXIT)
        for order in orders.exits
        if cancelable(order)
    ]
    if not cancels:
        return [WaitFor(view.now + POLL, "exit on its way")], plan, memory
    stage = NEXT_STAGE[intent.stage]
    later = replace(intent, stage=stage, stage_since=view.now)
    pressed = plan.changed(view.now, exit=later, note=f"exit escalated to {stage}")
    return [SavePlan(pressed, f"escalated to {stage}"), *cancels], pressed, memory


def _cancel_entries(orders: SymbolOrders, reason: str) -> list[Cancel]:
    return [
        Cancel(entry.name, entry.order.id, f"leaving: {reason}")
        for entry in orders.entries
        if cancelable(entry)
    ]


def _cancel_groups(orders: SymbolOrders, reason: str) -> list[Cancel]:
    return [
        Cancel(group.lead.name, group.lead.order.id, f"leaving: {reason}", Priority.EXIT)
        for group in orders.groups
        if group.armed and can_cancel(group)
    ]


def _still_held(view: View, orders: SymbolOrders) -> Decimal:
    """Shares that orders may still sell; the broker's own count decides about orders in doubt."""
    if view.available is not None and view.available >= view.size:
        return ZERO
    return orders.held


def _exit_order(view: View, plan: ExitPlan, intent: ExitIntent) -> Submit:
    qty = view.size - intent.keep_qty
    stage = intent.stage
    if stage is ExitStage.MARKET and view.market.is_extended and not view.market.is_open:
        stage = ExitStage.MARKETABLE_LIMIT
    limit = None if stage is ExitStage.MARKET else exit_limit(view, plan.side, stage)
    request = OrderRequest(
        symbol=view.symbol,
        side=plan.exit_side,
        qty=qty,
        type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        time_in_force=TimeInForce.GTC if view.is_crypto else TimeInForce.DAY,
        limit_price=limit,
        extended_hours=view.market.is_extended and not view.market.is_open,
        position_intent=None if view.is_crypto else plan.exit_side.to_close,
        strategy_id=plan.strategy_id,
        decided_by=_quotes(view),
    )
    reason = f"{intent.reason}: {stage} exit of {text(qty)}"
    tag = exit_tag(intent.target)
    return Submit(request, Role.EXIT, tag, reason, plan.plan_id, Priority.EXIT)


def _quotes(view: View) -> tuple[Quote, ...]:
    """Of a contract, as it is known now: nobody can look it up afterwards."""
    market = view.market
    if not is_option(view.symbol) or not market.bid or not market.ask:
        return ()
    return (Quote(view.symbol, market.quoted_at, market.bid, market.ask),)


def exit_limit(view: View, side: PositionSide, stage: ExitStage) -> Decimal | None:
    """The limit of a stage: the middle of the quote, or through the far side of it.

    Outside of the regular session, where nothing else is taken, a last trade has to do where that
    side of the quote is missing. None where there is no price: then only a market order is left.
    """
    bid, ask = view.market.bid, view.market.ask
    long = side is PositionSide.LONG
    if stage is ExitStage.LIMIT and bid and ask:
        return on_grid((bid + ask) / 2, up=long, tick=view.tick)
    far = bid if long else ask
    if not far and not view.market.is_open:
        far = view.market.last
    if not far:
        return None
    through = view.limits.marketable_limit_pct / 100
    raw = far * (1 - through) if long else far * (1 + through)
    return on_grid(raw, up=not long, tick=view.tick)
