"""Goal: a bought contract has its stop at the broker, and its target is watched beside it.

Method: the simulated world on real trading hours; the exchange's own orders and positions judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from support.contracts import asked, near, vertical
from support.world import World
from watch.options.test_structures_kept import opened, with_spread

from execbot.config.schema import Mode
from execbot.exits.distances import distances_of
from execbot.exits.levels import LevelError, LevelKind, LevelSpec
from execbot.exits.plan.wishes import Wishes
from execbot.exits.rules.view import Guarded
from execbot.model.enums import OrderType, Side
from execbot.model.order import OrderRequest
from execbot.oms.place.entry_plans import LegsRefused, asked_by_submit
from execbot.oms.place.held_plans import HeldPlanner
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_gate import RiskGate
from execbot.watch.core import inputs
from execbot.watch.core.jobs import Note
from execbot.watch.feed import PolledFeed

D = Decimal


def price(at: Decimal) -> LevelSpec:
    return LevelSpec(LevelKind.PRICE, at)


def bought(world: World, qty: int = 2) -> str:
    gate = RiskGate(world.desk.client, world.desk.journal, world.settings, Mode.SIM, now=world.now)
    symbol = near(world.desk, days=30).symbol
    limit = asked(world.desk, symbol)
    Placer(world.desk.oms, gate).place(
        OrderRequest(symbol, Side.BUY, qty=D(qty), type=OrderType.LIMIT, limit_price=limit)
    )
    world.journal_changed = True
    world.run(60)
    assert world.desk.positions_there() == {symbol: str(qty)}
    return symbol


def protect(world: World, symbol: str, stop: Decimal, target: Decimal | None = None) -> None:
    planner = HeldPlanner(world.desk.client, world.desk.journal, world.settings, world.now)
    position = world.desk.client.get_position(symbol)
    assert position is not None
    targets = () if target is None else ((price(target), D(100)),)
    planner.protect(symbol, position, Wishes(stop=price(stop), targets=targets), far=True)
    world.journal_changed = True
    world.run(10)


def test_stop_stands_at_the_broker_on_the_grid_and_says_that_it_closes(tmp_path: Path) -> None:
    world = opened(tmp_path)
    symbol = bought(world)
    protect(world, symbol, D("3.03"), D(90))
    [stop] = world.desk.call("GET", f"/v2/orders?status=open&symbols={symbol}")
    assert (stop["type"], stop["qty"], stop["position_intent"]) == ("stop", "2", "sell_to_close")
    assert D(stop["stop_price"]) % D("0.1") == 0 and stop["time_in_force"] == "gtc"
    assert world.guarded(symbol) is Guarded.PROTECTED


def entry(world: World, **more: object) -> OrderRequest:
    symbol = near(world.desk, days=30).symbol
    limit = asked(world.desk, symbol)
    fields = {"qty": D(2), "type": OrderType.LIMIT, "limit_price": limit, **more}
    return OrderRequest(symbol, Side.BUY, client_order_id="entry", **fields)  # type: ignore[arg-type]


def placed(world: World, request: OrderRequest, wishes: Wishes, *, is_watched: bool) -> None:
    gate = RiskGate(world.desk.client, world.desk.journal, world.settings, Mode.SIM, now=world.now)
    wanted = asked_by_submit(world.settings, request, wishes, far=True, is_watched=is_watched)
    placer = Placer(world.desk.oms, gate)
    placer.place(placer.prepare(request, wanted).entry)
    world.journal_changed = True
    world.run(60)


def test_exits_that_were_given_with_the_entry_are_placed_at_its_fill(tmp_path: Path) -> None:
    world = opened(tmp_path)
    request = entry(world)
    wishes = Wishes(stop=price(D(2)), targets=((price(D(90)), D(100)),))
    with pytest.raises(LegsRefused, match="takes no stop or target"):
        placed(world, request, wishes, is_watched=False)
    assert world.desk.orders_there() == {}
    placed(world, request, wishes, is_watched=True)
    assert world.desk.positions_there() == {request.symbol: "2"}
    [stop] = world.desk.call("GET", f"/v2/orders?status=open&symbols={request.symbol}")
    assert (stop["type"], stop["stop_price"], stop["position_intent"]) == (
        "stop", "2", "sell_to_close",
    )  # fmt: skip
    assert world.guarded(request.symbol) is Guarded.PROTECTED
    plan = world.the_plan(request.symbol)
    stop_at, target_at = distances_of(plan, None, D(2), world.now())
    assert plan.entry_price is not None
    assert stop_at.usd == (2 - plan.entry_price) * 200
    assert (target_at.price, target_at.usd) == (90, (90 - plan.entry_price) * 200)


def test_exits_of_an_entry_that_never_fills_end_with_it(tmp_path: Path) -> None:
    world = opened(tmp_path)
    request = entry(world, limit_price=D("0.50"))
    placed(world, request, Wishes(stop=price(D("0.20"))), is_watched=True)
    world.desk.oms.cancel("entry")
    world.journal_changed = True
    world.run(10)
    assert world.desk.call("GET", "/v2/orders?status=open") == []
    assert world.plan(request.symbol) is None


def test_target_beside_the_stop_is_taken_by_watch(tmp_path: Path) -> None:
    """Both would compete for the same contracts at the broker."""
    world = opened(tmp_path)
    symbol = bought(world)
    quote = world.desk.client.latest_quote(symbol)
    assert quote is not None
    protect(world, symbol, D(1), quote.ask + D("0.50"))
    price_now = world.desk.client.latest_trade("AAPL")
    assert price_now is not None
    world.price("AAPL", str((price_now.price + 6).quantize(D("0.01"))))
    feed = PolledFeed(world.desk.client, 60)

    def polled(prices: Iterable[inputs.Price]) -> Iterable[inputs.Input | Note]:
        feed.ask([symbol])
        return [*prices, *feed.drain()]

    world.see = polled
    world.run(15)
    assert world.desk.positions_there() == {}
    assert world.desk.call("GET", "/v2/orders?status=open") == []


def test_leg_of_a_spread_gets_no_stop_of_its_own(tmp_path: Path) -> None:
    world = opened(tmp_path)
    with_spread(world, days=14)
    [long, _] = vertical(world.desk)
    with pytest.raises(LevelError, match="no stop for one leg alone"):
        protect(world, long.symbol, D("0.50"))
