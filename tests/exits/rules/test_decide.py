"""Goal: for a position, a plan and living orders the planner asks for exactly the right next step.

Method: one small world a test, built by hand; the traps of Alpaca's order rules each have theirs.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace
from support.exit_views import T0, D, entry, later, order, pair, plan, stop_order, view

from execbot.config.schema import EmergencyAction
from execbot.exits.plan.plan import ExitIntent, ExitStage, Lift, PlanStatus, Trail, TrailKind
from execbot.exits.rules.actions import (
    Action,
    Alarm,
    Cancel,
    Refresh,
    Replace,
    SavePlan,
    Submit,
    WaitFor,
)
from execbot.exits.rules.decide import decide
from execbot.exits.rules.failures import Outcome, learned
from execbot.exits.rules.shape import Ladder
from execbot.exits.rules.view import Decision, Guarded, Limits, Market, Memory, View
from execbot.journal.records import Origin
from execbot.model.enums import OrderClass, OrderStatus, OrderType, PositionSide, Side, TimeInForce


def submits(decision: Decision) -> list[Submit]:
    return [a for a in decision.actions if isinstance(a, Submit)]


def cancels(decision: Decision) -> set[str]:
    return {a.client_order_id for a in decision.actions if isinstance(a, Cancel)}


def kinds(decision: Decision) -> set[type[Action]]:
    return {type(a) for a in decision.actions}


# --- a stop for every share --------------------------------------------------------------------


def test_a_position_without_a_stop_gets_one_for_all_of_it() -> None:
    [action] = submits(decide(view("10", plan())))
    request = action.request
    assert (request.type, request.qty, request.stop_price) == (OrderType.STOP, 10, D(95))
    assert (request.side, request.time_in_force) == (Side.SELL, TimeInForce.GTC)
    assert request.position_intent == "sell_to_close"


def test_a_protected_position_is_left_alone() -> None:
    decision = decide(view("10", plan(), stop_order("10")))
    assert decision.actions == ()
    assert decision.coverage.state is Guarded.PROTECTED


def test_a_short_is_protected_by_a_buy_stop() -> None:
    short = plan("105", side=PositionSide.SHORT)
    [action] = submits(decide(view("-10", short)))
    assert (action.request.side, action.request.stop_price) == (Side.BUY, D(105))
    assert action.request.position_intent == "buy_to_close"


def test_more_shares_get_a_second_stop_and_the_first_one_stays() -> None:
    decision = decide(view("14", plan(), stop_order("10")))
    [action] = submits(decision)
    assert action.request.qty == 4
    assert not cancels(decision)


def test_what_is_arriving_is_not_sent_again() -> None:
    arriving = stop_order("10", status=OrderStatus.PENDING_NEW)
    decision = decide(view("10", plan(), arriving))
    assert not submits(decision)
    assert decision.coverage.state is Guarded.ARRIVING


def test_two_targets_make_two_pairs_that_sum_to_an_odd_position() -> None:
    two = plan("95", ("105", "50"), ("110", "50"), base="0")
    actions = submits(decide(view("5", two)))
    assert [(a.request.qty, a.tag) for a in actions] == [(3, "t1"), (2, "t2")]
    for action, target in zip(actions, ("105", "110"), strict=True):
        assert action.request.order_class is OrderClass.OCO
        assert action.request.take_profit is not None
        assert action.request.take_profit.limit_price == D(target)
        assert action.request.stop_loss is not None
        assert action.request.stop_loss.stop_price == D(95)


def test_targets_for_less_than_all_leave_the_rest_with_a_stop_alone() -> None:
    actions = submits(decide(view("10", plan("95", ("105", "30"), base="0"))))
    assert [(a.request.type, a.request.qty) for a in actions] == [
        (OrderType.LIMIT, 3),
        (OrderType.STOP, 7),
    ]


def test_one_share_with_two_targets_goes_to_the_nearer_one() -> None:
    [action] = submits(decide(view("1", plan("95", ("105", "50"), ("110", "50"), base="0"))))
    assert (action.request.qty, action.tag) == (1, "t1")


def test_a_fraction_is_held_for_the_day_beside_the_whole_shares() -> None:
    actions = submits(decide(view("10.5", plan(base="0"))))
    assert [(a.request.qty, a.request.time_in_force) for a in actions] == [
        (10, TimeInForce.GTC),
        (D("0.5"), TimeInForce.DAY),
    ]


def test_crypto_is_held_by_a_stop_limit_without_a_position_intent() -> None:
    [action] = submits(decide(view("0.25", plan(base="0"), is_crypto=True, tick=D("0.01"))))
    assert action.request.type is OrderType.STOP_LIMIT
    assert action.request.limit_price == D("92.15")
    assert action.request.position_intent is None


def test_a_pure_trail_is_the_brokers() -> None:
    trailing = plan("98")
    trailing = replace(trailing, stop=replace(trailing.stop, trail=Trail(TrailKind.PERCENT, D(2))))
    [action] = submits(decide(view("10", trailing)))
    assert (action.request.type, action.request.trail_percent) == (OrderType.TRAILING_STOP, 2)


def test_a_plan_that_was_made_active_without_a_position_opens_with_its_first_share() -> None:
    decision = decide(view("10", plan(opened_at=None)))
    assert decision.plan is not None
    assert decision.plan.opened_at == T0


# --- never oversell ----------------------------------------------------------------------------


def test_a_smaller_position_shrinks_a_plain_stop_in_place() -> None:
    decision = decide(view("6", plan(), stop_order("10")))
    [action] = decision.actions
    assert isinstance(action, Replace)
    assert action.change.qty == 6


def test_the_quantity_of_a_leg_cannot_be_replaced_so_the_farthest_pair_goes() -> None:
    two = plan("95", ("105", "50"), ("110", "50"))
    decision = decide(view("5", two, *pair(1, "5", "105"), *pair(2, "5", "110")))
    assert cancels(decision) == {"execbot-x-t2-1"}
    assert not submits(decision)


@pytest.mark.parametrize("leg", [OrderStatus.HELD, OrderStatus.PENDING_CANCEL])
def test_a_filled_targets_stop_goes_before_a_healthy_pair(leg: OrderStatus) -> None:
    """The report of its end is late or lost; the shares of the second pair stay protected."""
    two = plan("95", ("105", "50"), ("110", "50"))
    filled, dying = pair(1, "5", "105", status=OrderStatus.FILLED, filled="5")
    dying = replace(dying, order=replace(dying.order, status=leg))
    decision = decide(view("5", two, filled, dying, *pair(2, "5", "110")))
    assert cancels(decision) == ({"leg-1"} if leg is OrderStatus.HELD else set())
    assert decision.coverage.covered == 5


def test_an_order_in_doubt_takes_no_known_exit_off() -> None:
    doubt = stop_order("5", name="execbot-x-s-2", status=OrderStatus.IN_DOUBT)
    decision = decide(view("10", plan(), stop_order("10"), doubt))
    assert not cancels(decision)
    assert Replace not in kinds(decision)
    assert decision.coverage.covered == 10


def test_a_closed_position_takes_its_exits_along_and_ends_its_plan() -> None:
    decision = decide(view("0", plan(), stop_order("10")))
    assert cancels(decision) == {"execbot-x-s-1"}
    ended = decide(view("0", plan(), stop_order("10", status=OrderStatus.CANCELED)))
    assert ended.plan is not None
    assert ended.plan.status is PlanStatus.SLEEPING
    sold = stop_order("10", status=OrderStatus.FILLED)
    sold = replace(sold, order=replace(sold.order, filled_qty=D(10)))
    ended = decide(view("0", plan(), sold))
    assert ended.plan is not None
    assert ended.plan.status is PlanStatus.CLOSED


def test_a_new_entry_and_its_leg_are_not_taken_for_those_of_the_closed_position() -> None:
    """The trader enters again before the old plan has ended, and its own plan was not read yet."""
    bought = order("entry-2", OrderType.MARKET, "10", side=Side.BUY, origin=Origin.SUBMIT)
    leg = stop_order("10", name="leg", parent="entry-2", status=OrderStatus.HELD)
    new = [replace(item, plan_id="p2") for item in (bought, leg)]
    decision = decide(view("0", plan(), replace(stop_order("10"), plan_id="p1"), *new))
    assert cancels(decision) == {"execbot-x-s-1"}


def test_a_position_on_the_other_side_of_its_plan_alarms_and_sells_nothing_more() -> None:
    decision = decide(view("-5", plan(), stop_order("5")))
    assert cancels(decision) == {"execbot-x-s-1"}
    after = decide(view("-5", plan()))
    assert any(isinstance(a, Alarm) and a.critical for a in after.actions)
    assert not submits(after)
    assert after.plan is not None
    assert after.plan.status is PlanStatus.CLOSED


def test_shares_held_by_a_cancel_on_its_way_are_not_sold_twice() -> None:
    leaving = stop_order("10", status=OrderStatus.PENDING_CANCEL)
    decision = decide(view("10", plan(), leaving))
    assert not submits(decision)
    assert kinds(decision) == {WaitFor, Refresh}


def test_an_order_in_doubt_holds_its_shares_until_the_broker_says_otherwise() -> None:
    doubt = stop_order("10", status=OrderStatus.IN_DOUBT)
    decision = decide(view("10", plan(), doubt))
    assert not submits(decision)
    assert Refresh in kinds(decision)
    free = decide(view("10", plan(), doubt, available=D(10)))
    assert submits(free)[0].request.qty == 10


def test_a_limit_of_the_traders_own_leaves_nothing_and_is_let_alone() -> None:
    own = order("mine", OrderType.LIMIT, "10", limit="140", role="exit", origin="submit")
    decision = decide(view("10", plan(), own))
    assert decision.coverage.state is Guarded.UNPROTECTED
    assert not cancels(decision)
    two = plan("95", ("105", "50"), ("110", "50"))
    held = [*pair(1, "4", "105"), *pair(2, "4", "110")]
    small = order("mine", OrderType.LIMIT, "2", limit="140", role="exit", origin="submit")
    decision = decide(view("10", two, *held, small))
    assert Replace not in kinds(decision)
    assert not cancels(decision)
    assert decision.coverage.uncovered == 2


# --- entries that fill in part -----------------------------------------------------------------


def test_a_pair_is_placed_while_the_plain_entry_still_rests() -> None:
    resting = entry("10", "4", OrderStatus.PARTIALLY_FILLED)
    one = plan("95", ("105", "100"), base="0")
    [action] = submits(decide(view("4", one, resting)))
    assert (action.request.order_class, action.request.qty) == (OrderClass.OCO, 4)


def test_a_plain_stop_waits_for_the_entry_and_then_cancels_its_rest() -> None:
    resting = entry("10", "4", OrderStatus.PARTIALLY_FILLED)
    first = decide(view("4", plan(base="0"), resting))
    assert not submits(first)
    assert not cancels(first)
    second = decide(view("4", first.plan, resting, now=later(2), memory=first.memory))
    assert cancels(second) == {"entry-1"}
    third = decide(
        view(
            "4",
            second.plan,
            entry("10", "4", OrderStatus.CANCELED),
            now=later(2.1),
            memory=second.memory,
        )
    )
    assert submits(third)[0].request.qty == 4


def bracket(entry_status: OrderStatus, filled: str, legs: OrderStatus) -> list[object]:
    parent = entry("10", filled, entry_status, order_class=OrderClass.BRACKET)
    return [
        parent,
        order(
            "tp",
            OrderType.LIMIT,
            "10",
            legs,
            limit="105",
            parent="entry-1",
            role="target",
            order_class=OrderClass.BRACKET,
        ),
        order(
            "sl",
            OrderType.STOP,
            "10",
            OrderStatus.HELD,
            stop="95",
            parent="entry-1",
            role="stop",
            order_class=OrderClass.BRACKET,
        ),
    ]


def test_the_legs_of_a_partly_filled_bracket_protect_nothing() -> None:
    one = plan("95", ("105", "100"), base="0")
    parts = bracket(OrderStatus.PARTIALLY_FILLED, "4", OrderStatus.HELD)
    decision = decide(view("4", one, *parts))  # type: ignore[arg-type]
    assert decision.coverage.covered == 0
    assert not submits(decision)  # its own legs will want the shares
    after = decide(view("4", decision.plan, *parts, now=later(2.5), memory=decision.memory))  # type: ignore[arg-type]
    assert cancels(after) == {"entry-1"}


def test_the_filled_part_of_a_canceled_bracket_is_protected_at_once() -> None:
    one = plan("95", ("105", "100"), base="0")
    parts = bracket(OrderStatus.CANCELED, "4", OrderStatus.HELD)
    [action] = submits(decide(view("4", one, *parts)))  # type: ignore[arg-type]
    assert (action.request.order_class, action.request.qty) == (OrderClass.OCO, 4)


def test_the_legs_of_a_filled_bracket_protect_all_of_it() -> None:
    one = plan("95", ("105", "100"))
    parts = bracket(OrderStatus.FILLED, "10", OrderStatus.NEW)
    decision = decide(view("10", one, *parts))  # type: ignore[arg-type]
    assert decision.actions == ()
    assert decision.coverage.state is Guarded.PROTECTED


def test_a_resting_order_of_somebody_else_is_not_canceled_but_told() -> None:
    foreign = entry("10", "0", origin="foreign")
    first = decide(view("4", plan(base="0"), foreign))
    second = decide(view("4", first.plan, foreign, now=later(3), memory=first.memory))
    assert not cancels(second)
    assert any(isinstance(a, Alarm) and a.kind == "stop_blocked" for a in second.actions)
    third = decide(view("4", second.plan, foreign, now=later(3.1), memory=second.memory))
    assert third.coverage.state is Guarded.EMULATED


# --- what only the broker knows ----------------------------------------------------------------


def test_a_held_stop_leg_whose_pair_is_gone_is_no_protection_until_asked() -> None:
    target, leg = pair(1, "10", "105", status=OrderStatus.CANCELED)
    decision = decide(view("10", plan("95", ("105", "100")), target, leg))
    assert decision.coverage.covered == 0
    assert Refresh in kinds(decision)


def test_a_held_stop_leg_that_stays_without_its_pair_gives_its_shares_back() -> None:
    """The broker goes on showing it: it will never be armed, and keeps a new stop away."""
    one = plan("95", ("105", "100"))
    gone, orphan = pair(1, "10", "105", status=OrderStatus.CANCELED)
    memory = Memory()
    for seconds, canceled in ((60, set()), (62, set()), (63, {"leg-1"})):
        decision = decide(view("10", one, gone, orphan, memory=memory, now=later(seconds)))
        assert cancels(decision) == canceled
        assert not submits(decision)
        memory = decision.memory


def test_a_replaced_stop_leg_still_belongs_to_its_pair() -> None:
    target, leg = pair(1, "10", "105")
    old = replace(leg, order=replace(leg.order, status=OrderStatus.REPLACED))
    new = order(
        "leg-1b",
        OrderType.STOP,
        "10",
        OrderStatus.HELD,
        stop="96",
        order_class=OrderClass.OTO,
        replaces=old.order.id,
        role="stop",
    )
    decision = decide(view("10", plan("96", ("105", "100")), target, old, new))
    assert decision.coverage.covered == 10
    assert decision.actions == ()


def test_a_partly_filled_target_has_lowered_its_stop() -> None:
    target, leg = pair(1, "10", "105", filled="4", status=OrderStatus.PARTIALLY_FILLED)
    decision = decide(view("6", plan("95", ("105", "100")), target, leg))
    assert decision.coverage.covered == 6
    assert not cancels(decision)


# --- moving ------------------------------------------------------------------------------------


def test_a_moved_stop_is_replaced_in_place() -> None:
    [action] = decide(view("10", plan("97"), stop_order("10", "95"))).actions
    assert isinstance(action, Replace)
    assert action.change.stop_price == D(97)


def test_a_stop_the_broker_will_not_move_is_placed_anew() -> None:
    memory = Memory()
    moved = plan("97")
    for _ in range(2):
        decision = decide(view("10", moved, stop_order("10", "95"), memory=memory, now=later(60)))
        [action] = decision.actions
        assert isinstance(action, Replace)
        memory = learned(decision.memory, action, Outcome("broker.replace_raced"), T0)
    assert cancels(decide(view("10", moved, stop_order("10", "95"), memory=memory, now=later(60))))


def test_a_stop_that_was_placed_anew_is_moved_in_place_again() -> None:
    stuck = Memory(moves_refused=2)
    bare = decide(view("10", plan("97"), memory=stuck, now=later(60)))
    [placed] = submits(bare)
    memory = learned(bare.memory, placed, Outcome(), later(60))
    decision = decide(view("10", plan("98"), stop_order("10", "97"), memory=memory, now=later(61)))
    assert kinds(decision) == {Replace}


@pytest.mark.parametrize(
    "kind", ["in_doubt", "network.reset", "broker.rate_limited", "order.not_possible"]
)
def test_a_move_that_got_lost_on_the_way_takes_no_stop_off(kind: str) -> None:
    memory = Memory()
    for _ in range(5):
        decision = decide(
            view("10", plan("97"), stop_order("10", "95"), memory=memory, now=later(60))
        )
        [action] = decision.actions
        assert isinstance(action, Replace)
        memory = learned(decision.memory, action, Outcome(kind), T0)


def test_a_closed_market_takes_no_replace_and_the_stop_stays() -> None:
    resting = stop_order("10", "95", status=OrderStatus.ACCEPTED)
    closed = Market(D(101), D(101), D(101), is_open=False)
    assert decide(view("10", plan("97"), resting, market=closed)).actions == ()


def test_a_plain_stop_becomes_the_planned_pairs_once_the_entry_has_ended() -> None:
    two = plan("95", ("105", "50"), ("110", "50"))
    decision = decide(view("10", two, stop_order("10")))
    assert cancels(decision) == {"execbot-x-s-1"}
    gone = stop_order("10", status=OrderStatus.CANCELED)
    assert len(submits(decide(view("10", two, gone, memory=decision.memory)))) == 2


def test_re_spreading_does_not_go_on_for_ever() -> None:
    two = plan("95", ("105", "50"), ("110", "50"))
    decision = decide(view("10", two, stop_order("10"), memory=Memory(reshapes=3)))
    assert decision.actions == ()


# --- leaving -----------------------------------------------------------------------------------


def test_a_stop_that_is_through_the_market_is_taken_by_a_market_order() -> None:
    first = decide(view("10", plan(), price="94"))
    saved = [a for a in first.actions if isinstance(a, SavePlan)]
    assert saved
    assert saved[-1].plan.exit is not None
    [action] = submits(first)
    assert (action.request.type, action.request.qty, action.role) == (OrderType.MARKET, 10, "exit")


def test_a_stop_at_the_broker_is_given_a_moment_before_we_take_it_ourselves() -> None:
    first = decide(view("10", plan(), stop_order("10"), price="94"))
    assert not submits(first)
    assert not cancels(first)
    second = decide(
        view("10", first.plan, stop_order("10"), price="94", now=later(3), memory=first.memory)
    )
    assert cancels(second) == {"execbot-x-s-1"}


def test_a_price_far_beyond_the_stop_is_believed_only_after_the_broker_was_asked() -> None:
    split = decide(view("10", plan(), price="50", confirmed_at=later(-1)))
    assert split.plan is not None
    assert split.plan.exit is None
    crash = decide(
        view("10", plan(), price="50", confirmed_at=later(1), now=later(1.1), memory=split.memory)
    )
    assert crash.plan is not None
    assert crash.plan.exit is not None


def test_leaving_waits_for_the_shares_and_escalates_until_it_is_market() -> None:
    from execbot.exits.rules.leave import wants_out

    leaving = wants_out(plan(), "time_stop", T0, stage=ExitStage.LIMIT)
    first = decide(view("10", leaving, stop_order("10")))
    assert cancels(first) == {"execbot-x-s-1"}
    second = decide(view("10", first.plan, stop_order("10", status=OrderStatus.PENDING_CANCEL)))
    assert not submits(second)
    free = stop_order("10", status=OrderStatus.CANCELED)
    quotes = Market(D("100.98"), D("101.03"), D(101))
    third = decide(view("10", second.plan, free, market=quotes))
    [limit] = submits(third)
    assert limit.request.limit_price == D("101.01")  # the middle 101.005, up for a seller
    working = order("execbot-x-e-1", OrderType.LIMIT, "10", role="exit", limit="101.01")
    fourth = decide(view("10", third.plan, working, market=quotes, now=later(31)))
    assert cancels(fourth) == {"execbot-x-e-1"}
    assert fourth.plan is not None
    assert fourth.plan.exit is not None
    assert fourth.plan.exit.stage is ExitStage.MARKETABLE_LIMIT
    fifth = decide(view("10", fourth.plan, market=quotes, now=later(32)))
    assert submits(fifth)[0].request.limit_price == D(
        "100.47"
    )  # 100.98 less 0.5 %, down: it must trade
    sixth = decide(view("10", fifth.plan, working, market=quotes, now=later(62)))
    last = decide(view("10", sixth.plan, market=quotes, now=later(63)))
    assert submits(last)[0].request.type is OrderType.MARKET


@pytest.mark.parametrize(
    ("kind", "canceled"), [(OrderType.LIMIT, {"execbot-x-e-1"}), (OrderType.MARKET, set())]
)
def test_a_limit_left_over_from_before_the_open_gives_way_to_a_market_order(
    kind: OrderType, canceled: set[str]
) -> None:
    leaving = replace(plan(), exit=ExitIntent("stop", T0, ExitStage.MARKET, T0))
    working = order("execbot-x-e-1", kind, "6", role="exit", limit="96.5")
    opened = decide(view("6", leaving, working, price="93", now=later(1)))
    assert cancels(opened) == canceled


@pytest.mark.parametrize(
    "market",
    [
        Market(D(94), D(94), D(94), is_halted=True),
        Market(D(94), D(94), D(94), is_open=False),
    ],
)
def test_nothing_is_sent_into_a_halt_or_a_closed_market(market: Market) -> None:
    from execbot.exits.rules.leave import wants_out

    leaving = wants_out(plan(), "stop", T0)
    decision = decide(view("10", leaving, stop_order("10"), market=market))
    assert not submits(decision)
    assert not cancels(decision)


def test_a_refused_exit_ends_in_protection_again() -> None:
    from execbot.exits.rules.leave import wants_out

    leaving = wants_out(plan(), "time_stop", T0)
    decision = decide(view("10", leaving, memory=Memory(exit_failures=3)))
    assert decision.plan is not None
    assert decision.plan.exit is None
    assert any(isinstance(a, Alarm) for a in decision.actions)
    again = decide(view("10", decision.plan, memory=decision.memory))
    assert submits(again)[0].request.type is OrderType.STOP


def refused(memory: Memory, kind: str, seconds: float) -> Memory:
    """The memory after three refusals of the exit and the decision to give it up."""
    for _ in range(3):
        leaving = decide(view("10", plan(), price="94", now=later(seconds), memory=memory))
        [exit_order] = submits(leaving)
        assert exit_order.role == "exit"
        memory = learned(leaving.memory, exit_order, Outcome(kind), later(seconds))
        memory = replace(memory, retry_at=None)
    return decide(view("10", leaving.plan, price="94", now=later(seconds), memory=memory)).memory


@pytest.mark.parametrize(
    ("kind", "longest"), [("broker.insufficient_qty", 60), ("network.timeout", 5)]
)
def test_an_exit_given_up_is_tried_again_after_ever_longer_pauses(kind: str, longest: int) -> None:
    memory, seconds, pauses = Memory(), 0.0, []
    for _ in range(9):
        memory = refused(memory, kind, seconds)
        assert memory.exit_not_before is not None
        pauses.append((memory.exit_not_before - later(seconds)).total_seconds())
        too_soon = decide(
            view("10", plan(), price="94", now=later(seconds + pauses[-1] / 2), memory=memory)
        )
        assert too_soon.plan is not None
        assert too_soon.plan.exit is None
        seconds += pauses[-1]
    assert pauses == [min(2**n, longest) for n in range(9)]


def test_a_stop_reached_while_a_target_is_being_taken_takes_everything() -> None:
    taking = ExitIntent("target_1", T0, ExitStage.MARKET, T0, D(5), 0)
    two = plan("95", ("105", "50"), ("110", "50"), exit=taking)
    working = order("execbot-x-e-1", OrderType.LIMIT, "5", role="exit", limit="104")
    evening = Market(D("93.9"), D("94.1"), D(94), is_open=False, is_extended=True)
    first = decide(view("10", two, working, market=evening, now=later(1)))
    assert cancels(first) == {"execbot-x-e-1"}
    assert first.plan is not None
    assert first.plan.exit is not None
    assert (first.plan.exit.reason, first.plan.exit.keep_qty) == ("stop", 0)
    assert any(isinstance(a, SavePlan) and a.plan == first.plan for a in first.actions)
    [action] = submits(decide(view("10", first.plan, market=evening, memory=first.memory)))
    assert action.request.qty == 10


@pytest.mark.parametrize(
    ("bid", "last", "limit"),
    [("94.2", "94", "93.72"), (None, "94", "93.53"), (None, None, None)],
    ids=["bid", "last", "nothing"],
)
def test_outside_of_the_session_an_exit_is_a_limit_or_waits_for_a_price(
    bid: str | None, last: str | None, limit: str | None
) -> None:
    leaving = plan(exit=ExitIntent("stop", T0, ExitStage.MARKET, T0))
    quote = Market(
        bid=D(bid) if bid else None,
        last=D(last) if last else None,
        is_open=False,
        is_extended=True,
    )
    sent = [a.request for a in submits(decide(view("10", leaving, market=quote)))]
    assert [(r.type, r.limit_price, r.extended_hours) for r in sent] == (
        [(OrderType.LIMIT, D(limit), True)] if limit else []
    )


@pytest.mark.parametrize(
    ("qty", "stop", "leaving"),
    [("0", "10", False), ("4", "10", False), ("-10", "10", False), ("10", "10", True)],
    ids=["flat", "smaller", "turned", "leaving"],
)
def test_a_refused_cancel_is_not_asked_for_again_before_its_pause_is_over(
    qty: str, stop: str, leaving: bool
) -> None:
    intent = ExitIntent("time_stop", T0, ExitStage.MARKET, T0) if leaving else None
    pairs = pair(1, stop, "110")
    early = decide(view(qty, plan(exit=intent), *pairs, memory=Memory(retry_at=later(1))))
    assert not cancels(early)
    due = decide(
        view(qty, plan(exit=intent), *pairs, memory=Memory(retry_at=later(1)), now=later(1))
    )
    assert cancels(due) == {"execbot-x-t1-1"}


def test_an_exit_given_up_again_and_again_is_told_once() -> None:
    leaving = replace(plan(), exit=ExitIntent("stop", T0, ExitStage.MARKET, T0))
    first = decide(view("10", leaving, memory=Memory(exit_failures=3)))
    assert [a.kind for a in first.actions if isinstance(a, Alarm)] == ["exit_refused"]
    memory = replace(first.memory, exit_failures=3)
    second = decide(view("10", leaving, memory=memory, now=later(60)))
    assert second.plan is not None
    assert second.plan.exit is None
    assert "exit_refused" not in [a.kind for a in second.actions if isinstance(a, Alarm)]


def test_a_position_that_changes_may_be_left_at_once() -> None:
    given_up = Memory(
        exit_rounds=7, exit_not_before=later(60), told=frozenset({"exit_refused stop", "other"})
    )
    assert given_up.without_exit_failures() == Memory(told=frozenset({"other"}))


# --- the guard ---------------------------------------------------------------------------------


def blocked(seconds: float, memory: Memory, limits: Limits) -> View:
    """Ten shares that a foreign sell order holds, so that no stop can be placed."""
    holder = order("theirs", OrderType.LIMIT, "10", limit="120", origin="foreign")
    return view("10", plan(), holder, now=later(seconds), memory=memory, limits=limits)


def test_shares_without_a_stop_alarm_after_the_configured_time() -> None:
    first = decide(blocked(0, Memory(), Limits()))
    assert first.coverage.state is Guarded.UNPROTECTED
    assert not any(isinstance(a, Alarm) for a in first.actions)
    second = decide(blocked(5, first.memory, Limits()))
    [alarm] = [a for a in second.actions if isinstance(a, Alarm)]
    assert alarm.kind == "unprotected"
    third = decide(blocked(6, second.memory, Limits()))
    assert not any(isinstance(a, Alarm) for a in third.actions)


def test_the_emergency_action_leaves_the_position() -> None:
    limits = Limits(emergency_action=EmergencyAction.MARKET_EXIT)
    first = decide(blocked(0, Memory(), limits))
    second = decide(blocked(5, first.memory, limits))
    assert second.plan is not None
    assert second.plan.exit is not None
    assert second.plan.exit.reason == "emergency"


def test_the_emergency_exit_is_decided_again_after_it_was_refused() -> None:
    limits = Limits(emergency_action=EmergencyAction.MARKET_EXIT)
    refused_before = Memory(
        uncovered_since=T0, exposed_since=T0, is_alarmed=True, exit_not_before=later(8)
    )
    early = decide(blocked(7, refused_before, limits))
    assert early.plan is not None
    assert early.plan.exit is None
    again = decide(blocked(8, early.memory, limits))
    assert again.plan is not None
    assert again.plan.exit is not None
    assert again.plan.exit.reason == "emergency"
    assert not any(isinstance(a, Alarm) for a in again.actions)


def lifted_for(seconds: float) -> Lift:
    return Lift("scale in", later(seconds), "more", "process 77")


def alarms(decision: Decision) -> list[Alarm]:
    return [a for a in decision.actions if isinstance(a, Alarm)]


def test_shares_whose_stop_is_lifted_alarm_and_the_alarm_names_the_addition() -> None:
    limits = Limits(emergency_action=EmergencyAction.MARKET_EXIT)
    lifted = plan(lift=lifted_for(20))
    first = decide(view("10", lifted, limits=limits))
    assert first.coverage.state is Guarded.LIFTED
    assert not first.actions
    second = decide(view("10", lifted, now=later(5), memory=first.memory, limits=limits))
    [alarm] = alarms(second)
    assert (alarm.kind, alarm.critical) == ("stop_lifted", True)
    assert "10 shares without a stop for 5 s" in alarm.message
    assert "addition is under way by order more of process 77" in alarm.message
    third = decide(view("10", lifted, now=later(19), memory=second.memory, limits=limits))
    assert third.actions == (), "told once, and nothing is sold into the hands of the addition"


def test_a_lease_that_has_run_out_ends_in_the_stop_and_not_in_an_emergency_exit() -> None:
    limits = Limits(emergency_action=EmergencyAction.MARKET_EXIT)
    lifted = plan(lift=lifted_for(8))
    first = decide(view("10", lifted, limits=limits))
    told = decide(view("10", lifted, now=later(7.9), memory=first.memory, limits=limits))
    back = decide(view("10", lifted, now=later(8), memory=told.memory, limits=limits))
    [action] = submits(back)
    assert (action.role, action.request.qty) == ("stop", 10)
    assert back.plan is not None
    assert back.plan.exit is None


def test_a_stop_that_does_not_come_back_after_an_addition_is_told_anew_and_left_in_time() -> None:
    limits = Limits(emergency_action=EmergencyAction.MARKET_EXIT)
    memory, the_plan = Memory(), plan(lift=lifted_for(8))
    heard: list[tuple[float, str]] = []
    left_at = None
    for second in range(20):
        seen = replace(blocked(second, memory, limits), plan=the_plan)
        decision = decide(seen)
        memory, changed = decision.memory, decision.plan
        assert changed is not None
        the_plan = changed
        heard += [(second, a.kind) for a in alarms(decision) if a.critical]
        if left_at is None and the_plan.exit is not None:
            left_at = second
    assert heard == [(5, "stop_lifted"), (13, "unprotected")]
    assert left_at == 13


def test_an_addition_after_a_spell_without_a_stop_starts_no_new_count() -> None:
    first = decide(blocked(0, Memory(), Limits()))
    lifted = replace(blocked(3, first.memory, Limits()), plan=plan(lift=lifted_for(9)))
    second = decide(lifted)
    third = decide(replace(lifted, now=later(5), memory=second.memory))
    assert [a.kind for a in alarms(third)] == ["stop_lifted"]


def test_stops_that_were_refused_do_not_count_against_the_way_out() -> None:
    limits = Limits(emergency_action=EmergencyAction.MARKET_EXIT)
    stops_refused = Memory(uncovered_since=T0, exposed_since=T0, failures=7, retry_at=later(7))
    first = decide(blocked(5, stops_refused, limits))
    assert first.plan is not None
    assert first.plan.exit is not None
    second = decide(
        view("10", first.plan, now=later(5.1), memory=first.memory, available=D(10), limits=limits)
    )
    [action] = submits(second)
    assert (action.role, action.request.type) == ("exit", OrderType.MARKET)


def test_a_suspended_plan_is_not_fought_over() -> None:
    suspended = plan(status=PlanStatus.SUSPENDED)
    decision = decide(view("10", suspended, now=later(60)))
    assert decision.actions == ()
    assert decision.coverage.state is Guarded.SUSPENDED


def test_a_lifted_stop_comes_back_when_its_time_is_over() -> None:
    lifted = plan(lift=Lift("scale in", later(10)))
    assert decide(view("10", lifted, now=later(9))).actions == ()
    back = decide(view("10", lifted, now=later(10)))
    assert submits(back)[0].request.qty == 10


def test_a_refused_shape_steps_down_to_a_plain_stop_and_then_to_watching() -> None:
    one = plan("95", ("105", "100"))
    first = decide(view("10", one))
    [action] = submits(first)
    memory = learned(first.memory, action, Outcome("broker.fractional_class"), T0)
    assert memory.ladder is Ladder.STOP_ONLY
    second = decide(view("10", one, memory=memory, now=later(5)))
    [action] = submits(second)
    assert action.request.type is OrderType.STOP
    memory = learned(second.memory, action, Outcome("broker.invalid_price"), T0)
    third = decide(view("10", one, memory=memory, now=later(10)))
    assert not submits(third)
    assert third.coverage.state is Guarded.EMULATED
    taken = decide(view("10", one, memory=memory, now=later(10), price="94.9"))
    assert submits(taken)[0].request.type is OrderType.MARKET


def test_an_entry_price_beyond_the_given_stop_is_left_at_once() -> None:
    wrong = replace(plan("101", entry=None), stop=replace(plan("101").stop, price=None))
    decision = decide(view("10", wrong, price="100.5"))
    assert decision.plan is not None
    assert decision.plan.exit is not None


def test_decimal_quantities_never_become_floats() -> None:
    for action in submits(decide(view("0.123456789", plan(base="0")))):
        assert isinstance(action.request.qty, Decimal)


def test_what_was_bought_elsewhere_is_not_taken_for_an_entry_that_ended_unfilled() -> None:
    pending = plan(status=PlanStatus.PENDING, base="0", opened_at=None)
    ended = entry("10", "0", OrderStatus.CANCELED)
    decision = decide(view("20", pending, ended))
    assert decision.plan is not None
    assert decision.plan.status is PlanStatus.CLOSED
    assert not submits(decision)
    replaced = entry("10", "0", OrderStatus.REPLACED)
    assert submits(decide(view("20", pending, replaced)))


def test_a_coin_keeps_its_runner_when_its_only_target_is_reached() -> None:
    half = plan("95", ("105", "50"))
    decision = decide(view("10", half, stop_order("10"), price="106", is_crypto=True))
    assert decision.plan is not None
    assert decision.plan.exit is not None
    assert decision.plan.exit.keep_qty == 5


def test_a_replacement_of_a_partly_filled_stop_holds_only_what_its_chain_has_left() -> None:
    """Its quantity counts what the replaced order had filled, so 11 with 4 filled holds 7."""
    moved_stop = replace(stop_order("11"), chain_qty=D(4))
    assert decide(view("7", plan(), moved_stop)).actions == ()
    [action] = decide(view("5", plan(), moved_stop)).actions
    assert isinstance(action, Replace)
    assert action.change.qty == 9
    short_of = decide(view("7", plan(), replace(stop_order("7"), chain_qty=D(4))))
    assert (short_of.coverage.covered, submits(short_of)[0].request.qty) == (3, 4)


def test_an_order_that_a_refusal_names_is_read_before_anything_else_is_sent() -> None:
    """E-PROT-4: what the broker says it holds for another exit is read, not fought."""
    refused = decide(view("10", plan()))
    (wanted,) = [a for a in refused.actions if isinstance(a, Submit)]
    outcome = Outcome("broker.qty_held_for_orders", "held", named=("unheard-of",))
    memory = learned(refused.memory, wanted, outcome, T0)
    asking = decide(view("10", plan(), memory=memory))
    asked = [a for a in asking.actions if isinstance(a, Refresh)]
    assert [a.order_id for a in asked] == ["unheard-of"]
    assert asking.memory.named == ()
    stop = stop_order("10", name="theirs")
    known = replace(stop, order=replace(stop.order, id="unheard-of"))
    assert not [a for a in decide(view("10", plan(), known, memory=memory)).actions
                if isinstance(a, Refresh | Submit)]  # fmt: skip


def test_the_pauses_of_a_refused_stop_grow_to_a_minute_and_no_further() -> None:
    wanted = next(a for a in decide(view("10", plan())).actions if isinstance(a, Submit))
    memory, pauses = Memory(), []
    for _ in range(40):
        memory = learned(memory, wanted, Outcome("broker.rejected", "no"), T0)
        assert memory.retry_at is not None
        pauses.append((memory.retry_at - T0).total_seconds())
    assert max(pauses[:12]) <= 2
    assert pauses[-1] == 60
    assert learned(memory, wanted, Outcome(), T0).refusals == 0
