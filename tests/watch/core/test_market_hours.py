"""Goal: across closes, nights, weekends and extended hours every share has what is promised.

Method: the real watcher against the real exchange with the market's own calendar, in virtual time
run across the close and into the next session; what is protected is read from the exchange.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.processes import exchange, execbot, start_execbot
from support.watch_world import D, World, open_world, wishes

from execbot.config.schema import (
    MarketHoursSettings,
    Mode,
    RiskSettings,
    ScaleInSettings,
    TradingSettings,
)
from execbot.exits.levels import parse_level
from execbot.exits.plan.attach import attach, new_plan
from execbot.exits.plan.plan import PlanStatus
from execbot.exits.plan.wishes import Wishes, in_equal_parts
from execbot.exits.rules.view import Guarded
from execbot.exits.store import save_plan
from execbot.journal.records import Role
from execbot.market.calendar_cache import load_table
from execbot.market.sessions import MarketNow, agreed_now
from execbot.model.enums import OrderType, PositionSide, Side
from execbot.model.order import OrderRequest
from execbot.model.times import new_york
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_desk import RiskDesk
from execbot.watch.show.position_table import GUARD_WORDS

TABLE = load_table()
HOUR = 3600.0


def hours(at: datetime) -> MarketNow:
    return agreed_now(TABLE, at, None)


def at_the_exchange(path: Path, at: str, **market_hours: bool) -> World:
    """A day of the market's own calendar, at a wall time of New York."""
    settings = replace(
        TradingSettings(), market_hours=replace(MarketHoursSettings(), **market_hours)
    )
    return open_world(path, hours=hours, settings=settings, calendar="exchange", at=at)


def run_until(world: World, wall: str, step: float = 1800.0) -> None:
    """Let the night pass in long steps, up to a wall time of New York."""
    until = datetime.fromisoformat(wall).replace(tzinfo=new_york())
    while world.now() < until:
        left = (until - world.now()).total_seconds()
        world.run(min(step, left), min(step, left))


def run_through(world: World, wall: str, step: float = 1800.0) -> None:
    """Up to a moment in long steps, and past it in short ones: what happens there is quick."""
    run_until(world, (datetime.fromisoformat(wall) - timedelta(seconds=5)).isoformat(), step)
    world.run(20, 0.05)


def bracket_of_the_day(world: World) -> None:
    """`submit --stop-loss 98 --take-profit 104 --tif day`."""
    done = attach(
        OrderRequest("AAPL", Side.BUY, qty=D(10), client_order_id="entry"),
        Wishes(parse_level("98"), None, in_equal_parts([parse_level("104")])),
        entry_price=D(100),
        plan_id="plan",
        now=world.now(),
        tif_is_given=True,
    )
    save_plan(world.desk.journal, done.plan)
    world.trader_acted = world.promised["AAPL"] = True
    world.desk.oms.submit(done.request, plan_id="plan", role=Role.ENTRY)
    world.run(3)
    assert world.qty() == 10


def kinds(world: World) -> list[str]:
    return [n.data["kind"] for n in world.notes if n.is_alarm]


def guard(world: World) -> Guarded:
    assert world.watcher is not None
    return world.watcher.core.symbols["AAPL"].coverage.state


def living(world: World) -> list[dict[str, Any]]:
    alive = ("new", "accepted", "held", "pending_new", "partially_filled")
    return [r for r in world.desk.orders_there().values() if r["status"] in alive]


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
    world = at_the_exchange(tmp_path, bought)
    bracket_of_the_day(world)
    assert guard(world) is Guarded.PROTECTED
    run_through(world, closes)
    legs = [r for r in world.desk.orders_there().values() if r["order_class"] == "bracket"]
    assert [r["status"] for r in legs if r["side"] == "sell"] == ["expired", "expired"]
    assert [(r["order_class"], r["time_in_force"]) for r in living(world)] == [("oco", "gtc")] * 2
    assert kinds(world) == ["exit_expired"]
    assert "gtc" in world.alarms()[0]
    assert guard(world) is Guarded.DORMANT
    run_through(world, opens)
    assert guard(world) is Guarded.PROTECTED
    assert world.covered("AAPL") == world.qty() == 10
    assert world.longest_uncovered["AAPL"] < 5
    world.price("AAPL", "97")
    world.run(5)
    assert world.qty() == 0
    assert not world.shorts
    assert kinds(world) == ["exit_expired"], "and nothing else was alarming"


