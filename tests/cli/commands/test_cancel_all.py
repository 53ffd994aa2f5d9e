"""Goal: taking orders back works when it matters: with a broken journal, after a replace, and never
unasked on a terminal.

Method: real processes in sim mode; journals are broken for real, the answer is read back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest
from cli.show.test_terminal import typed
from support.processes import done, exchange, execbot

REST = ("submit", "MSFT", "--qty", "1", "--limit", "300")


def journal_of(env: Mapping[str, str]) -> Path:
    return next(Path(env["XDG_STATE_HOME"]).rglob("journal.db"))


def test_cancel_all_works_with_a_damaged_journal_and_says_so(sim_env: dict[str, str]) -> None:
    mine = done(sim_env, *REST)["id"]
    journal = journal_of(sim_env)
    kept = journal.read_bytes()
    journal.write_bytes(b"not a journal" * 1000)
    assert execbot(["submit", "MSFT", "--qty", "1"], sim_env).code == 3
    answer = execbot(["cancel-all", "--json"], sim_env).json
    assert [order["id"] for order in answer["data"]["canceled"]] == [mine]
    assert "damaged" in answer["warnings"][0]
    assert execbot(["cancel-all", "--mine"], sim_env).code == 3  # it cannot know which are ours
    journal.write_bytes(kept)
    assert done(sim_env, "reconcile")["breaks"] == []
    assert done(sim_env, "orders")[0]["status"] == "canceled"


def test_cancel_all_does_not_wait_for_whoever_locks_the_journal(sim_env: dict[str, str]) -> None:
    done(sim_env, *REST)
    holder = sqlite3.connect(journal_of(sim_env))
    holder.execute("BEGIN EXCLUSIVE")
    answer = execbot(["cancel-all", "--json"], sim_env).json
    holder.rollback()
    assert len(answer["data"]["canceled"]) == 1
    assert "locked" in answer["warnings"][0]


def test_doctor_finds_a_journal_that_cannot_be_written(sim_env: dict[str, str]) -> None:
    done(sim_env, *REST)
    holder = sqlite3.connect(journal_of(sim_env))
    holder.execute("BEGIN EXCLUSIVE")
    outcome = execbot(["doctor", "--json"], sim_env)
    holder.rollback()
    assert outcome.code != 0
    found = outcome.data["checks"] if isinstance(outcome.data, dict) else outcome.data
    assert [item["status"] for item in found if item["check"] == "journal"] == ["FAIL"]


def test_the_id_of_a_replaced_order_cancels_what_it_became(sim_env: dict[str, str]) -> None:
    done(sim_env, *REST, "--client-order-id", "first")
    done(sim_env, "replace", "first", "--limit", "301")
    newest = done(sim_env, "replace", "first", "--limit", "302")
    answer = execbot(["cancel", "first", "--json"], sim_env).json
    assert (answer["data"]["id"], answer["data"]["status"]) == (newest["id"], "canceled")
    assert answer["warnings"]
    assert done(sim_env, "orders", "--status", "open") == []


def test_an_order_that_was_replaced_is_not_called_canceled(sim_env: dict[str, str]) -> None:
    done(sim_env, *REST, "--client-order-id", "first")
    newest = done(sim_env, "replace", "first", "--limit", "301")["id"]
    assert f"Replaced by {newest}" in execbot(["orders", "show", "first"], sim_env).out


def test_stops_and_targets_alone_are_not_canceled_without_a_question(
    sim_env: dict[str, str],
) -> None:
    done(sim_env, "submit", "AAPL", "--qty", "2", "--stop-loss", "5%", "--wait", "10")
    code, screen = typed(["cancel-all"], sim_env, "n\n")
    assert "[y/N]" in screen
    assert code == 11
    assert len(stops(sim_env)) == 1


def test_a_brake_that_does_not_reach_the_broker_leaves_the_plans_alone(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        done(env, "submit", "AAPL", "--qty", "2", "--stop-loss", "5%", "--wait", "20")
        stop = next(o for o in done(env, "orders")[0]["legs"] if o["type"] == "stop")
    # The exchange is gone.
    for command in (["cancel-all", "--yes"], ["cancel", stop["id"]]):
        failed = execbot([*command, "--json"], env)
        assert (failed.code, failed.error["kind"]) == (10, "network.refused")
    assert done(env, "exits")[0]["status"] in ("pending", "active")


def test_halt_closes_positions_although_the_open_orders_cannot_be_read(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        done(env, "submit", "AAPL", "--qty", "2", "--wait", "20")
        server.arm("server_error", method="GET", path="/v2/orders", count=99)
        command = ["halt", "--reason", "test", "--cancel", "--flatten", "--yes", "--json"]
        outcome = execbot(command, env, timeout=60)
        assert outcome.code == 12
        assert [item["symbol"] for item in outcome.data["closed"]] == ["AAPL"]
        (failed,) = outcome.data["failed"]
        assert "not canceled" in failed["error"]
        server.call("DELETE", "/sim/faults")
        sides = [order["side"] for order in server.orders()]
        assert sorted(sides) == ["buy", "sell"]


def test_close_that_is_refused_puts_the_lifted_stop_back(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        done(env, "submit", "AAPL", "--qty", "2", "--stop-loss", "5%", "--wait", "20")
        body = {"code": 40310000, "message": "account is restricted to liquidation only"}
        rule = {"method": "POST", "path": "/v2/orders", "params": {"status": 403, "body": body}}
        server.arm("canned_reply", count=1, **rule)
        refused = execbot(["close", "AAPL", "--json"], env, timeout=60)
        assert refused.code == 6
        assert "protected again" in refused.error["error"]
        assert refused.error["next"] == "Close it once more."
        assert len(stops(env)) == 1


def test_close_given_twice_under_one_id_sells_once_and_says_so(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        done(env, "submit", "AAPL", "--qty", "2", "--wait", "20")
        close = ("close", "AAPL", "--client-order-id", "X", "--wait", "20")
        first, again = (execbot([*close, "--json"], env).json for _ in range(2))
        assert first["data"]["id"] == again["data"]["id"]
        assert "given before" in again["warnings"][0]


def stops(env: Mapping[str, str]) -> list[str]:
    return [item["stop"] for item in done(env, "positions") if item["stop"]]


@pytest.mark.parametrize(
    "command", [["submit", "AAPL", "--qty", "1"], ["close", "AAPL"], ["cancel", "x"]]
)
def test_a_negative_wait_is_refused_and_nothing_sent(
    sim_env: dict[str, str], command: list[str]
) -> None:
    outcome = execbot([*command, "--wait", "-1", "--json"], sim_env)
    assert (outcome.code, outcome.error["kind"]) == (2, "usage.value")
    assert done(sim_env, "orders", "--status", "all") == []


def test_the_sentence_of_a_dry_run_names_stop_and_target(sim_env: dict[str, str]) -> None:
    plan = ["submit", "AAPL", "--qty", "1", "--stop-loss", "150", "--take-profit", "300"]
    shown = execbot([*plan, "--dry-run"], sim_env)
    assert "stop 150.00, target 300.00 passes every check" in shown.out
