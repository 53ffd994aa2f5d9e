"""Goal: an exit that the trader moves in the broker's own app stays where it was put.

Method: the real watcher against the real exchange in virtual time; somebody else's PATCH changes a
living leg. Coverage and orders are read from the exchange, the plan from the journal.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.trader import settings_with
from support.watch_world import D, World, open_world, wishes

from execbot.broker.port import ReplaceRequest
from execbot.config.schema import Mode, ScaleInSettings
from execbot.exits.levels import parse_level
from execbot.exits.plan.attach import moved
from execbot.exits.plan.plan import ExitPlan, Trail, TrailKind
from execbot.exits.store import change_plan
from execbot.exits.tags import tag_of
from execbot.market.calendar_cache import load_table
from execbot.market.sessions import agreed_now
from execbot.model.enums import Side
from execbot.model.order import OrderRequest
from execbot.model.times import new_york
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_desk import RiskDesk
from execbot.watch.core import inputs
from execbot.watch.perform import Hands
from execbot.watch.protect_once import protect_once
from execbot.watch.watcher import Watcher

TABLE = load_table()
LIVE = ("new", "accepted", "held", "partially_filled")
TWO_TARGETS = wishes("2", ("2", "50"), ("4", "50"))


def exits(world: World, kind: str) -> list[dict[str, Any]]:
    """Living exits of a type at the exchange, those of the first target first."""
    rows = [
        r
        for r in world.desk.orders_there().values()
        if r["type"] == kind and r["side"] == "sell" and r["status"] in LIVE
    ]
    return sorted(rows, key=lambda r: D(r["limit_price"] or 0))


def stop_prices(world: World) -> set[str]:
    return {r["stop_price"] for r in exits(world, "stop")}


def patch(world: World, row: dict[str, Any], **change: str) -> dict[str, Any]:
    """The trader changes an order in another program."""
    done: dict[str, Any] = world.desk.call("PATCH", f"/v2/orders/{row['id']}", change)
    assert done["replaces"] == row["id"], done
    return done


def held(path: Path, the_wishes: Any = None, **more: Any) -> World:
    """Ten shares from 100, protected, with the clock of unprotected time at zero."""
    world = open_world(path, **more)
    world.buy("10", the_wishes or wishes("2", ("4", "100")))
    world.run(3)
    assert world.covered("AAPL") == 10
    world.longest_uncovered.clear()
    world.notes.clear()
    return world


def run_until(world: World, wall: str) -> None:
    """Let the night pass, up to a wall time of New York."""
    until = datetime.fromisoformat(wall).replace(tzinfo=new_york())
    while world.now() < until:
        left = (until - world.now()).total_seconds()
        world.run(min(600.0, left), min(600.0, left))


def the_plan(world: World) -> ExitPlan:
    plan = world.plan()
    assert plan is not None
    return plan


def notes(world: World, kind: str) -> list[dict[str, Any]]:
    return [n.data for n in world.notes if kind in (n.type, n.data.get("kind"))]


def no_harm(world: World) -> None:
    """Never without a stop, never too much sold, nothing sent that was not needed."""
    assert world.longest_uncovered.get("AAPL", 0) == 0
    assert not world.shorts
    assert world.covered("AAPL") == world.qty()


@pytest.mark.parametrize("the_wishes", [wishes("2"), wishes("2", ("4", "100")), TWO_TARGETS])
def test_a_tightened_stop_is_taken_into_the_plan(tmp_path: Path, the_wishes: Any) -> None:
    world = held(tmp_path, the_wishes)
    before = set(world.desk.orders_there())
    legs = exits(world, "stop")
    was = legs[0]["stop_price"]
    patch(world, legs[0], stop_price="99")
    world.run(10)
    assert stop_prices(world) == {"99"}
    plan = the_plan(world)
    assert (plan.stop.price, plan.stop.initial) == (99, D(was))
    assert plan.note == f"moved at the broker: stop {was} -> 99"
    assert len(set(world.desk.orders_there()) - before) == len(legs), "one change for each leg"
    assert notes(world, "moved_at_broker") == [
        {"symbol": "AAPL", "what": "stop", "was": was, "price": "99"}
    ]
    assert not world.alarms()
    no_harm(world)


def test_a_loosened_stop_is_taken_over_and_told_loudly(tmp_path: Path) -> None:
    world = held(tmp_path)
    patch(world, exits(world, "stop")[0], stop_price="95")
    world.run(5)
    assert stop_prices(world) == {"95"}
    assert the_plan(world).stop.price == 95
    [told] = notes(world, "stop_loosened")
    assert not told["critical"]
    assert "from 98 to 95" in told["message"]
    assert "30 USD more" in told["message"]
    world.price("AAPL", "96")
    world.run(10)
    assert world.qty() == 10, "the old stop is no stop any more"
    no_harm(world)
    world.price("AAPL", "94.50")
    world.run(5)
    assert world.qty() == 0
    assert not world.shorts


def test_a_moved_target_changes_that_target_only(tmp_path: Path) -> None:
    world = held(tmp_path, TWO_TARGETS)
    first, second = exits(world, "limit")
    patch(world, second, limit_price="107")
    world.run(10)
    assert [r["limit_price"] for r in exits(world, "limit")] == [first["limit_price"], "107"]
    assert [t.price for t in the_plan(world).targets] == [D(first["limit_price"]), 107]
    assert notes(world, "moved_at_broker")[0]["what"] == "target 2"
    no_harm(world)


def test_a_moved_target_that_fills_is_counted_for_its_target(tmp_path: Path) -> None:
    world = held(tmp_path, TWO_TARGETS)
    first, second = exits(world, "limit")
    patch(world, first, limit_price="101")
    world.run(3)
    world.price("AAPL", "101.50")
    world.run(5)
    plan = the_plan(world)
    assert [(t.done, t.filled_qty) for t in plan.targets] == [(True, 5), (False, 0)]
    assert [r["limit_price"] for r in exits(world, "limit")] == [second["limit_price"]]
    no_harm(world)


def test_two_stops_moved_apart_end_at_the_one_that_was_moved_last(tmp_path: Path) -> None:
    world = held(tmp_path, TWO_TARGETS)
    first, second = exits(world, "stop")
    patch(world, first, stop_price="99")
    world.pass_time(0.01)
    patch(world, second, stop_price="98.50")
    world.run(10)
    assert stop_prices(world) == {"98.5"}
    assert the_plan(world).stop.price == D("98.5")
    no_harm(world)


def test_the_reports_of_a_move_may_all_be_lost(tmp_path: Path) -> None:
    world = held(tmp_path)
    world.handle_frames = lambda frames: []
    patch(world, exits(world, "stop")[0], stop_price="97")
    world.run(35)
    assert the_plan(world).stop.price == 97
    assert stop_prices(world) == {"97"}
    no_harm(world)


@pytest.mark.parametrize("the_wishes", [wishes("2"), wishes("2", ("4", "100"))])
def test_a_move_while_watch_did_not_run_is_taken_over_at_its_start(
    tmp_path: Path, the_wishes: Any
) -> None:
    world = held(tmp_path, the_wishes)
    world.kill_watch()
    patch(world, exits(world, "stop")[0], stop_price="96")
    world.pass_time(1)
    patch(world, exits(world, "stop")[0], stop_price="97")
    world.pass_time(30)
    world.start_watch()
    world.run(5)
    assert stop_prices(world) == {"97"}
    assert the_plan(world).stop.price == 97
    assert len(notes(world, "stop_loosened")) == 1
    no_harm(world)


def test_a_restart_takes_no_move_over_twice(tmp_path: Path) -> None:
    world = held(tmp_path)
    patch(world, exits(world, "stop")[0], stop_price="97")
    world.run(3)
    stop = the_plan(world).stop
    world.kill_watch()
    world.notes.clear()
    world.start_watch()
    world.run(3)
    assert the_plan(world).stop == stop
    assert not notes(world, "moved_at_broker")


def test_the_last_word_counts_when_the_plan_is_moved_after_the_broker(tmp_path: Path) -> None:
    world = held(tmp_path)
    world.kill_watch()
    patch(world, exits(world, "stop")[0], stop_price="95")
    world.pass_time(5)
    change_plan(
        world.desk.journal,
        the_plan(world).plan_id,
        lambda p: moved(p, world.now(), stop=parse_level("97")),
    )
    world.pass_time(1)
    world.start_watch()
    world.run(5)
    assert stop_prices(world) == {"97"}
    assert the_plan(world).stop.price == 97


def test_a_stop_beyond_the_price_is_told_at_night_and_taken_at_the_open(tmp_path: Path) -> None:
    world = held(
        tmp_path,
        hours=lambda at: agreed_now(TABLE, at, None),
        calendar="exchange",
        at="2026-10-07 15:50",
    )
    run_until(world, "2026-10-07 20:30")
    world.notes.clear()
    patch(world, exits(world, "stop")[0], stop_price="104")
    world.run(60, 5)
    assert stop_prices(world) == {"104"}
    assert the_plan(world).stop.price == 98
    [told] = notes(world, "stop_beyond_price")
    assert "104" in told["message"]
    no_harm(world)
    run_until(world, "2026-10-08 09:29")
    world.run(90, 0.1)
    assert world.qty() == 0
    assert not world.shorts


def test_a_target_on_the_losing_side_of_the_entry_stays_where_the_trader_put_it(
    tmp_path: Path,
) -> None:
    world = held(tmp_path)
    world.price("AAPL", "98.50")
    patch(world, exits(world, "limit")[0], limit_price="99.50")
    world.run(5)
    assert [r["limit_price"] for r in exits(world, "limit")] == ["99.5"]
    assert not notes(world, "move_undone")
    world.price("AAPL", "99.60")
    world.run(5)
    assert world.qty() == 0
    no_harm(world)


def test_a_trail_goes_on_at_the_distance_that_the_trader_gave(tmp_path: Path) -> None:
    trail = Trail(TrailKind.PERCENT, D(1), from_start=False)
    world = held(tmp_path, wishes("2", ("10", "50"), ("20", "50"), trail=trail))
    world.price("AAPL", "105")
    world.run(3)
    mark = the_plan(world).stop.high_water
    assert mark is not None
    assert the_plan(world).stop.price == D("103.95")
    patch(world, exits(world, "stop")[0], stop_price="102")
    world.run(5)
    assert stop_prices(world) == {"102"}, "the trail does not put it back"
    world.price("AAPL", "104")
    world.run(3)
    assert stop_prices(world) == {"102"}
    world.price("AAPL", "107")
    world.run(3)
    gained = the_plan(world).stop.high_water
    assert gained is not None
    assert the_plan(world).stop.price == 102 + (gained - mark)
    no_harm(world)


def test_another_trail_of_the_brokers_own_trailing_stop_is_the_plans(tmp_path: Path) -> None:
    world = held(tmp_path, wishes(None, trail=Trail(TrailKind.PERCENT, D("2"))))
    patch(world, exits(world, "trailing_stop")[0], trail="5")
    world.run(5)
    plan = the_plan(world)
    assert plan.stop.trail == Trail(TrailKind.PERCENT, D(5))
    assert len(notes(world, "stop_loosened")) == 1
    world.price("AAPL", "97")
    world.run(10)
    assert world.qty() == 10
    assert [r["type"] for r in exits(world, "trailing_stop")] == ["trailing_stop"]
    no_harm(world)


def test_a_changed_quantity_keeps_the_price_and_the_rest_is_covered(tmp_path: Path) -> None:
    world = held(tmp_path, wishes("2", ("4", "40")))
    [stop] = [r for r in exits(world, "stop") if r["order_class"] in ("", "simple")]
    patch(world, stop, qty="4")
    world.run(5)
    assert sorted(r["qty"] for r in exits(world, "stop")) == ["2", "4", "4"]
    assert stop_prices(world) == {stop["stop_price"]}
    assert not notes(world, "moved_at_broker")
    assert world.longest_uncovered["AAPL"] < 1
    assert not world.shorts


def test_a_bracket_moved_before_its_entry_filled_opens_with_the_moved_stop(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2", ("4", "100")), limit="99")
    world.run(2)
    [leg] = [r for r in world.desk.orders_there().values() if r["type"] == "stop"]
    patch(world, leg, stop_price="96.50")
    world.run(1)
    world.price("AAPL", "98.90")
    world.run(5)
    assert world.qty() == 10
    assert stop_prices(world) == {"96.5"}
    assert the_plan(world).stop.price == D("96.5")
    no_harm(world)


def test_our_own_change_whose_reply_is_lost_is_no_move_of_the_traders(tmp_path: Path) -> None:
    world = held(tmp_path)
    world.desk.fault("reply_lost", method="PATCH", path="/v2/orders/*")
    change_plan(
        world.desk.journal,
        the_plan(world).plan_id,
        lambda p: moved(p, world.now(), stop=parse_level("99")),
    )
    world.trader_acted = True
    world.run(10)
    assert stop_prices(world) == {"99"}
    assert the_plan(world).stop.price == 99
    assert not notes(world, "moved_at_broker")
    no_harm(world)


def test_our_change_that_never_arrived_is_not_mistaken_for_the_one_that_came_before(
    tmp_path: Path,
) -> None:
    """The trader's PATCH is there, ours is lost on the way: its price is not what we asked for."""
    world = held(tmp_path)
    row = exits(world, "stop")[0]
    world.handle_frames = lambda frames: []
    patch(world, row, stop_price="97")
    world.pass_time(0.5)
    world.desk.fault("reset_before", method="PATCH", path="/v2/orders/*")
    assert world.watcher is not None
    change_plan(
        world.desk.journal,
        the_plan(world).plan_id,
        lambda p: p.changed(world.now(), note="a rule", stop=replace(p.stop, price=D("98.50"))),
    )
    world.trader_acted = True
    world.run(40)
    there = exits(world, "stop")[0]
    assert there["stop_price"] == "97"
    assert tag_of(there["client_order_id"]) is None
    assert the_plan(world).stop.price == 97
    record = world.desk.journal.order_by_broker_id(there["id"])
    assert record is not None
    assert record.client_order_id == there["client_order_id"]
    assert not world.desk.journal.unsettled_orders()
    assert world.covered("AAPL") == 10


