"""Goal: each known trap of Alpaca's order rules ends with every share protected and none oversold.

Method: the real watcher against the real exchange in virtual time; coverage is read from the
exchange's own orders and positions.
"""

from __future__ import annotations

from pathlib import Path

from support.watch_world import D, open_world, wishes


def test_a_filled_bracket_is_protected_by_its_own_legs(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2", ("4", "100")))
    world.run(3)
    assert world.qty() == 10
    assert world.covered("AAPL") == 10
    assert world.longest_uncovered.get("AAPL", 0) < 1
    assert not world.alarms()


def test_two_targets_become_two_pairs_right_after_the_fill(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("5", wishes("2", ("2", "50"), ("4", "50")))
    world.run(3)
    pairs = [r for r in world.desk.orders_there().values() if r["order_class"] == "oco"]
    assert sorted(r["qty"] for r in pairs if r["type"] == "limit") == ["2", "3"]
    assert world.covered("AAPL") == 5
    assert world.longest_uncovered.get("AAPL", 0) < 1


def test_a_stop_that_triggers_closes_the_position_and_the_plan(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2", ("4", "100")))
    world.run(2)
    world.price("AAPL", "97")
    world.run(5)
    assert world.qty() == 0
    assert world.plan() is None
    assert not world.shorts


def test_the_first_target_taken_leaves_the_second_pair_alone(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2", ("2", "50"), ("4", "50")))
    world.run(2)
    world.price("AAPL", "102.5")
    world.run(5)
    assert world.qty() == 5
    assert world.covered("AAPL") == 5
    world.price("AAPL", "105")
    world.run(5)
    assert world.qty() == 0
    assert world.plan() is None
    assert not world.shorts
    assert not world.alarms()


def test_a_bracket_that_fills_in_part_is_canceled_and_its_part_protected(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.price("AAPL", "100", size="4")
    world.buy("10", wishes("2", ("4", "100")), limit="100.01")
    world.run(0.3)
    world.price("AAPL", "100.50")
    world.run(8)
    assert world.qty() == 4
    assert world.covered("AAPL") == 4
    assert world.longest_uncovered["AAPL"] < 5


def test_the_parts_of_a_plain_entry_are_protected_by_pairs_while_it_rests(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.price("AAPL", "100", size="3")
    world.buy("10", wishes("2", ("2", "50"), ("4", "50")), limit="100.01")
    world.run(0.3)
    world.price("AAPL", "100.50")
    world.run(3)
    assert world.qty() == 3
    assert world.covered("AAPL") == 3
    entry = world.desk.orders_there()["entry-0"]
    assert entry["status"] == "partially_filled"
    world.price("AAPL", "100", size="100")
    world.run(3)
    assert world.qty() == 10
    assert world.covered("AAPL") == 10


def test_a_stop_alone_waits_for_a_resting_entry_and_then_cancels_its_rest(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.price("AAPL", "100", size="3")
    world.buy("10", wishes("2"), limit="100.01")
    world.run(0.3)
    world.price("AAPL", "100.50")
    world.run(8)
    assert world.qty() == 3
    assert world.covered("AAPL") == 3
    assert world.desk.orders_there()["entry-0"]["status"] == "canceled"
    assert world.longest_uncovered["AAPL"] < 5


def test_an_entry_that_does_not_fill_in_time_is_canceled(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2", ("4", "100")), limit="90")
    world.run(63, 0.5)
    assert world.desk.orders_there()["entry-0"]["status"] == "canceled"
    assert world.plan() is None


def test_a_position_closed_from_elsewhere_takes_its_exits_along(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2"))
    world.run(2)
    for row in world.desk.orders_there().values():
        if row["type"] == "stop" and row["status"] in ("new", "held"):
            world.desk.call("DELETE", f"/v2/orders/{row['id']}")
    world.pass_time(0.2)
    world.desk.call("DELETE", "/v2/positions/AAPL")
    world.run(10)
    assert world.qty() == 0
    assert not [r for r in world.desk.orders_there().values() if r["status"] in ("new", "held")]
    assert not world.shorts


def test_a_stop_canceled_from_elsewhere_is_put_back_once_and_then_respected(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.buy("10", wishes("2"))
    world.run(2)

    def cancel_stops() -> None:
        for row in world.desk.orders_there().values():
            if row["type"] == "stop" and row["status"] in ("new", "held", "accepted"):
                world.desk.call("DELETE", f"/v2/orders/{row['id']}")

    cancel_stops()
    world.run(3)
    assert world.covered("AAPL") == 10
    cancel_stops()
    world.run(5)
    assert world.covered("AAPL") == 0
    plan = world.plan()
    assert plan is not None
    assert plan.status == "suspended"


def test_a_stop_through_the_market_is_taken_at_once(tmp_path: Path) -> None:
    world = open_world(tmp_path, watch=False)
    world.buy("10", wishes("2", ("2", "50"), ("4", "50")))
    world.pass_time(1)
    world.price("AAPL", "95")
    world.start_watch()
    world.run(5)
    assert world.qty() == 0
    assert not world.shorts


def test_a_watch_that_starts_late_protects_what_it_finds(tmp_path: Path) -> None:
    world = open_world(tmp_path, watch=False)
    world.buy("10", wishes("2", ("2", "50"), ("4", "50")))
    world.pass_time(30)
    world.start_watch()
    world.run(2)
    assert world.covered("AAPL") == 10


def test_a_moved_plan_moves_the_legs_without_an_unprotected_moment(tmp_path: Path) -> None:
    from execbot.exits.attach import moved
    from execbot.exits.levels import LevelKind, LevelSpec
    from execbot.exits.store import save_plan

    world = open_world(tmp_path)
    world.buy("10", wishes("2", ("4", "100")))
    world.run(2)
    world.longest_uncovered.clear()
    plan = world.plan()
    assert plan is not None
    save_plan(
        world.desk.journal,
        moved(plan, world.now(), stop=LevelSpec(LevelKind.PRICE, D("99"))),
    )
    world.trader_acted = True
    world.run(3)
    stops = [r for r in world.desk.orders_there().values() if r["type"] == "stop"]
    assert [r["stop_price"] for r in stops if r["status"] == "held"] == ["99"]
    assert world.longest_uncovered.get("AAPL", 0) == 0
