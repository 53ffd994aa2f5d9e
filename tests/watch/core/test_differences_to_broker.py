"""Goal: the guard counts what the broker holds, and a lasting difference to the fills is told.

Method: the real watcher against the real exchange in virtual time; fees, splits, transfers and
gifts change the exchange's position without a trade.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wishes import Exit, stop_at, target, trail
from support.world import D, World, open_world

from execbot.exits.plan.plan import PlanStatus
from execbot.model.enums import Side, TimeInForce

COIN = "BTC/USD"


def give(world: World, qty: str) -> None:
    """The broker's position becomes `qty` with no order: a transfer, a dividend in shares."""
    world.witness.set_position(qty, "100")


def take_all(world: World) -> None:
    """The position leaves the account with no order, and with it the exits."""
    world.trader.cancel_elsewhere()
    del world.witness.account.positions["AAPL"]


def split(world: World, ratio: str, price: str) -> None:
    """Overnight: the broker cancels the orders, and quantity and price change."""
    world.trader.cancel_elsewhere()
    world.pass_time(0.1)
    held = world.witness.account.positions["AAPL"]
    world.witness.set_position(held.qty * D(ratio), held.average / D(ratio))
    world.price("AAPL", price)


def with_coins(path: Path, *targets: Exit) -> World:
    world = open_world(path, symbols=(COIN,))
    world.price(COIN, "50000", spread="10")
    world.trader.buy("0.1", stop_at("5%"), *targets, symbol=COIN, time_in_force=TimeInForce.GTC)
    world.run(8)
    return world


# --- fees in coins -----------------------------------------------------------------------------


def test_the_fee_of_a_purchase_is_booked_and_nothing_is_left_when_the_coins_are_sold(
    tmp_path: Path,
) -> None:
    world = with_coins(tmp_path)
    assert world.booked(COIN) == world.witness.qty(COIN) == D("0.09975")
    world.price(COIN, "47000", spread="10")
    world.run(5)
    before = world.requests
    world.run(60)
    assert (world.witness.qty(COIN), world.booked(COIN), world.plan(COIN)) == (0, 0, None)
    assert world.requests - before < 20
    assert not world.alarms()


def test_what_a_target_leaves_of_coins_is_protected_and_can_be_sold(tmp_path: Path) -> None:
    world = with_coins(tmp_path, target("4%", shares=90), target("12%", shares=10))
    world.price(COIN, "52500", spread="10")
    world.run(15)
    assert (
        world.booked(COIN) == world.witness.qty(COIN) == world.witness.covered(COIN) == D("0.00975")
    )
    world.price(COIN, "45000", spread="10")
    world.run(40)
    assert (world.witness.qty(COIN), world.booked(COIN), world.plan(COIN)) == (0, 0, None)


# --- what no order tells of --------------------------------------------------------------------


