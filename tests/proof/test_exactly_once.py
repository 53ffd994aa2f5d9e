"""Goal: one intent, at most one order at the broker, whatever instruction `submit` is killed at.

Method: real `execbot submit` processes against a real server, killed with SIGKILL before, during
and after the POST, with replies on time, late and lost; then `reconcile`, and both sides compared
from the exchange's own list of orders. The seed is printed; `--kills N` runs more.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from support.processes import Server, exchange, execbot, start_execbot

CONFIG = """
trading_execution:
  max_positions: 100
  max_position_size_pct: 100
  max_account_exposure_pct: 100
  order_management:
    settle_quiet_seconds: 6
  risk:
    max_daily_orders: null
    max_daily_loss_pct: null
    max_consecutive_rejections: null
    duplicate_window_seconds: 0
    one_pending_per_symbol: false
    scale_in: {enabled: true, max_steps: 1000000, min_profit_pct: -100}
  broker:
    timeout_seconds: 2
"""

FAULTS: tuple[dict[str, Any] | None, ...] = (
    None,
    None,
    {"kind": "reply_delayed", "params": {"seconds": 0.4}},
    {"kind": "request_delayed", "params": {"seconds": 0.4}},
    {"kind": "reply_lost", "params": {"seconds": 3.0}},
    {"kind": "reset_after", "params": {}},
    {"kind": "reset_before", "params": {}},
)
SYMBOLS = ("AAPL", "MSFT", "NVDA", "KO", "F", "SPY")
UNHURT_EVERY = 20
"""So often one is let run to its end: how long it takes on this machine now says when the next
ones are killed. On a machine under load all of them would else die before they have begun."""


def test_submit_killed_anywhere_leaves_at_most_one_order_for_each_intent(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kills = int(request.config.getoption("--kills"))
    seed = int(request.config.getoption("--seed"))
    print(f"seed {seed}, kills {kills}")
    chance = random.Random(seed)
    (tmp_path / "trading.yaml").write_text(CONFIG)
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path, EXECBOT_CONFIG=str(tmp_path / "trading.yaml"))
        wanted: dict[str, str] = {}
        killed, seconds = 0, 0.0
        while killed < kills:
            client_order_id = f"kill-{seed}-{len(wanted)}"
            symbol, at = chance.choice(SYMBOLS), chance.uniform(0, 1.1)
            fault = chance.choice(FAULTS)
            is_unhurt = len(wanted) % UNHURT_EVERY == 0
            wanted[client_order_id] = symbol
            if is_unhurt:
                seconds = _submit(env, symbol, client_order_id)
                continue
            _arm(server, fault)
            killed += _submit_and_kill(env, symbol, client_order_id, at * seconds)
        server.call("DELETE", "/sim/faults")
        _settle(env)
        at_exchange = _by_client_id(server)
        ours = {
            row["client_order_id"]: row
            for row in execbot(
                ["orders", "--status", "all", "--limit", "100000", "--json"], env
            ).data
        }

        print(f"{len(wanted)} submits, {len(ours)} intents, {len(at_exchange)} at the exchange")
        assert set(at_exchange) <= set(ours), "an order at the exchange is not in the journal"
        assert set(at_exchange) <= set(wanted), "an order nobody asked for"
        for client_order_id, rows in at_exchange.items():
            assert len(rows) == 1, f"{client_order_id} reached the exchange twice"
            assert ours[client_order_id]["status"] == rows[0]["status"]
            assert ours[client_order_id]["filled_qty"] == rows[0]["filled_qty"]
        for client_order_id, row in ours.items():
            if client_order_id not in at_exchange:
                assert row["status"] == "never_sent", (client_order_id, row["status"])
        _nothing_is_sent_late(server, env, at_exchange)


def _arm(server: Server, fault: dict[str, Any] | None) -> None:
    server.call("DELETE", "/sim/faults")
    if fault is not None:
        rule = {**fault, "method": "POST", "path": "/v2/orders", "count": 1}
        server.call("POST", "/sim/faults", rule)


def _submit(env: dict[str, str], symbol: str, client_order_id: str) -> float:
    """How many seconds it takes."""
    began = time.monotonic()
    execbot(["submit", symbol, "--qty", "1", "--client-order-id", client_order_id, "--json"], env)
    return time.monotonic() - began


def _submit_and_kill(env: dict[str, str], symbol: str, client_order_id: str, after: float) -> bool:
    """Whether the kill came before the command had ended by itself."""
    process = start_execbot(
        ["submit", symbol, "--qty", "1", "--client-order-id", client_order_id, "--json"],
        env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def _settle(env: dict[str, str]) -> None:
    """Reconcile like cron would, until nothing is in doubt."""
    for _ in range(20):
        result = execbot(["reconcile", "--json"], env)
        open_orders = execbot(
            ["orders", "--status", "open", "--limit", "100000", "--json"], env
        ).data
        if result.code == 0 and not open_orders:
            return
        time.sleep(0.5)
    raise AssertionError(f"still unsettled: {result.out}{result.err}{open_orders}")


def _by_client_id(server: Server) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for order in server.orders():
        found.setdefault(order["client_order_id"], []).append(order)
    return found


def _nothing_is_sent_late(
    server: Server, env: dict[str, str], before: dict[str, list[dict[str, Any]]]
) -> None:
    """The next commands do not send what was closed as never sent."""
    assert execbot(["reconcile", "--json"], env).code == 0
    assert execbot(["orders", "--json"], env).code == 0
    assert set(_by_client_id(server)) == set(before)


def test_two_processes_with_one_client_order_id_make_one_order(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        command = ["submit", "AAPL", "--qty", "1", "--client-order-id", "same", "--json"]
        processes = [start_execbot(command, env) for _ in range(2)]
        ended = [process.communicate(timeout=60) for process in processes]
        codes = [process.returncode for process in processes]
        assert codes == [0, 0], ended
        assert len(_by_client_id(server)["same"]) == 1


def test_client_order_id_given_again_submits_once_and_says_so(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        command = ["submit", "AAPL", "--qty", "1", "--client-order-id", "again", "--json"]
        first = execbot(command, env)
        second = execbot(command, env)
        assert first.code == 0, first.err
        assert second.code == 0, second.err
        assert second.data["id"] == first.data["id"]
        assert second.data["already"] is True
        assert any("before" in warning for warning in second.json["warnings"])
        assert len(_by_client_id(server)["again"]) == 1
