"""Goal: exits that a command lifts come back where the trader had moved them, `watch` or not.

Method: the real exchange in virtual time; while no `watch` runs somebody moves the stop in another
program, and a command adds to the position or closes a part of it. What stands then is read from
the exchange.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.trader import settings_with
from support.watch_world import D, World, open_world, wishes

from execbot.config.schema import Mode, ScaleInSettings
from execbot.exits.plan.plan import ExitPlan
from execbot.model.enums import Side
from execbot.model.order import OrderRequest
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_desk import RiskDesk
from execbot.watch.perform import Hands
from execbot.watch.protect_once import protect_once
from execbot.watch.watcher import Watcher

LIVE = ("new", "accepted", "held")
SCALE_IN = {
    "scale_in": ScaleInSettings(enabled=True, max_steps=5, min_profit_pct=D(-100)),
    "duplicate_window_seconds": D(0),
}


def stops(world: World) -> list[dict[str, Any]]:
    rows = world.desk.orders_there().values()
    return [r for r in rows if r["type"] == "stop" and r["status"] in LIVE]


def move(world: World, row: dict[str, Any], price: str) -> dict[str, Any]:
    done: dict[str, Any] = world.desk.call(
        "PATCH", f"/v2/orders/{row['id']}", {"stop_price": price}
    )
    assert done["replaces"] == row["id"], done
    return done


def unwatched(path: Path, the_wishes: Any) -> World:
    """Ten shares from 100, at 110 now; the last stop was moved twice; nobody has heard of it."""
    world = open_world(path, settings=settings_with(risk=SCALE_IN))
    world.buy("10", the_wishes)
    world.run(3)
    world.kill_watch()
    world.price("AAPL", "110")
    between = move(world, stops(world)[-1], "104")
    world.pass_time(1)
    move(world, between, "105")
    world.pass_time(1)
    return world


def protect(world: World) -> None:
    watcher = Watcher(world.desk.oms, world.settings, world.hours, world.now, world.notes.append)
    hands = Hands(world.desk.oms, world.now)
    coverage = protect_once(watcher, hands, "AAPL", timer=world.timer)
    assert coverage.state == "protected"


def stands_at(world: World, price: int) -> None:
    assert {D(r["stop_price"]) for r in stops(world)} == {price}
    assert sum(D(r["qty"]) for r in stops(world)) == world.qty()
    plan = world.plan()
    assert plan is not None
    assert plan.stop.price == price
    assert plan.lift is None
    assert not world.shorts


@pytest.mark.parametrize("is_read", [False, True])
def test_an_addition_puts_the_stop_back_where_it_was_moved(tmp_path: Path, is_read: bool) -> None:
    """`is_read`: cron's reconcile has seen the new order, and nobody has looked what it means."""
    world = unwatched(tmp_path, wishes("2"))
    desk = world.desk
    if is_read:
        desk.oms.reconcile()
    risk_desk = RiskDesk(desk.client, desk.journal, world.settings, Mode.SIM, now=world.now)
    request = OrderRequest("AAPL", Side.BUY, qty=D(5), client_order_id="more")
    placed = Placer(desk.oms, risk_desk).place(request)
    assert placed.record.status == "filled"
    protect(world)
    assert world.qty() == 15
    stands_at(world, 105)


@pytest.mark.parametrize(
    "the_wishes",
    [
        wishes("2"),
        wishes("2", ("20", "100")),
        wishes("2", ("15", "50"), ("20", "50")),
    ],
)
def test_a_partial_close_leaves_the_rest_with_the_stop_that_was_moved(
    tmp_path: Path, the_wishes: Any
) -> None:
    world = unwatched(tmp_path, the_wishes)
    world.desk.oms.close("AAPL", qty=D(4))
    world.pass_time(1)
    protect(world)
    assert world.qty() == 6
    stands_at(world, 105)


def test_a_plan_without_moves_is_not_written_anew(tmp_path: Path) -> None:
    """Lifted and let go: two versions, and none for a move that never was."""
    world = open_world(tmp_path)
    _, first = world.buy("10", wishes("2", ("20", "100")))
    world.run(3)
    world.kill_watch()
    before = world.plan()
    assert isinstance(before, ExitPlan)
    world.desk.oms.close("AAPL", qty=D(4))
    after = world.plan()
    assert after is not None
    assert after.plan_id == first.plan_id
    assert after.version == before.version + 2
    assert after.stop == before.stop
