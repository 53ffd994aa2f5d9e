"""Goal: who has sold a contract that may be assigned tonight is told so, and why.

Method: the simulated world on real trading hours, where the exchange announces dividends; and the
rule as a table.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from support.contracts import chain
from support.desk import KEY
from support.world import World
from watch.options.test_structures_kept import opened

from execbot.market.calendar_cache import load_table
from execbot.model.quote import Quote
from execbot.watch.options.care import OptionCare
from execbot.watch.options.dividends import dividends_of, next_trading_date
from execbot.watch.options.rules import Around, Group, dangers

D = Decimal
NOW = datetime(2026, 10, 8, 15, tzinfo=UTC)


def sold(world: World, strike: int) -> str:
    """A call against shares, ten dollars in the money; 30 cents are its time value."""
    world.price("AAPL", "250")
    found = chain(world.desk, days=1, until=8)
    symbol = next(one.symbol for one in found if one.strike == strike)
    for name, qty, price in (("AAPL", 100, "250"), (symbol, -1, "10.30")):
        body = {"symbol": name, "qty": qty, "price": price, "key": KEY}
        path = "/sim/options/position" if name != "AAPL" else "/sim/flow"
        world.desk.call("POST", path, body | ({"type": "JNLS"} if name == "AAPL" else {}))
    return symbol


def told(world: World, seconds: int = 30) -> dict[str, bool]:
    """Kinds of what is told by the look at contracts, and whether they are critical."""
    assert world.hands is not None
    oms, client = world.running.oms, world.desk.client
    care = OptionCare(oms, world.settings, world.hours, world.now, dividends_of(client))
    world.hands.care_for_options = care.warned
    world.run(seconds)
    found = [n for n in world.notes if "assignment" in str(n.data.get("kind"))]
    return {str(note.data["kind"]): note in world.criticals() for note in found}


def announce(world: World, day: str, amount: str = "1.10") -> None:
    body = {"symbol": "AAPL", "amount": amount, "ex_date": day}
    world.desk.call("POST", "/sim/dividend", body)


@pytest.mark.parametrize(
    ("day", "kinds"),
    [
        ("2026-10-09", {"assignment_dividend": True}),
        ("2026-10-12", {}),  # not tonight yet
    ],
)
def test_a_sold_call_is_told_of_the_dividend_of_the_next_trading_day(
    tmp_path: Path, day: str, kinds: dict[str, bool]
) -> None:
    world = opened(tmp_path, "2026-10-08 10:00", symbols=("AAPL",))
    sold(world, 240)
    announce(world, day)
    found = told(world)
    assert {k: v for k, v in found.items() if k == "assignment_dividend"} == kinds


def test_what_was_told_on_an_earlier_day_is_forgotten(tmp_path: Path) -> None:
    world = opened(tmp_path, "2026-10-08 10:00", symbols=("AAPL",))
    sold(world, 240)
    announce(world, "2026-10-09")
    care = OptionCare(
        world.running.oms, world.settings, world.hours, world.now, dividends_of(world.desk.client)
    )
    assert care.look() and not care.look()
    assert {day for day, *_ in care._told} == {"2026-10-08"}
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 10:00"})
    care.look()
    assert "2026-10-08" not in {day for day, *_ in care._told}


def test_what_is_announced_is_paid_when_it_goes_ex_and_listed_once(tmp_path: Path) -> None:
    world = opened(tmp_path, "2026-10-08 10:00")
    announce(world, "2026-10-09")
    announce(world, "2026-10-09", "1.20")  # another amount
    client = world.desk.client
    days = date(2026, 10, 9), date(2026, 10, 9)
    assert client.cash_dividends(["AAPL"], *days) == {"AAPL": D("1.2")}
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 09:30"})
    world.desk.call("POST", "/sim/dividend", {"symbol": "AAPL", "amount": "1.20"})
    assert client.cash_dividends(["AAPL"], *days) == {"AAPL": D("1.2")}


def test_the_next_trading_day_lies_behind_weekends_and_holidays() -> None:
    table = load_table()
    days = [(date(2026, 10, 8), date(2026, 10, 9)), (date(2026, 10, 9), date(2026, 10, 12))]
    days += [(date(2026, 11, 25), date(2026, 11, 27)), (date(2026, 12, 31), date(2027, 1, 4))]
    assert [next_trading_date(today, table) for today, _ in days] == [day for _, day in days]


CALL, PUT = "AAPL261016C00240000", "AAPL261016P00260000"


@pytest.mark.parametrize(
    ("symbol", "qty", "middle", "price", "dividend", "kinds"),
    [
        (CALL, -1, "10.60", "250", "1.10", ["assignment_dividend"]),
        (CALL, -1, None, "250", "1.10", ["assignment_dividend"]),  # no price: it may be
        (CALL, -1, "11.50", "250", "1.10", []),  # its time value is worth more
        (CALL, -1, "10.02", "250", None, ["assignment_risk"]),
        (CALL, -1, "10.20", "250", None, []),
        (CALL, -1, "0.40", "239", "1.10", []),  # out of the money
        (CALL, 1, "10.00", "250", "1.10", []),  # bought
        (PUT, -1, "10.02", "250", "1.10", ["assignment_risk"]),  # who exercises it gets none
        (PUT, -1, "10.60", "250", "1.10", []),
        ("AAPL1261016C00240000", -1, "10.00", "250", "1.10", []),  # delivers another number
    ],
)
def test_dangers(
    symbol: str, qty: int, middle: str | None, price: str, dividend: str | None, kinds: list[str]
) -> None:
    quotes = {}
    if middle is not None:
        half = D("0.01")
        quotes = {symbol: Quote(symbol, NOW, D(middle) - half, D(middle) + half, D(1), D(1))}
    dividends = {} if dividend is None else {"AAPL": D(dividend)}
    around = Around(NOW, NOW.date(), None, None, dividends)
    group = Group("AAPL", {symbol: D(qty)}, quotes, D(price))
    assert [warn.kind for warn in dangers(group, around)] == kinds
