"""Goal: a plan whose position was sold while no `watch` ran has no say over what is bought later.

Method: the real watcher and the exchange in virtual time. The position ends and begins anew while
`watch` is down; the price is below the old stop by then, so an old plan would sell at once.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.wishes import stop_at, target, wishes
from support.world import World, open_world

from execbot.exits.plan.wishes import NO_WISHES
from execbot.exits.store import open_plans
from execbot.model.enums import OrderType, Side
from execbot.model.order import OrderRequest
from execbot.oms.place.held_plans import HeldPlanner


def close(world: World) -> None:
    world.trader.close()


def close_elsewhere(world: World) -> None:
    world.trader.cancel_elsewhere()
    wait(world, 3)
    world.trader.close_elsewhere()


def stopped_out(world: World) -> None:
    world.price("AAPL", "94")


def buy(world: World) -> None:
    world.trader.send(OrderRequest("AAPL", Side.BUY, qty=5, client_order_id="anew"))


def buy_elsewhere(world: World) -> None:
    world.trader.trade_elsewhere("buy", "5")


def wait(world: World, seconds: int = 120) -> None:
    for _ in range(seconds):
        world.pass_time(1)


def bought(path: Path, *, watched: bool) -> World:
    """10 AAPL with a stop at 95, the watch down. `watched`: it has seen the entry fill."""
    world = open_world(path, watch=watched)
    world.trader.buy("10", stop_at("5%"), target("20%", shares=100), stop_goes_along=True)
    if watched:
        world.run(3)
        world.kill_watch()
    wait(world, 3)
    assert world.witness.qty() == world.witness.covered() == 10
    return world


@pytest.mark.parametrize("watched", [False, True], ids=["never seen", "seen before"])
@pytest.mark.parametrize("leave", [close, close_elsewhere, stopped_out])
@pytest.mark.parametrize("enter", [buy, buy_elsewhere])
def test_what_is_bought_later_is_not_sold_by_the_old_plan(
    tmp_path: Path,
    watched: bool,
    leave: Callable[[World], None],
    enter: Callable[[World], None],
) -> None:
    world = bought(tmp_path, watched=watched)
    leave(world)
    wait(world)
    assert world.witness.qty() == 0
    world.price("AAPL", "90")
    enter(world)
    wait(world, 5)
    world.start_watch()
    world.run(10)
    assert world.witness.qty() == 5
    assert open_plans(world.desk.journal) == []
    assert world.guarded().value == "no_plan"
    assert world.alarm_kinds().count("plan_outlived") == 1


def told_bare(world: World) -> list[str]:
    """How many each alarm of an ended plan names."""
    said = [n.data for n in world.notes if n.data.get("kind") == "plan_outlived"]
    return [data["message"].split()[0] for data in said]


def buy_more(world: World, qty: int, **limit: Decimal) -> None:
    more: dict[str, Any] = {**limit, "client_order_id": f"more-{world.now():%M%S%f}"}
    kind = OrderType.LIMIT if limit else OrderType.MARKET
    world.trader.send(OrderRequest("AAPL", Side.BUY, qty=qty, type=kind, **more))


def outlived(path: Path) -> World:
    """5 AAPL without a stop, under no plan: the one that there was had ended with its shares."""
    world = bought(path, watched=True)
    close(world)
    wait(world)
    buy(world)
    wait(world, 5)
    world.start_watch()
    world.run(10)
    assert told_bare(world) == ["5"]
    return world


def test_what_is_bought_after_the_plan_has_ended_is_told_too(tmp_path: Path) -> None:
    world = outlived(tmp_path)
    world.price("AAPL", "100", size="3", spread="0")
    buy_more(world, 10, limit_price=Decimal(100))
    while world.witness.qty() == 5:
        world.step()
    world.price("AAPL", "101")
    part = world.witness.qty()
    assert 5 < part < 15
    world.run(10)
    assert told_bare(world) == ["5", str(part)]
    world.price("AAPL", "99")
    world.run(60)
    assert told_bare(world) == ["5", str(part), "15"], "once"
    world.restart_watch()
    world.run(10)
    buy_more(world, 2)
    world.run(10)
    assert told_bare(world)[3:] == ["15", "17"]


@pytest.mark.parametrize("ends", ["protected", "flat"])
def test_it_is_over_once_they_are_protected_or_sold(tmp_path: Path, ends: str) -> None:
    world = outlived(tmp_path)
    if ends == "flat":
        world.trader.close()
        world.run(10)
        buy_more(world, 2)
    else:
        client, journal = world.desk.client, world.desk.journal
        planner = HeldPlanner(client, journal, world.settings, world.now)
        with world.trader.acts():
            planner.protect("AAPL", client.get_position("AAPL"), wishes(stop_at("5%")))
    world.run(10)
    world.restart_watch()
    world.run(10)
    assert told_bare(world) == ["5"]


@pytest.mark.parametrize("word", ["move", "protect", "protect with levels"])
def test_levels_given_for_the_new_shares_count(tmp_path: Path, word: str) -> None:
    """Without a `watch` too: the plan is old, what the trader says of it is not."""
    world = bought(tmp_path, watched=True)
    close(world)
    wait(world)
    buy(world)
    wait(world, 5)
    if word == "move":
        world.trader.move_stop("85", plan_id="plan-entry-0")
    else:
        client, journal = world.desk.client, world.desk.journal
        planner = HeldPlanner(client, journal, world.settings, world.now)
        levels = wishes(stop_at("85")) if word != "protect" else NO_WISHES
        planner.protect("AAPL", client.get_position("AAPL"), levels)
        assert world.trader.protect() == "protected"
    world.start_watch()
    world.run(10)
    assert world.witness.qty() == world.witness.covered() == 5
    assert len(open_plans(world.desk.journal)) == 1


def test_an_entry_that_still_works_keeps_its_plan(tmp_path: Path) -> None:
    """What it fills later is the plan's."""
    world = open_world(tmp_path, watch=False)
    world.price("AAPL", "101", size="4")
    targets = target("10%", shares=50), target("20%", shares=50)
    entry, _ = world.trader.buy("20", stop_at("5%"), *targets, limit="100")
    wait(world, 1)
    world.price("AAPL", "100", size="4", spread="0")
    wait(world, 1)
    part = world.witness.qty()
    assert 0 < part < 20
    world.price("AAPL", "101")
    limit: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": Decimal(101)}
    world.trader.send(OrderRequest("AAPL", Side.SELL, qty=part, client_order_id="out", **limit))
    wait(world, 5)
    world.price("AAPL", "101.1")
    wait(world, 5)
    assert world.witness.qty() == 0
    buy(world)
    wait(world, 3)
    world.start_watch()
    world.run(3)
    world.price("AAPL", "99.9", size="100000")
    world.run(10)
    assert world.witness.orders()[entry.client_order_id]["filled_qty"] == "20"
    assert world.witness.covered() == world.witness.qty() > 5


def test_the_history_says_that_the_shares_were_sold(tmp_path: Path) -> None:
    world = bought(tmp_path, watched=False)
    close(world)
    wait(world)
    world.start_watch()
    world.run(10)
    history = world.desk.journal.plan_history("plan-entry-0")
    assert open_plans(world.desk.journal) == []
    assert history[-1].body["note"] == "its shares were sold"


def test_a_plan_of_what_is_left_stays(tmp_path: Path) -> None:
    world = bought(tmp_path, watched=True)
    world.trader.close(qty=world.witness.qty() - 4)
    wait(world)
    world.start_watch()
    world.run(10)
    assert world.witness.qty() == world.witness.covered() == 4
    assert len(open_plans(world.desk.journal)) == 1


def test_more_bought_before_the_rest_was_sold_stays_under_the_plan(tmp_path: Path) -> None:
    """It was never at nothing in between: what is held may still be the plan's."""
    world = bought(tmp_path, watched=True)
    buy(world)
    wait(world, 5)
    world.price("AAPL", "94")
    wait(world)
    assert world.witness.qty() == 5
    world.price("AAPL", "100")
    world.start_watch()
    world.run(10)
    assert world.witness.covered() == world.witness.qty() == 5
