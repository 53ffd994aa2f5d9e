"""Goal: of two entries that wait, each with exits of its own, shares stand under those of the one
that brought them, and what counts for both is told.

Method: the real watcher in virtual time, begun before the fills or after them; the journal's own
answer where nobody watches.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wishes import Exit, stop_at, target
from support.world import World, open_world

from execbot.exits.plan.plan import PlanStatus
from execbot.exits.protection import Surroundings, protections
from execbot.exits.rules.outlived import SOLD
from execbot.exits.store import open_plans, plan_by_id, plan_of
from execbot.market.sessions import crypto_now


def rest(world: World, qty: str, limit: str, *exits: Exit) -> None:
    """An entry that waits, with exits of its own."""
    world.trader.buy(qty, *exits, limit=limit, stop_goes_along=True)
    world.run(1)


def two_entries(path: Path, *, watched: bool) -> World:
    """Ten to be bought at 99 with a stop at 90, six at 98 with one at 85."""
    world = open_world(path)
    if not watched:
        world.kill_watch()
    entries = {"99": ("10", "90", "110"), "98": ("6", "85", "105")}
    for limit, (qty, stop, goal) in entries.items():
        rest(world, qty, limit, stop_at(stop), target(goal))
    return world


def notes(world: World) -> dict[str, str]:
    """Of the plan with each stop, what was last said of it."""
    records = world.desk.journal.plans(symbol="AAPL", statuses=tuple(PlanStatus))
    found = [plan_by_id(world.desk.journal, record.plan_id) for record in records]
    return {str(plan.stop.spec): plan.note or "" for plan in found if plan is not None}


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "begun after the fill"])
def test_the_entry_that_rests_moves_no_level_of_what_the_other_bought(
    tmp_path: Path, watched: bool
) -> None:
    world = two_entries(tmp_path, watched=watched)
    world.price("AAPL", "98.9")
    world.run(4)
    if not watched:
        world.start_watch()
        world.run(4)
    plan = world.the_plan()
    assert (plan.stop.price, plan.targets[0].price) == (90, 110)
    assert world.witness.qty() == world.witness.covered() == 10
    targets = world.witness.living("limit", "sell")
    assert {row["limit_price"] for row in targets if row["status"] == "new"} == {"110"}
    assert len(open_plans(world.desk.journal)) == 2
    assert not world.alarms()


def test_both_filled_the_newest_counts_for_all_and_that_is_told(tmp_path: Path) -> None:
    world = two_entries(tmp_path, watched=True)
    world.price("AAPL", "97.9")
    world.run(6)
    assert world.witness.qty() == world.witness.covered() == 16
    (kept,) = open_plans(world.desk.journal)
    assert kept.stop.price == 85
    assert notes(world) == {"90": "a newer plan took its place", "85": "first share filled"}
    (told,) = world.notes_of("plan_replaced")
    assert told.text.endswith("all 16 now: stop 85.00, where the first had 90.00")


def test_each_of_three_rungs_has_its_exits_when_those_before_it_came_and_went(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path)
    rungs = {"99": ("10", "98.5"), "98": ("6", "97.5"), "97": ("4", "90")}
    for limit, (qty, stop) in rungs.items():
        rest(world, qty, limit, stop_at(stop))
    for price, held, stop in (("98.9", 10, "98.5"), ("97.9", 6, "97.5"), ("96.9", 4, "90")):
        world.price("AAPL", price)
        world.run(4)
        assert world.witness.qty() == world.witness.covered() == held
        assert str(world.the_plan().stop.price) == stop
    assert [str(plan.stop.price) for plan in open_plans(world.desk.journal)] == ["90"]
    assert (notes(world)["98.5"], notes(world)["97.5"]) == (SOLD, SOLD)
    assert not world.notes_of("plan_replaced") and not world.witness.shorts


def test_a_third_entry_leaves_the_second_that_waits_its_exits(tmp_path: Path) -> None:
    world = two_entries(tmp_path, watched=True)
    rest(world, "4", "97", stop_at("80"))
    world.price("AAPL", "98.9")
    world.run(4)
    stops = [plan.stop.spec.value for plan in open_plans(world.desk.journal) if plan.stop.spec]
    assert stops == [90, 85, 80]
    world.price("AAPL", "97.9")  # the second fills: the exits of the newer one count for both
    world.run(6)
    assert world.the_plan().stop.price == 85
    assert world.witness.qty() == world.witness.covered() == 16


def test_where_nobody_watches_the_plan_in_force_is_that_of_the_entry_that_filled(
    tmp_path: Path,
) -> None:
    world = two_entries(tmp_path, watched=False)
    world.price("AAPL", "98.9")
    world.trader.reconcile()
    journal, now = world.desk.journal, world.now()
    plan = plan_of(journal, "AAPL")
    around = Surroundings(now, crypto_now(now), world.settings)
    (found,) = protections(journal, world.desk.client.get_positions(), around)
    assert plan is not None and found.plan is not None
    assert (plan.stop.price, found.plan.stop.price) == (90, 90)


@pytest.mark.parametrize("restarted", [False, True], ids=["watched all along", "begun anew"])
def test_the_first_entry_still_has_its_exits_when_the_second_came_and_went_before_it(
    tmp_path: Path, restarted: bool
) -> None:
    """A ladder the other way round: the order that was given first rests lower."""
    world = open_world(tmp_path)
    rest(world, "10", "97", stop_at("90"))
    rest(world, "6", "99", stop_at("98"))
    world.price("AAPL", "98.9")
    world.run(4)
    assert world.witness.qty() == world.witness.covered() == 6
    assert world.the_plan().stop.price == 98
    if restarted:
        world.kill_watch()
        world.start_watch()
    world.price("AAPL", "97.5")
    world.run(4)
    assert world.witness.qty() == 0
    assert [plan.stop.price for plan in open_plans(world.desk.journal)] == [90]
    world.price("AAPL", "96.9")
    world.run(4)
    assert world.witness.qty() == world.witness.covered() == 10
    assert world.the_plan().stop.price == 90
    assert world.witness.stop_prices() == {"90"}
    assert not world.notes_of("plan_replaced") and not world.witness.shorts


def test_the_first_entry_joins_what_the_second_has_bought(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    rest(world, "10", "97", stop_at("90"))
    rest(world, "6", "99", stop_at("92"))
    world.price("AAPL", "98.9")
    world.run(4)
    world.price("AAPL", "96.9")
    world.run(6)
    assert world.witness.qty() == world.witness.covered() == 16
    assert [plan.stop.price for plan in open_plans(world.desk.journal)] == [92]
    (told,) = world.notes_of("plan_replaced")
    assert told.text.endswith("all 16 now: stop 92.00, where the first had 90.00")


def test_a_plan_whose_entry_ended_unfilled_while_it_waited_says_so(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    rest(world, "10", "99", stop_at("90"))
    rest(world, "6", "98", stop_at("85"))
    rest(world, "4", "97", stop_at("80"))
    world.price("AAPL", "98.9")
    world.run(4)
    world.trader.cancel("entry-1")
    world.run(4)
    assert notes(world)["85"] == "the entry never filled"
    assert [str(plan.stop.spec) for plan in open_plans(world.desk.journal)] == ["90", "80"]


def test_a_plan_whose_shares_came_and_went_unwatched_says_so(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.kill_watch()
    rest(world, "10", "99", stop_at("90"))
    rest(world, "6", "98", stop_at("97.5"))
    for price in ("98.9", "97.9", "97.4"):
        world.price("AAPL", price)
        world.run(1)
    world.start_watch()
    world.run(4)
    assert world.witness.qty() == world.witness.covered() == 10
    assert notes(world) == {"90": "first share filled", "97.5": SOLD}
