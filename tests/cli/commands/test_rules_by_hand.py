"""Goal: plans made by hand obey the rules of trading.yaml unless a flag says otherwise.

Method: real processes against an exchange with real hours; a running `watch` leaves the positions,
or not, and the exchange's own list says what is held after the close.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.processes import Server, exchange, execbot, start_execbot
from support.waiting import PATIENCE_SECONDS, eventually

CONFIG = """
trading_execution:
  stop_loss: {breakeven_at_r: 1}
  exits: {time_stop_minutes: 600, flatten_before_close_minutes: 10}
"""
RULES = {"breakeven_at_r": "1", "time_stop_minutes": 600, "flatten_before_close_minutes": 10}


class Trader:
    """One account whose configuration has rules."""

    def __init__(self, server: Server, home: Path) -> None:
        self.server, self.home = server, home
        (home / "trading.yaml").write_text(CONFIG)
        self.env = server.environment(home, EXECBOT_CONFIG=str(home / "trading.yaml"))

    def run(self, *arguments: str) -> Any:
        done = execbot([*arguments, "--json"], self.env, timeout=PATIENCE_SECONDS)
        assert done.code == 0, done.out + done.err
        return done

    def held(self) -> dict[str, Decimal]:
        return {p["symbol"]: Decimal(p["qty"]) for p in self.server.get("/v2/positions")}

    def rules(self) -> dict[str, dict[str, Any]]:
        """Those of RULES that each plan has, by symbol."""
        plans = self.run("exits", "show").data
        return {p["symbol"]: {name: p["rules"][name] for name in RULES} for p in plans}


@pytest.fixture
def trader(tmp_path: Path) -> Iterator[Trader]:
    with exchange(tmp_path, "--calendar", "exchange", "--at", "2026-10-09 15:00") as server:
        for symbol in ("AAPL", "MSFT", "NVDA"):
            server.call("POST", "/sim/price", {"symbol": symbol, "price": "100"})
        yield Trader(server, tmp_path)


def buy(trader: Trader, symbol: str, *more: str) -> Any:
    return trader.run("submit", symbol, "--qty", "5", *more, "--wait", "30")


def test_plans_by_hand_take_the_rules_and_say_who_keeps_them(trader: Trader) -> None:
    bought = buy(trader, "AAPL", "--stop-loss", "2%")
    assert "flattening 10 minutes before the close" in bought.json["warnings"][0]
    buy(trader, "MSFT")
    protected = trader.run("protect", "MSFT", "--stop", "2%")
    assert any("break-even at 1R" in warning for warning in protected.json["warnings"])
    buy(trader, "NVDA", "--stop-loss", "2%", "--no-rules")
    none = dict.fromkeys(RULES)
    assert trader.rules() == {"AAPL": RULES, "MSFT": RULES, "NVDA": none}
    trader.run("protect", "MSFT", "--stop", "3%", "--no-rules")
    assert trader.rules()["MSFT"] == none


def test_positions_by_hand_are_left_before_the_close_but_for_those_that_ask_to_stay(
    trader: Trader,
) -> None:
    buy(trader, "AAPL", "--stop-loss", "2%")
    buy(trader, "MSFT")
    trader.run("protect", "MSFT", "--stop", "2%")
    buy(trader, "NVDA", "--stop-loss", "2%", "--no-rules")
    log = trader.home / "watch.ndjson"
    with log.open("w") as out:
        watch = start_execbot(["watch", "--json"], trader.env, stdout=out, stderr=None)
        try:
            assert eventually(lambda: '"type": "started"' in log.read_text()), log.read_text()
            trader.server.call("POST", "/sim/clock", {"set": "2026-10-09 15:51"})
            assert eventually(lambda: trader.held() == {"NVDA": 5}), trader.held()
        finally:
            watch.terminate()
            watch.wait(timeout=PATIENCE_SECONDS)
