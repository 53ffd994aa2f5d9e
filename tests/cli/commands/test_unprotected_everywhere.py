"""Goal: a position without the protection promised to it says so on every surface, and no plan is
shown as no plan.

Method: real commands against a served exchange; another program takes the exits away there
(docs/evidence.md, E-PROT-1).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import Server, done, exchange, execbot

SURFACES = ("reconcile", "report", "doctor", "health")


@pytest.fixture
def env(server: Server, tmp_path: Path) -> Iterator[dict[str, str]]:
    """AAPL with a stop, KO without a plan."""
    env = server.environment(tmp_path)
    done(env, "submit", "AAPL", "--qty", "10", "--stop-loss", "2%", "--wait", "20")
    done(env, "submit", "KO", "--qty", "5", "--wait", "20")
    yield env


def configured(env: dict[str, str], home: Path, exits: str) -> dict[str, str]:
    path = home / "trading.yaml"
    path.write_text(f"trading_execution:\n  exits: {{{exits}}}\n")
    return {**env, "EXECBOT_CONFIG": str(path)}


def codes(env: dict[str, str]) -> list[int]:
    return [execbot([name, "--json"], env, timeout=60).code for name in SURFACES]


def by_symbol(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["symbol"]: row for row in rows}


def protection_of(env: dict[str, str]) -> list[tuple[str, str]]:
    """What `doctor` says of it: status and words."""
    checks = execbot(["doctor", "--json"], env, timeout=60).data["checks"]
    return [(c["status"], c["detail"]) for c in checks if c["check"] == "protection"]


def test_exits_that_another_program_cancels_leave_the_position_unprotected_on_every_surface(
    server: Server, env: dict[str, str]
) -> None:
    assert codes(env) == [0, 0, 0, 0]
    assert by_symbol(done(env, "positions"))["AAPL"]["guarded"] == "protected"
    server.call("DELETE", "/v2/orders")
    shown = execbot(["positions", "--json"], env)
    row = by_symbol(shown.data)["AAPL"]
    assert (row["guarded"], row["stop"], row["protected_qty"]) == ("unprotected", None, "0")
    assert row["missing"] == "10 of 10 have no stop"
    assert "AAPL is unprotected: 10 of 10 have no stop" in shown.json["warnings"]
    exits = by_symbol(done(env, "exits"))["AAPL"]
    assert (exits["guarded"], exits["uncovered_qty"]) == ("unprotected", "10")
    reconciled = execbot(["reconcile", "--json"], env)
    assert reconciled.code == 8 and reconciled.data["breaks"] == []
    assert [f["symbol"] for f in reconciled.data["unprotected"]] == ["AAPL"]
    report = execbot(["report", "--json"], env)
    assert report.code == 8
    assert by_symbol(report.data["positions"])["AAPL"]["guarded"] == "unprotected"
    assert ("FAIL", "AAPL is unprotected: 10 of 10 have no stop") in protection_of(env)
    assert codes(env) == [8, 8, 8, 8]
    done(env, "protect", "AAPL")
    assert codes(env) == [0, 0, 0, 0]


def test_a_position_without_a_plan_is_shown_so_and_is_a_finding_where_every_one_is_promised(
    env: dict[str, str], tmp_path: Path
) -> None:
    assert by_symbol(done(env, "positions"))["KO"]["guarded"] == "no_plan"
    assert by_symbol(done(env, "exits"))["KO"]["guarded"] == "no_plan"
    assert by_symbol(done(env, "report")["positions"])["KO"]["guarded"] == "no_plan"
    assert done(env, "reconcile")["without_plan"] == ["KO"]
    assert protection_of(env) == [
        ("WARN", "KO: no stop, and none was promised"),
        ("OK", "AAPL protected"),
    ]
    assert execbot(["health", "--fail-on", "warn"], env).code == 8
    strict = configured(env, tmp_path, "every_position: true, unprotected_alarm_seconds: 0.01")
    assert codes(strict) == [8, 8, 8, 8]
    assert by_symbol(done(strict, "positions"))["KO"]["missing"] == "no plan: 5 of 5 have no stop"
    done(strict, "protect", "KO", "--stop", "2%")
    assert codes(strict) == [0, 0, 0, 0]


def test_entries_stop_while_it_lasts_where_that_is_asked_for(
    server: Server, env: dict[str, str], tmp_path: Path
) -> None:
    server.call("DELETE", "/v2/orders")
    done(env, "submit", "MSFT", "--qty", "1", "--dry-run")
    strict = configured(env, tmp_path, "unprotected_stops_entries: true")
    refused = execbot(["submit", "MSFT", "--qty", "1", "--json"], strict)
    assert (refused.code, refused.error["kind"]) == (5, "risk.positions_protected")
    assert "AAPL is unprotected" in refused.error["error"]
    done(strict, "close", "KO", "--wait", "20")  # an exit goes
    done(strict, "protect", "AAPL")
    done(strict, "submit", "MSFT", "--qty", "1")


def test_a_close_that_is_canceled_after_hours_says_that_the_shares_have_no_stop(
    tmp_path: Path,
) -> None:
    clock = ("--calendar", "exchange", "--at", "2026-10-07 15:50", "--speed", "0")
    with exchange(tmp_path, *clock) as server:
        env = server.environment(tmp_path)
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
        done(env, "submit", "AAPL", "--qty", "20", "--stop-loss", "2%")
        server.call("POST", "/sim/clock", {"step": 5})
        done(env, "reconcile")
        server.call("POST", "/sim/clock", {"set": "2026-10-07 16:30"})
        server.call("DELETE", "/v2/orders")
        server.call("POST", "/sim/clock", {"step": 5})
        closing = done(env, "close", "AAPL", "--client-order-id", "out")
        assert closing["status"] not in ("filled", "rejected")
        canceled = execbot(["cancel", "out", "--json"], env)
        assert "AAPL: 20 of 20 have no stop" in canceled.json["warnings"], canceled


def test_canceling_a_stop_that_ended_long_ago_leaves_the_plan_in_force(
    server: Server, env: dict[str, str]
) -> None:
    [old] = by_symbol(done(env, "exits"))["AAPL"]["orders"]
    server.call("DELETE", "/v2/orders")
    done(env, "protect", "AAPL")
    assert done(env, "cancel", old["client_order_id"])["status"] == "canceled"
    row = by_symbol(done(env, "exits"))["AAPL"]
    assert (row["status"], row["guarded"]) == ("active", "protected")


def test_exits_prints_the_history_and_leaves_out_plans_whose_shares_were_sold(
    env: dict[str, str],
) -> None:
    printed = execbot(["exits", "show", "AAPL", "--history"], env).out
    assert "what changed it" in printed and "plan plan-" in printed
    done(env, "close", "AAPL", "--wait", "20")
    assert [row["symbol"] for row in done(env, "exits")] == ["KO"]
    earlier = done(env, "exits", "show", "AAPL", "--history")
    assert [row["guarded"] for row in earlier] == ["flat"]
    assert earlier[0]["versions"]
