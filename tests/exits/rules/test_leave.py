"""Goal: a position whose stop or time is reached is left: at once, with patience, or at the open.

Method: one small world a test, built by hand: position, plan and living orders.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.exit_views import (
    T0,
    D,
    cancels,
    later,
    order,
    pair,
    plan,
    stop_order,
    submits,
    view,
)
from support.wishes import target

from execbot.exits.living_orders import SymbolOrder
from execbot.exits.plan.plan import ExitIntent, ExitPlan, ExitStage
from execbot.exits.rules.actions import (
    Alarm,
    SavePlan,
)
from execbot.exits.rules.decide import decide
from execbot.exits.rules.failures import Outcome, learned
from execbot.exits.rules.view import Decision, Memory, SymbolMarket
from execbot.model.enums import OrderStatus, OrderType


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
    quotes = SymbolMarket(D("100.98"), D("101.03"), D(101))
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
        SymbolMarket(D(94), D(94), D(94), is_halted=True),
        SymbolMarket(D(94), D(94), D(94), is_open=False),
    ],
)
def test_nothing_is_sent_into_a_halt_or_a_closed_market(market: SymbolMarket) -> None:
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
    two = plan("95", target("105", shares=50), target("110", shares=50), exit=taking)
    working = order("execbot-x-e-1", OrderType.LIMIT, "5", role="exit", limit="104")
    evening = SymbolMarket(D("93.9"), D("94.1"), D(94), is_open=False, is_extended=True)
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
    quote = SymbolMarket(
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
        exit_rounds=7, exit_not_before=later(60), reported=frozenset({"exit_refused stop", "other"})
    )
    assert given_up.without_exit_failures() == Memory(reported=frozenset({"other"}))


def test_an_entry_price_beyond_the_given_stop_is_left_at_once() -> None:
    wrong = replace(plan("101", entry=None), stop=replace(plan("101").stop, price=None))
    decision = decide(view("10", wrong, price="100.5"))
    assert decision.plan is not None
    assert decision.plan.exit is not None


def test_a_coin_keeps_its_runner_when_its_only_target_is_reached() -> None:
    half = plan("95", target("105", shares=50))
    decision = decide(view("10", half, stop_order("10"), price="106", is_crypto=True))
    assert decision.plan is not None
    assert decision.plan.exit is not None
    assert decision.plan.exit.keep_qty == 5


EVENING = SymbolMarket(D("105.9"), D("106.1"), D(106), is_open=False, is_extended=True)
HELD_HERE: dict[str, tuple[str, dict[str, Any]]] = {
    "coin": ("10.6", {"price": "106", "is_crypto": True}),
    "contract": ("11", {"price": "106", "symbol": "AAPL270115C00100000"}),
    "in the evening": ("10", {"market": EVENING}),
}


@pytest.mark.parametrize("kind", HELD_HERE)
def test_a_target_that_was_taken_in_part_takes_what_is_left_of_it(kind: str) -> None:
    """Its exit fills in part and is refused three times; it fires again, fills in part again."""
    size, about = HELD_HERE[kind]
    symbol = str(about.get("symbol", "AAPL"))
    about = {name: value for name, value in about.items() if name != "symbol"}
    two = plan("95", target("105", shares=50), target("120", shares=50), base=size, symbol=symbol)

    def seen(size: str, known: ExitPlan | None, *orders: SymbolOrder, **fields: Any) -> Decision:
        return decide(replace(view(size, known, *orders, **about, **fields), symbol=symbol))

    fired = seen(size, two)
    [exit_order] = submits(fired)
    share, left = exit_order.request.qty, D(size)
    assert share is not None
    orders: list[SymbolOrder] = []
    known, at = fired.plan, 0
    for filled in ("2", "1"):
        name = f"execbot-x-{exit_order.tag}-{len(orders)}"
        sold = order(name, OrderType.MARKET, str(share), OrderStatus.CANCELED, filled=filled)
        orders.append(replace(sold, plan_id="p1", role="exit"))
        left, at = left - D(filled), at + 300
        refused = Memory(exit_failures=3)
        given_up = seen(str(left), known, *orders, memory=refused, now=later(at))
        assert given_up.plan is not None and given_up.plan.exit is None
        again = seen(str(left), given_up.plan, *orders, now=later(at + 200))
        assert again.plan is not None and again.plan.exit is not None
        assert again.plan.exit.keep_qty == D(size) - share
        known = again.plan