def test_a_kill_between_the_move_and_the_plan_ends_in_the_same(tmp_path: Path) -> None:
    world = held(tmp_path)
    patch(world, exits(world, "stop")[0], stop_price="96")
    world.pass_time(0.2)
    assert world.watcher is not None
    world.watcher.take_updates(world.desk.frames())  # heard, durable, and then killed
    world.kill_watch()
    world.start_watch()
    world.run(5)
    assert stop_prices(world) == {"96"}
    assert the_plan(world).stop.price == 96
    no_harm(world)


def test_watch_without_a_stream_takes_the_move_over_as_well(tmp_path: Path) -> None:
    world = held(tmp_path)
    assert world.watcher is not None
    world.stream_is_up = False
    world.jobs.extend(world.watcher.feed(inputs.StreamDown(world.now(), "cut")))
    patch(world, exits(world, "stop")[0], stop_price="99")
    world.run(10)
    assert stop_prices(world) == {"99"}
    assert the_plan(world).stop.price == 99
    no_harm(world)


def test_exits_that_were_moved_and_then_canceled_twice_are_taken_as_the_traders_will(
    tmp_path: Path,
) -> None:
    world = held(tmp_path)
    patch(world, exits(world, "stop")[0], stop_price="99")
    world.run(3)
    world.cancel_elsewhere()
    world.run(3)
    assert stop_prices(world) == {"99"}, "put back once, where the trader had it"
    world.cancel_elsewhere()
    world.run(3)
    assert the_plan(world).status == "suspended"
    assert stop_prices(world) == set()


