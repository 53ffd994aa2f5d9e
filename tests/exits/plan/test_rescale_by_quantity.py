"""Goal: a split is told from a trade by quantities, and levels follow it. Method: a table."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace
from support.exit_views import T0, D, plan
from support.wishes import target, trail

from execbot.exits.levels import NICKEL, LevelFacts
from execbot.exits.plan.rescale import rescaled, split_ratio

SPLITS = [
    ("10", "100", "40", "25", Decimal(4)),
    ("40", "25", "10", "100", Decimal("0.25")),
    ("10", "90", "15", "60", Decimal("1.5")),
    ("10", "100", "20", "100", None),  # bought as much again
    ("10", "100", "10", "99", None),
    ("10", "100", "-10", "100", None),
]


@pytest.mark.parametrize(("qty", "avg", "new_qty", "new_avg", "ratio"), SPLITS)
def test_a_split_is_told_from_a_trade(
    qty: str, avg: str, new_qty: str, new_avg: str, ratio: Decimal | None
) -> None:
    assert split_ratio(D(qty), D(avg), D(new_qty), D(new_avg)) == ratio


def test_a_split_rescales_the_levels() -> None:
    four = rescaled(plan("95", target("105", shares=100)), D(4), T0)
    assert (four.stop.price, four.targets[0].price, four.base_qty) == (D("23.75"), D("26.25"), 40)


@pytest.mark.parametrize(
    ("stop", "goal", "new_stop", "new_goal"),
    [("1.85", "3.10", "0.65", "1.00"), ("0.05", "0.10", "0.05", "0.05")],
)
def test_levels_of_a_contract_stay_on_its_grid(
    stop: str, goal: str, new_stop: str, new_goal: str
) -> None:
    """The broker refuses a stop at 0.6167, and would for ever."""
    before = plan(stop, target(goal, shares=100))
    before = replace(before, facts=LevelFacts(tick=NICKEL))
    three = rescaled(before, D(3), T0)
    assert (three.stop.price, three.targets[0].price) == (D(new_stop), D(new_goal))


@pytest.mark.parametrize(
    ("asked", "ratio", "now"),
    [
        ("3USD", "4", "0.75USD"),
        ("3USD", "0.1", "30USD"),
        ("1USD", "3", "0.3333USD"),
        ("2%", "4", "2%"),
        ("1.5ATR", "4", "1.5ATR"),
    ],
)
def test_a_trail_in_dollars_follows_a_split_and_others_stay(
    asked: str, ratio: str, now: str
) -> None:
    """One of 3 USD would be a hair at a tenth of the shares, and loose at four for one."""
    before = plan("97")
    before = replace(before, stop=replace(before.stop, trail=trail(asked)))
    assert str(rescaled(before, D(ratio), T0).stop.trail) == now
