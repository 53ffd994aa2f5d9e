"""Goal: contracts that stand together are closed together: at a level, and before they expire.

Method: the simulated world on real trading hours; the exchange's own orders and positions judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.contracts import natural, near, vertical
from support.settings import settings_with
from support.world import World, open_world

from execbot.config.schema import Mode, TradingSettings
from execbot.exits.structures.plan import (
    StructurePlan,
    UnderlyingStop,
    end_structures,
    save_structure,
    structure_plans,
)
from execbot.market.calendar_cache import load_table
from execbot.market.sessions import agreed_now
from execbot.model.options.spreads import spread_request
from execbot.model.quote import Quote
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_gate import RiskGate
from execbot.watch.options.care import OptionCare
from execbot.watch.options.rules import Group, is_unpriced, planned

D = Decimal


def opened(
    path: Path, at: str = "2026-10-07 10:00", symbols: tuple[str, ...] = (), **exits: bool
) -> World:
    table = load_table()
    settings = settings_with(max_position_size_pct=D(50), max_account_exposure_pct=D(90))
    world = open_world(
        path,
        hours=lambda moment: agreed_now(table, moment, None),
        settings=replace(settings, exits=replace(settings.exits, **exits)),
        calendar="exchange",
        at=at,
        symbols=symbols,
    )
    cared_for(world)
    return world


def cared_for(world: World, settings: TradingSettings | None = None) -> None:
    assert world.hands is not None
    care = OptionCare(world.running.oms, settings or world.settings, world.hours, world.now)
    world.hands.care_for_options = care.warned
    world.running.core.memory.cares_for_options = True


def with_spread(world: World, *, days: int) -> dict[str, str]:
    """Two verticals, filled."""
    gate = RiskGate(world.desk.client, world.desk.journal, world.settings, Mode.SIM, now=world.now)
    placer = Placer(world.desk.oms, gate)
    legs = vertical(world.desk, days=days)
    placer.place(spread_request(legs, D(2), natural(world.desk, legs) + D("0.10")))
    world.journal_changed = True
    world.run(90)
    held = world.desk.positions_there()
    assert held == {legs[0].symbol: "2", legs[1].symbol: "-2"}
    return held


def closings(world: World) -> list[Mapping[str, object]]:
    there = world.desk.orders_there()
    return [row for name, row in there.items() if name.startswith("execbot-o-")]


def test_structure_is_closed_as_one_before_its_last_close_and_only_once(tmp_path: Path) -> None:
    world = opened(tmp_path, "2026-10-08 10:00")
    with_spread(world, days=1)
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 14:55"})
    world.run(30)
    assert closings(world) == []
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 15:00:01"})
    world.run(60)
    left = world.desk.positions_there()
    assert all(not qty.startswith("-") for qty in left.values())
    world.restart_watch()
    cared_for(world)
    world.run(60)
    assert world.desk.positions_there() == left
    filled = [row for row in closings(world) if row["status"] == "filled"]
    assert len(filled) == 1 and filled == closings(world)
    if left:  # nobody bids for it any more: it may expire
        quotes = world.desk.client.latest_quotes(list(left))
        assert all(quote.bid == 0 for quote in quotes.values())
    assert world.desk.oms.reconcile().breaks == ()


def test_level_that_is_reached_on_the_last_afternoon_is_left_once(tmp_path: Path) -> None:
    """Both reasons are there in one look: what the first has sent the second does not send."""
    world = opened(tmp_path, "2026-10-08 10:00")
    held = with_spread(world, days=1)
    now = world.now()
    ratios = {s: D(q) / 2 for s, q in held.items()}
    plan = StructurePlan("structure-1", "AAPL", ratios, now, D("1.30"), target_net=D("-9"))
    assert world.hands is not None
    care = OptionCare(world.running.oms, world.settings, world.hours, world.now)
    world.hands.care_for_options = list
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 14:59:50"})
    world.run(2)
    save_structure(world.desk.journal, plan, now)
    assert care.look() == []  # reached once
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 15:00:10"})
    world.desk.venue.advance()
    assert [w.kind for w in care.look() if w.critical] == []
    names = {row["client_order_id"] for row in closings(world)}
    assert len(names) == 1


def test_what_was_due_of_a_structure_that_is_over_is_forgotten(tmp_path: Path) -> None:
    world = opened(tmp_path, "2026-10-08 10:00")
    held = with_spread(world, days=14)
    now, journal = world.now(), world.desk.journal
    ratios = {s: D(q) / 2 for s, q in held.items()}
    save_structure(journal, StructurePlan("structure-1", "AAPL", ratios, now, D("1.30")), now)
    care = OptionCare(world.running.oms, world.settings, world.hours, world.now)
    care.look()
    assert set(care._due) == {"structure-1"}
    end_structures(journal, ["structure-1"], "the trader said so", now)
    care.look()
    assert care._due == {}


@pytest.mark.parametrize("level", ["stop", "target", "underlying"])
def test_structure_is_closed_as_one_at_its_level(tmp_path: Path, level: str) -> None:
    world = opened(tmp_path)
    held = with_spread(world, days=14)
    now, low = world.now(), near(world.desk).strike
    plan = StructurePlan(
        "structure-1", "AAPL", {s: D(q) / 2 for s, q in held.items()}, now, D("1.30")
    )
    plan = {
        "stop": replace(plan, stop_net=D("1.29"), target_net=D(9)),
        "target": replace(plan, stop_net=D("0.01"), target_net=D("0.50")),
        "underlying": replace(plan, underlying_stop=UnderlyingStop(low + 50, True)),
    }[level]
    save_structure(world.desk.journal, plan, now)
    world.run(120)
    if level == "stop" and closings(world) == []:
        pytest.skip("the exchange's price did not fall below the stop")
    assert world.desk.positions_there() == {}
    [row] = closings(world)
    assert row["status"] == "filled"
    assert structure_plans(world.desk.journal, world.now()) == []


def kept_spread(world: World, *, days: int) -> str:
    """Two verticals with exits; the sold contract."""
    held, now = with_spread(world, days=days), world.now()
    save_structure(
        world.desk.journal,
        StructurePlan("structure-1", "AAPL", {s: D(q) / 2 for s, q in held.items()}, now, D(1)),
        now,
    )
    [short] = [s for s, q in held.items() if q.startswith("-")]
    return short


def bought_elsewhere(world: World, short: str) -> list[object]:
    """The sold leg is bought back by an order that nobody here gave; the alarms that follow."""
    body = {
        "symbol": short, "qty": "2", "side": "buy", "type": "market", "time_in_force": "day",
    }  # fmt: skip
    world.desk.call("POST", "/v2/orders", body)
    world.run(120)
    return [note.data.get("kind") for note in world.notes if note.is_alarm]


def test_leg_that_the_broker_closes_is_told_and_the_rest_closed_at_once(tmp_path: Path) -> None:
    world = opened(tmp_path, "2026-10-08 10:00")
    never = replace(world.settings.options, close_before_expiry_minutes=None)
    cared_for(world, replace(world.settings, options=never))
    short = kept_spread(world, days=1)
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 15:32"})
    world.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "260"})  # somebody bids
    kinds = bought_elsewhere(world, short)
    assert world.desk.positions_there() == {}
    assert "leg_closed_by_broker" in kinds


def test_leg_that_a_person_closes_elsewhere_is_told_and_the_rest_left_alone(tmp_path: Path) -> None:
    """Before their last day the broker closes no single leg."""
    world = opened(tmp_path)
    short = kept_spread(world, days=14)
    kinds = bought_elsewhere(world, short)
    assert set(world.desk.positions_there().values()) == {"2"} and closings(world) == []
    assert "structure_broken" in kinds and "leg_closed_by_broker" not in kinds


def test_order_that_rests_to_close_makes_way_for_the_stop(tmp_path: Path) -> None:
    """It holds the contracts: the broker would refuse the exit for it."""
    world = opened(tmp_path)
    held, now = with_spread(world, days=14), world.now()
    far = spread_request(vertical(world.desk, opens=False), D(2), D("-40"))
    gate = RiskGate(world.desk.client, world.desk.journal, world.settings, Mode.SIM, now=world.now)
    resting = Placer(world.desk.oms, gate).place(far).record.client_order_id
    world.journal_changed = True
    world.run(3)
    ratios = {s: D(q) / 2 for s, q in held.items()}
    plan = StructurePlan("structure-1", "AAPL", ratios, now, D(1), stop_net=D(9))
    save_structure(world.desk.journal, plan, now)
    world.run(60)
    assert world.desk.positions_there() == {}
    assert world.desk.orders_there()[resting]["status"] == "canceled"
    [row] = closings(world)
    assert row["status"] == "filled"


def quoted(bid: str, ask: str) -> Quote:
    return Quote("A", bid=D(bid), ask=D(ask), bid_size=D(1), ask_size=D(1), at=None)


@pytest.mark.parametrize(
    ("low", "high", "due", "known"),
    [
        (("0.30", "0.40"), ("0", "0.05"), "stop", True),  # 0.35 less 0.025
        (("0.70", "0.80"), ("0", "0.05"), "", True),
        (("0.30", "0.40"), ("0", "3.00"), "", False),
        (("0", "0.05"), ("0", "0.05"), "stop", True),
    ],
)
def test_leg_that_nobody_bids_for_leaves_the_structure_its_stop(
    low: tuple[str, str], high: tuple[str, str], due: str, known: bool
) -> None:
    now = datetime(2026, 10, 7, 15, tzinfo=UTC)
    plan = StructurePlan("s", "AAPL", {"A": D(1), "B": D(-1)}, now, D(1), stop_net=D("0.40"))
    group = Group("AAPL", {"A": D(1), "B": D(-1)}, {"A": quoted(*low), "B": quoted(*high)})
    assert planned(plan, group, {"s": "stop"})[1] == due
    assert is_unpriced(plan, group) is not known


@pytest.mark.parametrize(
    ("before", "leaves"), [("", False), ("target", True), ("underlying_stop", True)]
)
def test_a_level_is_acted_on_after_two_looks_at_the_same_or_another(
    before: str, leaves: bool
) -> None:
    """A put that gains as its stock falls may come to its target and to the level of its stock in
    turn: at no two looks the same, and at each of them it is to be left."""
    now = datetime(2026, 10, 7, 15, tzinfo=UTC)
    plan = StructurePlan("s", "AAPL", {"A": D(1)}, now, D(1), target_net=D("1.20"))
    group = Group("AAPL", {"A": D(1)}, {"A": quoted("1.20", "1.30")})
    leave, due = planned(plan, group, {"s": before})
    assert (leave is not None, due) == (leaves, "target")


def test_an_assignment_over_night_is_told_before_its_rows_are_there(tmp_path: Path) -> None:
    """Positions change at once; nobody hears of it by stream, and the rows come a day late."""
    world = opened(tmp_path)
    short = kept_spread(world, days=14)
    body = {"symbol": short, "row_after": 86_400}
    world.desk.call("POST", "/sim/options/assign", body)
    world.run(60)
    assert world.booked(short) == -2 and short not in world.desk.positions_there()
    assert "structure_broken" in world.alarm_kinds()
    assert "position_differs" not in world.alarm_kinds()
    assert world.desk.oms.reconcile().breaks == ()


def test_level_that_is_reached_while_nobody_bids_is_told_and_left(tmp_path: Path) -> None:
    world = opened(tmp_path, "2026-10-08 10:00")
    symbol = near(world.desk, steps=3, days=1).symbol
    body = {"symbol": symbol, "qty": "2", "side": "buy", "type": "market", "time_in_force": "day"}
    world.desk.call("POST", "/v2/orders", body)
    world.run(5)
    trade = world.desk.client.latest_trade("AAPL")
    assert trade is not None
    now, low = world.now(), (trade.price * D("0.85")).quantize(D("0.01"))
    world.price("AAPL", str(low))
    save_structure(
        world.desk.journal,
        StructurePlan(
            "structure-1", "AAPL", {symbol: D(1)}, now, underlying_stop=UnderlyingStop(low, True)
        ),
        now,
    )
    world.journal_changed = True
    world.run(40)
    [quote] = world.desk.client.latest_quotes([symbol]).values()
    assert quote.bid == 0 and world.desk.positions_there() == {symbol: "2"}
    assert closings(world) == []
    assert world.alarm_kinds().count("option_exit_unsold") == 1
