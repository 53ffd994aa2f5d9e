"""Goal: shares with a stop, more by an exercise, and a split before its rows: nothing is sold at
old prices, what is told is a pending event, and the stop covers all of them in the end.

Method: the simulated world over both at the exchange; its orders and positions judge.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.contracts import chain
from support.desk import KEY, market
from support.world import World
from watch.options.test_structures_kept import cared_for, opened

from execbot.exits.levels import LevelKind, LevelSpec
from execbot.exits.plan.wishes import Wishes
from execbot.exits.rules.view import Guarded
from execbot.model.enums import Side
from execbot.oms.place.held_plans import HeldPlanner

D = Decimal


STRIKE, PRICE, LEVEL = D(240), D(250), D(220)


def with_both(path: Path) -> World:
    """Forty shares with a stop, and a hundred more that an exercise has just brought."""
    world = opened(path, symbols=("AAPL",))
    world.price("AAPL", str(PRICE))
    world.trader.send(market("AAPL", "40", Side.BUY))
    world.run(5)
    calls = chain(world.desk, days=8)
    call = next(one.symbol for one in calls if one.strike == STRIKE)
    body = {"symbol": call, "qty": 1, "price": "11.00", "key": KEY}
    world.desk.call("POST", "/sim/options/position", body)
    world.run(60)
    position = world.desk.client.get_position("AAPL")
    assert position is not None
    planner = HeldPlanner(world.desk.client, world.desk.journal, world.settings, world.now)
    wishes = Wishes(stop=LevelSpec(LevelKind.PRICE, LEVEL))
    planner.protect("AAPL", position, wishes, far=True)
    world.journal_changed = True
    world.run(10)
    assert world.guarded("AAPL") is Guarded.PROTECTED
    world.desk.client.exercise(call)
    world.run(60)
    return world


def on(world: World, wall: str, price: Decimal) -> None:
    world.desk.call("POST", "/sim/clock", {"set": wall})
    world.price("AAPL", str(price))
    world.run(60)


def stops_there(world: World) -> tuple[Decimal, set[Decimal]]:
    """How many shares stops cover, and at what."""
    stops = world.desk.call("GET", "/v2/orders?status=open&symbols=AAPL")
    return sum(D(stop["qty"]) for stop in stops), {D(stop["stop_price"]) for stop in stops}


@pytest.mark.parametrize(("new", "old"), [(4, 1), (1, 4), (3, 2)])
def test_stop_follows_before_the_rows_are_there_and_stays(
    tmp_path: Path, new: int, old: int
) -> None:
    """A plan at old prices would sell everything."""
    world = with_both(tmp_path)
    ratio = D(new) / D(old)
    on(world, "2026-10-08 09:25", PRICE)
    world.desk.call("POST", "/sim/split", {"symbol": "AAPL", "new": new, "old": old})
    on(world, "2026-10-08 09:26", PRICE / ratio)
    on(world, "2026-10-08 09:40", PRICE / ratio)
    after = str(140 * new // old)
    for _ in range(2):
        assert world.desk.positions_there() == {"AAPL": after}
        qty, levels = stops_there(world)
        assert qty == D(after) and len(levels) == 1
        assert max(levels) == pytest.approx(LEVEL / ratio, abs=D("0.01"))
        assert world.guarded("AAPL") is Guarded.PROTECTED
        assert world.desk.oms.reconcile().breaks == ()
        on(world, "2026-10-08 10:05", PRICE / ratio)  # now the rows are there
    books = world.desk.journal.position("AAPL")
    assert books is not None and str(books.qty) == after
    kinds = {str(note.data.get("kind")) for note in world.notes if note.is_alarm}
    assert "position_differs" not in kinds and "split" in kinds


def test_it_is_told_once_and_survives_a_restart(tmp_path: Path) -> None:
    world = with_both(tmp_path)
    on(world, "2026-10-08 09:25", PRICE)
    world.kill_watch()
    world.desk.call("POST", "/sim/split", {"symbol": "AAPL", "new": 4, "old": 1})
    on(world, "2026-10-08 09:40", PRICE / 4)
    for _ in range(2):
        world.start_watch()
        cared_for(world)
        world.run(60)
        assert stops_there(world) == (560, {LEVEL / 4})
        world.kill_watch()
    told = [n for n in world.notes if n.is_alarm and n.data.get("kind") == "split"]
    assert len(told) == 1
