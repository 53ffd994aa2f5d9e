"""Exits that the trader moves in the broker's own app (or by `replace`): the plan follows.

A PATCH makes a new order with an id of its own. Ours carry the purpose of the exit in their
client_order_id; an exit that replaced one of the plan without it was moved by hand, and its price
goes into the plan instead of being put back. So nothing has to be sent, and the stop that the
trader sees is the stop that stands. Pure.

- A price that is that of the order before it (the broker replaced it by itself, or only the
  quantity was changed) says nothing.
- Of several stops the one moved last counts, and the others follow it: a plan has one stop.
- A move counts when its order is younger than the last word of the trader's on that level.
- What makes no sense is put back and told: a stop beyond the price that the open market does not
  take, a target beyond the stop, a looser stop of which nobody knows where it stood. A target on
  the losing side of the entry makes sense: the trader wants to get out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.levels import (
    LevelError,
    LevelKind,
    LevelSpec,
    check_stop,
    check_target,
    safe_stop,
)
from execbot.exits.living_orders import (
    ExitGroup,
    Family,
    SymbolOrder,
    SymbolOrders,
    read_orders,
)
from execbot.exits.plan.plan import ExitPlan, TargetPlan, Trail, TrailKind
from execbot.exits.plan.trailing import overruled, trail_distance
from execbot.exits.rules.actions import Action, Alarm, Moved, Refresh, SavePlan, WaitFor
from execbot.exits.rules.view import Memory, View
from execbot.exits.tags import tag_of
from execbot.model.amounts import maybe_price_words, money_words, price_words
from execbot.model.enums import ACKNOWLEDGED, OrderStatus, OrderType, PositionSide
from execbot.model.numbers import ZERO
from execbot.model.order import Order

PATIENCE = timedelta(seconds=2)
"""How long a move may be unclear before it is judged by what is known. A stop beyond the price is
taken by the broker at once where it was reached, and a price may be older than the move; an order
between ours and the trader's may be unknown, and is asked for."""

ASK_EVERY = timedelta(seconds=1)

BEYOND = "stop_beyond_price"
"""Told once, in `Memory.reported`."""

NOTE = "moved at the broker"


class MovedByTrader(Struct, frozen=True):
    """The plan with what the trader has moved; `words` say it. `waits`: whether a move makes sense
    is not known yet, and no exit is to be moved meanwhile."""

    plan: ExitPlan
    memory: Memory
    actions: tuple[Action, ...] = ()
    words: tuple[str, ...] = ()
    waits: bool = False

    def also(self, plan: ExitPlan, words: str, *actions: Action) -> MovedByTrader:
        return replace(
            self, plan=plan, words=(*self.words, words), actions=(*self.actions, *actions)
        )


def taken_over(
    view: View, plan: ExitPlan, orders: SymbolOrders, memory: Memory
) -> tuple[list[Action], MovedByTrader]:
    """Take the prices of exits that were moved by hand into the plan."""
    in_other_hands = plan.exit is not None or plan.lift is not None
    if in_other_hands or not any(_has_another_name(item) for item in view.orders):
        return [], MovedByTrader(plan, _clear(memory))
    family = Family.of(view.orders)
    done = _with_stop(view, MovedByTrader(plan, memory), orders, family)
    for group in orders.groups:
        done = _with_target(view, done, group, family)
    if done.plan == plan:
        return list(done.actions), done
    note = "; ".join(done.words) or plan.note
    changed = replace(done.plan, version=plan.version + 1, updated_at=view.now, note=note)
    return [SavePlan(changed, note or NOTE), *done.actions], replace(done, plan=changed)


def with_moves(
    plan: ExitPlan, orders: Sequence[SymbolOrder], qty: Decimal, now: datetime
) -> ExitPlan:
    """The plan as the exits stand, for who is about to lift them: they are put back from it."""
    bare = replace(plan, lift=None)
    view = View(plan.symbol, now, qty, bare, tuple(orders))
    _, done = taken_over(view, bare, read_orders(orders, plan.exit_side), Memory())
    return plan if done.plan == bare else replace(done.plan, lift=plan.lift)


# --- which orders were moved by hand -----------------------------------------------------------


def _since(plan: ExitPlan, moved_at: datetime | None) -> datetime:
    return max(plan.created_at, moved_at or plan.created_at)


def _moved_at(item: SymbolOrder) -> datetime | None:
    """When the order was made by its PATCH, by the broker's clock."""
    return item.order.submitted_at or item.order.created_at


def _has_another_name(item: SymbolOrder) -> bool:
    """It took the place of an order, and not by a change of ours."""
    return item.order.replaces is not None and tag_of(item.name) is None


