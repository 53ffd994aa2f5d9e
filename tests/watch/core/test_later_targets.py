"""Goal: an entry that brings its stop along gets its targets after the fill, whatever is between.

Method: the real watcher and the exchange in virtual time; pairs, stops and sizes are read from the
exchange. The watcher is killed at each of the requests that spread the shares.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.watch_world import World, open_world, wishes

from execbot.exits.levels import parse_level
from execbot.exits.plan.wishes import Wishes, in_equal_parts

D = Decimal
TWO = (("2", "50"), ("4", "50"))
THREE = (("2", "34"), ("3", "33"), ("4", "33"))
ALIVE = ("new", "accepted", "held", "pending_new", "partially_filled")


class Killed(BaseException):
    """SIGKILL: no handler of the code under test may see it."""


def buy(world: World, qty: str, targets: tuple[tuple[str, str], ...] = TWO, **more: Any) -> None:
    world.buy(qty, wishes("2", *targets), stop_goes_along=True, **more)


def exits(world: World) -> list[tuple[str, str, str, str]]:
    """What stands on the closing side: class, type, quantity, price.

    Targets are measured from what was paid, 100.01; the stop from where the entry was quoted.
    """
    return sorted(
        (r["order_class"], r["type"], r["qty"], r["limit_price"] or r["stop_price"])
        for r in world.desk.orders_there().values()
        if r["side"] == "sell" and r["status"] in ALIVE
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
    targets: tuple[tuple[str, str], ...],
    parts: tuple[tuple[str, str], ...],
) -> None:
    world = open_world(tmp_path, watch=False)
    buy(world, qty, targets)
    world.pass_time(1)
    assert exits(world) == [("oto", "stop", qty, "98")]
    assert world.covered("AAPL") == world.qty() == D(qty)
    world.start_watch()
    world.run(3)
    assert exits(world) == pairs(*parts)
    assert sum(D(part) for part, _ in parts) == world.qty() == world.covered("AAPL")
    assert not world.alarms()
    assert world.longest_uncovered["AAPL"] < 1, "between the stop that goes and the pairs"


def test_each_target_takes_its_part_and_the_last_one_ends_the_plan(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    buy(world, "5")
    world.run(3)
    world.price("AAPL", "102.5")
    world.run(5)
    assert (world.qty(), exits(world)) == (2, pairs(("2", "104.01")))
    world.price("AAPL", "104.5")
    world.run(5)
    assert (world.qty(), exits(world), world.plan()) == (0, [], None)
    assert not world.shorts and not world.alarms()


def test_the_stop_takes_all_of_them(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    buy(world, "5")
    world.run(3)
    world.price("AAPL", "97.5")
    world.run(5)
    assert (world.qty(), exits(world), world.plan()) == (0, [], None)
    assert not world.shorts


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
            world.at_request = lambda when: None
            world.start_watch()
        world.run(5)
        assert exits(world) == pairs(("3", "102.01"), ("2", "104.01")), number
        assert not world.shorts


def test_a_part_of_the_entry_is_protected_and_spread_too(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.price("AAPL", "100", size="3")
    buy(world, "10", limit="100.01")
    world.run(0.3)
    world.price("AAPL", "100.50")
    world.run(8)
    assert world.qty() == world.covered("AAPL") == 3
    assert [order[:3] for order in exits(world) if order[1] == "limit"] == [
        ("oco", "limit", "1"),
        ("oco", "limit", "2"),
    ]
    assert world.longest_uncovered["AAPL"] < 5


def test_a_pair_that_is_refused_leaves_no_share_without_its_stop(tmp_path: Path) -> None:
    world = open_world(tmp_path, watch=False)
    buy(world, "10")
    world.pass_time(1)
    body = {"code": 40010001, "message": "oco orders are not supported for this asset"}
    rule = {"kind": "canned_reply", "method": "POST", "path": "/v2/orders", "status": 422}
    world.desk.call("POST", "/sim/faults", {**rule, "body": body, "count": 2})
    world.start_watch()
    world.run(20)
    assert world.qty() == world.covered("AAPL") == 10
    world.desk.call("DELETE", "/sim/faults")
    world.run(90)
    assert exits(world) == pairs(("5", "102.01"), ("5", "104.01"))


@pytest.mark.parametrize(
    ("stop", "target", "kept"),
    [("2%", "101", "5"), ("96", "101", "5"), ("96", "97", "5"), ("2%", "97", "10")],
)
def test_a_target_given_as_a_price_that_the_fill_has_passed_is_taken_at_once(
    tmp_path: Path, stop: str, target: str, kept: str
) -> None:
    """With 2% the 97 is beyond the stop as well: nobody takes profit there, it is left out."""
    world = open_world(tmp_path, watch=False)
    world.price("AAPL", "102")
    world.held["AAPL"] = ("96.5", "1000")  # what the targets were measured from
    levels = in_equal_parts([parse_level(word) for word in (target, "105")])
    world.buy("10", Wishes(parse_level(stop), None, levels))
    world.held["AAPL"] = ("102", "1000")
    world.start_watch()
    world.run(4)
    assert [n.data["kind"] for n in world.notes if n.is_critical] == ["level_unusable"]
    assert world.qty() == world.covered("AAPL") == D(kept)
    assert [at for _, kind, _, at in exits(world) if kind == "limit"] == ["105"]
    assert world.longest_uncovered["AAPL"] < 1
