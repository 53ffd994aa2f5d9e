"""Goal: plans survive the journal unchanged, quantities sum, splits and state are read rightly.

Method: round trips, tables by hand, and properties over random quantities and weights.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.exit_views import T0, D, later, plan

from execbot.config.schema import StopMethod, TradingSettings
from execbot.exits.levels import LevelError, LevelKind, LevelSpec, parse_level
from execbot.exits.plan.attach import attach, moved, new_plan
from execbot.exits.plan.plan import (
    AdjustRules,
    ExitIntent,
    ExitStage,
    Lift,
    PlanStatus,
    TargetPlan,
    Trail,
    TrailKind,
    priced,
)
from execbot.exits.plan.plan_json import from_data, to_data
from execbot.exits.plan.rescale import rescaled, split_ratio
from execbot.exits.plan.target_shares import split_whole
from execbot.exits.plan.wishes import Wishes, default_wishes
from execbot.exits.rules.shape import Holding, target_quantities, wanted
from execbot.exits.store import change_plan, lifted, plan_of, save_plan, suspend_plans
from execbot.journal import Journal
from execbot.model.enums import OrderClass, PositionSide, Side, TimeInForce
from execbot.model.order import OrderRequest


def full_plan() -> object:
    base = plan("95", ("105", "50"), ("110", "50"))
    trail = Trail(TrailKind.PERCENT, D("1.5"), False)
    return replace(
        base,
        stop=replace(base.stop, trail=trail, high_water=D(104), moved_at=later(4)),
        targets=tuple(replace(target, moved_at=later(5)) for target in base.targets),
        rules=AdjustRules(D(1), D(2), D("0.4"), D(3), 30, 5),
        exit=ExitIntent("stop", T0, ExitStage.LIMIT, later(3), D(2), 1),
        lift=Lift("scale in", later(9), "entry-2", "process 77"),
        strategy_id="momentum",
        strength=D(82),
        best_price=D(104),
        worst_price=D("98.5"),
        note="a note",
    )


def test_a_plan_comes_back_from_json_as_it_was() -> None:
    original = full_plan()
    assert from_data(to_data(original)) == original  # type: ignore[arg-type]


def test_a_plan_of_a_newer_version_is_refused() -> None:
    data = {**to_data(plan()), "schema": 99}
    with pytest.raises(ValueError, match="schema was 99"):
        from_data(data)


def test_two_writers_of_one_version_do_not_overwrite_each_other(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.db") as journal:
        first = plan()
        assert save_plan(journal, first)
        assert save_plan(journal, first.changed(T0, note="mine"))
        assert not save_plan(journal, first.changed(T0, note="theirs"))
        changed = change_plan(journal, "p1", lambda p: p.changed(T0, note="after both"))
        assert changed is not None
        assert changed.version == 3


def test_suspending_and_lifting_are_durable_and_end(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.db") as journal:
        save_plan(journal, plan())
        with lifted(journal, "AAPL", lambda: T0, "close") as during:
            assert during is not None
            found = plan_of(journal, "AAPL")
            assert found is not None
            assert found.lift is not None
        found = plan_of(journal, "AAPL")
        assert found is not None
        assert found.lift is None
        assert suspend_plans(journal, T0, "cancel-all") == ["AAPL"]
        found = plan_of(journal, "AAPL")
        assert found is not None
        assert found.status is PlanStatus.SUSPENDED


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
    two = plan("95", ("105", str(first)), ("110", str(100 - first)), base=str(base))
    targets = (replace(two.targets[0], filled_qty=D(filled)), two.targets[1])
    two = replace(two, targets=targets)
    wants = wanted(two, Holding("AAPL", PositionSide.LONG, D(size)))
    assert sum(w.qty for w in wants) == size
    assert all(w.qty > 0 for w in wants)


def test_a_target_that_was_taken_gives_the_rest_to_the_others() -> None:
    two = plan("95", ("105", "50"), ("110", "50"), base="10")
    taken = replace(two.targets[0], filled_qty=D(5), done=True)
    two = replace(two, targets=(taken, two.targets[1]))
    assert target_quantities(two, D(5)) == {1: D(5)}


def request(qty: str = "10", **fields: object) -> OrderRequest:
    return OrderRequest("AAPL", Side.BUY, qty=D(qty), client_order_id="e1", **fields)  # type: ignore[arg-type]


def spec(word: str) -> LevelSpec:
    return parse_level(word)


def test_one_stop_and_one_target_go_with_the_entry_as_a_bracket_that_outlives_the_day() -> None:
    wishes = Wishes(spec("2%"), None, ((spec("2R"), D(100)),))
    done = attach(request(), wishes, entry_price=D(100), plan_id="p", now=T0)
    assert done.request.order_class is OrderClass.BRACKET
    assert done.request.time_in_force is TimeInForce.GTC
    assert done.request.stop_loss is not None
    assert done.request.stop_loss.stop_price == D(98)
    assert done.plan.targets[0].price == D(104)
    assert done.plan.status is PlanStatus.PENDING


@pytest.mark.parametrize(
    ("wishes", "fields"),
    [
        (Wishes(spec("2%"), None, ((spec("1R"), D(50)), (spec("2R"), D(50)))), {}),
        (Wishes(None, Trail(TrailKind.PERCENT, D(1))), {}),
        (Wishes(spec("2%")), {"holds_already": True}),
        (Wishes(spec("2%")), {"is_crypto": True}),
    ],
)
def test_what_the_broker_takes_no_legs_for_is_planned_for_after_the_fill(
    wishes: Wishes, fields: dict[str, bool]
) -> None:
    done = attach(request(), wishes, entry_price=D(100), plan_id="p", now=T0, **fields)  # type: ignore[arg-type]
    assert done.request == request()
    assert done.plan.stop.price is None


def test_levels_that_make_no_sense_are_refused_before_anything_is_sent() -> None:
    with pytest.raises(LevelError):
        attach(request(), Wishes(spec("101")), entry_price=D(100), plan_id="p", now=T0)


def test_the_defaults_are_those_of_the_configuration() -> None:
    wishes = default_wishes(TradingSettings(), PositionSide.LONG)
    assert wishes.stop == LevelSpec(LevelKind.PERCENT, D("2.0"))
    assert wishes.trail == Trail(TrailKind.PERCENT, D("1.0"), from_start=False)
    assert [(str(level), weight) for level, weight in wishes.targets] == [("1R", 50), ("2R", 50)]
    base = TradingSettings()
    by_range = replace(base, stop_loss=replace(base.stop_loss, method=StopMethod.ATR))
    assert default_wishes(by_range, PositionSide.LONG).stop == LevelSpec(LevelKind.ATR, D("1.5"))


def test_moving_keeps_the_first_risk_and_the_weights() -> None:
    two = plan("95", ("105", "30"), ("110", "70"))
    new = moved(two, T0, stop=spec("98"), targets=[spec("106"), spec("3R")])
    assert (new.stop.price, new.stop.initial) == (D(98), D(95))
    assert [(t.price, t.weight) for t in new.targets] == [(D(106), 30), (D(115), 70)]
    assert new.version == two.version + 1
    assert moved(two, T0) is two


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
    four = rescaled(plan("95", ("105", "100")), D(4), T0)
    assert (four.stop.price, four.targets[0].price, four.base_qty) == (D("23.75"), D("26.25"), 40)


def test_target_plans_without_a_price_are_not_open() -> None:
    bare = replace(plan(), targets=(TargetPlan(spec("2R")),))
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
