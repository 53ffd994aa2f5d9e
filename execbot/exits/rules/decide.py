"""From a position, its plan and its living orders to what must be done next. Pure.

`decide` looks at one symbol and answers with actions in the order in which they must be done. The
invariants it keeps:

- every share of a planned position has an armed stop, or the view says why not and for how long;
- what could sell at once never exceeds the position (exits can never oversell);
- an exit is only ever sent as closing, so that the broker refuses it should the position be gone;
- nothing the trader took away is put back before the trader says so.

The order of the questions matters and is the order of the code: is there a position at all, does
it have to be left, is too much being sold, is a share without a stop, do prices stand where the
plan says, are targets spread as the plan says.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from execbot.broker.port import ReplaceRequest
from execbot.exits.living_orders import (
    ExitGroup,
    Family,
    SymbolOrder,
    SymbolOrders,
    read_orders,
)
from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.rules.actions import (
    Action,
    Alarm,
    Cancel,
    Priority,
    Refresh,
    Replace,
    SavePlan,
    Submit,
    WaitFor,
    can_cancel,
    cancel,
    cancelable,
)
from execbot.exits.rules.asleep import fallen_asleep, overslept, was_sold, woken
from execbot.exits.rules.cover import cover
from execbot.exits.rules.failures import refreshed_ladder
from execbot.exits.rules.guard import coverage_of, watch_over, watch_over_unplanned
from execbot.exits.rules.leave import POLL, leave
from execbot.exits.rules.lifecycle import grown
from execbot.exits.rules.moved_by_trader import taken_over
from execbot.exits.rules.moves import price_moves, reshape
from execbot.exits.rules.outlived import (
    NEVER_FILLED,
    SOLD,
    TURNED,
    ended_over_others,
    has_outlived,
)
from execbot.exits.rules.triggers import is_of_before, leave_if_due, stop_is_crossed
from execbot.exits.rules.view import Coverage, Decision, Memory, View
from execbot.exits.tags import tag_of
from execbot.model.enums import IN_MOTION, OVER, REPLACEABLE, UNSETTLED_STATUSES
from execbot.model.numbers import ZERO, is_whole, text

REFRESH_EVERY = timedelta(seconds=1)
REFRESH_CLOSED_EVERY = timedelta(seconds=30)

PAST_UNKNOWN = timedelta(seconds=2)
"""How long nothing is sent for the sake of an order whose predecessor is being asked for."""


def decide(view: View) -> Decision:
    """What to do for this symbol now. Calling it again without a change asks for the same."""
    plan, memory = view.plan, refreshed_ladder(view.memory, view.now, view.size)
    if plan is None or plan.status is PlanStatus.CLOSED:
        return _unplanned(view, plan, memory)
    if view.is_pending and view.is_option:  # what is gone wants no stop; its rows end the plan
        return Decision((), memory, plan, coverage_of(view, plan))
    if view.qty != 0 and _came_to_nothing(view, plan):
        return _over(view, plan, memory, "the entry never filled", "entry ended")
    everything = read_orders(view.orders, plan.exit_side)
    if view.qty != 0 and not _works(_of_plan(everything, plan)) and has_outlived(view, plan):
        return _outlived(view, plan, everything, memory)
    orders = _without_disproved(view, everything)
    actions: list[Action] = []
    if view.qty == 0:
        actions, plan, memory = _flat(view, plan, everything, memory)
    elif _is_only_dust(view, plan, everything):
        actions, plan, memory = _left_as_dust(view, plan, everything, memory)
    elif view.side is not plan.side:
        actions, plan, memory = _flipped(view, plan, orders, memory)
    elif plan.status is not PlanStatus.SUSPENDED:
        if plan.status is PlanStatus.SLEEPING:
            changes, plan = woken(view, plan)
            actions.extend(changes)
        plan, changes = grown(view, plan)
        actions.extend(changes)
        changes, moved = taken_over(view, plan, orders, memory)
        actions.extend(changes)
        more, plan, memory = _hold(view, moved.plan, orders, moved.memory, moves=not moved.waits)
        actions.extend(more)
    actions.extend(_settle(view, everything, memory))
    if any(isinstance(a, Refresh) for a in actions):
        memory = replace(memory, refreshed_at=view.now, named=())
    coverage = coverage_of(view, plan, orders, memory)
    more, plan, memory = watch_over(view, plan, coverage, memory)
    return Decision((*actions, *more), memory, plan, coverage)


def _unplanned(view: View, plan: ExitPlan | None, memory: Memory) -> Decision:
    """A position without a plan is left alone; where every position must have one, or the one that
    there was ended over these shares, the trader is told."""
    coverage = coverage_of(view, None, read_orders(view.orders, view.side.closing))
    if plan is not None and memory.bare_told is None and ended_over_others(view, plan):
        memory = replace(memory, bare_told=ZERO)  # this run has not told it yet
    told, memory = watch_over_unplanned(view, coverage, memory)
    return Decision(tuple(told), memory, plan, coverage)


def standing(view: View) -> Coverage:
    """How the symbol stands, with nothing decided: what is shown where no `watch` looks."""
    orders = read_orders(view.orders, view.side.closing)
    return coverage_of(view, ruling_plan(view), orders, view.memory)


def ruling_plan(view: View) -> ExitPlan | None:
    """The plan of the view, where it is for what is held."""
    plan, orders = view.plan, read_orders(view.orders, view.side.closing)
    return plan if plan is not None and _is_for_what_is_held(view, plan, orders) else None


def _is_for_what_is_held(view: View, plan: ExitPlan, orders: SymbolOrders) -> bool:
    if view.side is not plan.side or _came_to_nothing(view, plan):
        return False
    return _works(_of_plan(orders, plan)) or not has_outlived(view, plan)


def _without_disproved(view: View, orders: SymbolOrders) -> SymbolOrders:
    """Leave out orders in doubt when the broker's count shows that they hold no shares.

    Should one of them arrive later all the same, the broker refuses it: the shares are taken.
    """
    if view.available is None:
        return orders
    known = orders.without_unsettled()
    return known if view.available >= view.size - known.held else orders


def _settle(view: View, orders: SymbolOrders, memory: Memory) -> list[Action]:
    """Ask about orders whose fate is unknown, whose report is overdue, or that lost their pair.

    What took the place of an exit without our doing comes first: its price is the trader's will.

    An acknowledgement or a cancel takes milliseconds: after a second its report was lost. While
    the market is closed both may take hours, and are asked about now and then.
    """
    named = [order_id for order_id in memory.named if not _is_known(view, order_id)]
    if named:
        return [Refresh(view.symbol, order_id, None, "it holds the shares") for order_id in named]
    pause = timedelta.max if memory.refreshed_at is None else view.now - memory.refreshed_at
    if pause >= REFRESH_EVERY:
        held = [m for g in orders.groups for m in (*g.members, *g.spare)]
        unheard_of = [m for m in (*held, *orders.exits, *orders.entries) if m.successor]
        if unheard_of:
            return [Refresh(view.symbol, m.successor, m.name, "replaced") for m in unheard_of]
        unplaced = _without_past(view)
        if unplaced:
            return [
                Refresh(view.symbol, m.order.id, m.name, "what it replaced is not known")
                for m in unplaced
            ]
    every = REFRESH_EVERY if view.market.is_open else REFRESH_CLOSED_EVERY
    if pause < every:
        return []
    asked: dict[str, Action] = {}
    uncertain = {g.stop.name for g in orders.groups if g.is_uncertain and g.stop is not None}
    working = {entry.name for entry in orders.entries}
    # The legs of an entry that has ended unfilled end with it, and nobody may have said so.
    orphans = {
        m.name for g in orders.groups if not g.armed and g.key not in working for m in g.members
    }
    members = [m for g in orders.groups for m in g.members if g.armed or m.name in orphans]
    spare = {m.name: m for g in orders.groups for m in g.spare if _is_overdue(m, view, every)}
    members.extend(spare.values())
    for item in (*members, *orders.exits, *orders.entries):
        if item.order.status in UNSETTLED_STATUSES and _is_overdue(item, view, every):
            asked[item.name] = Refresh(view.symbol, None, item.name, "in doubt")
        elif not item.order.id:
            continue
        elif item.name in uncertain or item.name in orphans or item.name in spare:
            asked[item.name] = Refresh(view.symbol, item.order.id, item.name, "without its pair")
        elif item.order.status in IN_MOTION and _is_overdue(item, view, every):
            asked[item.name] = Refresh(view.symbol, item.order.id, item.name, "overdue")
    return list(asked.values())


def _is_known(view: View, order_id: str) -> bool:
    """It is in the view, and alive there: then its shares are counted already."""
    return any(item.order.id == order_id and item.is_alive for item in view.orders)


def _without_past(view: View) -> list[SymbolOrder]:
    """Young orders that took the place of one nobody here has seen: whose shares they hold, and
    with whom, is not known before it was asked for."""
    young = [
        item
        for item in view.orders
        if item.order.replaces and item.order.id and item.is_alive
        if item.sent_at is not None and view.now - item.sent_at < PAST_UNKNOWN
    ]
    family = Family.of(view.orders if young else ())
    return [item for item in young if family.is_without_past(item)]


def _is_overdue(order: SymbolOrder, view: View, every: timedelta) -> bool:
    return order.sent_at is None or view.now - order.sent_at >= every


# --- no position -------------------------------------------------------------------------------


def _over(view: View, plan: ExitPlan, memory: Memory, note: str, why: str) -> Decision:
    """The plan has nothing to do with what is held, which has none from now on."""
    closed = plan.changed(view.now, status=PlanStatus.CLOSED, exit=None, lift=None, note=note)
    unplanned = coverage_of(view, None, SymbolOrders())
    return Decision((SavePlan(closed, why),), memory, closed, unplanned)


def _outlived(view: View, plan: ExitPlan, orders: SymbolOrders, memory: Memory) -> Decision:
    """Its levels are not for these shares, so nothing is placed; it ends once the broker agrees."""
    if not view.is_confirmed:
        asked = tuple(_ask_broker(view, memory))
        if any(isinstance(a, Refresh) for a in asked):
            memory = replace(memory, refreshed_at=view.now, named=())
        return Decision(asked, memory, plan, coverage_of(view, plan, orders, memory))
    over = _over(view, plan, memory, SOLD, "position closed")
    message = (
        f"{text(view.size)} bought after the shares of its plan were sold have no stop: "
        f"execbot protect {view.symbol}"
    )
    alarm = Alarm("plan_outlived", view.symbol, message)
    told = replace(memory, bare_told=over.coverage.uncovered)
    return replace(over, actions=(*over.actions, alarm), memory=told)


def _works(own: SymbolOrders) -> bool:
    """May an order of the plan still buy or sell?"""
    return bool(own.groups or own.entries or own.exits)


def _flat(
    view: View, plan: ExitPlan, orders: SymbolOrders, memory: Memory
) -> tuple[list[Action], ExitPlan, Memory]:
    """The position is flat: take the exits away, and close the plan once no fill can come any
    more."""
    if plan.status is PlanStatus.SLEEPING:
        waiting, plan = overslept(view, plan)
        return waiting, plan, memory
    if plan.status is PlanStatus.PENDING:
        if orders.entries or orders.groups or _entry_may_come(view, plan):
            return [], plan, memory
        if not view.is_confirmed:
            return _ask_broker(view, memory), plan, memory
        entry = _entry(view, plan)
        has_filled = entry is not None and entry.order.filled_qty > 0
        note = SOLD if has_filled else NEVER_FILLED
        over = {"status": PlanStatus.CLOSED, "exit": None, "lift": None, "note": note}
        closed = plan.changed(view.now, **over)
        return [SavePlan(closed, "entry ended")], closed, memory
    own = _of_plan(orders, plan)
    actions = _cancel_all(own) if memory.may_try(view.now) else []
    if _works(own):
        return [*actions, WaitFor(view.now + POLL, "exits are ending")], plan, memory
    if not view.is_confirmed:
        return _ask_broker(view, memory), plan, memory
    if plan.status is PlanStatus.ACTIVE and not was_sold(view, plan):
        sleeps = fallen_asleep(view, plan)
        return [SavePlan(sleeps, sleeps.note or "")], sleeps, memory
    closed = plan.changed(view.now, status=PlanStatus.CLOSED, exit=None, lift=None, note="closed")
    return [SavePlan(closed, "position closed")], closed, memory


def _is_only_dust(view: View, plan: ExitPlan, orders: SymbolOrders) -> bool:
    """Only dust is left of a position. An entry does not count: it begins small, too."""
    had_begun = plan.status in (PlanStatus.ACTIVE, PlanStatus.SUSPENDED)
    return view.is_dust and had_begun and not orders.entries


def _left_as_dust(
    view: View, plan: ExitPlan, orders: SymbolOrders, memory: Memory
) -> tuple[list[Action], ExitPlan, Memory]:
    """No broker takes a stop for it: what works for the plan ends, and the plan with it."""
    own = _of_plan(orders, plan)
    actions = _cancel_all(own) if memory.may_try(view.now) else []
    if own.groups or own.exits:
        return [*actions, WaitFor(view.now + POLL, "exits are ending")], plan, memory
    if not view.is_confirmed:
        return _ask_broker(view, memory), plan, memory
    note = "only dust is left"
    closed = plan.changed(view.now, status=PlanStatus.CLOSED, exit=None, lift=None, note=note)
    return [SavePlan(closed, note)], closed, memory


def _of_plan(orders: SymbolOrders, plan: ExitPlan) -> SymbolOrders:
    """Only the orders of the plan: its entry, its exits, and what took their place. Another order
    of the symbol may be the trader's own, or a new entry whose plan was not read yet."""

    def serves(item: SymbolOrder) -> bool:
        is_lost = item.is_ours and item.plan_id is None and tag_of(item.name) is not None
        return item.plan_id == plan.plan_id or is_lost

    return SymbolOrders(
        tuple(group for group in orders.groups if serves(group.lead)),
        tuple(item for item in orders.exits if serves(item)),
        tuple(item for item in orders.entries if serves(item)),
    )


