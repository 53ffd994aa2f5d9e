"""Goal: a position that is added to has its stop back in every case, for all of its shares.

Method: placer, executor and watcher on one exchange in virtual time. A process that dies with the
stop lifted is played by never ending the lift; what is protected is read from the exchange.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.harness.killed import Killed
from support.settings import additions_allowed
from support.wishes import stop_at, target
from support.world import D, World, open_world

from execbot.broker.errors import BrokerError
from execbot.config.schema import EmergencyAction, ScaleInSettings, TradingSettings
from execbot.exits.plan.plan import Lift, PlanStatus
from execbot.exits.store import LIFT_LEASE, keep_lifted
from execbot.journal.records import OrderRecord, Role
from execbot.model.enums import OrderType, Outcome, Side, TimeInForce
from execbot.model.order import OrderRequest
from execbot.model.signal import Signal, SignalSide
from execbot.oms.errors import NotPossible, Refused, WouldRest
from execbot.oms.place.add_to_position import add_to_position
from execbot.oms.send.cancel import Canceler
from execbot.oms.signals.executor import Executor


def more(qty: str = "5", **fields: Any) -> OrderRequest:
    return OrderRequest("AAPL", Side.BUY, qty=D(qty), client_order_id="more", **fields)


def stops(world: World) -> list[str]:
    """Quantities of the living stops, by the exchange."""
    return [row["qty"] for row in world.witness.living("stop")]


def held_with_a_stop(path: Path, **risk: Any) -> World:
    world = open_world(path, settings=additions_allowed(**risk))
    world.trader.buy("10", stop_at("2%"))
    world.run(2)
    assert stops(world) == ["10"]
    return world


def test_a_placed_addition_lifts_the_stop_by_itself(tmp_path: Path) -> None:
    world = held_with_a_stop(tmp_path)
    placed = world.trader.place(more())
    assert placed.record.order.filled_qty == 5
    assert placed.addition is not None
    assert len(placed.addition.lifts) == 1
    world.run(3)
    assert stops(world) == ["15"]
    assert not world.alarms()
    plan = world.the_plan()
    assert (plan.base_qty, plan.lift) == (15, None)
    assert plan.entry_client_order_id == "entry-0", "it is still the plan of the first entry"
    assert placed.record.plan_id == plan.plan_id


def test_the_grown_plan_measures_from_the_average_price(tmp_path: Path) -> None:
    world = held_with_a_stop(tmp_path)
    world.price("AAPL", "106")
    world.run(1)
    world.trader.place(more("10"))
    world.run(3)
    plan = world.the_plan()
    position = world.desk.journal.position("AAPL")
    assert position is not None
    assert plan.entry_price == position.avg_entry_price
    assert D(102) < plan.entry_price < D(104)
    assert plan.stop.initial == plan.stop.price, "the stop stays where it was"
    assert stops(world) == ["20"]


@pytest.mark.parametrize(
    ("request_", "error", "risk"),
    [
        (more("100000"), Refused, {}),
        (more(), Refused, {"scale_in": ScaleInSettings()}),
        (more(type=OrderType.LIMIT, limit_price=D(99)), WouldRest, {}),
        (more(type=OrderType.STOP, stop_price=D(103)), WouldRest, {}),
        (more(time_in_force=TimeInForce.CLS), WouldRest, {}),
    ],
)
def test_what_may_not_be_sent_never_lifts_the_stop(
    tmp_path: Path, request_: OrderRequest, error: type[Exception], risk: dict[str, Any]
) -> None:
    world = held_with_a_stop(tmp_path, **risk)
    before = set(world.witness.orders())
    with pytest.raises(error) as caught:
        world.trader.place(request_)
    assert "wash" not in str(caught.value)
    assert stops(world) == ["10"]
    assert set(world.witness.orders()) == before


def test_an_addition_that_the_broker_refuses_puts_the_stop_back(tmp_path: Path) -> None:
    world = held_with_a_stop(tmp_path)
    body = {"code": 40310000, "message": "account is not authorized to trade"}
    world.desk.fault("canned_reply", path="/v2/orders", method="POST", status=403, body=body)
    asked: list[tuple[str, OrderRecord | None]] = []
    placer = world.trader.placer()
    placer.protect = lambda symbol, record: asked.append((symbol, record))
    with pytest.raises(BrokerError), world.trader.acts():
        placer.place(more())
    assert asked == [("AAPL", None)]
    assert stops(world) == []
    world.run(3)
    assert stops(world) == ["10"]


def test_a_stop_that_is_taken_while_it_is_lifted_ends_the_addition(tmp_path: Path) -> None:
    world = held_with_a_stop(tmp_path)
    asked = world.at_request

    def crash(moment: str) -> None:
        """The market falls through the stop just before its cancel arrives."""
        if moment == "before" and world.desk.journal.orders("open", symbol="AAPL"):
            plan = world.plan()
            if plan is not None and plan.lift is not None:
                world.at_request = asked
                world.price("AAPL", "97")
                world.pass_time(0.5)

    world.at_request = crash
    with pytest.raises(NotPossible, match="taken"):
        world.trader.place(more())
    world.run(5)
    assert world.witness.qty() == 0
    assert "more" not in world.witness.orders()


def test_pairs_are_exempt_and_a_second_pair_covers_the_addition(tmp_path: Path) -> None:
    world = open_world(tmp_path, settings=additions_allowed())
    world.trader.buy("10", stop_at("2%"), target("2%", shares=50), target("4%", shares=50))
    world.run(2)
    placed = world.trader.place(more())
    assert placed.addition is not None
    assert not placed.addition.lifts
    world.run(3)
    assert world.witness.qty() == 15
    assert world.witness.covered() == 15
    assert not world.witness.shorts


def test_a_buy_in_dollars_lifts_pairs_too_and_they_come_back(tmp_path: Path) -> None:
    world = open_world(tmp_path, settings=additions_allowed())
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100))
    world.run(2)
    request = OrderRequest("AAPL", Side.BUY, notional=D(500), client_order_id="more")
    placed = world.trader.place(request)
    assert placed.addition is not None
    assert placed.addition.lifts
    assert placed.record.status == "filled"
    world.run(10)
    assert D(14) < world.witness.qty() < D(16)
    assert world.witness.covered() == world.witness.qty()
    assert not world.witness.shorts


def test_a_short_position_is_enlarged_the_same_way(tmp_path: Path) -> None:
    world = open_world(tmp_path, settings=additions_allowed(allow_short=True))
    world.trader.buy("10", stop_at("2%"), side=Side.SELL)
    world.run(2)
    assert (world.witness.qty(), stops(world)) == (-10, ["10"])
    request = OrderRequest("AAPL", Side.SELL, qty=D(5), client_order_id="more")
    placed = world.trader.place(request)
    assert placed.addition is not None
    assert len(placed.addition.lifts) == 1
    world.run(3)
    assert (world.witness.qty(), stops(world)) == (-15, ["15"])


def test_a_crypto_position_is_enlarged_the_same_way(tmp_path: Path) -> None:
    world = open_world(tmp_path, symbols=("BTC/USD",), settings=additions_allowed())
    world.price("BTC/USD", "50000", spread="10")
    world.trader.buy("0.1", stop_at("5%"), symbol="BTC/USD", time_in_force=TimeInForce.GTC)
    world.run(5)
    request = OrderRequest(
        "BTC/USD",
        Side.BUY,
        qty=D("0.05"),
        time_in_force=TimeInForce.GTC,
        client_order_id="more",
    )
    placed = world.trader.place(request)
    assert placed.addition is not None
    assert len(placed.addition.lifts) == 1
    world.run(10)
    [stop] = [r for r in world.witness.orders().values() if r["status"] == "new"]
    assert (stop["type"], D(stop["qty"])) == ("stop_limit", world.witness.qty("BTC/USD"))
    assert world.witness.qty("BTC/USD") > D("0.149")
    assert not world.alarms()


def dies_with_the_stop_lifted(world: World, at: str) -> None:
    """A process is killed: with the stop `lifted`, or at that step of sending the buy."""
    plan = world.the_plan()
    lift = Lift("scale in", world.now() + LIFT_LEASE, "more")
    with world.trader.acts():
        keep_lifted(world.desk.journal, plan.plan_id, world.now(), lift)
    for record in world.desk.journal.orders("open", symbol="AAPL"):
        assert Canceler(world.desk.oms).request(record) is None
    world.pass_time(0.2)

    def die(step: str) -> None:
        if step == at:
            raise Killed

    if at != "lifted":
        oms = world.desk.open_oms(world.desk.journal, on_step=die)
        with pytest.raises(Killed), world.trader.acts():
            oms.submit(more(), plan_id=plan.plan_id, role=Role.ENTRY)


@pytest.mark.parametrize(
    ("at", "qty"),
    [("lifted", "10"), ("intent_written", "10"), ("before_post", "10"), ("after_post", "15")],
)
def test_watch_leaves_a_lifted_position_alone_and_restores_it_when_the_lease_is_over(
    tmp_path: Path, at: str, qty: str
) -> None:
    """E-TIME-3."""
    world = held_with_a_stop(tmp_path)
    dies_with_the_stop_lifted(world, at)
    began = world.now()
    if qty == "10":
        world.run(LIFT_LEASE.total_seconds() - 1)
        assert stops(world) == [], "it was put back into the hands of the addition"
    while world.witness.covered() < world.witness.qty():
        world.run(0.5)
        assert world.now() - began < LIFT_LEASE + timedelta(seconds=2)
    assert stops(world) == [qty]
    assert not world.criticals()
    plan = world.the_plan()
    assert plan.lift is None


def test_a_watch_that_starts_after_the_crash_restores_the_stop(tmp_path: Path) -> None:
    world = held_with_a_stop(tmp_path)
    world.kill_watch()
    dies_with_the_stop_lifted(world, "after_post")
    world.pass_time(30)
    world.start_watch()
    world.run(3)
    assert stops(world) == ["15"]


def test_an_addition_that_takes_long_alarms_and_sells_nothing_into_its_hands(
    tmp_path: Path,
) -> None:
    """The addition goes on beside `watch`: its lift is lengthened, as its process does."""
    chosen = additions_allowed()
    chosen = replace(
        chosen, exits=replace(chosen.exits, emergency_action=EmergencyAction.MARKET_EXIT)
    )
    world = open_world(tmp_path, settings=chosen)
    world.trader.buy("10", stop_at("2%"))
    world.run(2)
    dies_with_the_stop_lifted(world, "lifted")
    plan = world.the_plan()
    for _ in range(8):
        world.run(1)
        lift = Lift("scale in", world.now() + LIFT_LEASE, "more", "process 77")
        with world.trader.acts():
            keep_lifted(world.desk.journal, plan.plan_id, world.now(), lift)
    [told] = world.criticals()
    assert told.data["kind"] == "stop_lifted"
    assert "addition is under way by order more of process 77" in told.text
    assert (world.witness.qty(), stops(world)) == (10, [])
    world.run(LIFT_LEASE.total_seconds() + 1)
    assert (world.witness.qty(), stops(world)) == (10, ["10"]), (
        "its lease is over: restored, not sold"
    )
    assert len(world.criticals()) == 1


def test_an_addition_names_its_process_in_the_lift(tmp_path: Path) -> None:
    world = held_with_a_stop(tmp_path)
    seen: list[Lift] = []

    def look(moment: str) -> None:
        plan = world.plan()
        if plan is not None and plan.lift is not None:
            seen.append(plan.lift)

    world.at_request = look
    world.trader.place(more())
    assert {lift.holder for lift in seen} == {f"process {os.getpid()}"}
    assert {lift.entry_client_order_id for lift in seen} == {"more"}


# --- signals -----------------------------------------------------------------------------------


def buy_signal(name: str, world: World, **fields: Any) -> Signal:
    given: dict[str, Any] = {"strength": D(90), "qty": D(5), **fields}
    return Signal(id=name, symbol="AAPL", side=SignalSide.BUY, created_at=world.now(), **given)


def signaled(path: Path, **changes: Any) -> tuple[World, Executor]:
    """A position of ten with a plain stop, opened by a signal."""
    chosen = replace(
        additions_allowed(),
        take_profit=replace(TradingSettings().take_profit, partial_exits=()),
        stop_loss=replace(TradingSettings().stop_loss, use_trailing=False),
    )
    world = open_world(path, settings=replace(chosen, **changes))
    return world, Executor(world.desk.oms, world.trader.risk_gate())


def let(world: World, act: Callable[[], Any]) -> Any:
    with world.trader.acts():
        done = act()
    world.run(3)
    return done


def test_a_signal_adds_under_the_plan_that_the_position_has(tmp_path: Path) -> None:
    world, executor = signaled(tmp_path)
    first = buy_signal("one", world, qty=D(10), stop=D(95))
    let(world, lambda: executor.execute_signal(first))
    assert world.witness.covered() == 10
    added = let(world, lambda: executor.execute_signal(buy_signal("two", world)))
    assert added.outcome in (Outcome.ACCEPTED, Outcome.FILLED), added.message
    assert world.witness.qty() == 15
    assert world.witness.covered() == 15
    assert added.record.plan_id == "plan-one"
    assert len(world.desk.journal.plans(statuses=tuple(PlanStatus), symbol="AAPL")) == 1
    assert not world.alarms()


def test_a_refused_addition_of_a_signal_leaves_the_plan_of_the_position(tmp_path: Path) -> None:
    """Without a `watch` the plan is still pending, and must outlive the refusal."""
    world = open_world(tmp_path, settings=additions_allowed(), watch=False)
    world.trader.buy("10", stop_at("2%"))
    world.pass_time(1)
    executor = Executor(world.desk.oms, world.trader.risk_gate())
    body = {"code": 40310000, "message": "account is not authorized to trade"}
    world.desk.fault("canned_reply", path="/v2/orders", method="POST", status=403, body=body)
    result = executor.execute_signal(buy_signal("two", world))
    assert result.is_failure
    plan = world.the_plan()
    assert plan.entry_client_order_id == "entry-0"
    world.start_watch()
    world.run(3)
    assert world.witness.covered() == 10


def test_a_preview_names_what_would_be_lifted_and_lifts_nothing(tmp_path: Path) -> None:
    world = held_with_a_stop(tmp_path)
    executor = Executor(world.desk.oms, world.trader.risk_gate())
    preview = executor.preview(buy_signal("two", world))
    assert preview.checked is not None
    assert preview.checked.verdict.passed, preview.checked.verdict.message
    assert preview.addition is not None
    assert len(preview.addition.lifts) == 1
    assert stops(world) == ["10"]
    plan = world.the_plan()
    assert plan.lift is None


def test_a_queued_addition_lifts_the_stop_when_it_is_released(tmp_path: Path) -> None:
    world = held_with_a_stop(tmp_path)
    executor = Executor(world.desk.oms, world.trader.risk_gate())
    record = world.desk.oms.queue(more(), note="waits")
    checked = executor.risk.check(replace(more(), client_order_id=record.client_order_id))
    with world.trader.acts():
        sent = executor.placer.release(more(), checked)
    assert sent.record.order.filled_qty == 5
    world.run(3)
    assert stops(world) == ["15"]


def test_adding_to_a_position_lifts_its_stop_and_ends_with_one_for_the_whole(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(2)
    request = OrderRequest("AAPL", Side.BUY, qty=D(5), client_order_id="more")
    oms = world.desk.oms
    with pytest.raises(BrokerError) as caught:
        oms.submit(OrderRequest("AAPL", Side.BUY, qty=D(5), client_order_id="wash"))
    assert caught.value.kind == "broker.wash_trade"
    with world.trader.acts():
        record = add_to_position(oms, request, lambda r: oms.submit(r, role="entry"))
    assert record.order.filled_qty == 5
    world.run(3)
    assert world.witness.qty() == 15
    assert world.witness.covered() == 15
    assert not world.alarms()


def test_an_addition_that_is_refused_puts_the_stop_back(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(2)
    request = OrderRequest("AAPL", Side.BUY, qty=D(10**6), client_order_id="too-much")
    with pytest.raises(BrokerError), world.trader.acts():
        add_to_position(world.desk.oms, request, world.desk.oms.submit)
    world.run(3)
    assert world.witness.covered() == 10
