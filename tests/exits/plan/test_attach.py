"""Goal: an entry takes along the exits that the broker allows; the others are planned.

Method: tables by hand.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.exit_views import T0, D, plan
from support.wishes import target

from execbot.config.schema import StopMethod, TradingSettings
from execbot.exits.levels import LevelError, LevelKind, LevelSpec, parse_level
from execbot.exits.plan.attach import attach, moved
from execbot.exits.plan.plan import (
    PlanStatus,
    Trail,
    TrailKind,
)
from execbot.exits.plan.wishes import Wishes, default_wishes
from execbot.model.enums import OrderClass, PositionSide, Side, TimeInForce
from execbot.model.order import OrderRequest


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
    two = plan("95", target("105", shares=30), target("110", shares=70))
    new = moved(two, T0, stop=spec("98"), targets=[spec("106"), spec("3R")])
    assert (new.stop.price, new.stop.initial) == (D(98), D(95))
    assert [(t.price, t.weight) for t in new.targets] == [(D(106), 30), (D(115), 70)]
    assert new.version == two.version + 1
    assert moved(two, T0) is two
