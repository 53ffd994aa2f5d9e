"""Goal: whatever holds its contracts, and however many they are, what must be left is left.

Method: the simulated world on real trading hours; the exchange's own orders and positions judge.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace
from support.contracts import chain, near, vertical
from support.world import World
from watch.options.test_structures_kept import closings, opened, with_spread

from execbot.exits.structures.plan import StructurePlan, save_structure, structure_plans
from execbot.model.options.spreads import spread_request
from execbot.model.quote import Quote
from execbot.watch.options.closing import piece_of
from execbot.watch.options.rules import Group, Leave

D = Decimal


def test_a_resting_order_of_ours_does_not_keep_the_structure_from_being_closed(
    tmp_path: Path,
) -> None:
    """A trader waits for a better price: the broker keeps the contracts for that order."""
    world = opened(tmp_path)
    held = with_spread(world, days=14)
    legs = vertical(world.desk, opens=False)
    world.trader.send(spread_request(legs, D(2), D("-2.40"), client_order_id="in-the-way"))
    plan = StructurePlan("structure-1", "AAPL", {s: D(q) / 2 for s, q in held.items()}, world.now())
    save_structure(world.desk.journal, replace(plan, target_net=D("0.01")), world.now())
    world.run(60)
    assert world.desk.positions_there() == {}
    assert [row["status"] for row in closings(world)] == ["filled"]
    assert world.desk.orders_there()["in-the-way"]["status"] == "canceled"


def test_what_was_exercised_does_not_keep_the_rest_from_being_left(tmp_path: Path) -> None:
    """It stands in the books until its row comes, a day late; the broker has it no more."""
    world = opened(tmp_path, "2026-10-08 10:00")
    with_spread(world, days=1)
    exercised = near(world.desk, steps=-3, days=1).symbol
    body = {"symbol": exercised, "qty": 1, "price": "9.00"}
    world.desk.call("POST", "/sim/options/position", body)
    world.run(2)
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 14:55"})
    world.run(35, 0.5)
    world.desk.client.exercise(exercised)
    world.run(5)
    assert world.booked(exercised) == 1 and exercised not in world.desk.positions_there()
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 15:00:01"})
    world.run(60)
    left = world.desk.positions_there()
    assert not [s for s, qty in left.items() if qty.startswith("-")]
    assert [row["status"] for row in closings(world)] == ["filled"]


def test_of_more_legs_than_an_order_takes_the_sold_ones_go_first() -> None:
    held = {"A": D(2), "B": D(-1), "C": D(3), "D": D(-2), "E": D(1)}
    leave = Leave("AAPL", held, "expiry")
    assert piece_of(leave).held == {"B": D(-1), "D": D(-2)}
    longs = {name: D(1) for name in "EDCBA"}
    assert list(piece_of(replace(leave, held=longs)).held) == ["A", "B", "C", "D"]
    few = {name: held[name] for name in "ABCD"}
    assert piece_of(replace(leave, held=few)).held == few


def test_six_legs_are_left_before_their_last_close(tmp_path: Path) -> None:
    world = opened(tmp_path, "2026-10-08 10:00")
    symbols = _six(world)
    assert len(world.desk.positions_there()) == 6
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 15:00:01"})
    world.run(90, 0.5)
    left = world.desk.positions_there()
    assert not [s for s in symbols if left.get(s, "0").startswith("-")], left
    quotes = world.desk.client.latest_quotes(list(left))
    assert all(quote.bid == 0 for quote in quotes.values()), "only what nobody bids for is left"
    assert world.desk.oms.reconcile().breaks == ()


def _six(world: World) -> list[str]:
    """Three bought and three sold contracts of one day, held elsewhere before."""
    found = chain(world.desk, days=1)
    middle = found.index(near(world.desk, days=1))
    chosen = [one.symbol for one in found[middle - 3 : middle + 3]]
    for number, symbol in enumerate(chosen):
        qty = 1 if number < 3 else -1
        world.desk.call(
            "POST", "/sim/options/position", {"symbol": symbol, "qty": qty, "price": "2.00"}
        )
        world.desk.call("POST", "/sim/options/mark", {"symbol": symbol, "price": None})
    world.run(2)
    return chosen


def test_a_stop_is_seen_and_taken_although_nobody_bids_for_the_bought_leg(tmp_path: Path) -> None:
    """What was sold is bought back; the rest may expire, and is no broken structure."""
    world = opened(tmp_path, "2026-10-08 10:00")
    held = with_spread(world, days=1)
    plan = StructurePlan("structure-1", "AAPL", {s: D(q) / 2 for s, q in held.items()}, world.now())
    save_structure(world.desk.journal, replace(plan, stop_net=D("0.40")), world.now())
    trade = world.desk.client.latest_trade("AAPL")
    assert trade is not None
    world.price("AAPL", str(trade.price - 25))
    quotes = world.desk.client.latest_quotes(list(held))
    assert all(quote.bid == 0 for quote in quotes.values())
    world.run(60)
    [long] = [s for s, q in held.items() if not q.startswith("-")]
    assert world.desk.positions_there() == {long: "2"}
    assert structure_plans(world.desk.journal, world.now()) == []
    assert "structure_broken" not in world.alarm_kinds()


def test_a_contract_without_a_bid_is_priced_up_to_a_small_ask() -> None:
    def quote(bid: str, ask: str) -> Quote:
        return Quote("A", None, D(bid), D(ask))

    quotes = {"A": quote("0", "0.10"), "B": quote("0", "0.25"), "C": quote("1.00", "1.20")}
    assert Group("AAPL", {}, quotes).middles == {"A": D("0.05"), "C": D("1.10")}
