"""Goal: an entry that brings its stop along gets its targets after the fill, whatever is between.

Method: the real watcher and the exchange in virtual time; pairs, stops and sizes are read from the
exchange. The watcher is killed at each of the requests that spread the shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.harness.killed import Killed
from support.wishes import Exit, stop_at, target
from support.world import World, nothing_happens, open_world

D = Decimal
TWO = [target("2%", shares=50), target("4%", shares=50)]
THREE = [target("2%", shares=34), target("3%", shares=33), target("4%", shares=33)]


def buy(world: World, qty: str, targets: Sequence[Exit] = TWO, **more: Any) -> None:
    world.trader.buy(qty, stop_at("2%"), *targets, stop_goes_along=True, **more)


def exits(world: World) -> list[tuple[str, str, str, str]]:
    """What stands on the closing side: class, type, quantity, price.

    Targets are measured from what was paid, 100.01; the stop from where the entry was quoted.
    """
    return sorted(
        (r["order_class"], r["type"], r["qty"], r["limit_price"] or r["stop_price"])
        for r in world.witness.living(side="sell")
    )


def pairs(*parts: tuple[str, str], stop: str = "98") -> list[tuple[str, str, str, str]]:
    return sorted(
        order
        for qty, target in parts
        for order in (("oco", "limit", qty, target), ("oco", "stop", qty, stop))
    )


@pytest.mark.parametrize(
    ("qty", "targets", "parts"),
    [
        ("10", TWO, (("5", "102.01"), ("5", "104.01"))),
        ("5", TWO, (("3", "102.01"), ("2", "104.01"))),
        ("2", TWO, (("1", "102.01"), ("1", "104.01"))),
        ("7", THREE, (("3", "102.01"), ("2", "103.01"), ("2", "104.01"))),
    ],
)
def test_targets_become_pairs_that_sum_to_the_position(
    tmp_path: Path,
    qty: str,
    targets: list[Exit],
    parts: tuple[tuple[str, str], ...],
) -> None:
    world = open_world(tmp_path, watch=False)
    buy(world, qty, targets)
    world.pass_time(1)
    assert exits(world) == [("oto", "stop", qty, "98")]
    assert world.witness.covered() == world.witness.qty() == D(qty)
    world.start_watch()
    world.run(3)
    assert exits(world) == pairs(*parts)
    assert sum(D(part) for part, _ in parts) == world.witness.qty() == world.witness.covered()
    assert not world.alarms()
    assert world.witness.longest_uncovered() < 1, "between the stop that goes and the pairs"


def test_each_target_takes_its_part_and_the_last_one_ends_the_plan(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    buy(world, "5")
    world.run(3)
    world.price("AAPL", "102.5")
    world.run(5)
    assert (world.witness.qty(), exits(world)) == (2, pairs(("2", "104.01")))
    world.price("AAPL", "104.5")
    world.run(5)
    assert (world.witness.qty(), exits(world), world.plan()) == (0, [], None)
    assert not world.witness.shorts and not world.alarms()


def test_the_stop_takes_all_of_them(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    buy(world, "5")
    world.run(3)
    world.price("AAPL", "97.5")
    world.run(5)
    assert (world.witness.qty(), exits(world), world.plan()) == (0, [], None)
    assert not world.witness.shorts


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_request_of_the_spreading_it_is_finished_by_the_next(
    tmp_path: Path, moment: str
) -> None:
    for number in range(1, 7):
        folder = tmp_path / str(number)
        folder.mkdir()
        world = open_world(folder, watch=False)
        buy(world, "5")
        world.pass_time(1)
        world.start_watch()
        last = world.requests + number

        def at_request(when: str, world: World = world, last: int = last) -> None:
            if world.requests >= last and when == moment:
                raise Killed

        world.at_request = at_request
        try:
            world.run(3)
        except Killed:
            world.kill_watch()
            world.at_request = nothing_happens
            world.start_watch()
        world.run(5)
        assert exits(world) == pairs(("3", "102.01"), ("2", "104.01")), number
        assert not world.witness.shorts


def test_a_part_of_the_entry_is_protected_and_spread_too(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.price("AAPL", "100", size="3")
    buy(world, "10", limit="100.01")
    world.run(0.3)
    world.price("AAPL", "100.50")
    world.run(8)
    assert world.witness.qty() == world.witness.covered() == 3
    assert [order[:3] for order in exits(world) if order[1] == "limit"] == [
        ("oco", "limit", "1"),
        ("oco", "limit", "2"),
    ]
    assert world.witness.longest_uncovered() < 5


def test_a_pair_that_is_refused_leaves_no_share_without_its_stop(tmp_path: Path) -> None:
    world = open_world(tmp_path, watch=False)
    buy(world, "10")
    world.pass_time(1)
    body = {"code": 40010001, "message": "oco orders are not supported for this asset"}
    rule = {"kind": "canned_reply", "method": "POST", "path": "/v2/orders", "status": 422}
    world.desk.call("POST", "/sim/faults", {**rule, "body": body, "count": 2})
    world.start_watch()
    world.run(20)
    assert world.witness.qty() == world.witness.covered() == 10
    world.desk.call("DELETE", "/sim/faults")
    world.run(90)
    assert exits(world) == pairs(("5", "102.01"), ("5", "104.01"))


@pytest.mark.parametrize(
    ("stop", "price", "kept"),
    [("2%", "101", "5"), ("96", "101", "5"), ("96", "97", "5"), ("2%", "97", "10")],
)
def test_a_target_given_as_a_price_that_the_fill_has_passed_is_taken_at_once(
    tmp_path: Path, stop: str, price: str, kept: str
) -> None:
    """With 2% the 97 is beyond the stop as well: nobody takes profit there, it is left out."""
    world = open_world(tmp_path, watch=False)
    world.price("AAPL", "102")
    world.quoted["AAPL"] = "96.5"  # what the targets were measured from
    world.trader.buy("10", stop_at(stop), target(price, shares=50), target("105", shares=50))
    world.quoted["AAPL"] = "102"
    world.start_watch()
    world.run(4)
    assert [note.data["kind"] for note in world.criticals()] == ["level_unusable"]
    assert world.witness.qty() == world.witness.covered() == D(kept)
    assert [at for _, kind, _, at in exits(world) if kind == "limit"] == ["105"]
    assert world.witness.longest_uncovered() < 1
