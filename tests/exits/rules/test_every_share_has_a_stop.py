"""Goal: every share of a position with a plan is in the right stop or pair.

Method: one small world a test, built by hand: position, plan and living orders.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace
from support.exit_views import T0, D, cancels, later, plan, stop_order, submits, view
from support.wishes import target

from execbot.exits.plan.plan import Trail, TrailKind
from execbot.exits.rules.decide import decide
from execbot.exits.rules.failures import Outcome, learned
from execbot.exits.rules.shape import Ladder
from execbot.exits.rules.view import Guarded, Memory
from execbot.model.enums import OrderClass, OrderStatus, OrderType, PositionSide, Side, TimeInForce


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
    two = plan("95", target("105", shares=50), target("110", shares=50), base="0")
    actions = submits(decide(view("5", two)))
    assert [(a.request.qty, a.tag) for a in actions] == [(3, "t1"), (2, "t2")]
    for action, price in zip(actions, ("105", "110"), strict=True):
        assert action.request.order_class is OrderClass.OCO
        assert action.request.take_profit is not None
        assert action.request.take_profit.limit_price == D(price)
        assert action.request.stop_loss is not None
        assert action.request.stop_loss.stop_price == D(95)


def test_targets_for_less_than_all_leave_the_rest_with_a_stop_alone() -> None:
    actions = submits(decide(view("10", plan("95", target("105", shares=30), base="0"))))
    assert [(a.request.type, a.request.qty) for a in actions] == [
        (OrderType.LIMIT, 3),
        (OrderType.STOP, 7),
    ]


def test_one_share_with_two_targets_goes_to_the_nearer_one() -> None:
    [action] = submits(
        decide(view("1", plan("95", target("105", shares=50), target("110", shares=50), base="0")))
    )
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


def test_a_refused_shape_steps_down_to_a_plain_stop_and_then_to_watching() -> None:
    one = plan("95", target("105", shares=100))
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
    fewer = decide(view("9", one, memory=third.memory, now=later(11)))
    [action] = submits(fewer)
    assert action.request.qty == 9, "what was refused was for another quantity"


def test_decimal_quantities_never_become_floats() -> None:
    for action in submits(decide(view("0.123456789", plan(base="0")))):
        assert isinstance(action.request.qty, Decimal)


def test_the_pauses_of_a_refused_stop_grow_to_a_minute_and_no_further() -> None:
    (wanted,) = submits(decide(view("10", plan())))
    memory, pauses = Memory(), []
    for _ in range(40):
        memory = learned(memory, wanted, Outcome("broker.rejected", "no"), T0)
        assert memory.retry_at is not None
        pauses.append((memory.retry_at - T0).total_seconds())
    assert max(pauses[:12]) <= 2
    assert pauses[-1] == 60
    assert learned(memory, wanted, Outcome(), T0).refusals == 0
