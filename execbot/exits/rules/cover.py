"""Shares without a stop get one: what to send, what stands in the way, whom to move aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from execbot.exits.living_orders import SymbolOrder, SymbolOrders
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.rules.actions import (
    Action,
    Alarm,
    Cancel,
    Priority,
    Submit,
    WaitFor,
    can_cancel,
    cancel,
    cancelable,
)
from execbot.exits.rules.leave import POLL
from execbot.exits.rules.shape import (
    Ladder,
    WantKind,
    exit_request,
    missing_wants,
    want_tag,
    wanted,
)
from execbot.exits.rules.view import Memory, View, held_shares
from execbot.journal.records import Role
from execbot.market.wash_trade import is_wash_trade
from execbot.model.enums import UNSETTLED_STATUSES, OrderClass, TimeInForce
from execbot.model.numbers import ZERO, is_whole, text
from execbot.model.order import OrderRequest


def cover(
    view: View, plan: ExitPlan, orders: SymbolOrders, memory: Memory
) -> tuple[list[Action], Memory]:
    holding = held_shares(view, plan.side)
    gap = view.size - orders.covered - orders.arriving - orders.leaving
    if gap <= 0 or not memory.may_try(view.now):
        return _wait_for_retry(view, memory) if gap > 0 else [], memory
    missing = missing_wants(plan, wanted(plan, holding, memory.ladder), orders.groups)
    if not missing:
        return [], memory
    resting = [e for e in orders.entries if not _is_unheard_of(e, view)]
    sendable = [w for w in missing if not _is_blocked(exit_request(plan, w, holding), resting)]
    actions: list[Action] = []
    free = _free(view, orders)
    for want in sendable:
        qty = min(want.qty, free, gap)
        if qty > 0:
            request = _as_sendable(exit_request(plan, replace(want, qty=qty), holding), view)
            reason = f"{text(qty)} of {text(view.size)} without a stop"
            role = Role.TARGET if want.kind is WantKind.PAIR else Role.STOP
            actions.append(Submit(request, role, want_tag(want), reason, plan.plan_id))
            free, gap = free - qty, gap - qty
    if len(sendable) < len(missing):
        more, memory = _clear_entries(view, orders, memory)
        return [*actions, *more], memory
    if not actions:
        return _free_shares(view, orders, memory), memory
    return actions, memory


def _wait_for_retry(view: View, memory: Memory) -> list[Action]:
    return [WaitFor(memory.retry_at, "retry")] if memory.retry_at is not None else []


def _free(view: View, orders: SymbolOrders) -> Decimal:
    return max(view.size - orders.held, ZERO)


def _as_sendable(request: OrderRequest, view: View) -> OrderRequest:
    """Fractional quantities are only taken for the day, and crypto knows no position intent."""
    if view.is_crypto:
        return replace(request, position_intent=None)
    if request.qty is not None and not is_whole(request.qty):
        return replace(request, time_in_force=TimeInForce.DAY)
    return request


UNHEARD_AFTER = timedelta(seconds=1)


def _is_unheard_of(entry: SymbolOrder, view: View) -> bool:
    """Sent by a process that never learned what became of it. A stop is tried all the same: if
    the broker has the entry it refuses the stop, if it has not the shares need one."""
    if entry.order.status not in UNSETTLED_STATUSES or entry.sent_at is None:
        return False
    return view.now - entry.sent_at >= UNHEARD_AFTER


def _is_blocked(request: OrderRequest, resting: Sequence[SymbolOrder]) -> bool:
    """An entry still rests: the exit is a wash trade, or the entry's own legs want the shares."""
    return any(_has_legs(e) or is_wash_trade(request, e.order) for e in resting)


def _has_legs(entry: SymbolOrder) -> bool:
    return entry.order.order_class in (OrderClass.BRACKET, OrderClass.OTO)


def _clear_entries(view: View, orders: SymbolOrders, memory: Memory) -> tuple[list[Action], Memory]:
    """Give the entry a moment to fill completely, then cancel its rest to protect what it got."""
    since = memory.partial_since or _first_fill(view, orders)
    memory = replace(memory, partial_since=since)
    due = since + view.limits.partial_entry_grace
    if view.now < due:
        return [WaitFor(due, "entry may fill completely")], memory
    ours = [e for e in orders.entries if e.is_ours]
    if not ours:
        return _foreign_entry_blocks(view, orders, memory)
    cancels: list[Action] = [
        Cancel(e.name, e.order.id, "the filled part must be protected", Priority.PROTECT)
        for e in ours
        if cancelable(e)
    ]
    return [*cancels, WaitFor(view.now + POLL, "the entry's rest is being canceled")], memory


def _first_fill(view: View, orders: SymbolOrders) -> datetime:
    """When the shares came, by the broker's clock: what was learned late has had its grace."""
    times = [e.order.filled_at for e in orders.entries if e.order.filled_at is not None]
    return min([view.now, *times])


def _foreign_entry_blocks(
    view: View, orders: SymbolOrders, memory: Memory
) -> tuple[list[Action], Memory]:
    """Somebody else's order stands in the way of a stop: it is not ours to cancel."""
    until = view.now + timedelta(seconds=30)
    memory = replace(memory, ladder=Ladder.EMULATED, ladder_until=until, is_held_here=True)
    if "foreign_entry" in memory.reported:
        return [], memory
    names = ", ".join(e.order.id for e in orders.entries)
    message = f"order {names} placed elsewhere keeps the broker from taking a stop; watched by us"
    alarm = Alarm("stop_blocked", view.symbol, message)
    return [alarm], replace(memory, reported=memory.reported | {"foreign_entry"})


ORPHAN_AFTER = timedelta(seconds=3)
"""How long a stop leg without its pair may keep the shares: it was asked for each second, and is
never armed. Below the alarm time."""


def _free_shares(view: View, orders: SymbolOrders, memory: Memory) -> list[Action]:
    """No share is free for a stop: a pair of the plan that lost its stop gives its shares back, and
    so does a stop that lost its pair and is not reported to have gone with it.

    A limit that the trader placed is the trader's: the guard tells that it keeps the stop away.
    """
    for group in orders.groups:
        bare = group.stop is None or not group.stop.is_alive
        if bare and group.is_planned and not group.is_anothers and can_cancel(group):
            return [cancel(group.lead, "its stop is gone")]
    since = memory.uncovered_since
    if since is not None and view.now - since >= ORPHAN_AFTER:
        orphans = [g.lead for g in orders.groups if g.is_uncertain and can_cancel(g)]
        if any(stop.is_ours for stop in orphans):
            return [cancel(stop, "its pair is gone") for stop in orphans if stop.is_ours]
    return [WaitFor(view.now + POLL, "shares are held by other orders")]
