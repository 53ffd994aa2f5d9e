"""Goal: `watch` takes back what it was asked to take back, and nothing that a trader typed.

Method: the real watcher against the real exchange in virtual time; what became of each order is
read from the exchange.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wishes import stop_at, target, wishes
from support.world import D, World, open_market_day, open_world

from execbot.broker.port import ReplaceRequest
from execbot.exits.plan.attach import attach
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest
from execbot.model.signal import Signal, SignalSide
from execbot.oms.signals.executor import Executor
from execbot.watch.core import inputs


def resting(name: str = "typed", **fields: object) -> OrderRequest:
    """A purchase far below the market."""
    return OrderRequest(
        "AAPL",
        Side.BUY,
        qty=D(1),
        type=OrderType.LIMIT,
        limit_price=D(90),
        client_order_id=name,
        **fields,  # type: ignore[arg-type]
    )


def status(world: World, name: str = "typed") -> str:
    return str(world.witness.orders()[name]["status"])


def run_long(world: World, seconds: float) -> None:
    world.run(seconds, 1.0)


def test_an_order_typed_by_hand_stays_until_its_trader_takes_it_back(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.send(resting())
    run_long(world, 300)
    assert status(world) == "new"


@pytest.mark.parametrize("tif", [TimeInForce.DAY, TimeInForce.GTC])
def test_an_order_with_a_clock_of_its_own_is_canceled_when_that_is_up(
    tmp_path: Path, tif: TimeInForce
) -> None:
    world = open_world(tmp_path)
    record = world.trader.send(resting(time_in_force=tif, cancel_after=D(40)))
    run_long(world, 10)
    due = world.running.core.ends_at(world.desk.oms.record("typed"))
    assert due is not None and record.sent_at is not None
    assert abs((due - record.sent_at).total_seconds() - 40) < 1
    run_long(world, 25)
    assert status(world) == "new"
    run_long(world, 10)
    assert status(world) == "canceled"


def test_the_clock_outlives_a_restart_and_goes_over_to_what_replaces_the_order(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path)
    world.trader.send(resting(cancel_after=D(40)))
    run_long(world, 5)
    world.restart_watch()
    with world.trader.acts():
        world.desk.oms.replace("typed", ReplaceRequest(limit_price=D(91), client_order_id="next"))
    run_long(world, 30)
    assert status(world, "next") == "new"
    run_long(world, 15)
    assert status(world, "next") == "canceled"


def test_the_entry_of_a_signal_is_canceled_in_time(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.price("AAPL", "100", size="0")
    executor = Executor(world.desk.oms, world.trader.risk_gate())
    with world.trader.acts():
        signal = Signal("s1", "AAPL", SignalSide("buy"), D(82), created_at=world.now())
        result = executor.execute_signal(signal)
    assert result.record is not None, result.message
    name = result.record.client_order_id
    run_long(world, 55)
    assert status(world, name) == "new"
    run_long(world, 10)
    assert status(world, name) == "canceled"


@pytest.mark.parametrize(
    "halted",
    [inputs.Halts(frozenset({"AAPL"})), inputs.Halts(frozenset({"SPY"}), market="level 1")],
    ids=["the symbol", "the whole market"],
)
def test_a_halt_stops_the_clock_and_its_end_does_not_begin_it_anew(
    tmp_path: Path, halted: inputs.Halts
) -> None:
    world = open_world(tmp_path)
    world.trader.send(resting(cancel_after=D(40)))
    run_long(world, 20)
    world.tell(halted)
    run_long(world, 300)
    world.tell(inputs.Halts(frozenset()))
    run_long(world, 15)
    assert status(world) == "new", "twenty seconds before the halt, fifteen after it"
    run_long(world, 10)
    assert status(world) == "canceled"


def bracket(world: World, *, tif_is_given: bool, tif: TimeInForce) -> None:
    done = attach(
        resting(time_in_force=tif),
        wishes(stop_at("88"), target("104", shares=100)),
        entry_price=D(90),
        plan_id="plan",
        now=world.now(),
        tif_is_given=tif_is_given,
    )
    assert done.request.time_in_force is TimeInForce.GTC
    world.trader.send_with(done.plan, done.request)


@pytest.mark.parametrize(
    ("tif_is_given", "tif", "after"),
    [(False, TimeInForce.DAY, "canceled"), (True, TimeInForce.GTC, "new")],
)
def test_only_a_gtc_that_was_chosen_for_the_legs_ends_at_the_close(
    tmp_path: Path, tif_is_given: bool, tif: TimeInForce, after: str
) -> None:
    world = open_market_day(tmp_path, "2026-10-07 15:50")
    bracket(world, tif_is_given=tif_is_given, tif=tif)
    world.run_until("2026-10-07T15:59", 5.0)
    assert status(world) == "new", "no clock runs before the close"
    world.run_through("2026-10-07 16:00", 5.0)
    assert status(world) == after


def test_the_entry_of_a_signal_that_an_earlier_version_sent_has_a_clock(tmp_path: Path) -> None:
    """It kept none with the order: `watch` itself knew how long the entries of signals may wait."""
    world = open_world(tmp_path, watch=False)
    world.price("AAPL", "100", size="0")
    executor = Executor(world.desk.oms, world.trader.risk_gate())
    signal = Signal("s1", "AAPL", SignalSide("buy"), D(82), created_at=world.now())
    result = executor.execute_signal(signal)
    assert result.record is not None, result.message
    world.trader.send(resting("by-hand"))
    world.desk.journal._run("UPDATE orders SET cancel_after = NULL")
    world.start_watch()
    name = result.record.client_order_id
    run_long(world, 40)
    assert status(world, name) == "new"
    run_long(world, 40)
    assert (status(world, name), status(world, "by-hand")) == ("canceled", "new")