def test_shares_that_came_without_an_order_are_told_once_and_get_a_stop(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(5)
    give(world, "13")
    before = world.requests
    world.run(120)
    assert world.witness.covered() == 13
    assert world.alarm_kinds() == ["position_differs"]
    assert world.requests - before < 100
    world.trader.reconcile(accept_positions=True)
    world.run(1)
    world.price("AAPL", "97")
    world.run(5)
    assert (world.witness.qty(), world.booked(), world.plan()) == (0, 0, None)
    assert not world.witness.shorts


def test_no_more_is_sold_than_the_broker_has(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(5)
    world.trader.cancel_elsewhere()
    give(world, "7")
    world.run(30)
    assert world.witness.covered() == 7
    assert world.alarm_kinds().count("position_differs") == 1
    world.price("AAPL", "97")
    world.run(10)
    assert world.witness.qty() == 0
    assert world.plan() is None
    assert not world.witness.shorts


def test_a_position_that_nothing_explains_the_end_of_keeps_its_plan_and_is_reported_once(
    tmp_path: Path,
) -> None:
    """E-FLAT-1: only fills, rows of the account or the trader end a position."""
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(5)
    take_all(world)
    world.price("AAPL", "97")
    before = world.requests
    world.run(60)
    assert world.alarm_kinds().count("position_differs") == 1
    assert world.plan() is not None
    assert not world.witness.shorts
    assert world.requests - before < 300


def test_fills_that_are_reported_late_are_no_difference(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("2%", shares=50), target("4%", shares=50))
    world.run(3)
    world.hear = lambda frames: []
    world.price("AAPL", "102.5")
    world.run(20)
    assert (world.witness.qty(), world.booked(), world.witness.covered()) == (5, 5, 5)
    assert not world.alarms()


# --- splits ------------------------------------------------------------------------------------


def test_a_split_is_booked_so_that_a_later_fill_leaves_no_share_unguarded(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=50), target("30%", shares=50))
    world.run(3)
    split(world, "4", "25")
    world.run(8)
    held = world.witness.qty()
    assert world.booked() == held == world.witness.covered()
    world.price("AAPL", "26.10")
    world.run(10)
    assert 0 < world.witness.qty() < held
    assert world.booked() == world.witness.qty() == world.witness.covered()


def test_a_restart_after_a_split_does_not_rescale_again(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    split(world, "4", "25")
    world.run(8)
    world.trader.move_stop("1.6%")
    world.restart_watch()
    world.run(10)
    known = world.the_plan()
    assert (known.stop.price, known.base_qty) == (D("24.61"), 40)
    assert world.witness.covered() == world.witness.qty() == world.booked() == 40


@pytest.mark.parametrize(
    ("ratio", "price", "stop"),
    [
        ("4", "25", "24.50"),
        ("1.25", "80", "78.40"),
        ("1.5", "66.67", "65.34"),
        ("0.1", "1000", "980"),
    ],
    ids=["4:1", "5:4", "3:2", "1:10"],
)
@pytest.mark.parametrize("targets", [[], [target("8%", shares=100)]], ids=["stop", "pair"])
def test_no_share_is_sold_because_of_a_split(
    tmp_path: Path, ratio: str, price: str, stop: str, targets: list[Exit]
) -> None:
    world = open_world(tmp_path)
    trailing = trail("1.9%", from_start=False)
    world.trader.buy("100", stop_at("2%"), *targets, trailing)
    world.run(3)
    split(world, ratio, price)
    world.run(10)
    assert world.witness.qty() == world.witness.covered() == world.booked() == 100 * D(ratio)
    plan = world.the_plan()
    assert plan.exit is None
    assert plan.stop.price is not None
    assert abs(plan.stop.price / D(stop) - 1) < D("0.002")


def test_a_short_is_not_covered_because_of_a_split(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    trailing = trail("1.9%", from_start=False)
    world.trader.buy("100", stop_at("2%"), trailing, side=Side.SELL)
    world.run(3)
    split(world, "2", "50")
    world.run(10)
    assert world.witness.qty() == world.booked() == -200
    plan = world.the_plan()
    assert (plan.exit, plan.status) == (None, PlanStatus.ACTIVE)
    assert plan.stop.price is not None
    assert D("50.90") < plan.stop.price < D("51.10")


def test_a_price_that_jumps_without_a_split_is_believed_once_the_position_was_read(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), trail("5%", from_start=False))
    world.run(3)
    world.price("AAPL", "130")
    world.run(3)
    plan = world.the_plan()
    assert plan.stop.price is not None
    assert plan.stop.price > 123


def test_an_old_plan_is_not_sent_before_the_position_was_read(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100))
    world.run(3)
    world.kill_watch()
    split(world, "4", "25")
    world.pass_time(7200)
    world.start_watch()
    world.run(8)
    assert world.witness.qty() == world.witness.covered() == world.booked() == 40


def test_a_split_rescales_the_plan_instead_of_selling(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(2)
    split(world, "4", "25")
    world.run(8)
    plan = world.the_plan()
    assert plan.exit is None
    assert plan.stop.price == D("24.5")
    assert world.witness.qty() == 40
    assert world.witness.covered() == 40