def _cancel_all(orders: SymbolOrders) -> list[Action]:
    leads = [g.lead for g in orders.groups if can_cancel(g)]
    return [
        *(cancel(lead, "the position is closed") for lead in leads),
        *(cancel(e, "the position was left") for e in orders.entries if cancelable(e)),
        *(
            cancel(e, "the position is closed", Priority.EXIT)
            for e in orders.exits
            if cancelable(e)
        ),
    ]


def _ask_broker(view: View, memory: Memory) -> list[Action]:
    """Fills arrive late and out of order: the end of a position is the broker's to tell."""
    due = view.now + REFRESH_EVERY
    if memory.refreshed_at is not None and view.now - memory.refreshed_at < REFRESH_EVERY:
        return [WaitFor(due, "the broker was asked for its position")]
    return [Refresh(view.symbol, reason="is the position gone?"), WaitFor(due, "asking")]


def _entry(view: View, plan: ExitPlan) -> SymbolOrder | None:
    return next((o for o in view.orders if o.name == plan.entry_client_order_id), None)


def _came_to_nothing(view: View, plan: ExitPlan) -> bool:
    """The plan waits for an entry that has ended unfilled: what is held came from elsewhere."""
    entry = _entry(view, plan)
    if plan.status is not PlanStatus.PENDING or entry is None:
        return False
    order = entry.order
    return order.status in OVER and order.filled_qty == 0


