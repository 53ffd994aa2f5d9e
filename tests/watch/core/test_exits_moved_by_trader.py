"""Goal: an exit that the trader moves in the broker's own app stays where it was put.

Method: the real watcher against the real exchange in virtual time; somebody else's PATCH changes a
living leg. Coverage and orders are read from the exchange, the plan from the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.settings import additions_allowed
from support.wishes import Exit, stop_at, target, trail
from support.world import D, World, open_market_day, open_world

from execbot.broker.port import ReplaceRequest
from execbot.exits.store import change_plan
from execbot.exits.tags import tag_of
from execbot.model.amounts import price_words
from execbot.model.enums import Side
from execbot.model.order import OrderRequest

ONE_TARGET: list[Exit] = [stop_at("2%"), target("4%", shares=100)]
TWO_TARGETS: list[Exit] = [stop_at("2%"), target("2%", shares=50), target("4%", shares=50)]


def held(
    path: Path,
    exits: Sequence[Exit] = ONE_TARGET,
    opened: Callable[..., World] = open_world,
    **more: Any,
) -> World:
    """Ten shares from 100, protected, with the clock of unprotected time at zero."""
    world = opened(path, **more)
    world.trader.buy("10", *exits)
    world.run(3)
    assert world.witness.covered() == 10
    world.witness.forget_uncovered()
    world.notes.clear()
    return world


def notes(world: World, kind: str) -> list[dict[str, Any]]:
    return [note.data for note in world.notes_of(kind)]


def no_harm(world: World) -> None:
    """Never without a stop, never too much sold, nothing sent that was not needed."""
    assert world.witness.longest_uncovered() == 0
    assert not world.witness.shorts
    assert world.witness.covered() == world.witness.qty()


@pytest.mark.parametrize(
    "exits", [[stop_at("2%")], ONE_TARGET, TWO_TARGETS], ids=["stop", "one target", "two targets"]
)
def test_a_tightened_stop_is_taken_into_the_plan(tmp_path: Path, exits: list[Exit]) -> None:
    world = held(tmp_path, exits)
    before = set(world.witness.orders())
    legs = world.witness.exits("stop")
    was = legs[0]["stop_price"]
    world.trader.change_elsewhere(legs[0], stop_price="99")
    world.run(10)
    assert world.witness.stop_prices() == {"99"}
    plan = world.the_plan()
    assert (plan.stop.price, plan.stop.initial) == (99, D(was))
    assert plan.note == f"moved at the broker: stop {price_words(D(was))} -> 99.00"
    assert len(set(world.witness.orders()) - before) == len(legs), "one change for each leg"
    assert notes(world, "moved_at_broker") == [
        {"symbol": "AAPL", "what": "stop", "was": was, "price": "99"}
    ]
    assert not world.alarms()
    no_harm(world)


def test_a_loosened_stop_is_taken_over_and_told_loudly(tmp_path: Path) -> None:
    world = held(tmp_path)
    world.trader.change_elsewhere(world.witness.exits("stop")[0], stop_price="95")
    world.run(5)
    assert world.witness.stop_prices() == {"95"}
    assert world.the_plan().stop.price == 95
    [told] = notes(world, "stop_loosened")
    assert not told["critical"]
    assert "from 98.00 to 95.00" in told["message"]
    assert "30.00 USD more" in told["message"]
    world.price("AAPL", "96")
    world.run(10)
    assert world.witness.qty() == 10, "the old stop is no stop any more"
    no_harm(world)
    world.price("AAPL", "94.50")
    world.run(5)
    assert world.witness.qty() == 0
    assert not world.witness.shorts


def test_a_moved_target_changes_that_target_only(tmp_path: Path) -> None:
    world = held(tmp_path, TWO_TARGETS)
    first, second = world.witness.exits("limit")
    world.trader.change_elsewhere(second, limit_price="107")
    world.run(10)
    assert [r["limit_price"] for r in world.witness.exits("limit")] == [first["limit_price"], "107"]
    assert [t.price for t in world.the_plan().targets] == [D(first["limit_price"]), 107]
    assert notes(world, "moved_at_broker")[0]["what"] == "target 2"
    no_harm(world)


def test_a_moved_target_that_fills_is_counted_for_its_target(tmp_path: Path) -> None:
    world = held(tmp_path, TWO_TARGETS)
    first, second = world.witness.exits("limit")
    world.trader.change_elsewhere(first, limit_price="101")
    world.run(3)
    world.price("AAPL", "101.50")
    world.run(5)
    plan = world.the_plan()
    assert [(t.done, t.filled_qty) for t in plan.targets] == [(True, 5), (False, 0)]
    assert [r["limit_price"] for r in world.witness.exits("limit")] == [second["limit_price"]]
    no_harm(world)


def test_two_stops_moved_apart_end_at_the_one_that_was_moved_last(tmp_path: Path) -> None:
    world = held(tmp_path, TWO_TARGETS)
    first, second = world.witness.exits("stop")
    world.trader.change_elsewhere(first, stop_price="99")
    world.pass_time(0.01)
    world.trader.change_elsewhere(second, stop_price="98.50")
    world.run(10)
    assert world.witness.stop_prices() == {"98.5"}
    assert world.the_plan().stop.price == D("98.5")
    no_harm(world)


def test_the_reports_of_a_move_may_all_be_lost(tmp_path: Path) -> None:
    world = held(tmp_path)
    world.hear = lambda frames: []
    world.trader.change_elsewhere(world.witness.exits("stop")[0], stop_price="97")
    world.run(35)
    assert world.the_plan().stop.price == 97
    assert world.witness.stop_prices() == {"97"}
    no_harm(world)


@pytest.mark.parametrize("exits", [[stop_at("2%")], ONE_TARGET], ids=["stop", "one target"])
def test_a_move_while_watch_did_not_run_is_taken_over_at_its_start(
    tmp_path: Path, exits: list[Exit]
) -> None:
    world = held(tmp_path, exits)
    world.kill_watch()
    world.trader.change_elsewhere(world.witness.exits("stop")[0], stop_price="96")
    world.pass_time(1)
    world.trader.change_elsewhere(world.witness.exits("stop")[0], stop_price="97")
    world.pass_time(30)
    world.start_watch()
    world.run(5)
    assert world.witness.stop_prices() == {"97"}
    assert world.the_plan().stop.price == 97
    assert len(notes(world, "stop_loosened")) == 1
    no_harm(world)


def test_a_restart_takes_no_move_over_twice(tmp_path: Path) -> None:
    world = held(tmp_path)
    world.trader.change_elsewhere(world.witness.exits("stop")[0], stop_price="97")
    world.run(3)
    stop = world.the_plan().stop
    world.kill_watch()
    world.notes.clear()
    world.start_watch()
    world.run(3)
    assert world.the_plan().stop == stop
    assert not notes(world, "moved_at_broker")


def test_the_last_word_counts_when_the_plan_is_moved_after_the_broker(tmp_path: Path) -> None:
    world = held(tmp_path)
    world.kill_watch()
    world.trader.change_elsewhere(world.witness.exits("stop")[0], stop_price="95")
    world.pass_time(5)
    world.trader.move_stop("97")
    world.pass_time(1)
    world.start_watch()
    world.run(5)
    assert world.witness.stop_prices() == {"97"}
    assert world.the_plan().stop.price == 97


def test_a_stop_beyond_the_price_is_told_at_night_and_taken_at_the_open(tmp_path: Path) -> None:
    world = held(tmp_path, opened=open_market_day, at="2026-10-07 15:50")
    world.run_until("2026-10-07 20:30", 600)
    world.notes.clear()
    world.trader.change_elsewhere(world.witness.exits("stop")[0], stop_price="104")
    world.run(60, 5)
    assert world.witness.stop_prices() == {"104"}
    assert world.the_plan().stop.price == 98
    [told] = notes(world, "stop_beyond_price")
    assert "104" in told["message"]
    no_harm(world)
    world.run_until("2026-10-08 09:29", 600)
    world.run(90, 0.1)
    assert world.witness.qty() == 0
    assert not world.witness.shorts


def test_a_target_on_the_losing_side_of_the_entry_stays_where_the_trader_put_it(
    tmp_path: Path,
) -> None:
    world = held(tmp_path)
    world.price("AAPL", "98.50")
    world.trader.change_elsewhere(world.witness.exits("limit")[0], limit_price="99.50")
    world.run(5)
    assert [r["limit_price"] for r in world.witness.exits("limit")] == ["99.5"]
    assert not notes(world, "move_undone")
    world.price("AAPL", "99.60")
    world.run(5)
    assert world.witness.qty() == 0
    no_harm(world)


def test_a_trail_goes_on_at_the_distance_that_the_trader_gave(tmp_path: Path) -> None:
    trailing = trail("1%", from_start=False)
    world = held(
        tmp_path, [stop_at("2%"), target("10%", shares=50), target("20%", shares=50), trailing]
    )
    world.price("AAPL", "105")
    world.run(3)
    mark = world.the_plan().stop.high_water
    assert mark is not None
    assert world.the_plan().stop.price == D("103.95")
    world.trader.change_elsewhere(world.witness.exits("stop")[0], stop_price="102")
    world.run(5)
    assert world.witness.stop_prices() == {"102"}, "the trail does not put it back"
    world.price("AAPL", "104")
    world.run(3)
    assert world.witness.stop_prices() == {"102"}
    world.price("AAPL", "107")
    world.run(3)
    gained = world.the_plan().stop.high_water
    assert gained is not None
    assert world.the_plan().stop.price == 102 + (gained - mark)
    no_harm(world)


def test_another_trail_of_the_brokers_own_trailing_stop_is_the_plans(tmp_path: Path) -> None:
    world = held(tmp_path, [trail("2%")])
    world.trader.change_elsewhere(world.witness.exits("trailing_stop")[0], trail="5")
    world.run(5)
    plan = world.the_plan()
    assert plan.stop.trail == trail("5%")
    assert len(notes(world, "stop_loosened")) == 1
    world.price("AAPL", "97")
    world.run(10)
    assert world.witness.qty() == 10
    assert [r["type"] for r in world.witness.exits("trailing_stop")] == ["trailing_stop"]
    no_harm(world)


def test_a_changed_quantity_keeps_the_price_and_the_rest_is_covered(tmp_path: Path) -> None:
    world = held(tmp_path, [stop_at("2%"), target("4%", shares=40)])
    [stop] = [r for r in world.witness.exits("stop") if r["order_class"] in ("", "simple")]
    world.trader.change_elsewhere(stop, qty="4")
    world.run(5)
    assert sorted(r["qty"] for r in world.witness.exits("stop")) == ["2", "4", "4"]
    assert world.witness.stop_prices() == {stop["stop_price"]}
    assert not notes(world, "moved_at_broker")
    assert world.witness.longest_uncovered() < 1
    assert not world.witness.shorts


def test_a_bracket_moved_before_its_entry_filled_opens_with_the_moved_stop(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100), limit="99")
    world.run(2)
    [leg] = [r for r in world.witness.orders().values() if r["type"] == "stop"]
    world.trader.change_elsewhere(leg, stop_price="96.50")
    world.run(1)
    world.price("AAPL", "98.90")
    world.run(5)
    assert world.witness.qty() == 10
    assert world.witness.stop_prices() == {"96.5"}
    assert world.the_plan().stop.price == D("96.5")
    no_harm(world)


def test_our_own_change_whose_reply_is_lost_is_no_move_of_the_traders(tmp_path: Path) -> None:
    world = held(tmp_path)
    world.desk.fault("reply_lost", method="PATCH", path="/v2/orders/*")
    world.trader.move_stop("99")
    world.run(10)
    assert world.witness.stop_prices() == {"99"}
    assert world.the_plan().stop.price == 99
    assert not notes(world, "moved_at_broker")
    no_harm(world)


def test_our_change_that_never_arrived_is_not_mistaken_for_the_one_that_came_before(
    tmp_path: Path,
) -> None:
    """The trader's PATCH is there, ours is lost on the way: its price is not what we asked for."""
    world = held(tmp_path)
    row = world.witness.exits("stop")[0]
    world.hear = lambda frames: []
    world.trader.change_elsewhere(row, stop_price="97")
    world.pass_time(0.5)
    world.desk.fault("reset_before", method="PATCH", path="/v2/orders/*")
    with world.trader.acts():
        change_plan(
            world.desk.journal,
            world.the_plan().plan_id,
            lambda p: p.changed(world.now(), note="a rule", stop=replace(p.stop, price=D("98.50"))),
        )
    world.run(40)
    there = world.witness.exits("stop")[0]
    assert there["stop_price"] == "97"
    assert tag_of(there["client_order_id"]) is None
    assert world.the_plan().stop.price == 97
    record = world.desk.journal.order_by_broker_id(there["id"])
    assert record is not None
    assert record.client_order_id == there["client_order_id"]
    assert not world.desk.journal.unsettled_orders()
    assert world.witness.covered() == 10


