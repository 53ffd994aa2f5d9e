"""Goal: the parts of the targets are whole and always sum to the position.

Method: properties over random quantities and weights.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.exit_views import T0, D, later, plan
from support.wishes import target

from execbot.exits.levels import parse_level
from execbot.exits.plan.attach import moved, new_plan
from execbot.exits.plan.plan import (
    TargetPlan,
    priced,
)
from execbot.exits.plan.target_shares import split_whole
from execbot.exits.plan.wishes import Wishes
from execbot.exits.rules.shape import HeldShares, target_quantities, wanted
from execbot.model.enums import PositionSide


@settings(max_examples=200, deadline=None)
@given(
    qty=st.integers(0, 10_000),
    weights=st.lists(st.integers(1, 100), min_size=1, max_size=6),
)
def test_parts_are_whole_and_sum_to_the_position(qty: int, weights: list[int]) -> None:
    parts = split_whole(D(qty), [D(w) for w in weights])
    assert sum(parts) == qty
    total = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert part == part.to_integral_value()
        assert abs(part - D(qty) * weight / total) < 1


@settings(max_examples=200, deadline=None)
@given(
    size=st.integers(1, 500),
    base=st.integers(1, 500),
    filled=st.integers(0, 100),
    first=st.integers(1, 99),
)
def test_wants_always_sum_to_the_position(size: int, base: int, filled: int, first: int) -> None:
    two = plan(
        "95",
        target("105", shares=str(first)),
        target("110", shares=str(100 - first)),
        base=str(base),
    )
    targets = (replace(two.targets[0], filled_qty=D(filled)), two.targets[1])
    two = replace(two, targets=targets)
    wants = wanted(two, HeldShares("AAPL", PositionSide.LONG, D(size)))
    assert sum(w.qty for w in wants) == size
    assert all(w.qty > 0 for w in wants)


def test_a_target_that_was_taken_gives_the_rest_to_the_others() -> None:
    two = plan("95", target("105", shares=50), target("110", shares=50), base="10")
    taken = replace(two.targets[0], filled_qty=D(5), done=True)
    two = replace(two, targets=(taken, two.targets[1]))
    assert target_quantities(two, D(5)) == {1: D(5)}


def test_target_plans_without_a_price_are_not_open() -> None:
    bare = replace(plan(), targets=(TargetPlan(parse_level("2R")),))
    assert bare.open_targets == ()


@pytest.mark.parametrize("side", [PositionSide.LONG, PositionSide.SHORT])
def test_targets_stand_in_the_order_in_which_they_are_reached(side: PositionSide) -> None:
    specs = tuple((parse_level(word), D(50)) for word in ("4%", "2%"))
    made = new_plan("AAPL", side, Wishes(parse_level("2%"), targets=specs), plan_id="p", now=T0)
    near, far = (D(102), D(104)) if side is PositionSide.LONG else (D(98), D(96))
    ordered = priced(made, D(100), T0)
    assert [t.price for t in ordered.targets] == [near, far]
    again = moved(ordered, later(1), targets=[parse_level("6%"), parse_level("1%")])
    reached = [t.price for t in again.targets]
    assert reached == sorted(reached, reverse=side is PositionSide.SHORT)