def _is_by_trader(item: SymbolOrder, since: datetime) -> bool:
    at = _moved_at(item)
    return _has_another_name(item) and at is not None and at > since


def _stands(item: SymbolOrder, family: Family) -> bool:
    """The broker has it, and the order before it has ended: until then it may still come to
    nothing."""
    order = item.order
    if order.status not in ACKNOWLEDGED or order.status is OrderStatus.PENDING_REPLACE:
        return False
    before = family.by_id.get(order.replaces or "")
    return before is None or not before.is_alive


def _before(item: SymbolOrder, family: Family, since: datetime) -> Order | None:
    """The last order before it that was not moved by hand; None where that is not known."""
    for link in list(family.chain(item))[1:]:
        if not _is_by_trader(link, since):
            return link.order
    return None


def _is_moved(item: SymbolOrder, family: Family, since: datetime) -> bool:
    if not _is_by_trader(item, since) or not _stands(item, family):
        return False
    before = _before(item, family, since)
    if before is None:
        return True
    # The stop of a pair that goes to work replaces its target: that is no move.
    return before.type is item.order.type and _level(before) != _level(item.order)


def _level(order: Order) -> tuple[Decimal | None, ...]:
    if order.type is OrderType.TRAILING_STOP:
        return (order.trail_percent, order.trail_price)
    return (order.limit_price,) if order.type is OrderType.LIMIT else (order.stop_price,)


def _last_moved(orders: SymbolOrders, family: Family, since: datetime) -> SymbolOrder | None:
    found = [
        group.stop
        for group in orders.groups
        if group.stop is not None and group.armed and not group.is_triggered
    ]
    found = [stop for stop in found if _is_moved(stop, family, since)]
    return max(found, key=lambda item: _moved_at(item) or since, default=None)


# --- the stop ----------------------------------------------------------------------------------


def _with_stop(
    view: View, done: MovedByTrader, orders: SymbolOrders, family: Family
) -> MovedByTrader:
    since = _since(done.plan, done.plan.stop.moved_at)
    item = _last_moved(orders, family, since)
    if item is None:
        return replace(done, memory=_clear(done.memory))
    if view.is_price_doubtful or view.reads_first:
        return replace(done, waits=True)  # it may be a split, and no price says anything
    unclear = _unclear(view, done, item, family)
    began = done.memory.unclear_since or view.now
    sleeps = not view.market.is_open or view.market.is_halted
    if unclear and (sleeps or view.now - began < PATIENCE):
        return _waiting(view, done, item, family, None if sleeps else began, unclear)
    done = replace(done, memory=_clear(done.memory))
    if item.order.type is OrderType.TRAILING_STOP:
        return _with_trail(view, done, item)
    at, was, plan = item.order.stop_price, done.plan.stop.price, done.plan
    if unclear:
        return _undone(view, done, _heard(plan, item), "stop", (at, was), unclear)
    if at is None or at == was:
        return replace(done, plan=_heard(plan, item))
    stop = overruled(plan, at)
    given = replace(stop.stop, spec=LevelSpec(LevelKind.PRICE, at), price=at)
    return _moved(view, done, _heard(replace(stop, stop=given), item), was)


def _clear(memory: Memory) -> Memory:
    return memory if memory.unclear_since is None else replace(memory, unclear_since=None)


def _waiting(
    view: View,
    done: MovedByTrader,
    item: SymbolOrder,
    family: Family,
    began: datetime | None,
    unclear: str,
) -> MovedByTrader:
    """Leave everything where it is. A stop that was reached while nothing trades is taken when it
    does; `began` is None until then."""
    memory = replace(done.memory, unclear_since=began)
    actions: list[Action] = []
    missing, asked = _unknown_before(done.plan, item, family), memory.refreshed_at
    if missing is not None and (asked is None or view.now - asked >= ASK_EVERY):
        actions.append(Refresh(view.symbol, missing, item.name, "what stood before it"))
    if began is not None:
        actions.append(WaitFor(began + PATIENCE, unclear))
    elif missing is None and BEYOND not in memory.reported:
        at = maybe_price_words(item.order.stop_price, view.symbol)
        message = f"the stop was moved at the broker to {at}, and is left there for now: {unclear}"
        actions.append(Alarm("stop_beyond_price", view.symbol, message))
        memory = replace(memory, reported=memory.reported | {BEYOND})
    return replace(done, memory=memory, actions=(*done.actions, *actions), waits=True)


def _unclear(view: View, done: MovedByTrader, item: SymbolOrder, family: Family) -> str:
    """Why the move makes no sense as far as is known; empty when it does."""
    plan, at = done.plan, item.order.stop_price
    known = _unknown_before(plan, item, family) is None
    if item.order.type is OrderType.TRAILING_STOP or at is None:
        return "" if known else "where the trail stood before is not known"
    if view.market.price is not None:
        try:
            check_stop(at, plan.side, view.market.price)
        except LevelError as error:
            return error.message
    if known or not _is_looser(at, plan.stop.price, plan.side):
        return ""
    return "looser than the plan's, and where it stood before is not known"


