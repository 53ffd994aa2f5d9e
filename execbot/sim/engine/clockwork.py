"""Lets time pass: runs what is scheduled, and lets the market meet resting orders.

The market is searched ahead of the clock in one stroke (`first_crossing`), not tick by tick. Of
orders that wait for the same thing only the foremost is searched; while the market does not come
to it, it comes to none of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Any

from execbot.sim.engine.core import RANK, ExchangeCore
from execbot.sim.engine.options import expiry
from execbot.sim.engine.order import Order, OrderType
from execbot.sim.engine.orders import endings, lifecycle, matching, swap, trailing
from execbot.sim.types import SECOND, Ns

# The longest stretch that is searched ahead of the clock, if the order has rested as long.
LONGEST_LOOK: Ns = 6 * 3600 * SECOND


def _touch(core: ExchangeCore, order: Order) -> None:
    """The market has come to a resting order."""
    if matching.ready(core, order, core.now):
        lifecycle.meet(core, order)
    else:
        core.rest(order, core.now)


HANDLERS: Mapping[str, Callable[[ExchangeCore, Order], None]] = {
    "ack": lifecycle.acknowledge,
    "route": lifecycle.send,
    "look": lifecycle.look,
    "touch": _touch,
    "auction": lifecycle.auction,
    "wake": lifecycle.wake,
    "drop": endings.drop,
    "follow": endings.cancel,
    "swap": swap.swap,
    "race": swap.race,
    "reject": endings.reject,
    "cancel": endings.cancel,
    "expire": endings.expire,
}
assert set(HANDLERS) == set(RANK)


def advance(core: ExchangeCore, to: Ns) -> None:
    """Lets everything happen that is due up to and including `to`, in time order.

    Raises `ValueError` for a moment before `now`.
    """
    if to < core.now:
        raise ValueError(f"time runs forward: {to} is before {core.now}")
    while (at := expiry.next_at(core, to)) is not None:
        _advance(core, at)
        expiry.happen(core)
    _advance(core, to)


def _advance(core: ExchangeCore, to: Ns) -> None:
    if not _anything_due(core, to):
        core.now = to
        return
    core.compact()
    while True:
        _search_market(core, to)
        _drop_stale(core)
        if not core.agenda or core.agenda[0][0] > to:
            break
        at, _, _, kind, order_id = heappop(core.agenda)
        order = core.orders[order_id]
        del order.due[kind]
        core.now = max(core.now, at)
        HANDLERS[kind](core, order)
    core.now = to


def _anything_due(core: ExchangeCore, to: Ns) -> bool:
    """Whether something may happen by `to`, found without a search."""
    if core.agenda and core.agenda[0][0] <= to:
        return True
    return bool(core.trailing) or bool(core.watch and core.watch[0][0] < to)


def _horizon(core: ExchangeCore, order: Order, to: Ns) -> Ns:
    """How far an order is searched at once: as far again as it has already rested.

    The market says the same however far one looks, and few long looks cost less than many short
    ones; an order that is young may soon be canceled.
    """
    return to + max(core.config.lookahead, min(to - order.submitted_at, LONGEST_LOOK))


def _search_market(core: ExchangeCore, to: Ns) -> None:
    """Finds the next touch of every resting order that has not been searched up to `to`."""
    due: list[Order] = []
    while core.watch and core.watch[0][0] < to:
        seen, _, order_id = heappop(core.watch)
        order = core.orders.get(order_id)
        if order is None or not order.active or order.seen != seen or "touch" in order.due:
            continue
        due.append(order)
    for group in _alike(core, due):
        horizon = min(_horizon(core, order, to) for order in group)
        reachable = len(group) == 1 or _any_touch(core, group, horizon)
        for order in group:
            found = matching.next_touch(core, order, order.seen, horizon) if reachable else None
            if found is None:
                order.seen = horizon
                heappush(core.watch, (horizon, order.seq, order.id))
            else:
                core.schedule(order, "touch", found)
    _follow_trailing(core, to)


def _follow_trailing(core: ExchangeCore, to: Ns) -> None:
    """Trailing stops ratchet only as far as nothing else happens before."""
    if not core.trailing:
        return
    _drop_stale(core)
    bound = min(to, core.agenda[0][0]) if core.agenda else to
    for order in list(core.trailing.values()):
        if "touch" in order.due or order.seen >= bound:
            continue
        quiet = core.quiet.get(order.id, 0)
        if quiet >= bound:
            order.seen = bound
            continue
        found = matching.next_touch(core, order, max(order.seen, quiet), bound)
        order.seen = bound if found is None else found
        if found is not None:
            core.schedule(order, "touch", found)
            bound = min(bound, found)
        else:
            horizon = _horizon(core, order, to)
            core.quiet[order.id] = trailing.quiet_until(core, order, bound, horizon)


def _drop_stale(core: ExchangeCore) -> None:
    """Removes agenda entries that no longer count from the top."""
    while core.agenda and core.entry_order(core.agenda[0]) is None:
        heappop(core.agenda)


def next_event_at(core: ExchangeCore, until: Ns) -> Ns | None:
    """When something happens next, not later than `until`. Changes nothing."""
    _drop_stale(core)
    expiring = expiry.next_at(core, until)
    best = until + 1 if expiring is None else expiring
    if core.agenda:
        best = min(best, core.agenda[0][0])
    for order in core.orders.values():
        if not order.active or "touch" in order.due:
            continue
        kept = order.hwm, order.stop_price
        found = matching.next_touch(core, order, order.seen, min(best, until))
        if order.type is OrderType.TRAILING_STOP:
            order.hwm, order.stop_price = kept
        if found is not None:
            best = min(best, found)
    return best if best <= until else None


def _alike(core: ExchangeCore, orders: list[Order]) -> list[list[Order]]:
    """Resting orders that wait for the same side of the same symbol in the same sessions.

    The first of each group is the one the market reaches first.
    """
    groups: dict[tuple[Any, ...], list[Order]] = {}
    for order in orders:
        condition = matching.condition_of(order)
        if condition is None:
            groups[order.id,] = [order]
            continue
        key = (order.symbol, core.window(order), condition.field, condition.op)
        members = groups.setdefault(key, [])
        members.append(order)
        first = matching.condition_of(members[0])
        assert first is not None
        falling = condition.op == "<="
        if condition.price > first.price if falling else condition.price < first.price:
            members[0], members[-1] = members[-1], members[0]
    return list(groups.values())


def _any_touch(core: ExchangeCore, group: list[Order], horizon: Ns) -> bool:
    """Whether the market comes to the foremost order of a group, and so perhaps to others."""
    seen = min(order.seen for order in group)
    return matching.next_touch(core, group[0], seen, horizon) is not None
