"""Goal: whatever of an entry fills has its stop and targets, and what does not fill goes away.

Method: the real watcher against the real exchange in virtual time; coverage is read from the
exchange's own orders and positions.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wishes import stop_at, target
from support.world import D, open_world

from execbot.broker.port import ReplaceRequest
from execbot.model.enums import TimeInForce
from execbot.watch.core import inputs


def test_a_filled_bracket_is_protected_by_its_own_legs(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100))
    world.run(3)
    assert world.witness.qty() == 10
    assert world.witness.covered() == 10
    assert world.witness.longest_uncovered() < 1
    assert not world.alarms()


def test_two_targets_become_two_pairs_right_after_the_fill(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("5", stop_at("2%"), target("2%", shares=50), target("4%", shares=50))
    world.run(3)
    pairs = [r for r in world.witness.orders().values() if r["order_class"] == "oco"]
    assert sorted(r["qty"] for r in pairs if r["type"] == "limit") == ["2", "3"]
    assert world.witness.covered() == 5
    assert world.witness.longest_uncovered() < 1


def test_a_stop_that_triggers_closes_the_position_and_the_plan(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100))
    world.run(2)
    world.price("AAPL", "97")
    world.run(5)
    assert world.witness.qty() == 0
    assert world.plan() is None
    assert not world.witness.shorts


def test_the_first_target_taken_leaves_the_second_pair_alone(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("2%", shares=50), target("4%", shares=50))
    world.run(2)
    world.price("AAPL", "102.5")
    world.run(5)
    assert world.witness.qty() == 5
    assert world.witness.covered() == 5
    world.price("AAPL", "105")
    world.run(5)
    assert world.witness.qty() == 0
    assert world.plan() is None
    assert not world.witness.shorts
    assert not world.alarms()


def test_a_filled_target_whose_stops_end_is_not_told_costs_no_other_pair(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("2%", shares=50), target("4%", shares=50))
    world.run(2)
    assert world.witness.covered() == 10
    world.witness.forget_uncovered()
    world.hear = lambda frames: [f for f in frames if f.event != "canceled"]
    world.price("AAPL", "102.5")
    world.run(5)
    assert (world.witness.qty(), world.witness.covered()) == (5, 5)
    assert not world.witness.longest_of_all()


def test_a_bracket_that_fills_in_part_is_canceled_and_its_part_protected(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.price("AAPL", "100", size="4")
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100), limit="100.01")
    world.run(0.3)
    world.price("AAPL", "100.50")
    world.run(8)
    assert world.witness.qty() == 4
    assert world.witness.covered() == 4
    assert world.witness.longest_uncovered() < 5


def test_the_parts_of_a_plain_entry_are_protected_by_pairs_while_it_rests(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.price("AAPL", "100", size="3")
    world.trader.buy(
        "10", stop_at("2%"), target("2%", shares=50), target("4%", shares=50), limit="100.01"
    )
    world.run(0.3)
    world.price("AAPL", "100.50")
    world.run(3)
    assert world.witness.qty() == 3
    assert world.witness.covered() == 3
    entry = world.witness.orders()["entry-0"]
    assert entry["status"] == "partially_filled"
    world.price("AAPL", "100", size="100")
    world.run(3)
    assert world.witness.qty() == 10
    assert world.witness.covered() == 10


def test_a_stop_alone_waits_for_a_resting_entry_and_then_cancels_its_rest(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.price("AAPL", "100", size="3")
    world.trader.buy("10", stop_at("2%"), limit="100.01")
    world.run(0.3)
    world.price("AAPL", "100.50")
    world.run(8)
    assert world.witness.qty() == 3
    assert world.witness.covered() == 3
    assert world.witness.orders()["entry-0"]["status"] == "canceled"
    assert world.witness.longest_uncovered() < 5


def test_an_entry_that_does_not_fill_in_time_is_canceled(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100), limit="90")
    world.run(63, 0.5)
    assert world.witness.orders()["entry-0"]["status"] == "canceled"
    assert world.plan() is None


def test_a_stop_through_the_market_is_taken_at_once(tmp_path: Path) -> None:
    world = open_world(tmp_path, watch=False)
    world.trader.buy("10", stop_at("2%"), target("2%", shares=50), target("4%", shares=50))
    world.pass_time(1)
    world.price("AAPL", "95")
    world.start_watch()
    world.run(5)
    assert world.witness.qty() == 0
    assert not world.witness.shorts


def test_a_watch_that_starts_late_protects_what_it_finds(tmp_path: Path) -> None:
    world = open_world(tmp_path, watch=False)
    world.trader.buy("10", stop_at("2%"), target("2%", shares=50), target("4%", shares=50))
    world.pass_time(30)
    world.start_watch()
    world.run(2)
    assert world.witness.covered() == 10


def test_a_crypto_position_is_held_by_a_stop_limit_and_its_target_is_watched(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path, symbols=("BTC/USD",))
    world.price("BTC/USD", "50000", spread="10")
    world.trader.buy(
        "0.1",
        stop_at("5%"),
        target("4%", shares=100),
        symbol="BTC/USD",
        time_in_force=TimeInForce.GTC,
    )
    world.run(5)
    rows = world.witness.orders().values()
    assert [r["type"] for r in rows if r["status"] == "new"] == ["stop_limit"]
    world.price("BTC/USD", "52500", spread="10")
    world.run(10)
    assert world.witness.qty("BTC/USD") < D("0.0001")


def test_nothing_is_sent_into_a_halt_and_the_stop_comes_after_it(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(2)
    world.running.feed(inputs.Halts(frozenset({"AAPL"})))
    world.price("AAPL", "90")
    before = set(world.witness.orders())
    world.desk.venue.market.halt(world.desk.venue.exchange, "AAPL", "T1")
    world.run(5)
    assert set(world.witness.orders()) == before


def test_a_plan_that_a_newer_one_replaced_never_wakes_up(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    resting, older = world.trader.buy("10", stop_at("2%"), limit="95")
    world.run(1)
    world.trader.cancel(resting.client_order_id)
    world.trader.buy("5", stop_at("2%"))
    world.run(3)
    current = world.desk.journal.plan(older.plan_id)
    assert current is not None
    assert current.status == "closed"
    assert world.witness.covered() == 5


@pytest.mark.parametrize("by", ["execbot replace", "the broker's own app"])
def test_the_leg_of_an_entry_whose_limit_was_moved_protects_what_fills(
    tmp_path: Path, by: str
) -> None:
    """E-FAM-2: the leg is held under the order that was replaced; nothing is to be sent for it."""
    world = open_world(tmp_path)
    record, _ = world.trader.buy("10", stop_at("2%"), limit="95", stop_goes_along=True)
    world.run(2)
    if by == "execbot replace":
        world.desk.oms.replace(record.client_order_id, ReplaceRequest(limit_price=D("99.50")))
    else:
        account = world.desk.venue.exchange
        account.replace(world.account, record.order_id, {"limit_price": "99.50"})
    world.run(3)
    sent = len(world.desk.sent)
    world.price("AAPL", "99.40")
    world.run(20)
    assert (world.witness.qty(), world.witness.covered()) == (10, 10)
    assert not [line for line in world.desk.sent[sent:] if line.startswith("POST /v2/orders")]
    assert not world.alarms()
