"""Goal: a trade says why it ended, what it risked, how far it ran, and what its orders cost.

Method: the simulated world, where the real `watch` follows positions to their ends; and plans and
orders by hand for what the world does not bring about.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from support.wishes import stop_at, target, trail
from support.world import D, World, open_world
from trades.making import T0, executed, history

from execbot.desk.look.trades import Wanted, trades_of
from execbot.exits.plan.plan import AdjustRules, ExitPlan, PlanStatus, StopPlan
from execbot.exits.store import save_plan
from execbot.model.enums import PositionSide
from execbot.model.order import OrderRequest
from execbot.model.quote import Bar
from execbot.trades.endings import EndedBy
from execbot.trades.excursions import SeenBy, excursion
from execbot.trades.risk_taken import RiskFrom, risk_taken
from execbot.trades.round_trips import round_trips
from execbot.trades.trade import Trade


@pytest.fixture
def world(tmp_path: Path) -> World:
    return open_world(tmp_path)


def the_trade(world: World) -> Trade:
    (trade,) = trades_of(world.desk.journal, Wanted()).trades
    return trade


def test_a_stop_loses_one_r_and_what_it_slipped(world: World) -> None:
    world.trader.buy("10", stop_at("2%"), strategy_id="dip")
    world.run(3)
    world.price("AAPL", "101")
    world.run(70, 0.5)
    world.price("AAPL", "97.51")
    world.run(5)
    trade = the_trade(world)
    assert trade.ending is not None and trade.ending.by is EndedBy.STOP
    assert (trade.strategy, trade.asked.stop, trade.stood.stop) == ("dip", "2%", "98")
    assert trade.risk is not None and trade.risk.source is RiskFrom.ENTRY
    entry, stopped = trade.trip.entry_price, trade.trip.exit_price
    assert stopped is not None
    assert trade.risk.usd == (entry - 98) * 10
    assert trade.r == trade.trip.net / trade.risk.usd < -1
    seen = trade.excursion
    assert seen is not None and seen.seen_by is SeenBy.WATCH
    assert seen.best == D("100.99")  # the bid: what a long can be left at
    assert seen.worst == stopped
    assert seen.worst_r == (seen.worst - entry) / (entry - 98)


def test_targets_are_told_apart_and_the_rest_by_what_took_it(world: World) -> None:
    world.trader.buy("10", stop_at("2%"), target("3%", shares=50), target("6%", shares=50))
    world.run(3)
    world.price("AAPL", "103.5")
    world.run(5)
    world.price("AAPL", "106.5")
    world.run(5)
    trade = the_trade(world)
    assert [(str(e), e.qty) for e in trade.endings] == [("target 1", 5), ("target 2", 5)]
    assert str(trade.ending) == "target 2"
    assert trade.r is not None and trade.r > 1


def test_a_stop_that_has_followed_the_price_is_a_trailing_one(world: World) -> None:
    world.trader.buy("10", trail("2%"))
    world.run(3)
    for price in ("102", "104", "106"):
        world.price("AAPL", price)
        world.run(3)
    world.price("AAPL", "103")
    world.run(5)
    trade = the_trade(world)
    assert trade.ending is not None and trade.ending.by is EndedBy.TRAILING
    assert trade.risk is not None and trade.risk.stop < 100
    assert trade.trip.net > 0


def test_the_time_stop(world: World) -> None:
    _, made = world.trader.buy("10", stop_at("2%"))
    world.run(3)
    stands = world.the_plan()
    rules = AdjustRules(time_stop_minutes=1)
    with world.trader.acts():
        save_plan(world.desk.journal, stands.changed(world.now(), rules=rules))
    world.run(90, 0.5)
    trade = the_trade(world)
    assert trade.ending is not None and trade.ending.by is EndedBy.TIME
    assert trade.plan_ids == (made.plan_id,)


def test_by_hand_elsewhere_and_by_the_broker(world: World) -> None:
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    world.trader.close()
    world.run(5)
    world.trader.send(OrderRequest("AAPL", "buy", qty=5, client_order_id="again"))
    world.run(2)
    world.trader.trade_elsewhere("sell", "5")
    world.run(5)
    world.trader.send(OrderRequest("AAPL", "buy", qty=6, client_order_id="third"))
    world.run(2)
    world.desk.call("POST", "/sim/liquidate", {"symbol": "AAPL"})
    world.run(5)
    found = trades_of(world.desk.journal, Wanted()).trades
    assert [t.ending.by for t in found if t.ending] == [
        EndedBy.BY_HAND,
        EndedBy.ELSEWHERE,
        EndedBy.ELSEWHERE,  # a liquidation looks like an order from the app
    ]
    by_reason = trades_of(world.desk.journal, Wanted(reasons=("by_hand",))).trades
    assert [t.trip.id for t in by_reason] == [found[0].trip.id]


def test_r_is_frozen_when_the_stop_moves(world: World) -> None:
    world.trader.buy("10", stop_at("5%"))
    world.run(3)
    world.price("AAPL", "110")
    world.run(2)
    world.trader.move_stop("109")
    world.run(3)
    world.price("AAPL", "108.99")
    world.run(5)
    trade = the_trade(world)
    assert trade.risk is not None
    assert trade.risk.stop == 95 and trade.risk.usd == (trade.trip.entry_price - 95) * 10
    assert trade.stood.stop == "109"
    assert trade.r is not None and 1 < trade.r < 2


def plan(minute: int, stop: str, *, made: int = 0) -> ExitPlan:
    """A version written after so many minutes, of a plan that was made after `made`."""
    at = T0 + timedelta(minutes=minute, seconds=30)
    stops = StopPlan(price=D(stop), initial=D(stop))
    born = T0 + timedelta(minutes=made)
    return ExitPlan("p", "AAPL", PositionSide.LONG, born, at, status=PlanStatus.ACTIVE, stop=stops)


def test_a_stop_that_came_after_the_entry_says_so() -> None:
    (trip,) = round_trips(history(executed(1, "10", "100"), executed(9, "-10", "90")))
    assert risk_taken(trip, []) is None
    found = risk_taken(trip, [plan(5, "95", made=5)])
    assert found is not None
    assert (found.source, found.usd, found.per_share) == (RiskFrom.LATER, 50, 5)


def test_shares_that_were_added_risk_what_they_had_to_the_stop_of_their_time() -> None:
    """10 at 100 with a stop at 95, then 10 at 110 with the stop at 104: 50 and 60."""
    (trip,) = round_trips(
        history(executed(1, "10", "100"), executed(4, "10", "110"), executed(9, "-20", "104"))
    )
    found = risk_taken(trip, [plan(0, "95"), plan(3, "104"), plan(6, "109")])
    assert found is not None and (found.usd, found.source) == (110, RiskFrom.ENTRY)


def test_a_stop_on_the_wrong_side_measures_nothing() -> None:
    (trip,) = round_trips(history(executed(1, "10", "100"), executed(9, "-10", "101")))
    assert risk_taken(trip, [plan(0, "101")]) is None


def test_open_trades_have_risk_and_no_result(world: World) -> None:
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    trade = the_trade(world)
    assert trade.trip.is_open and trade.ending is None and trade.r is None
    assert trade.risk is not None
    assert trades_of(world.desk.journal, Wanted(state="closed")).trades == []


# --- excursions by bars -----------------------------------------------------------------------


def bar(minute: int, low: str, high: str) -> Bar:
    at = executed(minute, "1", "1").at
    return Bar("AAPL", at, D(low), D(high), D(low), D(high), D(1))


def test_bars_within_the_trade_count_and_the_one_it_ended_in_does_not() -> None:
    (trip,) = round_trips(history(executed(1, "10", "100"), executed(6, "-10", "101")))
    bars = [bar(0, "50", "150"), bar(2, "97", "102"), bar(3, "99", "104"), bar(5, "90", "120")]
    seen = excursion(trip, None, [], bars)
    assert seen is not None
    assert (seen.worst, seen.best, seen.seen_by) == (97, 104, SeenBy.MINUTES)


def test_bars_of_other_shares_are_not_believed() -> None:
    """After a split since, they would be a quarter of what was paid."""
    (trip,) = round_trips(history(executed(1, "10", "100"), executed(6, "-10", "101")))
    seen = excursion(trip, None, [], [bar(2, "24", "26"), bar(3, "24", "26")])
    assert seen is not None and seen.seen_by is SeenBy.FILLS
    assert (seen.worst, seen.best) == (100, 101)


def test_a_short_is_hurt_by_what_rises() -> None:
    (trip,) = round_trips(history(executed(1, "-10", "100"), executed(6, "10", "99")))
    seen = excursion(trip, None, [], [bar(2, "95", "108"), bar(3, "95", "108")])
    assert seen is not None and (seen.worst, seen.best) == (108, 95)
    assert trip.holding == timedelta(minutes=5)