def test_a_buy_in_dollars_finds_and_lifts_a_target_that_was_moved_twice(tmp_path: Path) -> None:
    scale_in = {
        "scale_in": ScaleInSettings(enabled=True, max_steps=5, min_profit_pct=D(-100)),
        "duplicate_window_seconds": D(0),
    }
    world = held(tmp_path, TWO_TARGETS, settings=settings_with(risk=scale_in))
    for price in ("107", "108"):
        patch(world, exits(world, "limit")[1], limit_price=price)
        world.run(2)
    desk = world.desk
    request = OrderRequest("AAPL", Side.BUY, notional=D(500), client_order_id="more")
    hands = RiskDesk(desk.client, desk.journal, world.settings, Mode.SIM, now=world.now)
    placed = Placer(desk.oms, hands).place(request)
    assert placed.record.status == "filled"
    world.trader_acted = True
    world.run(10)
    assert D(14) < world.qty() < D(16)
    assert world.covered("AAPL") == world.qty()
    assert max(D(r["limit_price"]) for r in exits(world, "limit")) == 108
    assert not world.shorts


def test_a_leg_changed_by_our_own_replace_command_is_the_traders_move_too(tmp_path: Path) -> None:
    world = held(tmp_path)
    leg = exits(world, "stop")[0]["client_order_id"]
    world.desk.oms.replace(leg, ReplaceRequest(stop_price=D(97)))
    world.trader_acted = True
    world.run(5)
    assert stop_prices(world) == {"97"}
    assert the_plan(world).stop.price == 97
    assert len(notes(world, "stop_loosened")) == 1
    no_harm(world)


def test_without_watch_protect_takes_a_move_over(tmp_path: Path) -> None:
    world = held(tmp_path)
    world.kill_watch()
    patch(world, exits(world, "stop")[0], stop_price="97")
    world.pass_time(1)
    watcher = Watcher(world.desk.oms, world.settings, world.hours, world.now, world.notes.append)
    hands = Hands(world.desk.oms, world.now)
    coverage = protect_once(watcher, hands, "AAPL", timer=world.timer)
    assert coverage.state == "protected"
    assert stop_prices(world) == {"97"}
    assert the_plan(world).stop.price == 97
    assert len(notes(world, "stop_loosened")) == 1
