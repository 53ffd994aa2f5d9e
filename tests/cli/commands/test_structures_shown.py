"""Goal: commands say of a structure what is so, with a `watch` and without one.

Method: real processes against a server on which another program holds the contracts.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import Server, done, ended_well, exchange, execbot, start_execbot
from support.waiting import eventually

CALL, FAR_CALL = "AAPL261218C00190000", "AAPL261218C00200000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("exchange"), "--at", "2026-11-18 11:00") as running:
        yield running


def hold(server: Server, env: dict[str, str], symbol: str, qty: int, price: str) -> None:
    body = {"key": env["ALPACA_API_KEY"], "symbol": symbol, "qty": qty, "price": price}
    server.call("POST", "/sim/options/position", body)
    done(env, "reconcile")


def guards(env: dict[str, str]) -> dict[str, str]:
    return {row["symbol"]: row["guarded"] for row in done(env, "positions")}


def test_a_structure_is_protected_as_long_as_a_watch_looks(server: Server, tmp_path: Path) -> None:
    env = server.environment(tmp_path, key="structure")
    done(env, "reconcile")
    hold(server, env, CALL, 1, "6.00")
    done(env, "protect", CALL, "--stop", "3.00")
    hold(server, env, FAR_CALL, -1, "4.50")
    refused = execbot(["option", "protect", "AAPL", "--stop", "0.50", "--json"], env)
    assert refused.code == 2 and refused.error["kind"] == "exits.structure", refused.err
    assert "cancel-all" in refused.error["next"]
    done(env, "cancel-all", "--symbol", CALL)
    kept: dict[str, Any] = done(env, "option", "protect", "AAPL", "--stop", "0.50")
    assert kept["exits"]["stop_net"] == "0.5" and kept["guarded"] == "unprotected"
    process = start_execbot(["watch", "--json"], env)
    try:
        both = {CALL: "emulated", FAR_CALL: "emulated"}
        assert eventually(lambda: guards(env) == both)
        [held] = done(env, "option", "held")
        assert (held["guarded"], held["missing"]) == ("emulated", None)
        assert {row["structure"]["stop_net"] for row in done(env, "exits", "show")} == {"0.5"}
        report = done(env, "report", "--daily")
        assert {row["guarded"] for row in report["positions"]} == {"emulated"}
        [contracts] = report["contracts"]
        assert (contracts["long"], contracts["short"], contracts["max_loss"]) == ("1", "1", "150")
        checks = execbot(["health", "--json"], env).data["checks"]
        assert not [one for one in checks if one["check"] == "protection" and one["next"]]
        process.send_signal(signal.SIGINT)
        assert ended_well(process.wait(timeout=60))
    finally:
        process.kill()
        process.communicate()
    assert set(guards(env).values()) == {"unprotected"}
    assert execbot(["health", "--json"], env).code == 8
