"""What a command imports while it runs: nothing heavy, and tenacity only when a retry is due; for a
plain line that sends or cancels no Typer, and for one that a `watch` carries out no journal.

Method: whole processes that report their imports (`python -X importtime`), on the exchange in
process and on a served one that fails once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.processes import Server, clean_environment, execbot
from support.watching import watching

HEAVY = {
    "aiohttp",
    "alpaca",
    "asyncio",
    "importlib.metadata",
    "numpy",
    "pandas",
    "pandas_market_calendars",
    "pydantic",
    "requests",
    "rich",
    "sqlite_utils",
    "tenacity",
    "websockets",
}
COMMANDS = (
    ["submit", "AAPL", "--qty", "1"],
    ["submit", "MSFT", "--qty", "1", "--stop-loss", "2%", "--dry-run"],
    ["signal", "JPM", "buy", "--strength", "90", "--dry-run"],
    ["orders"],
    ["positions"],
    ["cancel-all"],
)


SENDS = COMMANDS[:3] + COMMANDS[5:]
"""Read without Typer."""

COMPILES = {"dataclasses", "inspect"}
"""What makes classes by compiling text, and all that it brings with it."""

NOT_TO_HAND_OVER = {
    "typer",
    "sqlite3",
    "http.client",
    *COMPILES,
    "execbot.broker.alpaca",
    "execbot.desk.account",
    "execbot.journal.journal",
    "execbot.risk.reading",
}
"""What a command has no use for whose request a running `watch` carries out."""


def imports_of(arguments: list[str], env: Mapping[str, str]) -> set[str]:
    done = execbot([*arguments, "--json"], {**env, "PYTHONPROFILEIMPORTTIME": "1"})
    assert done.code == 0, done.err[-500:]
    return set(re.findall(r"^import time:.*\|\s+(\S+)$", done.err, re.MULTILINE))


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: " ".join(words))
def test_command_on_the_exchange_in_process_imports_nothing_heavy(
    tmp_path: Path, arguments: list[str]
) -> None:
    env = clean_environment(tmp_path, EXECBOT_MODE="sim")
    assert (
        execbot(["submit", "KO", "--qty", "1", "--mode", "sim"], env).code == 0
    )  # makes the journal
    found = imports_of([*arguments, "--mode", "sim"], env)
    assert "execbot.cli.main" in found
    assert found & HEAVY == set()
    assert ("typer" in found) is (arguments not in SENDS)


def test_command_that_a_watch_carries_out_imports_no_more_than_it_shows(
    tmp_path: Path, server: Server
) -> None:
    env = server.environment(tmp_path, key="hands-over")
    assert execbot(["submit", "KO", "--qty", "1"], env).code == 0  # makes the journal
    with watching(env) as watch:
        found = imports_of(["submit", "AAPL", "--qty", "1"], env)
        assert watch.log.count("door: ") == 1
    assert "execbot.desk.door.asking" in found
    assert found & (HEAVY | NOT_TO_HAND_OVER) == set()


def test_command_over_the_wire_imports_tenacity_when_a_read_fails_and_not_before(
    tmp_path: Path, server: Server
) -> None:
    env = server.environment(tmp_path)
    assert execbot(["submit", "KO", "--qty", "1"], env).code == 0  # makes the journal
    assert imports_of(["submit", "AAPL", "--qty", "1"], env) & (HEAVY | COMPILES) == set()
    fault = {"kind": "server_error", "method": "GET", "path": "/v2/positions", "count": 1}
    server.call("POST", "/sim/faults", fault)
    found = imports_of(["submit", "MSFT", "--qty", "1"], env)
    assert [rule["fired"] for rule in server.get("/sim/faults")] == [1]
    assert found & HEAVY == {"tenacity"}