def _unknown_before(plan: ExitPlan, item: SymbolOrder, family: Family) -> str | None:
    """The broker's id of the order that it was moved away from, while nobody here has seen that."""
    if _before(item, family, _since(plan, plan.stop.moved_at)) is not None:
        return None
    return list(family.chain(item))[-1].order.replaces


def _with_trail(view: View, done: MovedByTrader, item: SymbolOrder) -> MovedByTrader:
    """The trader has changed the broker's trail: ours, which follows beside it, is the same."""
    plan, order = done.plan, item.order
    mark = order.hwm or plan.stop.high_water
    if plan.stop.trail is None or mark is None:
        return done
    trail = Trail(TrailKind.PRICE, order.trail_price or ZERO)
    if order.trail_percent is not None:
        trail = Trail(TrailKind.PERCENT, order.trail_percent)
    distance = trail_distance(trail, mark, None) or ZERO
    raw = mark + _LOOSER[plan.side] * distance
    at = safe_stop(raw, plan.side, plan.facts.tick)
    changed = replace(plan, stop=replace(plan.stop, trail=trail, price=at))
    return _moved(view, done, _heard(changed, item), plan.stop.price)


_LOOSER = {PositionSide.LONG: -1, PositionSide.SHORT: 1}
"""The direction in which a stop gets looser."""


def _is_looser(at: Decimal, was: Decimal | None, side: PositionSide) -> bool:
    return was is not None and (at - was) * _LOOSER[side] > 0


def _moved(view: View, done: MovedByTrader, plan: ExitPlan, was: Decimal | None) -> MovedByTrader:
    at = plan.stop.price
    assert at is not None
    before, now = (maybe_price_words(price, view.symbol) for price in (was, at))
    words = f"{NOTE}: stop {before} -> {now}"
    moved = Moved(view.symbol, "stop", was, at, words)
    if was is None or not _is_looser(at, was, plan.side):
        return done.also(plan, words, moved)
    message = (
        f"the stop was moved at the broker from {before} to {now}, further from the price: "
        f"{money_words(abs(was - at) * view.size)} USD more are at risk; the plan follows"
    )
    return done.also(plan, words, moved, Alarm("stop_loosened", view.symbol, message))


def _heard(plan: ExitPlan, item: SymbolOrder) -> ExitPlan:
    """The move is dealt with, whatever became of it."""
    return replace(plan, stop=replace(plan.stop, moved_at=_moved_at(item)))


def _undone(
    view: View,
    done: MovedByTrader,
    plan: ExitPlan,
    what: str,
    prices: tuple[Decimal | None, Decimal | None],
    why: str,
) -> MovedByTrader:
    """`prices`: where the trader put it, and where the plan has it."""
    at, ours = (maybe_price_words(price, view.symbol) for price in prices)
    message = f"the {what} was moved at the broker to {at} and is put back to {ours}: {why}"
    words = f"{what} {at} at the broker put back"
    return done.also(plan, words, Alarm("move_undone", view.symbol, message))


# --- targets -----------------------------------------------------------------------------------


def _with_target(
    view: View, done: MovedByTrader, group: ExitGroup, family: Family
) -> MovedByTrader:
    """One target was moved: that one, and no other."""
    plan, item, number = done.plan, group.target, group.target_number
    if item is None or number is None or number >= len(plan.targets) or not group.armed:
        return done
    target, at = plan.targets[number], item.order.limit_price
    since = _since(plan, target.moved_at)
    if at is None or target.done or not _is_moved(item, family, since):
        return done
    was, what = target.price, f"target {number + 1}"
    heard = replace(target, moved_at=_moved_at(item))
    try:
        if plan.stop.price is not None:
            check_target(at, plan.side, plan.stop.price)
    except LevelError as error:
        return _undone(view, done, _with(plan, number, heard), what, (at, was), error.message)
    if at == was:
        return replace(done, plan=_with(plan, number, heard))
    words = (
        f"{NOTE}: {what} {maybe_price_words(was, view.symbol)} -> {price_words(at, view.symbol)}"
    )
    given = replace(heard, spec=LevelSpec(LevelKind.PRICE, at), price=at)
    return done.also(_with(plan, number, given), words, Moved(view.symbol, what, was, at, words))


def _with(plan: ExitPlan, number: int, target: TargetPlan) -> ExitPlan:
    return replace(plan, targets=(*plan.targets[:number], target, *plan.targets[number + 1 :]))