def _entry_may_come(view: View, plan: ExitPlan) -> bool:
    """The entry is not yet known, or waits in the queue for the open."""
    entry = _entry(view, plan)
    if entry is None:
        return view.now - plan.created_at < timedelta(minutes=2)
    return not entry.order.is_terminal


def _flipped(
    view: View, plan: ExitPlan, orders: SymbolOrders, memory: Memory
) -> tuple[list[Action], ExitPlan, Memory]:
    """The position is on the other side than its plan: both legs filled, or it was turned."""
    actions: list[Action] = []
    if view.is_confirmed and memory.may_try(view.now):
        actions += [
            cancel(g.lead, "the position has turned") for g in orders.groups if can_cancel(g)
        ]
    message = (
        f"position is {text(view.qty)} under a plan for a {plan.side} one: "
        "both exits filled, or it was turned elsewhere; look at it now"
    )
    closed = plan.changed(view.now, status=PlanStatus.CLOSED, exit=None, note=TURNED)
    if not view.is_confirmed:
        return [*actions, *_ask_broker(view, memory)], plan, memory
    if orders.groups:
        return actions, plan, memory
    memory = replace(memory, bare_told=view.size)
    alarm = Alarm("position_turned", view.symbol, message, critical=True)
    return [SavePlan(closed, "position turned"), alarm], closed, memory


