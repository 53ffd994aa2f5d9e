"""Goal: shares that the broker took back without a report are booked where totals and position
prove it (E-EXE-12), and are not sold twice where they do not (E-POS-11).

Method: the real watcher against the real exchange in virtual time; the exchange corrects or busts
an execution, and no frame tells of it. The exchange's own orders and positions are looked at. Of an
execution that only its row has told, totals alone prove nothing.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wishes import stop_at, target
from support.world import D, World, heard_as_sent, open_world

from execbot.broker.port import TradeUpdate
from execbot.exits.plan.plan import PlanStatus
from execbot.exits.rules.view import Guarded
from execbot.watch.core.timers import FULL_READ_SECONDS

RESTATED = ("trade_bust", "trade_correct")
FILLS = ("fill", "partial_fill")


def deaf(frames: list[TradeUpdate]) -> list[TradeUpdate]:
    return [frame for frame in frames if frame.event not in RESTATED]


def deaf_to_fills(frames: list[TradeUpdate]) -> list[TradeUpdate]:
    return [frame for frame in frames if frame.event not in (*RESTATED, *FILLS)]


def restate(world: World, what: str, **values: str) -> None:
    body = {"key": "desk", "symbol": "AAPL", **values}
    answer = world.desk.call("POST", f"/sim/executions/{what}", body)
    assert "execution_id" in answer, answer


def bought(path: Path, qty: str = "10", *, from_rows: bool = True) -> World:
    world = open_world(path)
    world.hear = deaf_to_fills if from_rows else deaf
    targets = (target("4%", shares=100),) if qty == "10" else ()
    world.trader.buy(qty, stop_at("2%"), *targets)
    world.run(8)
    return world


def alarms(world: World, kind: str) -> int:
    return sum(note.is_alarm and note.data.get("kind") == kind for note in world.notes)


def differs(world: World) -> list[bool]:
    notes = [note for note in world.notes if note.is_alarm]
    return [note.is_critical for note in notes if note.data.get("kind") == "position_differs"]


def test_exits_shrink_to_what_order_and_position_both_show(tmp_path: Path) -> None:
    world = bought(tmp_path)
    restate(world, "correct", qty="6")
    world.run(30)
    assert (world.booked(), world.witness.qty()) == (10, 6), "the books follow a report alone"
    assert world.witness.covered() == 6
    assert differs(world) == [True]
    world.price("AAPL", "97")
    world.run(20)
    assert (world.witness.qty(), world.witness.shorts) == (0, [])


def test_a_stop_that_is_watched_here_sells_what_is_held(tmp_path: Path) -> None:
    world = bought(tmp_path, "5")
    world.trader.keep_stops_out()
    world.run(10)
    assert (world.guarded(), world.witness.living("stop")) == (Guarded.EMULATED, [])
    restate(world, "correct", qty="3")
    world.run(30)
    assert (world.booked(), world.witness.qty()) == (5, 3), "the books follow a report alone"
    world.price("AAPL", "97")
    world.run(20)
    assert (world.witness.qty(), world.witness.shorts) == (0, [])
    refused = [note for note in world.notes if note.data.get("kind") == "exit_refused"]
    assert refused == []


def test_all_shares_taken_back_leave_no_exit_behind_and_the_plan_sleeps(tmp_path: Path) -> None:
    world = bought(tmp_path)
    restate(world, "bust")
    world.run(30)
    plan = world.plan()
    assert world.witness.qty() == 0 and world.witness.living(side="sell") == []
    assert plan is not None and plan.status is PlanStatus.SLEEPING
    assert differs(world) == [True]


@pytest.mark.parametrize("again", [False, True], ids=["same run", "after a restart"])
def test_should_they_come_back_all_are_covered_again(tmp_path: Path, again: bool) -> None:
    world = bought(tmp_path)
    restate(world, "correct", qty="6")
    world.run(20)
    if again:
        world.kill_watch()
        world.start_watch()
        world.run(10)
    assert world.witness.covered() == 6
    restate(world, "correct", qty="10")
    world.run(30)
    assert (world.witness.qty(), world.witness.covered(), world.booked()) == (10, 10, 10)
    plan = world.plan()
    assert plan is not None and plan.status is PlanStatus.ACTIVE


def test_an_exit_that_never_arrived_does_not_fix_the_quantity_that_is_guarded(
    tmp_path: Path,
) -> None:
    """E-POS-6: it was in doubt when the difference was told. Later exits are sized by what the
    broker has: it takes no others."""
    world = open_world(tmp_path)
    world.hear = deaf_to_fills
    world.trader.buy("10", stop_at("2%"))
    world.pass_time(1)
    restate(world, "correct", qty="6")
    world.desk.fault("reset_before", method="POST", path="/v2/orders", count=60)
    world.run(20)
    assert differs(world) == [True]
    assert [order.status for order in world.state().living] == ["in_doubt"]
    world.desk.call("DELETE", "/sim/faults")
    world.run(40)
    assert world.witness.covered() == 6
    assert world.booked() == 10


# --- what totals and position prove (E-EXE-12) ---------------------------------------------------


@pytest.mark.parametrize(("what", "left"), [("correct", "6"), ("bust", "0")])
def test_what_two_looks_and_the_position_prove_is_booked(
    tmp_path: Path, what: str, left: str
) -> None:
    world = bought(tmp_path, from_rows=False)
    restate(world, what, **({"qty": left} if what == "correct" else {}))
    world.run(30)
    assert world.booked() == world.witness.qty() == D(left)
    assert (alarms(world, "recounted"), differs(world)) == (1, [])
    [done] = [e for e in world.desk.journal.executions() if e.amendments]
    assert done.amendments[0].id == f"recount:{done.execution_id}"
    assert not world.trader.reconcile().has_breaks
    assert world.witness.covered() == D(left) and world.witness.shorts == []


def test_what_is_taken_back_twice_is_booked_though_its_first_look_was_told(tmp_path: Path) -> None:
    """What the second look counts is new to it: a third one follows at once, not at its time."""
    world = bought(tmp_path, from_rows=False)
    restate(world, "correct", qty="6")
    world.desk.fault("position_missing", for_seconds=60, count=1000)
    world.run(20)
    assert differs(world) == [True]
    restate(world, "bust")
    world.run(FULL_READ_SECONDS - 5)
    assert (world.booked(), world.witness.qty(), alarms(world, "recounted")) == (0, 0, 1)


@pytest.mark.parametrize("left", ["11", "7", "0"])
def test_what_was_corrected_upward_before_without_a_report(tmp_path: Path, left: str) -> None:
    """Totals that fell are weighed against totals that had risen."""
    world = bought(tmp_path, from_rows=False)
    restate(world, "correct", qty="12")
    world.run(35)
    assert (world.booked(), world.witness.qty()) == (12, 12)
    restate(world, "bust" if left == "0" else "correct", **qty_of(left))
    world.run(40)
    assert world.booked() == world.witness.qty() == D(left)
    assert not world.trader.reconcile().has_breaks


def test_an_order_that_a_correction_made_whole_and_that_was_canceled(tmp_path: Path) -> None:
    """It stands as filled by its executions. That the broker says canceled, as it had ended, is no
    contradiction, and its totals count."""
    world = open_world(tmp_path)
    world.hear = deaf
    world.price("AAPL", "100", size="9")
    world.trader.buy("10", stop_at("2%"))
    world.step()
    world.hear = heard_as_sent
    restate(world, "correct", qty="12")
    world.run(8)
    [entry] = [r for r in world.desk.journal.orders("all") if r.client_order_id == "entry-0"]
    assert (entry.status, entry.progress.ended_as, world.booked()) == ("filled", "canceled", 12)
    assert alarms(world, "contradiction") == 0
    assert not world.trader.reconcile().has_breaks
    world.hear = deaf
    restate(world, "correct", qty="8")
    world.run(40)
    assert world.booked() == world.witness.qty() == world.witness.covered() == 8
    assert (alarms(world, "recounted"), alarms(world, "contradiction")) == (1, 0)
    assert not world.trader.reconcile().has_breaks


def qty_of(left: str) -> dict[str, str]:
    return {} if left == "0" else {"qty": left}


def test_another_price_is_told_and_changes_none(tmp_path: Path) -> None:
    """E-EXE-13."""
    world = bought(tmp_path, from_rows=False)
    restate(world, "correct", price="103")
    world.run(35)
    assert alarms(world, "average_differs") == 1
    [bought_at] = {item.net_price for item in world.desk.journal.executions()}
    assert bought_at < 102


def test_one_look_proves_nothing(tmp_path: Path) -> None:
    world = bought(tmp_path, from_rows=False)
    world.kill_watch()
    restate(world, "correct", qty="6")
    assert world.trader.reconcile().has_breaks
    assert world.booked() == 10
    world.pass_time(5)
    assert not world.trader.reconcile().has_breaks
    assert world.booked() == 6


def test_totals_that_the_position_does_not_bear_out_prove_nothing(tmp_path: Path) -> None:
    world = bought(tmp_path, from_rows=False)
    restate(world, "correct", qty="6")
    world.witness.set_position("10", "100")
    world.run(40)
    assert world.booked() == 10
    assert (alarms(world, "recounted"), alarms(world, "filled_less")) == (0, 1)


@pytest.mark.parametrize("what", ["correct", "bust"])
def test_a_report_that_comes_late_takes_the_place_of_the_conclusion(
    tmp_path: Path, what: str
) -> None:
    world = bought(tmp_path, from_rows=False)
    held: list[TradeUpdate] = []

    def kept_back(frames: list[TradeUpdate]) -> list[TradeUpdate]:
        held.extend(frame for frame in frames if frame.event in RESTATED)
        return deaf(frames)

    world.hear = kept_back
    restate(world, what, **({"qty": "6"} if what == "correct" else {}))
    world.run(20)
    assert alarms(world, "recounted") == 1
    world.hear = lambda frames: [*held, *frames]
    world.step()
    world.hear = deaf
    world.run(10)
    assert world.booked() == world.witness.qty()
    [done] = [e for e in world.desk.journal.executions() if e.amendments]
    assert not [one for one in done.amendments if one.id.startswith("recount:")]
    assert not world.trader.reconcile().has_breaks
