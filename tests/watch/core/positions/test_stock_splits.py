"""Goal: a split is booked with or without an exit plan, at the old cost, and told once.

Method: the real watcher against the real exchange in virtual time. Splits come from the exchange's
control, which writes activities as Alpaca does, or change the position with no record of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN
from pathlib import Path
from typing import Any

import pytest
from support.desk import market
from support.wishes import stop_at, target
from support.world import D, World, open_world, seeded

from execbot.exits.plan.rescale import rescaled
from execbot.exits.store import change_plan, suspend_plans
from execbot.journal.records import FillState, PositionRecord
from execbot.model.account import Activity
from execbot.model.enums import Side
from execbot.oms.sync.rebuild import rebuild

WHOLE = "SNDL"
"""Has no fractions: what makes no whole share is paid out."""


def holding(path: Path, signed: str = "10", symbol: str = "AAPL") -> World:
    """A position that has no exit plan, followed by `watch`."""
    world = open_world(path, symbols=(symbol,))
    side = Side.BUY if D(signed) > 0 else Side.SELL
    world.trader.send(market(symbol, str(abs(D(signed))), side))
    world.run(3)
    assert books(world, symbol).qty == D(signed)
    return world


def books(world: World, symbol: str = "AAPL") -> PositionRecord:
    position = world.desk.journal.position(symbol)
    assert position is not None
    return position


def split(world: World, new: int, old: int = 1, symbol: str = "AAPL") -> None:
    """At the exchange, with everything that belongs to it."""
    told = world.desk.call("POST", "/sim/split", {"symbol": symbol, "new": new, "old": old})
    assert told["symbol"] == symbol


def told(world: World, kind: str) -> list[str]:
    return [note.text for note in world.notes_of(kind)]


@pytest.mark.parametrize(
    ("held", "new", "old", "left"),
    [
        ("10", 4, 1, "40"),
        ("10", 3, 2, "15"),
        ("12", 5, 4, "15"),
        ("4", 7, 4, "7"),
        ("10", 1, 10, "1"),
        ("7", 1, 3, "2.333333333"),
        ("-10", 2, 1, "-20"),
        ("-10", 1, 2, "-5"),
    ],
    ids=["4:1", "3:2", "5:4", "7:4", "1:10", "fraction", "short", "reverse short"],
)
def test_a_split_of_a_position_without_a_plan_is_booked_at_its_cost(
    tmp_path: Path, held: str, new: int, old: int, left: str
) -> None:
    world = holding(tmp_path, held)
    before = books(world)
    split(world, new, old)
    world.run(8)
    after = books(world)
    assert after.qty == world.witness.qty() == D(left)
    assert after.avg_entry_price is not None and before.avg_entry_price is not None
    assert abs(after.qty * after.avg_entry_price - before.cost) < D("0.00001")
    assert after.realized_pl == before.realized_pl == 0
    assert after.opened_at == before.opened_at
    (text,) = world.alarms()
    assert text == told(world, "split")[0]
    assert "by the broker's record" in text
    adjusted = world.desk.journal.fills(adjustments=True)
    kept = [e for e in world.desk.journal.executions() if e.state is FillState.ADJUSTMENT]
    assert len(kept) == 2 and all(item.activity_id for item in kept)
    assert len(adjusted) == 3


def test_cash_in_lieu_of_a_fraction_is_told_and_realises_nothing(tmp_path: Path) -> None:
    world = holding(tmp_path, "25", WHOLE)
    cost = books(world, WHOLE).cost
    split(world, 1, 10, WHOLE)
    world.run(8)
    after = books(world, WHOLE)
    assert (after.qty, after.realized_pl) == (2, 0)
    assert abs(after.cost - cost) < D("0.00001")
    assert "25 shares are 2, 0.5 of one paid out" in told(world, "split")[0]
    assert len(world.alarms()) == 1


def test_a_position_that_a_split_leaves_nothing_of_is_booked_out(tmp_path: Path) -> None:
    world = holding(tmp_path, "5", WHOLE)
    split(world, 1, 10, WHOLE)
    world.run(8)
    assert (books(world, WHOLE).qty, books(world, WHOLE).realized_pl) == (0, 0)
    assert "5 shares were paid out" in told(world, "split")[0]
    assert len(world.alarms()) == 1


def test_a_plan_is_rescaled_although_a_fraction_was_paid_out(tmp_path: Path) -> None:
    world = open_world(tmp_path, symbols=(WHOLE,))
    world.trader.buy("25", stop_at("2%"), target("8%", shares=100), symbol=WHOLE)
    world.run(3)
    split(world, 1, 10, WHOLE)
    world.run(8)
    plan = world.the_plan(WHOLE)
    assert plan.stop.price is not None
    assert abs(plan.stop.price / 980 - 1) < D("0.002")
    assert books(world, WHOLE).qty == world.witness.qty(WHOLE) == world.witness.covered(WHOLE) == 2
    assert len(told(world, "split")) == 1


def test_trades_after_a_split_that_nobody_here_saw_are_booked_at_its_prices(
    tmp_path: Path,
) -> None:
    world = holding(tmp_path)
    world.kill_watch()
    world.pass_time(3600)
    split(world, 4)
    world.pass_time(600)
    world.trader.trade_elsewhere("sell", "5")
    world.pass_time(600)
    world.start_watch()
    world.run(8)
    after = books(world)
    assert after.qty == world.witness.qty() == 35
    assert after.avg_entry_price is not None and abs(after.avg_entry_price - 25) < D("0.01")
    assert abs(after.realized_pl) < 1
    assert not told(world, "position_differs")


def test_without_a_record_quantity_and_average_price_tell_it(tmp_path: Path) -> None:
    """E-CORP-1."""
    world = holding(tmp_path)
    world.witness.set_position("40", "25.0025")
    world.run(8)
    after = books(world)
    assert (after.qty, after.cost, after.realized_pl) == (40, D("1000.1"), 0)
    assert told(world, "split") == world.alarms()
    assert "by quantity and average price" in world.alarms()[0]


DOUBTFUL = {
    "average price as before": ("40", "100"),
    "some shares too few": ("38", "25"),
    "no ratio that companies use": ("13", "77.7"),
    "turned": ("-40", "25"),
}


@pytest.mark.parametrize(("qty", "average"), DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_what_may_be_no_split_stays_a_told_difference(
    tmp_path: Path, qty: str, average: str
) -> None:
    world = holding(tmp_path)
    world.witness.set_position(qty, average)
    world.run(40)
    assert books(world).qty == 10
    assert told(world, "position_differs") == world.alarms()
    assert len(world.alarms()) == 1


def test_the_record_that_comes_late_still_books_what_was_told(tmp_path: Path) -> None:
    world = holding(tmp_path)
    split(world, 4)
    empty = {"status": 200, "body": []}
    rule = world.desk.call(
        "POST",
        "/sim/faults",
        {
            "kind": "canned_reply",
            "method": "GET",
            "path": "/v2/account/activities*",
            "params": empty,
        },
    )
    world.witness.set_position("40", "90")  # the price does not tell it
    world.run(10)
    assert len(told(world, "position_differs")) == 1
    world.desk.call("DELETE", f"/sim/faults/{rule['id']}")
    world.run(40)
    assert books(world).qty == 40
    assert len(told(world, "split")) == 1
    assert world.desk.journal.meta_all("position_differs:") == {}


def test_shares_that_cost_nothing_do_not_move_the_levels_while_the_price_stays(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    world.witness.set_position("20", "50.005")
    world.run(20)
    plan = world.the_plan()
    assert plan.stop.price is not None
    assert plan.stop.price > 97
    assert world.witness.covered() == world.witness.qty() == 20
    assert told(world, "position_differs") == world.alarms()


def test_prices_of_a_plan_that_is_no_longer_kept_deny_no_split(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    with world.trader.acts():
        suspend_plans(world.desk.journal, world.now(), "by hand")
    world.run(3)
    world.trader.cancel_elsewhere()
    hide_record(world)
    split(world, 4)
    world.run(12)
    assert books(world).qty == world.witness.qty() == 40
    assert len(told(world, "split")) == 1
    plan = world.the_plan()
    assert plan.stop.price is not None
    assert abs(plan.stop.price / D("24.50") - 1) < D("0.002")


def test_a_journal_with_a_split_is_rebuilt_to_the_same_rows(tmp_path: Path) -> None:
    world = holding(tmp_path)
    split(world, 4)
    world.run(8)
    before = world.desk.journal.derived_tables()
    rebuild(world.desk.journal)
    assert world.desk.journal.derived_tables() == before


def test_rows_of_splits_are_asked_for_only_where_something_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = holding(tmp_path)
    asked: list[tuple[str, ...]] = []
    read = world.desk.client.get_activities

    def noted(types: Sequence[str], **more: Any) -> list[Activity]:
        asked.append(tuple(types))
        return read(types, **more)

    monkeypatch.setattr(world.desk.client, "get_activities", noted)
    world.run(65)
    assert set(asked) == {("FILL",)}
    split(world, 4)
    world.run(8)
    assert [kinds[0] for kinds in asked].count("SPLIT") == 1


@pytest.mark.parametrize("rescaled_before", [False, True], ids=["fresh", "plan rescaled already"])
def test_reconcile_rescales_the_plan_with_the_books_so_that_nothing_is_sold_later(
    tmp_path: Path, rescaled_before: bool
) -> None:
    world = open_world(tmp_path)
    _, plan = world.trader.buy("10", stop_at("2%"), target("8%", shares=100))
    world.run(3)
    world.kill_watch()
    split(world, 4)
    if rescaled_before:  # a watch that was killed between plan and books
        change_plan(world.desk.journal, plan.plan_id, lambda p: rescaled(p, D(4), world.now()))
    result = world.desk.oms.reconcile()
    assert not result.has_breaks and "4:1" in result.notes[0]
    known = world.the_plan()
    assert known.stop.price is not None
    assert abs(known.stop.price / D("24.50") - 1) < D("0.002")
    world.pass_time(7200)
    world.start_watch()
    world.run(8)
    assert books(world).qty == world.witness.qty() == world.witness.covered() == 40
    assert not world.alarms()


def test_reconcile_beside_a_watch_books_a_split_once(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    split(world, 4)
    world.trader.reconcile()
    world.run(8)
    plan = world.the_plan()
    assert plan.stop.price is not None and plan.base_qty == 40
    assert D("24.4") < plan.stop.price < D("24.6")
    assert books(world).qty == world.witness.qty() == world.witness.covered() == 40


def test_trades_beside_a_split_without_a_record_move_the_levels_and_are_told(
    tmp_path: Path,
) -> None:
    world = open_world(tmp_path)
    world.trader.buy("100", stop_at("2%"), target("8%", shares=100))
    world.run(3)
    world.kill_watch()
    hide_record(world)
    split(world, 4)
    world.trader.trade_elsewhere("sell", "20")
    world.pass_time(0.2)
    world.start_watch()
    world.run(60)
    plan = world.the_plan()
    assert plan.stop.price is not None
    assert abs(plan.stop.price / D("24.50") - 1) < D("0.01")
    assert world.witness.qty() == world.witness.covered() == 380
    assert told(world, "position_differs") == world.alarms()
    assert len(world.alarms()) == 1
    world.trader.reconcile(accept_positions=True)
    world.run(20)
    assert books(world).qty == world.witness.qty() == world.witness.covered() == 380


def test_accepted_while_nobody_watches_the_levels_move_too(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.trader.buy("100", stop_at("2%"))
    world.run(3)
    world.kill_watch()
    hide_record(world)
    split(world, 4)
    world.trader.trade_elsewhere("sell", "20")
    world.pass_time(0.2)
    result = world.desk.oms.reconcile(accept_positions=True)
    assert "rescaled as for a 4:1 split" in result.notes[0]
    assert len(result.adjusted_positions) == 1 and not result.has_breaks
    world.start_watch()
    world.run(20)
    assert books(world).qty == world.witness.qty() == world.witness.covered() == 380


TOLD_BY_PRICES = ((2, 1), (4, 1), (3, 2), (5, 4), (1, 2))
"""Also where a share or two are traded at the new price: of 1:10 those would mix the averages."""

RATIOS = ((2, 1), (4, 1), (3, 2), (5, 4), (7, 4), (1, 2), (1, 10))


@pytest.mark.parametrize("has_record", [True, False], ids=["record", "no record"])
@pytest.mark.parametrize("seed", range(16))
def test_whenever_a_split_comes_and_watch_is_killed_no_share_is_sold_for_it(
    tmp_path: Path, seed: int, has_record: bool
) -> None:
    rng = seeded(f"split-{seed}")
    world = open_world(tmp_path)
    if rng.random() < 0.5:
        world.trader.buy("60", stop_at("2%"), target("9%", shares=100))
    else:
        world.trader.send(market("AAPL", "60"))
    world.run(4)
    if not has_record:
        hide_record(world)
    price, held, splits = D(100), D(60), rng.randint(1, 2)
    for _ in range(splits):
        new, old = rng.choice(RATIOS if has_record else TOLD_BY_PRICES)
        if rng.random() < 0.6:
            world.kill_watch()
        split(world, new, old)
        price = price * old / new
        assert world.witness.qty() == (held * new / old).quantize(D("1e-9"), ROUND_DOWN)
        for _ in range(rng.randint(0, 2)):
            world.trader.trade_elsewhere(rng.choice(("buy", "sell")), str(rng.randint(1, 2)))
            world.pass_time(0.2)
        held = world.witness.qty()
        world.run(rng.choice((0, 0.1, 0.4, 9)))
        if rng.random() < 0.3:
            world.kill_watch()
        if rng.random() < 0.3:
            world.desk.oms.reconcile()
        world.pass_time(rng.choice((1, 3600)))
        world.start_watch()
        world.run(12)
    assert world.witness.qty() == held
    assert len(told(world, "split")) <= splits
    if world.plan() is not None:
        assert world.witness.covered() == held
    if told(world, "position_differs"):
        assert not has_record
        return
    after = books(world)
    assert after.qty == held
    assert after.avg_entry_price is not None
    assert abs(after.avg_entry_price / price - 1) < D("0.02")
    if has_record:
        assert abs(after.realized_pl) < 5, "only the spread of trades is lost"


def hide_record(world: World) -> None:
    """The broker lists no activities from now on."""
    rule = {"kind": "canned_reply", "method": "GET", "path": "/v2/account/activities*"}
    world.desk.call("POST", "/sim/faults", {**rule, "params": {"status": 200, "body": []}})