# --- a position to hold ------------------------------------------------------------------------


def _hold(
    view: View, plan: ExitPlan, orders: SymbolOrders, memory: Memory, *, moves: bool = True
) -> tuple[list[Action], ExitPlan, Memory]:
    stays = plan.exit is None
    plan, memory = leave_if_due(view, plan, orders, memory)
    if plan.exit is not None:
        if stays:
            # Refusals of stops say nothing about the way out.
            memory = replace(memory, failures=0, retry_at=None)
        actions, plan, memory = leave(view, plan, orders, memory)
        changed = view.plan is None or view.plan.exit != plan.exit
        if plan.exit is not None and changed and not _saves(actions, plan):
            actions = [SavePlan(plan, plan.exit.reason), *actions]
        return actions, plan, memory
    if _is_lifted(view, plan):
        return [], plan, memory
    if is_of_before(view, plan, memory):
        return _ask_broker(view, memory), plan, memory
    unplaced = _without_past(view)
    if unplaced:
        known_by = min((m.sent_at for m in unplaced if m.sent_at), default=view.now) + PAST_UNKNOWN
        return [WaitFor(known_by, "what an order replaced is not known")], plan, memory
    surplus = _shed(view, orders)
    if surplus:
        if memory.retry_at is not None and view.now < memory.retry_at:
            surplus = [WaitFor(memory.retry_at, "retry")]
        return surplus, plan, memory
    actions, memory = cover(view, plan, orders, memory)
    if orders.covered < view.size:
        if moves and not any(isinstance(a, Submit | Cancel) for a in actions):
            actions = [*actions, *_moves_meanwhile(view, plan, orders, memory)]
        return actions, plan, memory
    if actions:
        return actions, plan, memory
    memory = replace(memory, partial_since=None)
    if not moves:
        return [], plan, memory
    changes = price_moves(view, plan, orders, memory)
    crossed = stop_is_crossed(plan, view.market.price)
    if changes or crossed or not _is_quiet(view, orders):
        return changes, plan, memory
    again, memory = reshape(view, plan, orders, memory)
    return again, plan, memory


