"""Goal: a position that another process has its hands on is left alone, but never unwatched.

Method: the trader cancels the stop in another process, once or again and again, while the broker
takes no new one; virtual time says when the alarm came.
"""

from __future__ import annotations

from pathlib import Path

from support.watch_world import World, open_world, wishes

from execbot.exits.plan.plan import PlanStatus
from execbot.exits.rules.failures import Outcome
from execbot.journal.records import OrderRecord
from execbot.watch.core.exit_endings import HANDS_OFF
from execbot.watch.core.jobs import SymbolJob
from execbot.watch.perform import Hands

LIMIT_SECONDS = 5.0
"""`exits.unprotected_alarm_seconds` unless it is set."""


class Refusing(Hands):
    """A broker that takes no order."""

    def _do(self, action: object) -> Outcome:
        return Outcome("broker.unavailable", "not now")


def protected(path: Path) -> tuple[World, OrderRecord]:
    world = open_world(path)
    world.buy("10", wishes("2"))
    world.run(3)
    stop = next(r for r in world.desk.journal.orders("open") if r.role == "stop")
    assert world.hands is not None
    world.hands = Refusing(world.hands.oms, world.now)
    return world, stop


def cancel_by_hand(world: World, stop: OrderRecord) -> None:
    world.desk.oms.cancel(stop.client_order_id)
    world.trader_acted = True


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
    assert world.watcher is not None
    state = world.watcher.core.symbols["AAPL"]
    state.hands_off_until = world.now() + 10 * HANDS_OFF
    assert alarmed_after(world, LIMIT_SECONDS + 0.5)
    assert not [job for job in world.jobs if isinstance(job, SymbolJob)]
    assert state.hands_off_until is not None


def test_stops_that_our_own_commands_cancel_are_not_counted_as_the_traders_will(
    tmp_path: Path,
) -> None:
    """A command lifts the stop, and is done before anybody looks: twice, and it is put back."""
    world = open_world(tmp_path)
    world.buy("10", wishes("2"))
    for _ in range(2):
        world.run(5)
        stop = next(r for r in world.desk.journal.orders("open") if r.role == "stop")
        world.desk.oms.cancel(stop.client_order_id, wait_seconds=5)
        world.trader_acted = True
    world.run(5)
    plan = world.plan()
    assert plan is not None
    assert plan.status is PlanStatus.ACTIVE
    assert world.covered("AAPL") == 10
