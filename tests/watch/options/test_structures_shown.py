"""Goal: every surface says of a structure's legs what is so: kept, not kept, broken, or pending.

Method: the simulated world at the exchange; what `watch` has in memory, its screen and frames, and
what is read from the journal without it are compared at each step.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from support.desk import KEY
from support.world import World
from watch.options.test_structures_kept import cared_for, opened, with_spread

from execbot.broker.errors import NetworkError
from execbot.exits.protection import Surroundings, protections
from execbot.exits.rules.view import Guarded
from execbot.exits.structures.plan import StructurePlan, end_structures, save_structure
from execbot.oms.sync.options.pending_events import pending_events
from execbot.page.rows import held_row
from execbot.watch.core.inputs import Warned
from execbot.watch.show.frames import Frame, Picture
from execbot.watch.show.position_rows import is_shown, position_row
from execbot.watch.show.publication import Publication
from execbot.watch.show.verdict import Level, Verdict, verdict

D = Decimal
KEPT, BARE, UNPLANNED = Guarded.EMULATED, Guarded.UNPROTECTED, Guarded.NO_PLAN


def planned(world: World, *, days: int = 14) -> StructurePlan:
    held, now = with_spread(world, days=days), world.now()
    ratios = {s: D(q) / 2 for s, q in held.items()}
    plan = StructurePlan("structure-1", "AAPL", ratios, now, D(1), D("0.01"), D(9))
    save_structure(world.desk.journal, plan, now)
    world.journal_changed = True
    world.run(8)
    return plan


def on_screen(world: World) -> Verdict:
    states = [s for s in world.running.core.symbols.values() if is_shown(s)]
    rows = [position_row(s, world.now()) for s in states]
    return verdict(rows, stream_up=True)


def by_watch(world: World) -> set[Guarded]:
    return {s.coverage.state for s in world.running.core.symbols.values() if s.qty}


def by_journal(world: World, *, watched: bool) -> dict[str, tuple[Guarded, str]]:
    held = world.desk.client.get_positions()
    around = Surroundings(
        world.now(),
        world.hours(world.now()),
        world.settings,
        watched,
        pending_events(world.desk.journal, held, world.now()),
    )
    found = protections(world.desk.journal, held, around)
    return {one.symbol: (one.state, one.missing) for one in found}


def test_a_kept_structure_is_shown_with_its_plan_everywhere_and_raises_no_alarm(
    tmp_path: Path,
) -> None:
    world = opened(tmp_path, every_position=True)
    plan = planned(world)
    before = world.alarm_kinds().count("unprotected")  # of the time without a plan
    world.run(20)
    assert by_watch(world) == {KEPT}
    assert by_journal(world, watched=True) == dict.fromkeys(plan.ratios, (KEPT, ""))
    rows = [position_row(world.state(s), world.now()) for s in plan.ratios]
    assert [row.structure for row in rows] == [plan, plan] and {r.stop for r in rows} == {None}
    said = on_screen(world)
    assert said.level is Level.LOOK and "stopped by this program alone" in said.reasons[0]
    assert world.alarm_kinds().count("unprotected") == before
    end_structures(world.desk.journal, [plan.plan_id], "by hand", world.now())
    world.journal_changed = True
    world.run(20)
    assert by_watch(world) == {UNPLANNED}
    assert world.alarm_kinds().count("unprotected") == before + 2


def test_without_a_watch_nobody_keeps_it_and_that_is_said(tmp_path: Path) -> None:
    world = opened(tmp_path)
    plan = planned(world)
    world.run(8)
    missing = "no `watch` looks after its exits"
    assert by_journal(world, watched=False) == dict.fromkeys(plan.ratios, (BARE, missing))
    assert by_journal(world, watched=True) == dict.fromkeys(plan.ratios, (KEPT, ""))
    for symbol in plan.ratios:  # one that runs, and says itself that its looks fail
        facts = {"state": BARE.value, "uncovered": "2"}
        world.desk.journal.audit("guard", symbol, "guard", facts, "unprotected", world.now())
    assert by_journal(world, watched=True) == dict.fromkeys(plan.ratios, (BARE, missing))


def fails() -> list[Warned]:
    raise NetworkError("no quotes")


@pytest.mark.parametrize("from_the_start", [False, True])
def test_looks_that_fail_leave_it_unprotected_and_that_is_told(
    tmp_path: Path, from_the_start: bool
) -> None:
    """E-PROT-5."""
    world = opened(tmp_path)
    assert world.hands is not None
    if from_the_start:
        world.hands.care_for_options = fails
    planned(world)
    if not from_the_start:
        world.hands.care_for_options = fails
        world.run(25)
        assert by_watch(world) == {KEPT} and "unprotected" not in world.alarm_kinds()
    world.run(20)
    assert by_watch(world) == {BARE} and on_screen(world).level is Level.NOT_SAFE
    assert world.alarm_kinds().count("unprotected") == 2  # one for each leg
    cared_for(world)
    world.run(15)
    assert by_watch(world) == {KEPT}


def test_a_leg_that_is_left_alone_is_not_shown_as_protected(tmp_path: Path) -> None:
    world = opened(tmp_path)
    plan = planned(world)
    [short] = [s for s, q in plan.ratios.items() if q < 0]
    body = {
        "symbol": short, "qty": "1", "side": "buy", "type": "market", "time_in_force": "day",
    }  # fmt: skip
    world.desk.call("POST", "/v2/orders", body)
    world.run(3, 0.5)
    assert by_watch(world) <= {BARE, UNPLANNED}
    states = {state for state, _ in by_journal(world, watched=True).values()}
    assert states <= {BARE, UNPLANNED}
    world.run(60, 0.5)
    assert by_watch(world) == {UNPLANNED} and on_screen(world).level is Level.LOOK
    assert "structure_broken" in world.alarm_kinds()


@pytest.mark.parametrize("is_read", [True, False])
def test_an_assignment_before_its_rows_is_a_pending_event_and_no_naked_stock(
    tmp_path: Path, is_read: bool
) -> None:
    """The sold call is gone and shares are sold short: both wait for the broker's rows."""
    world = opened(tmp_path, every_position=True)
    plan = planned(world)
    [short] = [s for s, q in plan.ratios.items() if q < 0]
    if not is_read:
        world.kill_watch()
    body = {"key": KEY, "symbol": short, "row_after": 86400}
    world.desk.call("POST", "/sim/options/assign", body)
    assert world.desk.positions_there()["AAPL"] == "-200"
    found = by_journal(world, watched=is_read)
    assert (found["AAPL"], found[short]) == ((Guarded.PENDING, ""), (Guarded.PENDING, ""))
    [long] = [s for s, q in plan.ratios.items() if q > 0]
    assert found[long][0] is BARE  # what is left of it is no structure any more
    if is_read:
        world.run(60, 0.5)
        assert world.guarded(short) is Guarded.PENDING and world.guarded(long) is UNPLANNED
        assert "structure_broken" in world.alarm_kinds()
        assert "position_differs" not in world.alarm_kinds()
        alarms = [n.data for n in world.notes if n.is_alarm and n.data.get("symbol") == "AAPL"]
        assert {data["kind"] for data in alarms} == {"structure_broken"}
    assert world.desk.oms.reconcile().breaks == ()


def test_who_looks_on_sees_the_levels_of_the_structure(tmp_path: Path) -> None:
    """Through the bytes of a frame, as the page gets them."""
    world = opened(tmp_path)
    plan = planned(world)
    sent: list[Frame] = []
    loop = SimpleNamespace(
        watcher=world.running,
        health=SimpleNamespace(stream_up=True, last_frame_at=None, lag_ms=0.0),
        client=world.desk.client,
        halted_words=lambda: "",
    )
    publication = Publication(SimpleNamespace(beat=lambda: None), world.now)  # type: ignore[arg-type]
    publication.send = lambda frame: not sent.append(frame)  # type: ignore[func-returns-value]
    publication.is_wanted = publication.wants_all = True
    publication.follow(loop)  # type: ignore[arg-type]
    publication.beat()
    picture = Picture()
    picture.take(msgspec.json.decode(msgspec.json.encode(sent[0]), type=Frame))
    for symbol in plan.ratios:
        row = held_row(picture.held[symbol], picture.prices.get(symbol), [], world.now())
        assert (row.guard, row.guard_tone) == ("by watch", "care")
        assert row.structure == "net stop 0.01, net target 9.00" and row.stop is None