def test_gtc_legs_live_through_the_night_untouched(tmp_path: Path) -> None:
    world = at_the_exchange(tmp_path, "2026-10-07 15:50")
    world.buy("10", wishes("2", ("4", "100")))
    world.run(3)
    before = {r["id"] for r in living(world)}
    run_through(world, "2026-10-07 16:00")
    run_through(world, "2026-10-08 09:30")
    assert {r["id"] for r in living(world)} == before
    assert not world.alarms()
    assert world.longest_uncovered.get("AAPL", 0) < 1


def test_a_watch_that_was_away_at_the_close_puts_the_legs_back_when_it_comes(
    tmp_path: Path,
) -> None:
    world = at_the_exchange(tmp_path, "2026-10-07 15:50")
    bracket_of_the_day(world)
    world.kill_watch()
    world.pass_time(12 * HOUR)
    assert world.covered("AAPL") == 0
    world.start_watch()
    world.run(5)
    assert world.covered("AAPL") == 10
    assert [r["time_in_force"] for r in living(world)] == ["gtc", "gtc"]


def test_an_entry_with_gtc_legs_that_was_not_meant_to_wait_ends_at_the_close(
    tmp_path: Path,
) -> None:
    world = at_the_exchange(tmp_path, "2026-10-07 15:59:20")
    world.buy("10", wishes("2", ("4", "100")), limit="90")
    entry = world.desk.orders_there()["entry-0"]
    assert (entry["order_class"], entry["time_in_force"]) == ("bracket", "gtc")
    run_through(world, "2026-10-07 16:00", 1)
    assert world.desk.orders_there()["entry-0"]["status"] == "canceled"


# --- extended hours ----------------------------------------------------------------------------


def test_a_stop_reached_after_hours_waits_for_the_open_where_trading_is_off(
    tmp_path: Path,
) -> None:
    world = at_the_exchange(tmp_path, "2026-10-07 15:50")
    world.buy("10", wishes("2", ("4", "100")))
    world.run(3)
    run_through(world, "2026-10-07 16:00")
    world.price("AAPL", "97")
    before = set(world.desk.orders_there())
    world.run(60, 0.5)
    assert guard(world) is Guarded.DORMANT
    assert GUARD_WORDS[Guarded.DORMANT][0] == "at the open"
    assert set(world.desk.orders_there()) == before
    run_through(world, "2026-10-08 09:30")
    assert world.qty() == 0, "elected by the first trades of the session"
    assert not world.shorts


@pytest.mark.parametrize(
    ("session", "bought", "moment"),
    [
        ("trade_afterhours", "2026-10-07 15:50", "2026-10-07 16:05"),
        ("trade_premarket", "2026-10-07 15:50", "2026-10-08 08:00"),
    ],
)
@pytest.mark.parametrize(("price", "reason"), [("97", "stop"), ("105", "target_1")])
def test_stop_and_target_reached_in_an_extended_session_are_taken_by_watch(
    tmp_path: Path, session: str, bought: str, moment: str, price: str, reason: str
) -> None:
    world = at_the_exchange(tmp_path, bought, **{session: True})
    world.buy("10", wishes("2", ("4", "100")))
    world.run(3)
    run_through(world, moment)
    assert guard(world) is Guarded.EMULATED
    assert GUARD_WORDS[Guarded.EMULATED][0] == "by watch"
    world.price("AAPL", price)
    world.run(5)
    assert world.qty() == 0
    [sold] = [r for r in world.desk.orders_there().values() if r["status"] == "filled" and
              r["side"] == "sell"]  # fmt: skip
    assert (sold["type"], sold["extended_hours"], sold["time_in_force"]) == ("limit", True, "day")
    actions = [n.text for n in world.notes if n.type == "action" and "submit" in n.text]
    assert reason in actions[-1]
    assert not world.shorts
    assert world.plan() is None


