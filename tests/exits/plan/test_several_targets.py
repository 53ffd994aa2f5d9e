"""Goal: an entry's several targets share it in equal parts, and its stop goes along where asked to.

Method: tables by hand, and properties over sizes and numbers of targets.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.exit_views import T0, D

from execbot.exits.levels import parse_level
from execbot.exits.plan.attach import attach, moved, new_plan
from execbot.exits.plan.plan import ExitPlan, Trail, TrailKind, priced
from execbot.exits.plan.target_shares import equal_parts, split_whole
from execbot.exits.plan.wishes import Wishes, in_equal_parts
from execbot.exits.rules.shape import HeldShares, WantKind, target_quantities, wanted
from execbot.model.enums import OrderClass, OrderType, PositionSide, Side, TimeInForce
from execbot.model.order import OrderRequest, StopLoss

BUY = OrderRequest("AAPL", Side.BUY, qty=D(10), client_order_id="e1")
STOP = parse_level("2%")


def targets(*words: str) -> Wishes:
    return Wishes(STOP, None, in_equal_parts([parse_level(word) for word in words]))


def spread(count: int, entry: str = "100") -> ExitPlan:
    """A plan behind an entry with its stop at 98 and this many targets, priced at the fill."""
    wishes = targets(*(f"{number}R" for number in range(1, count + 1)))
    done = attach(
        replace(BUY, qty=D(count)),
        wishes,
        entry_price=D(100),
        plan_id="p",
        now=T0,
        stop_goes_along=True,
    )
    return priced(done.plan, D(entry), T0)


@settings(max_examples=200, deadline=None)
@given(count=st.integers(1, 12), more=st.integers(0, 500))
def test_each_target_gets_a_share_and_odd_ones_go_to_the_nearest(count: int, more: int) -> None:
    size = D(count + more)
    plan = spread(count)
    assert plan.targets_take_all
    parts = list(target_quantities(replace(plan, base_qty=size), size).values())
    assert len(parts) == count
    assert sum(parts) == size
    assert parts == sorted(parts, reverse=True)
    assert 1 <= parts[-1] <= parts[0] <= parts[-1] + 1


@given(count=st.integers(1, 50), whole=st.integers(1, 100))
def test_equal_parts_sum_exactly(count: int, whole: int) -> None:
    assert sum(equal_parts(count, D(whole))) == whole


def test_what_thirds_leave_over_is_nobodys_advantage() -> None:
    last_is_larger = list(reversed(equal_parts(3, D(100))))
    assert split_whole(D(10), last_is_larger) == [4, 3, 3]


def test_every_share_is_in_a_pair_with_the_stop_that_went_along() -> None:
    plan = spread(3)
    wants = wanted(plan, HeldShares("AAPL", PositionSide.LONG, D(10)))
    assert [(want.kind, want.qty) for want in wants] == [
        (WantKind.PAIR, 4),
        (WantKind.PAIR, 3),
        (WantKind.PAIR, 3),
    ]
    assert plan.stop.price == 98


def test_targets_are_measured_from_the_real_price_and_the_stop_stays() -> None:
    plan = spread(2, entry="100.50")
    assert plan.stop.price == 98
    assert [target.price for target in plan.targets] == [D(103), D("105.5")]


def test_the_stop_goes_along_only_where_that_was_asked_for() -> None:
    plain = attach(BUY, targets("1R", "2R"), entry_price=D(100), plan_id="p", now=T0)
    assert plain.request == BUY
    along = attach(
        BUY, targets("1R", "2R"), entry_price=D(100), plan_id="p", now=T0, stop_goes_along=True
    )
    request, plan = along.request, along.plan
    assert (request.order_class, request.stop_loss) == (OrderClass.OTO, StopLoss(D(98)))
    assert (request.take_profit, request.time_in_force) == (None, TimeInForce.GTC)
    assert (plan.stop.price, [t.price for t in plan.targets]) == (98, [None, None])


@pytest.mark.parametrize(
    ("request_", "wishes"),
    [
        (replace(BUY, qty=D("1.5")), targets("1R", "2R")),
        (replace(BUY, type=OrderType.STOP, stop_price=D(101)), targets("1R", "2R")),
        (replace(BUY, extended_hours=True), targets("1R", "2R")),
        (BUY, replace(targets("2%", "4%"), stop=None)),
        (BUY, replace(targets("2%", "4%"), stop=None, trail=Trail(TrailKind.PERCENT, D(1)))),
    ],
)
def test_what_the_broker_takes_no_legs_for_goes_plain_also_then(
    request_: OrderRequest, wishes: Wishes
) -> None:
    done = attach(request_, wishes, entry_price=D(100), plan_id="p", now=T0, stop_goes_along=True)
    assert done.request == request_
    assert len(done.plan.targets) == 2


def test_one_target_is_a_bracket_with_and_without_it() -> None:
    for along in (False, True):
        done = attach(
            BUY, targets("2R"), entry_price=D(100), plan_id="p", now=T0, stop_goes_along=along
        )
        assert done.request.order_class is OrderClass.BRACKET
        assert done.plan.targets[0].price == 104


def test_three_targets_in_the_place_of_one_share_it_alike() -> None:
    one = new_plan("AAPL", PositionSide.LONG, targets("2R"), plan_id="p", now=T0)
    three = moved(
        replace(priced(one, D(100), T0), base_qty=D(10)),
        T0,
        targets=[parse_level(word) for word in ("3R", "1R", "2R")],
    )
    assert [target.price for target in three.targets] == [102, 104, 106]
    assert list(target_quantities(three, D(10)).values()) == [4, 3, 3]
    assert three.targets_take_all