def test_a_kill_between_the_move_and_the_plan_ends_in_the_same(tmp_path: Path) -> None:
    world = held(tmp_path)
    world.trader.change_elsewhere(world.witness.exits("stop")[0], stop_price="96")
    world.pass_time(0.2)
    world.running.take_updates(world.desk.frames())  # heard, durable, and then killed
    world.restart_watch()
    world.run(5)
    assert world.witness.stop_prices() == {"96"}
    assert world.the_plan().stop.price == 96
    no_harm(world)


def test_watch_without_a_stream_takes_the_move_over_as_well(tmp_path: Path) -> None:
    world = held(tmp_path)
    world.cut_stream()
    world.trader.change_elsewhere(world.witness.exits("stop")[0], stop_price="99")
    world.run(10)
    assert world.witness.stop_prices() == {"99"}
    assert world.the_plan().stop.price == 99
    no_harm(world)


def test_exits_that_were_moved_and_then_canceled_twice_are_taken_as_the_traders_will(
    tmp_path: Path,
) -> None:
    world = held(tmp_path)
    world.trader.change_elsewhere(world.witness.exits("stop")[0], stop_price="99")
    world.run(3)
    world.trader.cancel_elsewhere()
    world.run(3)
    assert world.witness.stop_prices() == {"99"}, "put back once, where the trader had it"
    world.trader.cancel_elsewhere()
    world.run(3)
    assert world.the_plan().status == "suspended"
    assert world.witness.stop_prices() == set()


