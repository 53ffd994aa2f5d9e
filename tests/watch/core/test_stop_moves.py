"""Goal: a stop moves when the plan or a trail says so, without a moment of no protection.

Method: the real watcher against the real exchange in virtual time; coverage is read from the
exchange's own orders and positions.
"""

from __future__ import annotations

from pathlib import Path

from support.wishes import stop_at, target, trail
from support.world import D, open_world

from execbot.exits.store import suspend_plans
from execbot.watch.core import inputs

SELL_10 = {"symbol": "AAPL", "side": "sell", "qty": "10", "type": "limit", "time_in_force": "gtc"}
"""Another program's order: it holds all the shares, so that no stop can be placed."""


def test_a_moved_stop_does_not_restart_the_alarm_clock(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("2%", shares=50), target("4%", shares=50))
    world.pass_time(0.2)
    world.desk.call("POST", "/v2/orders", {**SELL_10, "limit_price": "120"})
    world.run(2)
    assert (world.witness.qty(), world.witness.covered(), world.alarms()) == (10, 0, [])
    began = world.now()
    world.trader.move_stop("97")
    while not world.alarms():
        world.step()
    assert (world.now() - began).total_seconds() < 5


def test_a_moved_plan_moves_the_legs_without_an_unprotected_moment(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100))
    world.run(2)
    world.witness.forget_uncovered()
    world.trader.move_stop("99")
    world.run(3)
    assert world.witness.stop_prices() == {"99"}
    assert world.witness.longest_uncovered() == 0


def test_a_trailing_stop_of_ours_follows_the_price_by_replacing_the_legs(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    targets = [target("3%", shares=50), target("6%", shares=50)]
    world.trader.buy("10", stop_at("2%"), *targets, trail("1%", from_start=False))
    world.run(2)
    world.witness.forget_uncovered()
    world.price("AAPL", "102.50")
    world.run(3)
    stops = {
        r["stop_price"]
        for r in world.witness.orders().values()
        if r["type"] == "stop" and r["status"] == "held"
    }
    # The last trade was at the bid, 102.49: less 1 %, rounded up for a long.
    assert stops == {"101.47"}
    assert world.witness.longest_uncovered() == 0
    world.price("AAPL", "101")
    world.run(5)
    assert world.witness.qty() == 0
    assert not world.witness.shorts


def test_a_wide_quote_without_a_trade_moves_no_stop(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), trail("1%", from_start=False))
    world.run(2)
    world.running.feed(inputs.Price("AAPL", bid=D("99.98"), ask=D("110")))
    plan = world.state().plan
    assert plan is not None
    assert plan.stop.price == 98
    world.running.feed(inputs.Price("AAPL", last=D("105")))
    plan = world.state().plan
    assert plan is not None
    assert plan.stop.price == D("103.95")


def test_a_given_stop_takes_the_place_of_the_brokers_trailing_one(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", trail("10%"))
    world.run(2)
    world.price("AAPL", "120")
    world.run(2)
    assert [r.order.type for r in world.desk.journal.orders("open")] == ["trailing_stop"]
    world.trader.move_stop("115")
    world.run(5)
    [stop] = [r.order for r in world.desk.journal.orders("open") if r.role == "stop"]
    assert (stop.type, stop.stop_price) == ("stop", 115)
    assert world.witness.covered() == 10


def test_moving_the_stop_of_a_suspended_plan_takes_it_up_again(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(2)
    with world.trader.acts():
        suspend_plans(world.desk.journal, world.now(), "cancel-all")
    world.trader.cancel_elsewhere()
    world.run(3)
    assert world.witness.covered() == 0
    world.trader.move_stop("97")
    world.run(3)
    assert world.witness.covered() == 10


def test_what_is_left_of_a_trailed_position_keeps_the_stop_it_had_reached(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", trail("5%"))
    world.run(3)
    world.price("AAPL", "120")
    world.run(3)
    world.price("AAPL", "115.5")
    world.run(3)
    assert [r.order.type for r in world.desk.journal.orders("open")] == ["trailing_stop"]
    world.trader.close(percentage=D(50))
    world.run(5)
    [stop] = [r.order for r in world.desk.journal.orders("open") if r.role == "stop"]
    assert (stop.type, stop.qty) == ("stop", 5)
    assert stop.stop_price is not None
    assert stop.stop_price >= D("113.99")


def test_a_move_that_meets_a_cancel_of_somebody_else_costs_no_protection(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("2%", shares=50), target("4%", shares=50))
    world.run(3)
    world.trader.move_stop("97")
    patched = world.requests
    while world.requests < patched + 2:
        world.step(0.001)
    world.trader.cancel_elsewhere()
    world.run(3)
    assert world.witness.covered() == 10
    assert world.state().memory.ladder == "full"


BUY_LOW = {"symbol": "AAPL", "side": "buy", "qty": "2", "type": "limit", "time_in_force": "day"}
"""Another program's order: the broker takes no stop beside it."""


def test_a_stop_moves_although_other_shares_can_have_none(tmp_path: Path) -> None:
    """What another program's order keeps from the rest is no reason to leave it where it was."""
    world = open_world(tmp_path)
    world.desk.call("POST", "/v2/orders", {**BUY_LOW, "limit_price": "70"})
    world.trader.buy("10", stop_at("2%"), stop_goes_along=True)
    world.run(3)
    world.desk.call("POST", "/sim/executions/correct", {"key": "desk", "qty": "11"})
    world.run(10)
    assert (world.witness.qty(), world.witness.covered()) == (11, 10)
    world.trader.move_stop("97")
    world.run(3)
    assert (world.witness.stop_prices(), world.witness.covered()) == ({"97"}, 10)
    moves = {"method": "PATCH", "path": "/v2/orders/*", "params": {"status": 422}, "count": 1000}
    world.desk.fault("server_error", **moves)
    world.trader.move_stop("96")
    world.run(20)
    assert world.witness.stop_prices() == {"97"}, "a stop that cannot be moved stays"
