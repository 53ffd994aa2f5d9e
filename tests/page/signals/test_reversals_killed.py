"""Goal: of an alert that turns a position round each half acts exactly once, the close first,
though the process is killed at any moment: before the close, between the two, after the entry.

The exchange's own record is the judge. Its clock runs sixty times as fast, as in `test_killed.py`.
"""

from __future__ import annotations

import json
import random
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from page.signals.alerting import now_of, reversal
from page.signals.listening import CONFIG, Doors
from page.signals.making import body
from support.processes import Server, exchange
from support.waiting import eventually

from execbot.model.order_ids import client_order_id_of

SYMBOLS = ["AAPL", "MSFT", "TSLA", "NVDA", "AMZN", "GOOGL"]
A_WEEK = 7 * 24 * 3600
PATIENT = f"{CONFIG}  signal_ttl_seconds: {A_WEEK}\n"
SETTLED_SOON = """
  order_management: {settle_quiet_seconds: 3}
  broker: {timeout_seconds: 2}
"""
KILLS = 4


def hold(doors: Doors, served: Server, symbols: list[str]) -> None:
    for symbol in symbols:
        sent = body(id=f"k-{symbol}", symbol=symbol, side="buy", qty=2, ttl_seconds=A_WEEK)
        assert doors.post(sent).status == 202
    assert eventually(lambda: len(served.get("/v2/positions")) == len(symbols))


def turn(doors: Doors, served: Server, symbol: str) -> tuple[str, str]:
    """The ids of both halves."""
    answer = doors.post(reversal(now_of(served), "short", ticker=symbol, qty="3"))
    assert answer.status == 202, answer.text
    return answer.data["id"], answer.data["then"]


def orders_of(served: Server, signal_id: str) -> list[dict[str, Any]]:
    wanted = client_order_id_of(signal_id)
    return [one for one in served.orders() if one["client_order_id"] == wanted]


def turned_once(served: Server, symbol: str, close: str, entry: str) -> None:
    """By the exchange: all of the long sold by one order, then the short by another."""
    ours = [one for one in served.orders() if one["symbol"] == symbol and one["type"] == "market"]
    assert [(one["side"], one["qty"], one["status"]) for one in ours] == [
        ("buy", "2", "filled"), ("sell", "2", "filled"), ("sell", "3", "filled"),
    ], (symbol, ours)  # fmt: skip
    names = [one["client_order_id"] for one in ours[1:]]
    assert names == [client_order_id_of(close), client_order_id_of(entry)]
    assert ours[2]["created_at"] > ours[1]["filled_at"]
    found = {p["symbol"]: Decimal(p["qty"]) for p in served.get("/v2/positions")}
    assert found[symbol] == -3


def test_kills_at_any_moment_turn_each_position_once(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(int(request.config.getoption("--seed")))
    with exchange(tmp_path, "--speed", "60") as served:
        home = tmp_path / "page"
        home.mkdir()
        doors = Doors(served, home, config=PATIENT)
        hold(doors, served, SYMBOLS)
        halves = {symbol: turn(doors, served, symbol) for symbol in SYMBOLS}
        for _ in range(KILLS):
            time.sleep(chance.uniform(0, 1.2))  # where the kill falls; nothing is waited for
            doors.kill()
            doors.start()
        told = {name: doors.outcome(name) for pair in halves.values() for name in pair}
        refused = {name: found["reason"] for name, found in told.items() if found["reason"]}
        said = [told[name] for name in told if name.removesuffix(".open") in str(refused)]
        assert not refused, json.dumps(said, indent=1)
        assert eventually(lambda: all(one["qty"] == "-3" for one in served.get("/v2/positions")))
        doors.end()
        for symbol, (close, entry) in halves.items():
            turned_once(served, symbol, close, entry)


def test_a_kill_between_the_two_enters_once_when_it_is_back(tmp_path: Path) -> None:
    """Killed as soon as the exchange has the close, filled."""
    with exchange(tmp_path, "--speed", "60") as served:
        home = tmp_path / "page"
        home.mkdir()
        doors = Doors(served, home, config=PATIENT)
        hold(doors, served, ["AAPL"])
        close, entry = turn(doors, served, "AAPL")
        assert eventually(lambda: [o["status"] for o in orders_of(served, close)] == ["filled"])
        doors.kill()
        assert not orders_of(served, entry)
        doors.start()
        assert doors.outcome(entry)["reason"] is None
        assert eventually(lambda: served.get("/v2/positions/AAPL")["qty"] == "-3")
        doors.end()
        turned_once(served, "AAPL", close, entry)


@pytest.mark.parametrize("kind", ["request_lost", "reply_lost"])
@pytest.mark.parametrize("half", ["close", "entry"])
def test_a_kill_in_the_moment_in_which_a_half_leaves(tmp_path: Path, kind: str, half: str) -> None:
    """Whether it had left or not: each half once, in their order."""
    with exchange(tmp_path, "--speed", "60") as served:
        home = tmp_path / "page"
        home.mkdir()
        doors = Doors(served, home, config=PATIENT + SETTLED_SOON)
        hold(doors, served, ["AAPL"])
        rule = {"kind": kind, "method": "POST", "path": "/v2/orders", "count": 1}
        rule["after"] = int(half == "entry")
        fault = served.call("POST", "/sim/faults", rule)["id"]
        close, entry = turn(doors, served, "AAPL")
        assert eventually(lambda: served.has_fired(fault))
        doors.kill()
        doors.start()
        assert doors.outcome(entry)["reason"] is None
        assert eventually(lambda: served.get("/v2/positions/AAPL")["qty"] == "-3")
        doors.end()
        turned_once(served, "AAPL", close, entry)
