"""Goal: an exercise and an abandon are told once, to the end that the exchange shows; a lost answer
is in doubt and no second try; who would be left without cover is warned.

Method: the simulated world at the exchange, and the functions that the commands call.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from report.option_books import strike_of
from support.contracts import near
from support.desk import KEY
from support.sessions.option_session import Course, settings_of
from support.sessions.option_world import OptionWorld, open_option_world

from execbot.broker.errors import BrokerError
from execbot.desk.options import exercising
from execbot.desk.options.exercising import NotExercised, other_legs, what_exercise_does

D = Decimal


def opened(path: Path, day: str = "2026-10-08") -> OptionWorld:
    """AAPL stands at a strike of its chain."""
    settings = settings_of(Course.TO_THE_END)
    world = open_option_world(path, settings, seed=3, at=f"{day} 10:00")
    world.price("AAPL", str(near(world.desk, days=0).strike))
    return world


def held(world: OptionWorld, steps: int, qty: int) -> str:
    """A call so many strikes above the price."""
    contract = near(world.desk, steps=steps, days=0)
    trade = world.desk.client.latest_trade("AAPL")
    assert trade is not None
    price = max(trade.price - contract.strike, D(0)) + D("0.30")
    body = {"symbol": contract.symbol, "qty": qty, "price": str(price), "key": KEY}
    world.desk.call("POST", "/sim/options/position", body)
    world.run(5)
    return contract.symbol


def results(world: OptionWorld, symbol: str) -> list[str]:
    rows = world.desk.journal.audit_of(symbol)
    return [row.result for row in rows if row.kind == exercising.DECISION]


def test_an_exercise_brings_the_shares_once(tmp_path: Path) -> None:
    world = opened(tmp_path)
    call = held(world, -4, 2)
    account = world.process()
    wanted = what_exercise_does(account, call)
    assert (wanted.shares, wanted.cash) == (200, -200 * strike_of(call))
    exercising.exercise_contract(account, wanted)
    assert world.desk.positions_there() == {"AAPL": "200"}
    assert results(world, call) == ["asked", "accepted"]
    with pytest.raises(NotExercised, match="not held"):
        what_exercise_does(account, call)


def test_a_lost_answer_is_in_doubt_and_the_position_tells(tmp_path: Path) -> None:
    world = opened(tmp_path)
    call = held(world, -4, 1)
    account = world.process()
    wanted = what_exercise_does(account, call)
    world.desk.fault("reset_after", method="POST", path="/v2/positions/*")
    with pytest.raises(BrokerError) as caught:
        exercising.exercise_contract(account, wanted)
    assert caught.value.in_doubt
    assert results(world, call) == ["asked", "in doubt"]
    assert world.desk.positions_there() == {"AAPL": "100"}
    with pytest.raises(NotExercised, match="not held"):
        what_exercise_does(account, call)


def test_a_refused_one_leaves_everything(tmp_path: Path) -> None:
    world = opened(tmp_path)
    call = held(world, 4, 1)
    account = world.process()
    with pytest.raises(BrokerError, match="out of the money") as caught:
        exercising.exercise_contract(account, what_exercise_does(account, call))
    assert not caught.value.in_doubt
    assert world.desk.positions_there() == {call: "1"}


def test_what_was_abandoned_expires_in_the_money(tmp_path: Path) -> None:
    world = opened(tmp_path, "2026-10-09")
    call = held(world, -4, 1)
    account = world.process()
    wanted = what_exercise_does(account, call, abandons=True)
    exercising.exercise_contract(account, wanted)
    assert results(world, call) == ["asked", "accepted"]
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 19:00"})
    assert world.desk.positions_there() == {}


@pytest.mark.parametrize(
    ("legs", "abandons", "is_warned"),
    [
        ([(-4, 1), (-2, -1)], False, False),  # the shares that come cover it
        ([(-4, 1), (-2, -1)], True, True),  # assigned alone it would be a short sale
        ([(-4, 1), (-3, 1), (-2, -1)], True, False),  # the other one covers it
        ([(-4, 1), (-3, 1), (-2, -2)], False, False),
        ([(-4, 1), (-3, 1), (-2, -2)], True, True),
        ([(-4, 1)], False, False),
    ],
)
def test_who_would_be_left_without_cover(
    tmp_path: Path, legs: list[tuple[int, int]], abandons: bool, is_warned: bool
) -> None:
    world = opened(tmp_path, "2026-10-09")
    first, *_ = [held(world, steps, qty) for steps, qty in legs]
    account = world.process()
    found = other_legs(account, what_exercise_does(account, first, abandons=abandons))
    assert bool(found) is is_warned