def _moves_meanwhile(
    view: View, plan: ExitPlan, orders: SymbolOrders, memory: Memory
) -> list[Action]:
    """Some shares wait for a stop, perhaps as long as another program's order rests. What covers
    the others goes where the plan says all the same; none of it is taken off for that, since the
    broker may not take another one."""
    covering = SymbolOrders(tuple(group for group in orders.groups if group.covered > 0))
    moves = price_moves(view, plan, covering, memory)
    return [move for move in moves if isinstance(move, Replace)]


def _saves(actions: list[Action], plan: ExitPlan) -> bool:
    return any(isinstance(a, SavePlan) and a.plan == plan for a in actions)


def _is_lifted(view: View, plan: ExitPlan) -> bool:
    """The stop is off while an addition is bought; past its time that counts for nothing."""
    return plan.lift is not None and plan.lift.lasts(view.now)


def _is_quiet(view: View, orders: SymbolOrders) -> bool:
    settled = all(group.is_settled for group in orders.groups)
    market = view.market
    return settled and not orders.entries and not orders.exits and not market.is_halted


# --- too much being sold -----------------------------------------------------------------------


def _shed(view: View, orders: SymbolOrders) -> list[Action]:
    """Reduce the exits to the position. What may have ended already goes first, then the farthest
    target; plain stops are shrunk. Those of another execbot stay: of two sets ours goes.

    An order in doubt is no reason to take a known one off: it is asked about, and should it be
    at the broker it holds its shares there, so that nothing else can sell them.
    """
    orders = orders.without_unsettled()
    excess = orders.held - view.size
    if excess <= 0:
        return []
    actions: list[Action] = []
    for group in sorted(orders.groups, key=_shed_first):
        if excess <= 0:
            break
        if not group.armed or group.held == 0 or group.is_anothers:
            continue
        if not group.is_leaving:
            actions.extend(_shed_group(group, excess))
        excess -= group.held
    return actions or [WaitFor(view.now + POLL, "exits are being reduced")]


def _shed_first(group: ExitGroup) -> tuple[bool, bool, int]:
    ending = group.is_uncertain or group.is_leaving
    return (not ending, group.target is None, -(group.target_number or 0))


def _shed_group(group: ExitGroup, excess: Decimal) -> list[Action]:
    if not cancelable(group.lead):
        return []
    stop = group.stop
    keeps = group.held - excess
    shrinkable = (
        stop is not None
        and group.target is None
        and not group.is_advanced
        and keeps > 0
        and is_whole(keeps)
        and is_whole(stop.leaves)
        and stop.order.status in REPLACEABLE
    )
    if shrinkable and stop is not None:
        total = stop.chain_qty + stop.order.filled_qty + keeps
        change = ReplaceRequest(qty=total)
        return [Replace(stop.name, stop.order.id, change, "the position is smaller")]
    return [cancel(group.lead, "the position is smaller")]
