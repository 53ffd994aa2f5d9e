"""Goal: across closes, nights, weekends and holidays every share keeps what is promised.

Method: the real watcher against the real exchange with the market's own calendar, in virtual time;
what is protected is read from the exchange.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wishes import stop_at, target, wishes
from support.world import D, World, open_market_day

from execbot.exits.plan.attach import attach
from execbot.exits.rules.view import Guarded
from execbot.model.enums import Side
from execbot.model.order import OrderRequest
from execbot.watch.show.position_table import GUARD_WORDS


def bracket_of_the_day(world: World) -> None:
    """`submit --stop-loss 98 --take-profit 104 --tif day`."""
    done = attach(
        OrderRequest("AAPL", Side.BUY, qty=D(10), client_order_id="entry"),
        wishes(stop_at("98"), target("104", shares=100)),
        entry_price=D(100),
        plan_id="plan",
        now=world.now(),
        tif_is_given=True,
    )
    world.trader.send_with(done.plan, done.request)
    world.run(3)
    assert world.witness.qty() == 10


@pytest.mark.parametrize(
    ("bought", "closes", "opens"),
    [
        ("2026-10-07 15:50", "2026-10-07 16:00", "2026-10-08 09:30"),
        ("2026-10-09 15:50", "2026-10-09 16:00", "2026-10-12 09:30"),  # a weekend
        ("2026-11-27 12:50", "2026-11-27 13:00", "2026-11-30 09:30"),  # early close, and a weekend
        ("2026-11-25 15:50", "2026-11-25 16:00", "2026-11-27 09:30"),  # a holiday
    ],
)
def test_day_legs_that_end_at_the_close_are_replaced_by_gtc_ones(
    tmp_path: Path, bought: str, closes: str, opens: str
) -> None:
    world = open_market_day(tmp_path, bought)
    bracket_of_the_day(world)
    assert world.guarded() is Guarded.PROTECTED
    world.run_through(closes)
    legs = [r for r in world.witness.orders().values() if r["order_class"] == "bracket"]
    assert [r["status"] for r in legs if r["side"] == "sell"] == ["expired", "expired"]
    living = world.witness.living()
    assert [(row["order_class"], row["time_in_force"]) for row in living] == [("oco", "gtc")] * 2
    assert world.alarm_kinds() == ["exit_expired"]
    assert "gtc" in world.alarms()[0]
    assert world.guarded() is Guarded.DORMANT
    world.run_through(opens)
    assert world.guarded() is Guarded.PROTECTED
    assert world.witness.covered() == world.witness.qty() == 10
    assert world.witness.longest_uncovered() < 5
    world.price("AAPL", "97")
    world.run(5)
    assert world.witness.qty() == 0
    assert not world.witness.shorts
    assert world.alarm_kinds() == ["exit_expired"], "and nothing else was alarming"


def test_gtc_legs_live_through_the_night_untouched(tmp_path: Path) -> None:
    world = open_market_day(tmp_path, "2026-10-07 15:50")
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100))
    world.run(3)
    before = {r["id"] for r in world.witness.living()}
    world.run_through("2026-10-07 16:00")
    world.run_through("2026-10-08 09:30")
    assert {r["id"] for r in world.witness.living()} == before
    assert not world.alarms()
    assert world.witness.longest_uncovered() < 1


def test_a_watch_that_was_away_at_the_close_puts_the_legs_back_when_it_comes(
    tmp_path: Path,
) -> None:
    world = open_market_day(tmp_path, "2026-10-07 15:50")
    bracket_of_the_day(world)
    world.kill_watch()
    world.pass_time(12 * 3600)
    assert world.witness.covered() == 0
    world.start_watch()
    world.run(5)
    assert world.witness.covered() == 10
    assert [r["time_in_force"] for r in world.witness.living()] == ["gtc", "gtc"]


def test_an_entry_with_gtc_legs_that_was_not_meant_to_wait_ends_at_the_close(
    tmp_path: Path,
) -> None:
    world = open_market_day(tmp_path, "2026-10-07 15:59:20")
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100), limit="90")
    entry = world.witness.orders()["entry-0"]
    assert (entry["order_class"], entry["time_in_force"]) == ("bracket", "gtc")
    world.run_through("2026-10-07 16:00", 1)
    assert world.witness.orders()["entry-0"]["status"] == "canceled"


def test_a_stop_reached_after_hours_waits_for_the_open_where_trading_is_off(
    tmp_path: Path,
) -> None:
    world = open_market_day(tmp_path, "2026-10-07 15:50")
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100))
    world.run(3)
    world.run_through("2026-10-07 16:00")
    world.price("AAPL", "97")
    before = set(world.witness.orders())
    world.run(60, 0.5)
    assert world.guarded() is Guarded.DORMANT
    assert GUARD_WORDS[Guarded.DORMANT][0] == "at the open"
    assert set(world.witness.orders()) == before
    world.run_through("2026-10-08 09:30")
    assert world.witness.qty() == 0, "elected by the first trades of the session"
    assert not world.witness.shorts


def test_an_entry_of_a_symbol_that_was_busy_is_canceled_before_the_close_all_the_same(
    tmp_path: Path,
) -> None:
    world = open_market_day(tmp_path, "2026-10-07 15:59:20")
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100), limit="95")
    world.run_until("2026-10-07T15:59:49", 1.0)
    state = world.state()
    state.is_busy = True  # an action is under way at the moment of the cancel
    world.run(3)
    state.is_busy = False
    world.run(3)
    assert world.witness.orders()["entry-0"]["status"] == "canceled"
