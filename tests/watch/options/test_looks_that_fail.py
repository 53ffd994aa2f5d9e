"""Goal: one name that the broker refuses costs only itself, and exits that nobody keeps are told.

Method: a desk and the simulated world at the exchange with its chains, faults on what is asked.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from support.contracts import near
from support.desk import open_desk
from watch.options.test_structures_ended import planned
from watch.options.test_structures_kept import opened, with_spread

from execbot.watch.options.prices import ContractPrices

D = Decimal
ADJUSTED = "MARA1261016C00010000"
BAD = {"status": 400, "body": {"code": 40010000, "message": "invalid symbol: MARA1"}}


def test_the_stock_behind_an_adjusted_contract_is_asked_for_by_its_own_name(
    tmp_path: Path,
) -> None:
    desk = open_desk(tmp_path)
    symbol = near(desk).symbol
    prices = ContractPrices(desk.client)
    found = prices.of_underlyings({"MARA1": [ADJUSTED], "AAPL": [symbol]})
    assert found["MARA1"] == desk.client.latest_trades(["MARA"])["MARA"].price
    assert found["AAPL"] == desk.client.latest_trades(["AAPL"])["AAPL"].price
    assert not [line for line in desk.sent if "/v2/stocks" in line and "MARA1" in line]


def test_a_name_that_is_refused_costs_only_itself(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    symbol = near(desk).symbol
    refused = {"kind": "canned_reply", "path": "/v1beta1/options/quotes/latest", "params": BAD}
    desk.call("POST", "/sim/faults", {**refused, "count": 2})  # both together, then the first alone
    assert set(ContractPrices(desk.client).quotes([ADJUSTED, symbol])) == {symbol}


def test_exits_that_nobody_keeps_are_told_once(tmp_path: Path) -> None:
    world = opened(tmp_path)
    planned(world, with_spread(world, days=14))
    world.desk.call("POST", "/sim/faults", {"kind": "server_error", "path": "/v1beta1/options/*"})
    world.run(60, 0.25)
    assert world.alarm_kinds().count("structures_unwatched") == 1
    world.desk.call("DELETE", "/sim/faults")
    world.run(10, 0.25)
    world.desk.call("POST", "/sim/faults", {"kind": "server_error", "path": "/v1beta1/options/*"})
    world.run(60, 0.25)
    assert world.alarm_kinds().count("structures_unwatched") == 2
