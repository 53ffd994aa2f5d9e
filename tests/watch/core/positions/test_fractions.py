"""Goal: a position with a fraction of a share is protected and sold to its last bit.

Method: the real watcher against the real exchange with the market's own calendar, in virtual time;
what is protected is read from the exchange.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.wishes import Exit, stop_at, target, wishes
from support.world import D, World, open_market_day

from execbot.exits.plan.attach import new_plan
from execbot.exits.plan.plan import PlanStatus
from execbot.model.enums import PositionSide


def fraction(world: World, qty: str, *targets: Exit) -> None:
    """A fractional position, bought elsewhere and protected with `protect AAPL`."""
    world.trader.trade_elsewhere("buy", qty)
    world.run(2)
    plan = new_plan(
        "AAPL",
        PositionSide.LONG,
        wishes(stop_at("2%"), *targets),
        plan_id="plan",
        now=world.now(),
        status=PlanStatus.ACTIVE,
    )
    world.trader.promise(plan)
    world.run(3)


def stops(world: World) -> list[tuple[str, str]]:
    return sorted((row["qty"], row["time_in_force"]) for row in world.witness.living("stop"))


@pytest.mark.parametrize(
    ("qty", "held"),
    [
        ("0.5", [("0.5", "day")]),
        ("2.5", [("0.5", "day"), ("2", "gtc")]),
        ("0.123456789", [("0.123456789", "day")]),
        ("3.000000001", [("0.000000001", "day"), ("3", "gtc")]),
    ],
)
def test_a_fraction_has_a_day_stop_that_is_renewed_every_day(
    tmp_path: Path, qty: str, held: list[tuple[str, str]]
) -> None:
    world = open_market_day(tmp_path, "2026-10-09 15:50")
    fraction(world, qty)
    assert stops(world) == held
    assert world.witness.covered() == D(qty)
    world.run_through("2026-10-09 16:00")
    world.run_through("2026-10-12 09:30")
    assert stops(world) == held
    assert world.witness.covered() == D(qty)
    assert not world.alarms(), "a day order by need is renewed without an alarm"
    world.price("AAPL", "97")
    world.run(10)
    assert world.witness.qty() == 0
    assert not world.witness.shorts


@pytest.mark.parametrize(
    "targets",
    [[target("4%", shares=100)], [target("2%", shares=50), target("4%", shares=50)]],
    ids=["one target", "two targets"],
)
@pytest.mark.parametrize("qty", ["0.75", "1.25", "2.5", "7.123456789"])
def test_targets_of_a_fractional_position_sell_every_bit_of_it_and_no_more(
    tmp_path: Path, qty: str, targets: list[Exit]
) -> None:
    world = open_market_day(tmp_path, "2026-10-07 11:00")
    fraction(world, qty, *targets)
    assert world.witness.covered() == D(qty)
    world.price("AAPL", "102.5")
    world.run(15)
    assert world.witness.covered() == world.witness.qty()
    world.price("AAPL", "105")
    world.run(15)
    assert world.witness.qty() == 0
    sold = [r for r in world.witness.orders().values() if r["side"] == "sell"]
    assert sum((Decimal(r["filled_qty"]) for r in sold), D(0)) == D(qty)
    assert not world.witness.shorts
    assert world.plan() is None
