"""Goal: exits that go with a spread's order are durable with its intent, and kept from its first
fill on; they end with the order where that comes to nothing.

Method: the simulated world on real trading hours; the exchange's own orders and positions judge.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.contracts import natural, vertical
from support.world import World
from watch.options.test_structures_kept import closings, opened

from execbot.config.schema import Mode
from execbot.exits.levels import parse_level
from execbot.exits.plan.wishes import NO_WISHES, Wishes, in_equal_parts
from execbot.exits.structures.plan import StructurePlan, structure_plans
from execbot.model.enums import OrderStatus
from execbot.model.flags import NO_FLAGS, Flags, flags_of
from execbot.model.options.spreads import spread_request
from execbot.model.order import OrderRequest
from execbot.oms.errors import ClientIdReused, NeedsWatch, Refused
from execbot.oms.place.entry_plans import LegsRefused, asked_by_submit
from execbot.oms.place.placer import Placer
from execbot.oms.place.retry_by_hand import retry
from execbot.oms.place.risk_gate import RiskGate
from execbot.oms.signals.entry import SignalEntries
from execbot.risk import halting
from execbot.risk.kill_switch import Level

D = Decimal
TWICE = flags_of(add=True, also=True, allow_duplicate=True)


def wishes(stop: str | None = "99%", target: str | None = None) -> Wishes:
    return Wishes(
        stop=None if stop is None else parse_level(stop),
        targets=in_equal_parts([parse_level(target)] if target is not None else []),
    )


def entry(world: World, *, over: str = "0.10", qty: int = 2, name: str = "entry") -> OrderRequest:
    """Two verticals, at so much more than the natural price."""
    legs = vertical(world.desk)
    net = natural(world.desk, legs) + D(over)
    return spread_request(legs, D(qty), net, client_order_id=name)


def placer_of(world: World) -> Placer:
    gate = RiskGate(world.desk.client, world.desk.journal, world.settings, Mode.SIM, now=world.now)
    return Placer(world.desk.oms, gate)


def place(
    world: World,
    request: OrderRequest,
    exits: Wishes,
    *,
    is_watched: bool = True,
    flags: Flags = NO_FLAGS,
) -> None:
    asked = asked_by_submit(world.settings, request, exits, is_watched=is_watched)
    placer = placer_of(world)
    prepared = placer.prepare(request, asked, flags=flags)
    placer.place(prepared.entry, checked=prepared.checked, flags=prepared.flags)
    world.journal_changed = True


def plans(world: World) -> list[StructurePlan]:
    return structure_plans(world.desk.journal, world.now())


def test_exits_stand_in_the_journal_before_the_order_leaves(tmp_path: Path) -> None:
    world = opened(tmp_path)
    request, seen = entry(world), list[tuple[str, ...]]()

    def look(moment: str) -> None:
        if moment == "before" and world.desk.journal.order_by_client_id("entry") is not None:
            seen.append(tuple(p.entry for p in plans(world)))

    world.at_request = look
    place(world, request, wishes("0.30"))
    assert seen and set(seen) == {("entry",)}
    [plan] = plans(world)
    assert (plan.stop_net, plan.ratios) == (
        D("0.30"),
        {leg.symbol: leg.signed for leg in request.spread},
    )


def test_target_is_taken_as_one_order_after_the_fill(tmp_path: Path) -> None:
    world = opened(tmp_path)
    request = entry(world)
    assert request.limit_price is not None
    place(world, request, wishes("0.30", "0.05USD"))
    world.run(30)
    assert sorted(world.desk.positions_there().values()) == ["-2", "2"]
    trade = world.desk.client.latest_trade("AAPL")
    assert trade is not None
    world.price("AAPL", str((trade.price + 6).quantize(D("0.01"))))
    world.run(30)
    assert world.desk.positions_there() == {}
    [row] = closings(world)
    assert (row["status"], row["qty"]) == ("filled", "2")
    world.run(90)
    assert plans(world) == []
    assert world.desk.oms.reconcile().breaks == ()


def test_after_its_order_has_ended_it_is_a_plan_as_any_other(tmp_path: Path) -> None:
    world = opened(tmp_path)
    place(world, entry(world), wishes("0.05"))
    world.run(100)
    [plan] = plans(world)
    assert plan.entry == "" and plan.units_in({s: q * 2 for s, q in plan.ratios.items()}) == 2


def test_no_order_leaves_while_nobody_would_keep_its_exits(tmp_path: Path) -> None:
    world = opened(tmp_path)
    with pytest.raises(NeedsWatch, match="keep the exits of this AAPL spread"):
        place(world, entry(world), wishes(), is_watched=False)
    assert world.desk.orders_there() == {} and plans(world) == []


def test_exits_of_an_order_that_never_fills_end_with_it(tmp_path: Path) -> None:
    """E-OPT-9."""
    world = opened(tmp_path)
    place(world, entry(world, over="-0.80"), wishes())
    world.run(150)
    assert [p.entry for p in plans(world)] == ["entry"]
    world.desk.oms.cancel("entry")
    world.journal_changed = True
    world.run(10)
    assert [p.entry for p in plans(world)] == ["entry"]  # a fill may have crossed the cancel
    world.run(90)
    assert plans(world) == [] and closings(world) == []


def test_exits_of_an_order_that_is_refused_are_gone(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.desk.fault("server_error", method="POST", path="/v2/orders", params={"status": 422})
    with pytest.raises(Exception, match="422"):
        place(world, entry(world), wishes())
    assert plans(world) == []


def test_level_that_is_reached_while_the_order_works_takes_the_rest_back(tmp_path: Path) -> None:
    """What is held is closed, and no more comes."""
    world = opened(tmp_path)
    options = replace(
        world.settings.options, max_contracts=500, max_premium_pct=D(60), max_loss_pct=D(60)
    )
    world.settings = replace(world.settings, options=options)
    request = entry(world, qty=150)
    place(world, request, wishes("90%", "5%"))
    for _ in range(30):
        world.step(0.1)
        if world.desk.positions_there():
            break
    there = world.desk.orders_there()["entry"]
    assert 0 < int(there["filled_qty"]) < 150 and there["status"] == "partially_filled"
    trade = world.desk.client.latest_trade("AAPL")
    assert trade is not None
    world.price("AAPL", str((trade.price + 20).quantize(D("0.01"))))
    world.run(120)
    assert world.desk.orders_there()["entry"]["status"] == "canceled"
    assert world.desk.positions_there() == {}
    assert plans(world) == [] and closings(world)
    assert "structure_broken" not in world.alarm_kinds()


def test_a_second_order_in_its_contracts_brings_no_exits_of_its_own(tmp_path: Path) -> None:
    world = opened(tmp_path)
    place(world, entry(world, over="-0.80"), wishes("0.05"))
    second = entry(world, name="second")
    with pytest.raises(LegsRefused, match="has the exits of entry already"):
        place(world, second, wishes("0.10"), flags=TWICE)
    assert "second" not in world.desk.orders_there()
    world.desk.oms.cancel("entry")
    place(world, entry(world, name="plain"), NO_WISHES, flags=TWICE)
    world.run(100)
    with pytest.raises(LegsRefused, match="is held already"):
        place(world, second, wishes("0.10"), flags=TWICE)


def test_same_id_with_other_exits_is_refused(tmp_path: Path) -> None:
    world = opened(tmp_path)
    request = entry(world)
    place(world, request, wishes("0.30"))
    place(world, request, wishes("0.30"))
    with pytest.raises(ClientIdReused, match="other exits"):
        place(world, request, wishes("0.25"))
    assert len([n for n in world.desk.orders_there() if n == "entry"]) == 1


def test_another_try_brings_them_again(tmp_path: Path) -> None:
    world = opened(tmp_path)
    place(world, entry(world, over="-0.80"), wishes("0.10"))
    world.run(3)
    world.desk.oms.cancel("entry")
    world.journal_changed = True
    world.run(3)
    placed = retry(placer_of(world), "entry")
    [plan] = plans(world)
    assert (plan.entry, plan.stop_net) == (placed.record.client_order_id, D("0.10"))


def test_another_try_of_a_denied_one_brings_them_too(tmp_path: Path) -> None:
    world = opened(tmp_path)
    journal = world.desk.journal
    halting.raise_switch(journal, Level.HALTED, "x", "trader", world.now())
    with pytest.raises(Refused):
        place(world, entry(world), wishes("0.10"))
    assert plans(world) == []
    halting.resume(journal, "looked into", world.now())
    placed = retry(placer_of(world), "entry")
    [plan] = plans(world)
    assert (plan.entry, plan.stop_net) == (placed.record.client_order_id, D("0.10"))


def test_news_of_a_spread_names_its_underlying(tmp_path: Path) -> None:
    """It has no symbol and no side of its own."""
    world = opened(tmp_path)
    place(world, entry(world, qty=2), NO_WISHES)
    world.run(5)
    told = [note.text for note in world.notes if note.type == "order"]
    assert any(words.startswith("2 AAPL spreads limit: filled, filled 2 at ") for words in told)
    assert not [words for words in told if words.startswith(" ")]


def test_exits_wait_with_their_order_for_the_open(tmp_path: Path) -> None:
    world = opened(tmp_path, "2026-10-07 15:50")
    trade = world.desk.client.latest_trade("AAPL")
    assert trade is not None
    world.price("AAPL", str(trade.price))  # and so it is in the morning
    request = entry(world)
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-07 18:00"})
    world.run(2)
    place(world, request, wishes("0.10"))
    assert world.desk.oms.record("entry").status is OrderStatus.QUEUED
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-08 09:45"})
    world.run(5)
    assert [p.entry for p in plans(world)] == ["entry"]
    placer = placer_of(world)
    again, checked = SignalEntries(placer).requeued(world.desk.oms.record("entry"), NO_FLAGS)
    placer.release(again, checked)
    world.journal_changed = True
    world.run(100)
    assert sorted(world.desk.positions_there().values()) == ["-2", "2"]
    [plan] = plans(world)
    assert (plan.plan_id, plan.entry, plan.stop_net) == ("structure-entry", "", D("0.10"))
