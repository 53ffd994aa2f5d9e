"""Goal: what one order opened, or one plan keeps, is shown as a structure of its own, and no exits
are given to several at once unasked.

Method: the simulated world at the exchange, and the functions that the commands call.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.contracts import asked, chain, natural, near, vertical
from support.sessions.option_session import Course, settings_of
from support.sessions.option_world import OptionWorld, open_option_world

from execbot.desk import exit_plans
from execbot.desk.errors import NoPlan
from execbot.desk.exit_words import levels_asked
from execbot.desk.options import held_apart, protecting, structures
from execbot.desk.options.protecting import BadStructureExits, Levels
from execbot.desk.options.structures import NoStructure, TurnedPrice
from execbot.exits.structures.plan import structure_plans
from execbot.model.enums import OrderType, Side
from execbot.model.options.legs import Leg
from execbot.model.options.spreads import spread_request
from execbot.model.order import OrderRequest
from execbot.oms.place.placer import Placer

D = Decimal


def opened(path: Path) -> OptionWorld:
    return open_option_world(path, settings_of(Course.DAY), seed=3, at="2026-10-07 10:00")


def buy(world: OptionWorld, symbol: str) -> None:
    account, limit = world.process(), asked(world.desk, symbol)
    request = OrderRequest(symbol, Side.BUY, qty=D(2), type=OrderType.LIMIT, limit_price=limit)
    Placer(account.oms, account.risk).place(request)
    world.run(60)


def spread(world: OptionWorld, legs: tuple[Leg, ...]) -> set[str]:
    account = world.process()
    net = natural(world.desk, legs) + D("0.02")
    Placer(account.oms, account.risk).place(spread_request(legs, D(1), net))
    world.run(60)
    return {leg.symbol for leg in legs if leg.opens}


def shown(world: OptionWorld) -> list[set[str]]:
    found, _ = held_apart.shown(world.process())
    return [{p.symbol for p in one.positions} for one in found]


def far_call(world: OptionWorld) -> str:
    return chain(world.desk)[2].symbol


def test_a_contract_beside_a_spread_is_no_part_of_it(tmp_path: Path) -> None:
    world = opened(tmp_path)
    buy(world, far_call(world))
    legs = spread(world, vertical(world.desk))
    assert sorted(shown(world), key=len) == [{far_call(world)}, legs]
    account = world.process()
    with pytest.raises(NoStructure, match="2 structures"):
        protecting.protect_structure(account, ["AAPL"], Levels(stop=D("0.05")))
    assert structure_plans(world.desk.journal, world.now()) == []
    done = protecting.protect_structure(account, sorted(legs), Levels(stop=D("0.05")))
    assert set(done.plan.ratios) == legs and done.structure.units == 1


def test_contracts_that_were_bought_one_by_one_are_one_until_a_plan_keeps_some(
    tmp_path: Path,
) -> None:
    world = opened(tmp_path)
    first, second, third = (near(world.desk, is_call=False, steps=n).symbol for n in range(3))
    for symbol in (first, second, third):
        buy(world, symbol)
    assert shown(world) == [{first, second, third}]
    account = world.process()
    protecting.protect_structure(account, [first, second], Levels(stop=D("0.05")))
    assert shown(world) == [{first, second}, {third}]
    every = [first, second, third]  # who names them all means them as one
    protecting.protect_structure(account, every, Levels(stop=D("0.05")))
    assert shown(world) == [set(every)]


def test_a_roll_ends_the_first_structure(tmp_path: Path) -> None:
    world = opened(tmp_path)
    buy(world, far_call(world))
    old = vertical(world.desk)
    spread(world, old)
    found = [one.symbol for one in chain(world.desk)]
    further = found[found.index(old[1].symbol) + 1 :]
    closing = tuple(Leg(leg.symbol, leg.side.opposite, 1, opens=False) for leg in old)
    new = (Leg(further[0], Side.BUY, 1, True), Leg(further[1], Side.SELL, 1, True))
    assert spread(world, (*closing, *new)) == set(further[:2])
    assert sorted(shown(world), key=len) == [{far_call(world)}, set(further[:2])]


def test_one_contract_is_told_that_the_broker_would_hold_its_stop(tmp_path: Path) -> None:
    world = opened(tmp_path)
    symbol = far_call(world)
    buy(world, symbol)
    account = world.process()
    done = protecting.protect_structure(account, ["AAPL"], Levels(stop=D(2)))
    assert f"execbot protect {symbol} --stop 2" in done.warnings[-1]
    done = protecting.protect_structure(account, ["AAPL"], Levels(underlying_stop=D(100)))
    assert not any("execbot protect" in line for line in done.warnings)


def test_contracts_that_are_said_to_be_one_are_shown_as_one(tmp_path: Path) -> None:
    world = opened(tmp_path)
    low, high, other = far_call(world), *sorted(leg.symbol for leg in vertical(world.desk))
    for symbol in (low, high, other):
        buy(world, symbol)
    assert shown(world) == [{low, high, other}]
    account = world.process()
    protecting.stand_together(account, [low, other])
    assert sorted(shown(world), key=len) == [{high}, {low, other}]
    protecting.protect_structure(account, [low, high], Levels(stop=D("0.05")))
    assert sorted(shown(world), key=len) == [{other}, {low, high}]
    with pytest.raises(BadStructureExits, match="have exits as one"):
        protecting.stand_together(account, [low, other])
    with pytest.raises(NoStructure, match="2 to 4 contracts"):
        protecting.stand_together(account, [low])


def test_moving_the_stop_of_a_leg_says_whose_exits_it_has(tmp_path: Path) -> None:
    world = opened(tmp_path)
    legs = sorted(spread(world, vertical(world.desk)))
    account = world.process()
    protecting.protect_structure(account, legs, Levels(stop=D("0.05")))
    with pytest.raises(NoPlan) as error:
        exit_plans.move(account, legs[0], levels_asked("2", []))
    assert error.value.hint == "It has those of its structure: net stop 0.05."
    assert f"execbot option protect {' '.join(legs)}" in error.value.next_step


def test_what_is_closed_of_several_structures_is_named(tmp_path: Path) -> None:
    """A price that was meant for one of them would sell the others too."""
    world = opened(tmp_path)
    buy(world, far_call(world))
    legs = sorted(spread(world, vertical(world.desk)))
    account = world.process()
    everything = structures.structure_of(account, ["AAPL"])
    with pytest.raises(NoStructure, match="2 structures") as refused:
        held_apart.one_of(account, ["AAPL"], everything, "close SYMBOL SYMBOL")
    assert refused.value.next_step == "Name its contracts: execbot option close SYMBOL SYMBOL"
    named = structures.structure_of(account, legs)
    assert held_apart.one_of(account, legs, named, "close SYMBOL SYMBOL") == named


def test_a_close_at_a_price_the_wrong_way_round_is_refused(tmp_path: Path) -> None:
    world = opened(tmp_path)
    legs = sorted(spread(world, vertical(world.desk)))
    bought = structures.structure_of(world.process(), legs)
    assert bought.worth is not None and bought.worth > D("0.25")
    with pytest.raises(TurnedPrice, match=r"brings about .*was --credit meant"):
        structures.closing_request(bought, D("1.10"))
    sold = replace(bought, positions=[replace(p, qty=-p.qty) for p in bought.positions])
    with pytest.raises(TurnedPrice, match=r"costs about .*was --debit meant"):
        structures.closing_request(sold, D("-1.10"))
    for structure, net in ((bought, D("-1.10")), (sold, D("1.10")), (bought, None)):
        assert structures.closing_request(structure, net).limit_price == net


@pytest.mark.parametrize("asked_first", ["held", "close"])
def test_a_leg_that_the_broker_closed_while_no_watch_ran_is_not_held(
    tmp_path: Path, asked_first: str
) -> None:
    """On its last day, one leg at a time: what is left is one contract, and no spread to close."""
    world = open_option_world(
        tmp_path,
        settings_of(Course.TO_THE_END),
        seed=3,
        at="2026-10-09 10:00",
        exchange={"option_risk_close": True},
    )
    legs = spread(world, vertical(world.desk, days=0))
    world.kill_watch()
    last = world.desk.client.latest_trade("AAPL")
    assert last is not None
    world.price("AAPL", str(last.price + 6))
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 15:50"})
    world.desk.venue.advance()
    [left] = world.desk.positions_there()
    assert left in legs
    account = world.process()
    if asked_first == "held":
        assert shown(world) == [{left}]
    with pytest.raises(NoStructure, match=f"only {left} is held"):
        structures.closing_legs(structures.structure_of(account, ["AAPL"]))
