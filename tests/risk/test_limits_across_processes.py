"""Processes, up to twenty, submit at the same moment, and no limit is ever exceeded.

Method: real `execbot submit` processes against a served exchange, released together; what counts is
the exchange's own record of orders, never ours.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from support.processes import Server, start_execbot

PROCESSES = 10
"""But for the one test with twenty: a process costs a good part of a second."""

# fmt: off
SYMBOLS = [
    "AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "KO", "PEP", "JPM",
    "BAC", "WMT", "DIS", "INTC", "AMD", "NFLX", "SPY", "QQQ", "IWM", "XOM",
]
# fmt: on
LOOSE = {
    "max_positions": 100,
    "max_position_size_pct": 100,
    "max_account_exposure_pct": 400,
    "risk": {"max_daily_orders": 1000},
}


def write_settings(home: Path, **changes: Any) -> Path:
    path = home / "trading.yaml"
    path.write_text(json.dumps({"trading_execution": {**LOOSE, **changes}}))
    return path


def submit_together(
    server: Server, home: Path, settings: Path, orders: list[list[str]]
) -> list[tuple[int, dict[str, Any]]]:
    """Start every command before any could have ended; exit code and JSON of each."""
    env = server.environment(home)
    running = [
        start_execbot(["submit", *order, "--json", "--config", str(settings)], env)
        for order in orders
    ]
    ended = []
    for process in running:
        out, err = process.communicate(timeout=120)
        words = out if process.returncode == 0 else err.strip().splitlines()[-1]
        ended.append((process.returncode, json.loads(words)))
    return ended


def kinds(ended: list[tuple[int, dict[str, Any]]]) -> Counter[str]:
    return Counter("sent" if code == 0 else answer["kind"] for code, answer in ended)


def test_twenty_symbols_at_once_never_exceed_the_number_of_positions(
    server: Server, tmp_path: Path
) -> None:
    settings = write_settings(tmp_path, max_positions=5)
    ended = submit_together(
        server, tmp_path, settings, [[symbol, "--qty", "1"] for symbol in SYMBOLS]
    )
    assert kinds(ended) == {"sent": 5, "risk.max_positions": 15}
    assert {code for code, _ in ended} == {0, 5}
    assert len(server.orders()) == 5


def test_one_symbol_many_times_is_bought_once(server: Server, tmp_path: Path) -> None:
    settings = write_settings(tmp_path)
    orders = [["AAPL", "--qty", str(n + 1)] for n in range(PROCESSES)]
    ended = submit_together(server, tmp_path, settings, orders)
    assert kinds(ended)["sent"] == 1
    assert set(kinds(ended)) <= {"sent", "risk.one_pending", "risk.duplicate_position"}
    assert len(server.orders()) == 1


def test_exposure_of_all_together_stays_within_its_share(server: Server, tmp_path: Path) -> None:
    """Each order is 4 % of equity; 15 % have room for three."""
    settings = write_settings(tmp_path, max_account_exposure_pct=15)
    orders = [[symbol, "--notional", "4000"] for symbol in SYMBOLS[:PROCESSES]]
    ended = submit_together(server, tmp_path, settings, orders)
    assert kinds(ended) == {"sent": 3, "risk.max_exposure": PROCESSES - 3}
    assert len(server.orders()) == 3


def test_same_symbol_in_many_orders_stays_within_the_position_size(
    server: Server, tmp_path: Path
) -> None:
    settings = write_settings(
        tmp_path,
        max_position_size_pct=5,
        risk={"one_pending_per_symbol": False, "scale_in": {"enabled": True}},
    )
    orders = [["KO", "--notional", str(1000 + n), "--limit", "30"] for n in range(PROCESSES)]
    ended = submit_together(server, tmp_path, settings, orders)
    assert kinds(ended)["risk.max_position_size"] == PROCESSES - 4
    total = sum(Decimal(order["notional"]) for order in server.orders())
    assert total <= 5000


def test_orders_of_the_day_are_counted_across_processes(server: Server, tmp_path: Path) -> None:
    settings = write_settings(tmp_path, risk={"max_daily_orders": 7})
    orders = [[symbol, "--qty", "1"] for symbol in SYMBOLS[:PROCESSES]]
    ended = submit_together(server, tmp_path, settings, orders)
    assert kinds(ended) == {"sent": 7, "risk.daily_orders": PROCESSES - 7}
    assert len(server.orders()) == 7


def test_halt_is_seen_by_processes_that_are_running(server: Server, tmp_path: Path) -> None:
    """Half are started before the halt, half after it has returned: none of those gets through."""
    settings = write_settings(tmp_path)
    env = server.environment(tmp_path)
    early = [
        start_execbot(["submit", symbol, "--qty", "1", "--config", str(settings)], env)
        for symbol in SYMBOLS[:5]
    ]
    halt = start_execbot(["halt", "--reason", "test", "--config", str(settings)], env)
    halt.communicate(timeout=60)
    before = {order["symbol"] for order in server.orders()}
    late = [
        start_execbot(["submit", symbol, "--qty", "1", "--config", str(settings)], env)
        for symbol in SYMBOLS[5:10]
    ]
    codes = [process.wait(60) for process in late]
    for process in [*early, *late]:
        process.communicate(timeout=60)
    assert codes == [5] * 5
    after = {order["symbol"] for order in server.orders()}
    assert after - before <= set(SYMBOLS[:5])
    assert halt.returncode == 0
