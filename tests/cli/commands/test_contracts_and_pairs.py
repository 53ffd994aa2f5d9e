"""Goal: every symbol that `positions` prints is read by every command, and what cannot be done is
refused by name.

Method: real processes against a server on which another program holds contracts and coins.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import (
    Outcome,
    Server,
    done,
    ended_well,
    exchange,
    execbot,
    start_execbot,
)
from support.waiting import eventually

CALL, ONE_LETTER = "AAPL261218C00190000", "F261218C00012000"
FAR_CALL = "AAPL261218C00200000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("exchange"), "--at", "2026-11-18 11:00") as running:
        yield running


@pytest.fixture
def env(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """An account of its own for each test."""
    env = server.environment(tmp_path, key=request.node.name)
    assert execbot(["reconcile"], env).code == 0
    return env


def hold(server: Server, env: dict[str, str], symbol: str, qty: int, price: str) -> None:
    body = {"key": env["ALPACA_API_KEY"], "symbol": symbol, "qty": qty, "price": price}
    server.call("POST", "/sim/options/position", body)
    assert execbot(["reconcile"], env).code == 0


def said(outcome: Outcome) -> dict[str, Any]:
    error: dict[str, Any] = outcome.error
    return error


def test_a_contract_is_shown_closed_and_reported_with_its_multiplier(
    server: Server, env: dict[str, str]
) -> None:
    hold(server, env, ONE_LETTER, 2, "1.50")
    (row,) = execbot(["positions", "--symbol", ONE_LETTER, "--json"], env).data
    assert (row["symbol"], row["qty"], row["market_value"]) == (ONE_LETTER, "2", "300")
    server.call("POST", "/sim/options/mark", {"symbol": ONE_LETTER, "price": 2})
    closed = execbot(["close", ONE_LETTER, "--wait", "5", "--json"], env)
    assert closed.code == 0, closed.err
    listed = execbot(["orders", "--status", "all", "--symbol", ONE_LETTER, "--json"], env).data
    assert {order["side"] for order in listed} == {"buy", "sell"}
    day = execbot(["report", "--daily", "--json"], env).data
    assert (day["realized_pl"], day["bought"], day["sold"]) == ("100", "300", "400")


@pytest.mark.parametrize("contract", ["F261217C00012340", "F990116C00012000"], ids=["odd", "far"])
def test_a_contract_that_is_not_listed_is_not_opened(env: dict[str, str], contract: str) -> None:
    line = ["submit", contract, "--qty", "1", "--limit", "1", "--json"]
    outcome = execbot(line, env)
    assert outcome.code in (2, 5, 6), outcome.err
    assert said(outcome)["outcome"] == "not_sent"


def test_a_signal_of_a_contract_without_a_stop_is_skipped_by_name(env: dict[str, str]) -> None:
    outcome = execbot(["signal", ONE_LETTER, "buy", "--strength", "90", "--json"], env)
    assert outcome.data["reason"] == "signal.option_stop", outcome.data


@pytest.mark.parametrize("symbol", ["ETHBTC", "BTC/USDT"])
def test_a_pair_in_another_currency_is_not_opened(env: dict[str, str], symbol: str) -> None:
    outcome = execbot(["submit", symbol, "--qty", "1", "--json"], env)
    assert outcome.code in (2, 5), outcome.err
    assert "dollars" in said(outcome)["error"]


def test_a_pair_is_bought_and_closed_under_the_name_that_positions_prints(
    env: dict[str, str],
) -> None:
    bought = execbot(["submit", "BTCUSD", "--qty", "0.01", "--wait", "5", "--json"], env)
    assert bought.code == 0, bought.err
    assert (bought.data["symbol"], bought.data["time_in_force"]) == ("BTC/USD", "gtc")
    (row,) = execbot(["positions", "--json"], env).data
    assert execbot(["close", row["symbol"], "--wait", "5"], env).code == 0
    assert execbot(["positions", "--json"], env).data == []


def test_an_open_spread_is_listed_by_its_legs(server: Server, env: dict[str, str]) -> None:
    legs = [
        {"symbol": CALL, "ratio_qty": 1, "position_intent": "sell_to_open", "mark": 6},
        {
            "symbol": "AAPL261218C00200000", "ratio_qty": 1,
            "position_intent": "buy_to_open", "mark": 4.5,
        },
    ]  # fmt: skip
    body = {
        "key": env["ALPACA_API_KEY"], "order_class": "mleg", "qty": 1, "limit_price": "-1.20",
        "legs": legs,
    }  # fmt: skip
    server.call("POST", "/sim/options/order", body)
    assert execbot(["reconcile"], env).code == 0
    (shown,) = execbot(["orders", "--json"], env).data
    assert {leg["symbol"] for leg in shown["legs"]} == {CALL, "AAPL261218C00200000"}
    assert execbot(["cancel-all", "--json"], env).code == 0


@pytest.mark.parametrize(
    "line",
    [
        "option close AAPL --credit 1 --qty 1.9",
        f"submit --leg 'buy 1 {CALL}' --leg 'sell 1 AAPL261218C00200000' --debit 1 --qty 1.9",
    ],
    ids=["close", "submit"],
)
def test_a_part_of_a_structure_is_refused_and_not_rounded(env: dict[str, str], line: str) -> None:
    refused = execbot([*shlex.split(line), "--json"], env)
    assert (refused.code, refused.error["kind"]) == (2, "usage.value")
    assert "1.9" in refused.error["error"]


def guards(env: dict[str, str]) -> dict[str, str]:
    return {row["symbol"]: row["guarded"] for row in done(env, "positions")}


def test_a_structure_is_protected_as_long_as_a_watch_looks(
    server: Server, env: dict[str, str]
) -> None:
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
