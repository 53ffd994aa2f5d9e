"""Goal: each known trap of Alpaca's order rules ends with every share protected and none oversold.

Method: the real watcher against the real exchange in virtual time; coverage is read from the
exchange's own orders and positions.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.watch_world import D, World, open_world, wishes

from execbot.broker.errors import BrokerError
from execbot.broker.port import ReplaceRequest
from execbot.exits.levels import parse_level
from execbot.exits.plan.attach import moved
from execbot.exits.plan.plan import Trail, TrailKind
from execbot.exits.store import change_plan, suspend_plans
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest
from execbot.oms.place.add_to_position import add_to_position
from execbot.watch.core import inputs

SELL_10 = {"symbol": "AAPL", "side": "sell", "qty": "10", "type": "limit", "time_in_force": "gtc"}
"""Another program's order: it holds all the shares, so that no stop can be placed."""


def test_a_filled_bracket_is_protected_by_its_own_legs(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2", ("4", "100")))
    world.run(3)
    assert world.qty() == 10
    assert world.covered("AAPL") == 10
    assert world.longest_uncovered.get("AAPL", 0) < 1
    assert not world.alarms()


def test_two_targets_become_two_pairs_right_after_the_fill(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("5", wishes("2", ("2", "50"), ("4", "50")))
    world.run(3)
    pairs = [r for r in world.desk.orders_there().values() if r["order_class"] == "oco"]
    assert sorted(r["qty"] for r in pairs if r["type"] == "limit") == ["2", "3"]
    assert world.covered("AAPL") == 5
    assert world.longest_uncovered.get("AAPL", 0) < 1


def test_a_stop_that_triggers_closes_the_position_and_the_plan(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2", ("4", "100")))
    world.run(2)
    world.price("AAPL", "97")
    world.run(5)
    assert world.qty() == 0
    assert world.plan() is None
    assert not world.shorts


def test_the_first_target_taken_leaves_the_second_pair_alone(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2", ("2", "50"), ("4", "50")))
    world.run(2)
    world.price("AAPL", "102.5")
    world.run(5)
    assert world.qty() == 5
    assert world.covered("AAPL") == 5
    world.price("AAPL", "105")
    world.run(5)
    assert world.qty() == 0
    assert world.plan() is None
    assert not world.shorts
    assert not world.alarms()


def test_a_filled_target_whose_stops_end_is_not_told_costs_no_other_pair(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2", ("2", "50"), ("4", "50")))
    world.run(2)
    assert world.covered("AAPL") == 10
    world.longest_uncovered.clear()
    world.handle_frames = lambda frames: [f for f in frames if f.event != "canceled"]
    world.price("AAPL", "102.5")
    world.run(5)
    assert (world.qty(), world.covered("AAPL")) == (5, 5)
    assert not world.longest_uncovered


def test_a_moved_stop_does_not_restart_the_alarm_clock(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    _, plan = world.buy("10", wishes("2", ("2", "50"), ("4", "50")))
    world.pass_time(0.2)
    world.desk.call("POST", "/v2/orders", {**SELL_10, "limit_price": "120"})
    world.run(2)
    assert (world.qty(), world.covered("AAPL"), world.alarms()) == (10, 0, [])
    began = world.now()
    move(world, plan.plan_id, "97")
    while not world.alarms():
        world.step()
    assert (world.now() - began).total_seconds() < 5


def test_a_bracket_that_fills_in_part_is_canceled_and_its_part_protected(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.price("AAPL", "100", size="4")
    world.buy("10", wishes("2", ("4", "100")), limit="100.01")
    world.run(0.3)
    world.price("AAPL", "100.50")
    world.run(8)
    assert world.qty() == 4
    assert world.covered("AAPL") == 4
    assert world.longest_uncovered["AAPL"] < 5


def test_the_parts_of_a_plain_entry_are_protected_by_pairs_while_it_rests(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.price("AAPL", "100", size="3")
    world.buy("10", wishes("2", ("2", "50"), ("4", "50")), limit="100.01")
    world.run(0.3)
    world.price("AAPL", "100.50")
    world.run(3)
    assert world.qty() == 3
    assert world.covered("AAPL") == 3
    entry = world.desk.orders_there()["entry-0"]
    assert entry["status"] == "partially_filled"
    world.price("AAPL", "100", size="100")
    world.run(3)
    assert world.qty() == 10
    assert world.covered("AAPL") == 10


def test_a_stop_alone_waits_for_a_resting_entry_and_then_cancels_its_rest(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.price("AAPL", "100", size="3")
    world.buy("10", wishes("2"), limit="100.01")
    world.run(0.3)
    world.price("AAPL", "100.50")
    world.run(8)
    assert world.qty() == 3
    assert world.covered("AAPL") == 3
    assert world.desk.orders_there()["entry-0"]["status"] == "canceled"
    assert world.longest_uncovered["AAPL"] < 5


def test_an_entry_that_does_not_fill_in_time_is_canceled(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2", ("4", "100")), limit="90")
    world.run(63, 0.5)
    assert world.desk.orders_there()["entry-0"]["status"] == "canceled"
    assert world.plan() is None


def test_a_position_closed_from_elsewhere_takes_its_exits_along(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2"))
    world.run(2)
    for row in world.desk.orders_there().values():
        if row["type"] == "stop" and row["status"] in ("new", "held"):
            world.desk.call("DELETE", f"/v2/orders/{row['id']}")
    world.pass_time(0.2)
    world.desk.call("DELETE", "/v2/positions/AAPL")
    world.run(10)
    assert world.qty() == 0
    assert not [r for r in world.desk.orders_there().values() if r["status"] in ("new", "held")]
    assert not world.shorts


def test_a_stop_canceled_from_elsewhere_is_put_back_once_and_then_respected(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2"))
    world.run(2)

    def cancel_stops() -> None:
        for row in world.desk.orders_there().values():
            if row["type"] == "stop" and row["status"] in ("new", "held", "accepted"):
                world.desk.call("DELETE", f"/v2/orders/{row['id']}")

    cancel_stops()
    world.run(3)
    assert world.covered("AAPL") == 10
    cancel_stops()
    world.run(5)
    assert world.covered("AAPL") == 0
    plan = world.plan()
    assert plan is not None
    assert plan.status == "suspended"


def test_a_stop_through_the_market_is_taken_at_once(tmp_path: Path) -> None:
    world = open_world(tmp_path, watch=False)
    world.buy("10", wishes("2", ("2", "50"), ("4", "50")))
    world.pass_time(1)
    world.price("AAPL", "95")
    world.start_watch()
    world.run(5)
    assert world.qty() == 0
    assert not world.shorts


def test_a_watch_that_starts_late_protects_what_it_finds(tmp_path: Path) -> None:
    world = open_world(tmp_path, watch=False)
    world.buy("10", wishes("2", ("2", "50"), ("4", "50")))
    world.pass_time(30)
    world.start_watch()
    world.run(2)
    assert world.covered("AAPL") == 10


def test_a_moved_plan_moves_the_legs_without_an_unprotected_moment(tmp_path: Path) -> None:
    from execbot.exits.levels import LevelKind, LevelSpec
    from execbot.exits.plan.attach import moved
    from execbot.exits.store import save_plan

    world = open_world(tmp_path)
    world.buy("10", wishes("2", ("4", "100")))
    world.run(2)
    world.longest_uncovered.clear()
    plan = world.plan()
    assert plan is not None
    save_plan(
        world.desk.journal,
        moved(plan, world.now(), stop=LevelSpec(LevelKind.PRICE, D("99"))),
    )
    world.trader_acted = True
    world.run(3)
    stops = [r for r in world.desk.orders_there().values() if r["type"] == "stop"]
    assert [r["stop_price"] for r in stops if r["status"] == "held"] == ["99"]
    assert world.longest_uncovered.get("AAPL", 0) == 0


def test_adding_to_a_position_lifts_its_stop_and_ends_with_one_for_the_whole(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2"))
    world.run(2)
    request = OrderRequest("AAPL", Side.BUY, qty=D(5), client_order_id="more")
    oms = world.desk.oms
    refused = oms.submit
    with pytest.raises(BrokerError) as caught:
        refused(OrderRequest("AAPL", Side.BUY, qty=D(5), client_order_id="wash"))
    assert caught.value.kind == "broker.wash_trade"
    record = add_to_position(oms, request, lambda r: oms.submit(r, role="entry"))
    assert record.order.filled_qty == 5
    world.trader_acted = True
    world.run(3)
    assert world.qty() == 15
    assert world.covered("AAPL") == 15
    assert not world.alarms()


def test_an_addition_that_is_refused_puts_the_stop_back(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2"))
    world.run(2)
    request = OrderRequest("AAPL", Side.BUY, qty=D(10**6), client_order_id="too-much")
    with pytest.raises(BrokerError):
        add_to_position(world.desk.oms, request, world.desk.oms.submit)
    world.trader_acted = True
    world.run(3)
    assert world.covered("AAPL") == 10


def test_a_crypto_position_is_held_by_a_stop_limit_and_its_target_is_watched(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path, symbols=("BTC/USD",))
    world.price("BTC/USD", "50000", spread="10")
    world.buy("0.1", wishes("5", ("4", "100")), symbol="BTC/USD", time_in_force=TimeInForce.GTC)
    world.run(5)
    rows = world.desk.orders_there().values()
    assert [r["type"] for r in rows if r["status"] == "new"] == ["stop_limit"]
    world.price("BTC/USD", "52500", spread="10")
    world.run(10)
    assert world.qty("BTC/USD") < D("0.0001")


def test_nothing_is_sent_into_a_halt_and_the_stop_comes_after_it(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2"))
    world.run(2)
    assert world.watcher is not None
    world.watcher.feed(inputs.Halts(frozenset({"AAPL"})))
    world.price("AAPL", "90")
    before = set(world.desk.orders_there())
    world.desk.venue.market.halt(world.desk.venue.exchange, "AAPL", "T1")
    world.run(5)
    assert set(world.desk.orders_there()) == before


def test_a_split_rescales_the_plan_instead_of_selling(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2"))
    world.run(2)
    account = world.desk.venue.exchange.core.accounts[world.account]
    for order in list(account.live.values()):
        world.desk.venue.exchange.cancel(world.account, order.id)
    held = account.positions["AAPL"]
    held.qty, held.lots = D(40), [(D(40), held.average / 4)]
    world.price("AAPL", "25")
    world.run(8)
    plan = world.plan()
    assert plan is not None
    assert plan.exit is None
    assert plan.stop.price == D("24.5")
    assert world.qty() == 40
    assert world.covered("AAPL") == 40


def test_a_trailing_stop_of_ours_follows_the_price_by_replacing_the_legs(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    trail = Trail(TrailKind.PERCENT, D(1), from_start=False)
    world.buy("10", wishes("2", ("3", "50"), ("6", "50"), trail=trail))
    world.run(2)
    world.longest_uncovered.clear()
    world.price("AAPL", "102.50")
    world.run(3)
    stops = {
        r["stop_price"]
        for r in world.desk.orders_there().values()
        if r["type"] == "stop" and r["status"] == "held"
    }
    # The last trade was at the bid, 102.49: less 1 %, rounded up for a long.
    assert stops == {"101.47"}
    assert world.longest_uncovered.get("AAPL", 0) == 0
    world.price("AAPL", "101")
    world.run(5)
    assert world.qty() == 0
    assert not world.shorts


def test_a_wide_quote_without_a_trade_moves_no_stop(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2", trail=Trail(TrailKind.PERCENT, D("1"), from_start=False)))
    world.run(2)
    assert world.watcher is not None
    world.watcher.feed(inputs.Price("AAPL", bid=D("99.98"), ask=D("110")))
    plan = world.watcher.core.symbols["AAPL"].plan
    assert plan is not None
    assert plan.stop.price == 98
    world.watcher.feed(inputs.Price("AAPL", last=D("105")))
    plan = world.watcher.core.symbols["AAPL"].plan
    assert plan is not None
    assert plan.stop.price == D("103.95")


def test_a_given_stop_takes_the_place_of_the_brokers_trailing_one(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    _, plan = world.buy("10", wishes(None, trail=Trail(TrailKind.PERCENT, D("10"))))
    world.run(2)
    world.price("AAPL", "120")
    world.run(2)
    assert [r.order.type for r in world.desk.journal.orders("open")] == ["trailing_stop"]
    move(world, plan.plan_id, "115")
    world.run(5)
    [stop] = [r.order for r in world.desk.journal.orders("open") if r.role == "stop"]
    assert (stop.type, stop.stop_price) == ("stop", 115)
    assert world.covered("AAPL") == 10


def test_moving_the_stop_of_a_suspended_plan_takes_it_up_again(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    _, plan = world.buy("10", wishes("2"))
    world.run(2)
    suspend_plans(world.desk.journal, world.now(), "cancel-all")
    world.cancel_elsewhere()
    world.trader_acted = True
    world.run(3)
    assert world.covered("AAPL") == 0
    move(world, plan.plan_id, "97")
    world.run(3)
    assert world.covered("AAPL") == 10


def move(world: World, plan_id: str, stop: str) -> None:
    """The trader's `exits move`, in another process."""
    spec = parse_level(stop)
    change_plan(world.desk.journal, plan_id, lambda p: moved(p, world.now(), stop=spec))
    world.trader_acted = True


def test_a_plan_that_a_newer_one_replaced_never_wakes_up(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    resting, older = world.buy("10", wishes("2"), limit="95")
    world.run(1)
    world.desk.oms.cancel(resting.client_order_id)
    world.buy("5", wishes("2"))
    world.run(3)
    current = world.desk.journal.plan(older.plan_id)
    assert current is not None
    assert current.status == "closed"
    assert world.covered("AAPL") == 5


def test_a_close_that_is_killed_leaves_its_position_alone_for_seconds_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2"))
    world.run(3)

    class Killed(BaseException):
        """SIGKILL: nothing of the closing process runs any more."""

    def die(*_: object) -> None:
        monkeypatch.setattr("execbot.exits.store._unlifted", lambda plan, *_: plan)
        raise Killed

    monkeypatch.setattr("execbot.oms.send.close.Closer._wait_available", die)
    with pytest.raises(Killed):
        world.desk.oms.close("AAPL")
    assert world.covered("AAPL") == 0
    world.trader_acted = True
    world.run(5)
    assert world.covered("AAPL") == 10


def test_what_is_left_of_a_trailed_position_keeps_the_stop_it_had_reached(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes(None, trail=Trail(TrailKind.PERCENT, D("5"))))
    world.run(3)
    world.price("AAPL", "120")
    world.run(3)
    world.price("AAPL", "115.5")
    world.run(3)
    assert [r.order.type for r in world.desk.journal.orders("open")] == ["trailing_stop"]
    world.desk.oms.close("AAPL", percentage=D(50))
    world.trader_acted = True
    world.run(5)
    [stop] = [r.order for r in world.desk.journal.orders("open") if r.role == "stop"]
    assert (stop.type, stop.qty) == ("stop", 5)
    assert stop.stop_price is not None
    assert stop.stop_price >= D("113.99")


def test_a_move_that_meets_a_cancel_of_somebody_else_costs_no_protection(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    _, plan = world.buy("10", wishes("2", ("2", "50"), ("4", "50")))
    world.run(3)
    move(world, plan.plan_id, "97")
    patched = world.requests
    while world.requests < patched + 2:
        world.step(0.001)
    world.cancel_elsewhere()
    world.run(3)
    assert world.covered("AAPL") == 10
    assert world.watcher is not None
    assert world.watcher.core.symbols["AAPL"].memory.ladder == "full"


# --- families of orders ------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["execbot replace", "the broker's own app"])
def test_the_leg_of_an_entry_whose_limit_was_moved_protects_what_fills(
    tmp_path: Path, by: str
) -> None:
    """E-FAM-2: the leg is held under the order that was replaced; nothing is to be sent for it."""
    world = open_world(tmp_path)
    record, _ = world.buy("10", wishes("2"), limit="95", stop_goes_along=True)
    world.run(2)
    if by == "execbot replace":
        world.desk.oms.replace(record.client_order_id, ReplaceRequest(limit_price=D("99.50")))
    else:
        account = world.desk.venue.exchange
        account.replace(world.account, record.order_id, {"limit_price": "99.50"})
    world.run(3)
    sent = len(world.desk.sent)
    world.price("AAPL", "99.40")
    world.run(20)
    assert (world.qty(), world.covered("AAPL")) == (10, 10)
    assert not [line for line in world.desk.sent[sent:] if line.startswith("POST /v2/orders")]
    assert not world.alarms()


def test_only_orders_of_the_plan_end_with_it(tmp_path: Path) -> None:
    """A new order that the trader has typed by hand stays when an old plan is closed."""
    world = open_world(tmp_path)
    world.buy("10", wishes("2"))
    world.run(3)
    world.kill_watch()
    world.cancel_elsewhere()
    world.pass_time(1)
    world.close_elsewhere()
    world.pass_time(2)
    typed = OrderRequest(
        "AAPL",
        Side.BUY,
        qty=D(5),
        type=OrderType.LIMIT,
        limit_price=D(50),
        time_in_force=TimeInForce.GTC,
        client_order_id="typed-by-hand",
    )
    world.desk.oms.submit(typed)
    world.start_watch()
    world.run(20)
    assert world.plan() is None
    assert world.desk.orders_there()["typed-by-hand"]["status"] == "new"