def test_a_stop_taken_in_part_before_the_open_is_finished_at_market_when_it_opens(
    tmp_path: Path,
) -> None:
    world = at_the_exchange(tmp_path, "2026-10-07 15:50", trade_premarket=True)
    world.buy("10", wishes("2", ("4", "100")))
    world.run(3)
    run_through(world, "2026-10-08 09:29:30")
    world.price("AAPL", "97", size="4")
    world.run(0.4)
    assert world.qty() == 6
    world.price("AAPL", "94", size="1000")
    run_until(world, "2026-10-08T09:30:02", 0.5)
    assert world.qty() == 0
    assert not world.shorts


def test_an_entry_of_a_symbol_that_was_busy_is_canceled_before_the_close_all_the_same(
    tmp_path: Path,
) -> None:
    world = at_the_exchange(tmp_path, "2026-10-07 15:59:20")
    world.buy("10", wishes("2", ("4", "100")), limit="95")
    run_until(world, "2026-10-07T15:59:49", 1.0)
    assert world.watcher is not None
    state = world.watcher.core.symbols["AAPL"]
    state.is_busy = True  # an action is under way at the moment of the cancel
    world.run(3)
    state.is_busy = False
    world.run(3)
    assert world.desk.orders_there()["entry-0"]["status"] == "canceled"


def test_a_stop_reached_after_hours_does_not_wait_for_a_target_that_fills_in_part(
    tmp_path: Path,
) -> None:
    world = at_the_exchange(tmp_path, "2026-10-07 15:50", trade_afterhours=True)
    world.buy("10", wishes("2", ("2", "50"), ("6", "50")))
    world.run(3)
    run_through(world, "2026-10-07 16:05")
    world.price("AAPL", "102.5", size="1")
    world.run(0.4)
    assert 0 < world.qty() < 10
    world.price("AAPL", "95", size="100")
    world.run(5)
    assert world.qty() == 0
    assert not world.shorts


def test_the_first_of_two_targets_taken_after_hours_leaves_the_rest_protected(
    tmp_path: Path,
) -> None:
    world = at_the_exchange(tmp_path, "2026-10-07 15:50", trade_afterhours=True)
    world.buy("10", wishes("2", ("2", "50"), ("6", "50")))
    world.run(3)
    run_through(world, "2026-10-07 16:05")
    world.price("AAPL", "103")
    world.run(15)
    assert world.qty() == 5
    assert world.covered("AAPL") == 5
    world.price("AAPL", "107")
    world.run(15)
    assert world.qty() == 0
    assert not world.shorts


def test_an_exit_in_a_thin_extended_session_is_priced_anew_until_it_fills(tmp_path: Path) -> None:
    world = at_the_exchange(tmp_path, "2026-10-07 15:50", trade_afterhours=True)
    world.buy("10", wishes("2", ("4", "100")))
    world.run(3)
    run_through(world, "2026-10-07 16:05")
    world.price("AAPL", "97", size="4")
    world.run(0.6)
    world.price("AAPL", "95", size="4")
    world.run(150, 0.5)
    assert world.qty() == 0
    assert not world.shorts
    assert not [k for k in kinds(world) if k == "unprotected"]


def test_an_entry_filled_before_the_open_has_its_stop_waiting_and_watched(tmp_path: Path) -> None:
    world = at_the_exchange(tmp_path, "2026-10-08 08:00", trade_premarket=True)
    world.buy("10", wishes("2"), limit="100.10", extended_hours=True)
    world.run(5)
    assert world.qty() == 10
    [stop] = [r for r in living(world) if r["type"] == "stop"]
    assert (stop["qty"], stop["time_in_force"]) == ("10", "gtc")
    assert guard(world) is Guarded.EMULATED
    run_through(world, "2026-10-08 09:30")
    assert guard(world) is Guarded.PROTECTED
    assert not world.alarms()


