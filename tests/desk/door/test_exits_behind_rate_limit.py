"""Goal: a process that knows of a rate limit holds back entries, and no exit, cancel or stop: not
those that are handed over to a `watch`, nor the way out of everything.

Method: a real `watch` and commands against a served exchange that answers one read with 429 for
longer than the test takes; the exchange says what then is there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import OwnAccount, Server, execbot
from support.waiting import eventually
from support.watching import Watching, watching

from execbot.desk import closing
from execbot.desk.account import open_desk
from execbot.desk.door.doing import FACTS_AGE_MAX

CONFIG = """
trading_execution:
  max_position_size_pct: 100
  max_account_exposure_pct: 100
"""
LIMITED_SECONDS = 50


@pytest.fixture
def trader(server: Server, tmp_path: Path) -> Iterator[tuple[OwnAccount, Watching]]:
    """Holds 10 KO and 10 F behind stops; its watch has just met the rate limit."""
    home = tmp_path / "behind"
    home.mkdir()
    trader = OwnAccount(server, home, CONFIG)
    trader.run("account")
    with watching(trader.env) as watch:
        for symbol in ("KO", "F"):
            trader.run("submit", symbol, "--qty", "10", "--stop-loss", "2%", "--wait", "60")
            assert eventually(lambda symbol=symbol: stop_of(trader, symbol) is not None)
        time.sleep(FACTS_AGE_MAX + 0.5)  # what the watch has just been told is asked for anew
        server.call(
            "POST",
            "/sim/faults",
            {
                "kind": "rate_limited",
                "method": "GET",
                "path": "/v2/account",
                "count": 1,
                "params": {"retry_after": LIMITED_SECONDS},
            },
        )
        # The first one meets it, the next one is held back by the watch.
        for _ in range(2):
            held_back = trader.run("submit", "AAPL", "--qty", "1", code=10)
            assert held_back.error["kind"] == "broker.rate_limited"
        yield trader, watch


def stop_of(trader: OwnAccount, symbol: str) -> dict[str, Any] | None:
    """The stop that stands at the exchange."""
    rows = trader.server.get("/v2/orders?status=open&nested=false", trader.key)
    stops = [row for row in rows if row["symbol"] == symbol and row["type"] == "stop"]
    return stops[0] if stops else None


def held(trader: OwnAccount) -> dict[str, str]:
    rows = trader.server.get("/v2/positions", trader.key)
    return {row["symbol"]: row["qty"] for row in rows}


def test_no_exit_is_held_back(trader: tuple[OwnAccount, Watching]) -> None:
    account, watch = trader
    stop = stop_of(account, "KO")
    assert stop is not None
    account.run("replace", stop["id"], "--stop", "30")
    assert eventually(lambda: (stop_of(account, "KO") or {}).get("stop_price") == "30")

    account.run("close", "KO")
    assert eventually(lambda: held(account) == {"F": "10"})

    canceled = account.run("cancel", (stop_of(account, "F") or {})["id"])
    assert any("F" in words and "stop" in words for words in canceled.json["warnings"])
    account.run("submit", "F", "--side", "sell", "--qty", "10")
    assert eventually(lambda: held(account) == {})

    again = execbot(["submit", "AAPL", "--qty", "1", "--json"], account.env)
    assert again.code == 10, "the limit was over before the exits were through"
    assert watch.log.count("door: ") == 9, watch.log


def test_what_another_program_holds_is_closed_with_the_rest(server: Server, tmp_path: Path) -> None:
    """The list of positions is asked for although everything but exits would wait."""
    home = tmp_path / "others"
    home.mkdir()
    trader = OwnAccount(server, home, CONFIG)
    trader.run("account")
    order = {"symbol": "KO", "qty": "3", "side": "buy", "type": "market", "time_in_force": "day"}
    server.call("POST", "/v2/orders", order, trader.key)
    assert eventually(lambda: held(trader) == {"KO": "3"})
    desk = open_desk(env=trader.env)
    try:
        client: Any = desk.client._client  # type: ignore[attr-defined]
        client.budgets["trading"].observe(429, {}, LIMITED_SECONDS)
        done = closing.close_all(desk)
    finally:
        desk.close()
    assert [closed.symbol for closed in done.closed] == ["KO"]
    assert eventually(lambda: held(trader) == {})
