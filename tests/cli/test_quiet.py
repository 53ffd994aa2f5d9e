"""Goal: with --quiet success is silent; whatever somebody must look at is told as without it.

Method: real processes against a served exchange in regular hours; each command is also run
without --quiet, so that none passes by having nothing to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import Outcome, Server, exchange, execbot

CLOCK = ("--calendar", "exchange", "--at", "2026-10-07 11:00")

Env = dict[str, str]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("quiet"), *CLOCK) as running:
        yield running


@pytest.fixture
def env(server: Server, tmp_path: Path) -> Env:
    return server.environment(tmp_path, key=tmp_path.name)


def run(line: str, env: Env) -> Outcome:
    return execbot(line.split(), env)


def unpriced(words: str) -> str:
    """Without figures: between two runs the market moves."""
    return re.sub(r"[\d.,]*\d", "N", words)


def is_silent(done: Outcome) -> bool:
    return (done.code, done.out, done.err) == (0, "", "")


LOOKING = [
    "positions",
    "orders --status all",
    "account",
    "market",
    "quote AAPL",
    "queue list",
    "exits",
    "trades",
    "report",
    "reconcile",
    "journal verify",
    "config show",
    "config check",
    "schema",
    "help orders",
    "version",
    "profiles",
]


@pytest.mark.parametrize("line", LOOKING)
def test_a_look_is_silent_and_without_the_flag_it_is_told(env: Env, line: str) -> None:
    quiet, as_json, loud = (run(line + flag, env) for flag in (" --quiet", " --json --quiet", ""))
    assert is_silent(quiet), quiet
    assert is_silent(as_json), as_json
    assert loud.code == 0 and loud.out


def test_orders_are_silent_and_were_carried_out(env: Env, server: Server) -> None:
    for line in (
        "buy AAPL --qty 4 --stop-loss 2% --wait 20 --client-order-id in",
        "submit KO --qty 1 --limit 1 --client-order-id rests",
        "replace rests --limit 1.10",
        "short TSLA --qty 1 --stop-loss 2% --dry-run",
        "close AAPL --wait 20",
        "cancel-all --yes",
        "halt --reason odd",
        "resume",
    ):
        done = run(f"{line} --quiet", env)
        assert is_silent(done), (line, done)
    orders = server.orders(env["ALPACA_API_KEY"])
    assert {order["symbol"] for order in orders} == {"AAPL", "KO"}
    assert server.get("/v2/positions", env["ALPACA_API_KEY"]) == []
    assert not [order for order in orders if order["status"] in ("new", "accepted", "held")]


def test_the_flag_counts_for_the_commands_of_a_group_too(env: Env) -> None:
    assert is_silent(run("orders --quiet --status all", env))
    assert is_silent(run("queue --quiet list", env))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("buy AAPL --qty 0", 2),
        ("buy ZZZZ --qty 1", 2),
        ("buy AAPL --qty 900000", 5),
        ("orders show nobody", 2),
        ("positions --mode live", 3),
        ("signal --file nobody.jsonl", 2),
        ("help nobody", 2),
    ],
)
def test_a_failure_is_told_word_for_word(env: Env, line: str, code: int) -> None:
    quiet, loud = (run(line + flag, env) for flag in (" --quiet", ""))
    assert (quiet.code, quiet.out, unpriced(quiet.err)) == (code, loud.out, unpriced(loud.err))
    assert "Error" in quiet.err
    told = run(f"{line} --quiet --json", env)
    assert told.error["exit_code"] == code and told.out == ""


def test_what_a_command_found_is_shown_in_full(env: Env) -> None:
    """Exit 8 and 12 are no success: the table is what somebody must look at."""
    run("buy AAPL --qty 3 --wait 20", env)
    found = run("health --fail-on warn --quiet", env)
    assert found.code == 8 and "WARN" in found.out
    partly = run("quote AAPL ZZZZ --quiet", env)
    assert partly.code == 12 and "AAPL" in partly.out and "Warning: ZZZZ" in partly.err


def test_a_warning_stays_and_nothing_else(env: Env) -> None:
    bought = "buy AAPL --qty 3 --client-order-id once"
    run(bought + " --wait 20", env)
    again = run(bought + " --quiet", env)
    assert (again.code, again.out) == (0, "")
    lines = again.err.splitlines()
    assert lines and all(line.startswith("Warning: ") for line in lines)
    carried = run(bought + " --quiet --json", env)
    assert carried.json["warnings"] and carried.err == ""


def test_that_live_was_meant_and_it_is_paper_is_told(env: Env) -> None:
    told = run("positions --quiet", {**env, "ALPACA_LIVE_TRADE": "true"})
    assert (told.code, told.out) == (0, "")
    assert "staying paper" in told.err and len(told.err.splitlines()) == 1


def test_of_signals_the_failed_lines_are_told(env: Env, tmp_path: Path) -> None:
    lines = [
        {"id": "good", "symbol": "KO", "side": "buy", "strength": 90},
        {"id": "bad", "symbol": "ZZZZ", "side": "buy", "strength": 90},
    ]
    both, good = tmp_path / "both.jsonl", tmp_path / "good.jsonl"
    both.write_text("".join(json.dumps(line) + "\n" for line in lines))
    good.write_text(json.dumps({**lines[0], "id": "other", "symbol": "JPM"}) + "\n")
    assert is_silent(run(f"signal --file {good} --quiet", env))
    done = run(f"signal --file {both} --quiet", env)
    assert done.code == 12
    assert [line.split("\t")[1] for line in done.out.splitlines()] == ["bad"]
    assert "1 failed" in done.err


@pytest.mark.parametrize("form", ["", " --json"])
def test_of_a_watch_the_alarms_are_told(env: Env, form: str) -> None:
    assert is_silent(run(f"watch --seconds 2 --quiet{form}", env))
    assert run(f"watch --seconds 2{form}", env).out