def test_an_addition_after_hours_lifts_the_stop_and_has_it_back(tmp_path: Path) -> None:
    world = at_the_exchange(tmp_path, "2026-10-07 15:50", trade_afterhours=True)
    world.buy("10", wishes("2"))
    world.run(3)
    run_through(world, "2026-10-07 16:05")
    risk = replace(
        RiskSettings(),
        duplicate_window_seconds=D(0),
        scale_in=ScaleInSettings(enabled=True, min_profit_pct=D(-100)),
    )
    desk = RiskDesk(
        world.desk.client,
        world.desk.journal,
        replace(world.settings, risk=risk),
        Mode.SIM,
        now=world.now,
    )
    request = OrderRequest(
        "AAPL",
        Side.BUY,
        qty=D(5),
        type=OrderType.LIMIT,
        limit_price=D("100.05"),
        extended_hours=True,
        client_order_id="more",
    )
    placed = Placer(world.desk.oms, desk).place(request)
    assert placed.addition is not None
    assert len(placed.addition.lifts) == 1
    world.trader_acted = True
    world.run(5)
    assert stops(world) == [("15", "gtc")]
    assert guard(world) is Guarded.EMULATED
    assert not world.alarms()


# --- fractions ---------------------------------------------------------------------------------


def fraction(world: World, qty: str, *targets: tuple[str, str]) -> None:
    """A fractional position, bought elsewhere and protected with `protect AAPL`."""
    order = {"symbol": "AAPL", "qty": qty, "side": "buy", "type": "market"}
    world.desk.call("POST", "/v2/orders", {**order, "time_in_force": "day"})
    world.run(2)
    plan = new_plan(
        "AAPL",
        PositionSide.LONG,
        wishes("2", *targets),
        plan_id="plan",
        now=world.now(),
        status=PlanStatus.ACTIVE,
    )
    save_plan(world.desk.journal, plan)
    world.trader_acted = world.promised["AAPL"] = True
    world.run(3)


def stops(world: World) -> list[tuple[str, str]]:
    rows = [r for r in living(world) if r["type"] == "stop"]
    return sorted((r["qty"], r["time_in_force"]) for r in rows)


@pytest.mark.parametrize(
    ("qty", "held"),
    [
        ("0.5", [("0.5", "day")]),
        ("2.5", [("0.5", "day"), ("2", "gtc")]),
        ("0.123456789", [("0.123456789", "day")]),
        ("3.000000001", [("0.000000001", "day"), ("3", "gtc")]),
    ],
)
def test_a_fraction_has_a_day_stop_that_is_renewed_every_day(
    tmp_path: Path, qty: str, held: list[tuple[str, str]]
) -> None:
    world = at_the_exchange(tmp_path, "2026-10-09 15:50")
    fraction(world, qty)
    assert stops(world) == held
    assert world.covered("AAPL") == D(qty)
    run_through(world, "2026-10-09 16:00")
    run_through(world, "2026-10-12 09:30")
    assert stops(world) == held
    assert world.covered("AAPL") == D(qty)
    assert not world.alarms(), "a day order by need is renewed without an alarm"
    world.price("AAPL", "97")
    world.run(10)
    assert world.qty() == 0
    assert not world.shorts


@pytest.mark.parametrize("targets", [(("4", "100"),), (("2", "50"), ("4", "50"))])
@pytest.mark.parametrize("qty", ["0.75", "1.25", "2.5", "7.123456789"])
def test_targets_of_a_fractional_position_sell_every_bit_of_it_and_no_more(
    tmp_path: Path, qty: str, targets: tuple[tuple[str, str], ...]
) -> None:
    world = at_the_exchange(tmp_path, "2026-10-07 11:00")
    fraction(world, qty, *targets)
    assert world.covered("AAPL") == D(qty)
    world.price("AAPL", "102.5")
    world.run(15)
    assert world.covered("AAPL") == world.qty()
    world.price("AAPL", "105")
    world.run(15)
    assert world.qty() == 0
    sold = [r for r in world.desk.orders_there().values() if r["side"] == "sell"]
    assert sum((Decimal(r["filled_qty"]) for r in sold), D(0)) == D(qty)
    assert not world.shorts
    assert world.plan() is None


