"""Goal: what another process or program does to a position is left alone, but never unwatched.

Method: the trader cancels the stop or closes the position beside the real watcher, once or again
and again, or dies while doing so; virtual time says when the alarm came.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.harness.killed import Killed
from support.wishes import stop_at, target
from support.world import D, World, open_world

from execbot.broker.port import TradeUpdate
from execbot.exits.plan.plan import PlanStatus
from execbot.exits.position_view import Known, position_view
from execbot.exits.rules.failures import Outcome
from execbot.exits.rules.view import Guarded
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest
from execbot.watch.core.exit_endings import HANDS_OFF
from execbot.watch.core.jobs import SymbolJob
from execbot.watch.perform import Performer

LIMIT_SECONDS = 5.0
"""`exits.unprotected_alarm_seconds` unless it is set."""


class Refusing(Performer):
    """A broker that takes no order."""

    def _do(self, action: object) -> Outcome:
        return Outcome("broker.unavailable", "not now")


def protected(path: Path) -> tuple[World, OrderRecord]:
    world = open_world(path)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    stop = next(r for r in world.desk.journal.orders("open") if r.role == "stop")
    assert world.hands is not None
    world.hands = Refusing(world.hands.oms, world.now)
    return world, stop


def cancel_by_hand(world: World, stop: OrderRecord) -> None:
    world.trader.cancel(stop.client_order_id)


def alarmed_after(world: World, seconds: float) -> bool:
    world.run(seconds, 0.05)
    return any("without a stop" in text for text in world.alarms())


def test_shares_without_a_stop_are_told_in_time_though_a_cancel_was_asked_for(
    tmp_path: Path,
) -> None:
    world, stop = protected(tmp_path)
    cancel_by_hand(world, stop)
    assert not alarmed_after(world, LIMIT_SECONDS - 0.5)
    assert alarmed_after(world, 1.0)


def test_they_are_told_while_the_other_process_goes_on(tmp_path: Path) -> None:
    world, stop = protected(tmp_path)
    cancel_by_hand(world, stop)
    world.run(0.2)
    state = world.state()
    state.hands_off_until = world.now() + 10 * HANDS_OFF
    assert alarmed_after(world, LIMIT_SECONDS + 0.5)
    assert not [job for job in world.jobs if isinstance(job, SymbolJob)]
    assert state.hands_off_until is not None


def test_they_are_told_in_time_while_the_broker_does_not_answer_for_the_stop(
    tmp_path: Path,
) -> None:
    """The hands wait for an answer: nothing else is decided on the symbol until it is there."""
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    hands, world.hands = world.hands, None
    world.trader.cancel_elsewhere()
    assert not alarmed_after(world, LIMIT_SECONDS - 0.5)
    assert world.state().is_busy
    assert alarmed_after(world, 1.0)
    assert len([text for text in world.alarms() if "without a stop" in text]) == 1
    world.hands = hands
    world.state().is_busy, world.state().is_dirty = False, True
    world.run(3)
    assert world.witness.covered() == 10


def test_stops_that_our_own_commands_cancel_are_not_counted_as_the_traders_will(
    tmp_path: Path,
) -> None:
    """A command lifts the stop, and is done before anybody looks: twice, and it is put back."""
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    for _ in range(2):
        world.run(5)
        stop = next(r for r in world.desk.journal.orders("open") if r.role == "stop")
        world.trader.cancel(stop.client_order_id, wait_seconds=5)
    world.run(5)
    plan = world.the_plan()
    assert plan.status is PlanStatus.ACTIVE
    assert world.witness.covered() == 10


def test_a_position_closed_from_elsewhere_takes_its_exits_along(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(2)
    world.trader.cancel_elsewhere()
    world.pass_time(0.2)
    world.trader.close_elsewhere()
    world.run(10)
    assert world.witness.qty() == 0
    assert not world.witness.living()
    assert not world.witness.shorts


def test_a_stop_canceled_from_elsewhere_is_put_back_once_and_then_respected(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(2)
    world.trader.cancel_elsewhere()
    world.run(3)
    assert world.witness.covered() == 10
    world.trader.cancel_elsewhere()
    world.run(5)
    assert world.witness.covered() == 0
    plan = world.the_plan()
    assert plan.status == "suspended"


def test_a_close_that_is_killed_leaves_its_position_alone_for_seconds_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)

    def die(*_: object) -> None:
        monkeypatch.setattr("execbot.exits.store._unlifted", lambda plan, *_: plan)
        raise Killed

    monkeypatch.setattr("execbot.oms.send.close.Closer._wait_available", die)
    with pytest.raises(Killed):
        world.trader.close()
    assert world.witness.covered() == 0
    world.run(5)
    assert world.witness.covered() == 10


def test_only_orders_of_the_plan_end_with_it(tmp_path: Path) -> None:
    """E-FLAT-2: a new order that the trader has typed by hand stays when an old plan is closed."""
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    world.kill_watch()
    world.trader.cancel_elsewhere()
    world.pass_time(1)
    world.trader.close_elsewhere()
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
    assert world.witness.orders()["typed-by-hand"]["status"] == "new"


def test_exits_that_are_canceled_elsewhere_again_and_again_leave_it_unprotected_and_no_stop_drawn(
    tmp_path: Path,
) -> None:
    """Nothing is fought over, and nothing that is gone is shown (E-PROT-1)."""
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("95"))
    world.run(4)
    for _ in range(2):
        world.trader.cancel_elsewhere()
        world.run(4)
    assert world.the_plan().status is PlanStatus.SUSPENDED
    assert world.guarded() is Guarded.UNPROTECTED
    assert "protection_suspended" in world.alarm_kinds()
    state = world.state()
    known = Known(avg_entry_price=state.avg_entry_price, coverage=state.coverage)
    orders = [record.order for record in state.living]
    shown = position_view("AAPL", state.qty, known, now=world.now(), plan=state.plan, orders=orders)
    assert (shown.stop, shown.targets) == (None, ())


def test_exits_canceled_at_once_are_one_cancel_however_late_the_second_is_heard_of(
    tmp_path: Path,
) -> None:
    """A split cancels all of them together; that is nobody's wish to be without a stop."""
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("95"), target("4%", shares=50), target("8%", shares=50))
    world.run(4)
    first, *later = [row["id"] for row in world.witness.exits("limit")]
    held_back: list[TradeUpdate] = []

    def hear(frames: list[TradeUpdate]) -> list[TradeUpdate]:
        held_back.extend(frame for frame in frames if frame.order.id != first)
        return [frame for frame in frames if frame.order.id == first]

    assert later
    world.hear = hear
    world.trader.cancel_elsewhere()
    world.run(2)
    world.hear = lambda frames: [*held_back, *frames]
    world.run(1)
    world.hear = lambda frames: frames
    world.run(6)
    assert "protection_suspended" not in world.alarm_kinds()
    assert world.the_plan().status is PlanStatus.ACTIVE
    assert world.witness.covered() == 10
