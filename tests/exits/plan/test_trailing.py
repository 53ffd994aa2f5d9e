"""Goal: a stop moves only for the better, by the rule that does best, and never past its limits.

Method: tables of prices with the stop after each worked out by hand; a property over random walks.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.exit_views import T0, D, later, plan
from support.wishes import target

from execbot.exits.levels import LevelFacts
from execbot.exits.plan.plan import AdjustRules, ExitPlan, Trail, TrailKind
from execbot.exits.plan.trailing import follow, next_stop, time_stop_due
from execbot.model.enums import PositionSide


def trailing(kind: TrailKind, value: str, *, from_start: bool = True, **fields: Any) -> ExitPlan:
    base = plan(fields.pop("stop", "98"), **fields)
    trail = Trail(kind, D(value), from_start)
    return replace(base, stop=replace(base.stop, trail=trail))


def walk(the_plan: ExitPlan, *prices: str) -> list[Decimal | None]:
    stops = []
    for price in prices:
        the_plan = follow(the_plan, D(price), T0)
        stops.append(the_plan.stop.price)
    return stops


def test_a_percent_trail_ratchets_with_the_high_and_stays_when_the_price_falls() -> None:
    assert walk(trailing(TrailKind.PERCENT, "2"), "101", "104", "102", "104.5") == [
        D("98.98"),
        D("101.92"),
        D("101.92"),
        D("102.41"),
    ]


def test_a_short_is_trailed_downwards() -> None:
    short = trailing(TrailKind.PRICE, "2", stop="102", side=PositionSide.SHORT)
    assert walk(short, "99", "96", "98") == [D("101"), D("98"), D("98")]


def test_a_trail_that_waits_begins_when_it_locks_in_the_entry() -> None:
    waiting = trailing(TrailKind.PERCENT, "2", from_start=False)
    # 2 % below 102 is 99.96, below the entry of 100: not yet. Below 102.5 it is 100.45.
    assert walk(waiting, "101", "102", "102.5") == [D("98"), D("98"), D("100.45")]


def test_a_coin_of_small_price_is_trailed_on_its_own_grid() -> None:
    coin = trailing(
        TrailKind.PERCENT,
        "5",
        stop="0.000012",
        entry="0.000013",
        facts=LevelFacts(tick=D("0.00000001")),
    )
    assert walk(coin, "0.000020") == [D("0.000019")]


def test_an_atr_trail_uses_the_range_of_the_plan() -> None:
    by_range = trailing(TrailKind.ATR, "1.5", facts=LevelFacts(atr=D("2")))
    assert walk(by_range, "103") == [D("100")]


def test_breakeven_after_one_r_and_not_before() -> None:
    rules = AdjustRules(breakeven_at_r=D(1))
    assert walk(plan("95", rules=rules), "104.99", "105", "101") == [D(95), D(100), D(100)]


def test_near_the_target_the_stop_follows_closely() -> None:
    rules = AdjustRules(tighten_within_pct=D(1), tighten_to_pct=D("0.5"))
    near = plan("95", target("110", shares=100), rules=rules)
    # Within 1 % of 110 from 108.9 on: half a percent below the high.
    assert walk(near, "108.80", "109", "109.5") == [D(95), D("108.46"), D("108.96")]


def test_widening_is_off_unless_asked_for_and_ends_at_the_first_risk() -> None:
    tight = replace(plan("95").stop, price=D(99))
    off = replace(plan("95"), stop=tight, facts=LevelFacts(atr=D(3)))
    assert next_stop(off, D(100)) is None
    on = replace(off, rules=AdjustRules(widen_atr=D(1)))
    move = next_stop(on, D(100))
    assert move is not None
    assert (move.price, move.rule) == (D(97), "widen")
    wild = replace(on, facts=LevelFacts(atr=D(30)))
    move = next_stop(wild, D(100))
    assert move is not None
    assert move.price == D(95)


def test_a_move_of_a_tick_is_not_worth_a_request() -> None:
    moved = walk(trailing(TrailKind.PERCENT, "2"), "101", "101.03", "101.06")
    assert moved == [D("98.98"), D("98.98"), D("99.04")]


@pytest.mark.parametrize(
    ("minutes", "at", "expected"),
    [(30, 1799, None), (30, 1800, "time_stop"), (None, 99999, None)],
)
def test_the_time_stop_counts_from_the_first_fill(
    minutes: int | None, at: float, expected: str | None
) -> None:
    timed = plan(rules=AdjustRules(time_stop_minutes=minutes))
    assert time_stop_due(timed, later(at), None) == expected


def test_flatten_before_the_close_and_not_after_it() -> None:
    close = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
    flat = plan(rules=AdjustRules(flatten_before_close_minutes=5))
    assert time_stop_due(flat, close - timedelta(minutes=6), close) is None
    assert time_stop_due(flat, close - timedelta(minutes=5), close) == "flatten_before_close"
    assert time_stop_due(flat, close + timedelta(seconds=1), close) is None


sides = st.sampled_from(list(PositionSide))
steps = st.lists(st.decimals("-1.5", "1.5", places=2), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(steps=steps, side=sides, value=st.decimals("0.3", "3", places=1))
def test_on_any_walk_a_stop_only_ever_moves_in_favour(
    steps: list[Decimal], side: PositionSide, value: Decimal
) -> None:
    long = side is PositionSide.LONG
    current = trailing(TrailKind.PERCENT, str(value), stop="95" if long else "105", side=side)
    price = D(100)
    for step in steps:
        price += step
        before = current.stop.price
        current = follow(current, price, T0)
        after = current.stop.price
        assert before is not None
        assert after is not None
        assert after >= before if long else after <= before
        if after != before:
            assert after < price if long else after > price