# --- screens -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("switch", "state"), [("false", "dormant"), ("true", "emulated")])
def test_exits_show_says_after_the_close_that_the_stop_does_not_elect_now(
    tmp_path: Path, switch: str, state: str
) -> None:
    (tmp_path / "trading.yaml").write_text(
        f"trading_execution:\n  market_hours: {{trade_afterhours: {switch}}}\n"
    )
    clock = ("--calendar", "exchange", "--at", "2026-10-07 15:50", "--speed", "0")
    with exchange(tmp_path, *clock) as server:
        env = server.environment(tmp_path, EXECBOT_CONFIG=str(tmp_path / "trading.yaml"))
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
        sent = execbot(["submit", "AAPL", "--qty", "10", "--stop-loss", "2%", "--json"], env)
        assert sent.code == 0, sent.err
        server.call("POST", "/sim/clock", {"step": 5})
        assert execbot(["reconcile", "--json"], env).code == 0
        shown = execbot(["exits", "show", "AAPL", "--json"], env)
        assert shown.data[0]["guarded"] == "protected", json.dumps(shown.data)
        server.call("POST", "/sim/clock", {"set": "2026-10-07 16:05"})
        after = execbot(["exits", "show", "AAPL", "--json"], env)
        assert after.data[0]["guarded"] == state
        assert after.data[0]["covered_qty"] == "10"


@pytest.mark.timeout(300)
def test_a_running_watch_crosses_a_weekend_with_day_legs(tmp_path: Path) -> None:
    """The process itself: threads, streams, the broker's clock; time passes when the test says."""
    clock = ("--calendar", "exchange", "--at", "2026-10-09 15:50", "--speed", "0")
    with exchange(tmp_path, *clock) as server:
        env = server.environment(tmp_path)
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
        legs = ["--stop-loss", "190", "--take-profit", "220", "--tif", "day"]
        assert execbot(["submit", "AAPL", "--qty", "10", *legs], env).code == 0
        server.call("POST", "/sim/clock", {"step": 5})
        output = tmp_path / "watch.ndjson"
        watch = start_execbot(["watch", "--json"], env, stdout=output.open("w"), stderr=None)

        def lines(**facts: str) -> list[dict[str, Any]]:
            whole = [x for x in output.read_text().splitlines(keepends=True) if x.endswith("\n")]
            told = [json.loads(x) for x in whole]
            return [line for line in told if all(line.get(k) == v for k, v in facts.items())]

        def comes(true: Callable[[], bool]) -> bool:
            until = time.monotonic() + 90
            while not true() and time.monotonic() < until:
                server.call("POST", "/sim/clock", {"step": 0.5})
                time.sleep(0.1)
            return true()

        def stands(state: str) -> bool:
            return [line["state"] for line in lines(type="guard")][-1:] == [state]

        try:
            assert comes(lambda: stands("protected")), lines()
            server.call("POST", "/sim/clock", {"set": "2026-10-09 16:00:05"})
            assert comes(lambda: bool(lines(type="alarm", kind="exit_expired")))
            assert comes(lambda: stands("dormant")), lines()
            server.call("POST", "/sim/clock", {"set": "2026-10-12 09:30:05"})
            assert comes(lambda: stands("protected")), lines()
            assert comes(lambda: lines(type="session")[-1]["session"] == "regular"), lines()
        finally:
            watch.terminate()
            watch.wait(timeout=60)
        [pair] = [r for r in server.orders() if r["order_class"] == "oco"]
        assert (pair["qty"], pair["time_in_force"], pair["status"]) == ("10", "gtc", "new")
        assert [leg["status"] for leg in pair["legs"]] == ["held"]