def test_a_buy_in_dollars_finds_and_lifts_a_target_that_was_moved_twice(tmp_path: Path) -> None:
    world = held(tmp_path, TWO_TARGETS, settings=additions_allowed())
    for price in ("107", "108"):
        world.trader.change_elsewhere(world.witness.exits("limit")[1], limit_price=price)
        world.run(2)
    request = OrderRequest("AAPL", Side.BUY, notional=D(500), client_order_id="more")
    placed = world.trader.place(request)
    assert placed.record.status == "filled"
    world.run(10)
    assert D(14) < world.witness.qty() < D(16)
    assert world.witness.covered() == world.witness.qty()
    assert max(D(r["limit_price"]) for r in world.witness.exits("limit")) == 108
    assert not world.witness.shorts


def test_a_leg_changed_by_our_own_replace_command_is_the_traders_move_too(tmp_path: Path) -> None:
    world = held(tmp_path)
    leg = world.witness.exits("stop")[0]["client_order_id"]
    with world.trader.acts():
        world.desk.oms.replace(leg, ReplaceRequest(stop_price=D(97)))
    world.run(5)
    assert world.witness.stop_prices() == {"97"}
    assert world.the_plan().stop.price == 97
    assert len(notes(world, "stop_loosened")) == 1
    no_harm(world)


def test_without_watch_protect_takes_a_move_over(tmp_path: Path) -> None:
    world = held(tmp_path)
    world.kill_watch()
    world.trader.change_elsewhere(world.witness.exits("stop")[0], stop_price="97")
    world.pass_time(1)
    assert world.trader.protect() == "protected"
    assert world.witness.stop_prices() == {"97"}
    assert world.the_plan().stop.price == 97
    assert len(notes(world, "stop_loosened")) == 1
