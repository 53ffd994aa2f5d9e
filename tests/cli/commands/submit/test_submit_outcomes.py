"""Goal: when the broker misbehaves, the exit code and the outcome say exactly what is known.

Method: real processes against a served exchange with faults armed through its control plane.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import Outcome, Server, exchange, execbot, start_execbot
from support.watching import watching

CONFIG = """
trading_execution:
  order_management: {settle_quiet_seconds: 2, retry_attempts: 1, retry_delay_seconds: 0.1}
  broker: {timeout_seconds: 1}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "trading.yaml").write_text(CONFIG)
    with exchange(tmp_path) as running:
        yield running


@pytest.fixture
def env(server: Server, tmp_path: Path) -> dict[str, str]:
    found = server.environment(tmp_path)
    assert execbot(["reconcile", "--json"], found).code == 0
    return found


def error_of(outcome: Outcome) -> dict[str, Any]:
    assert outcome.out == ""
    found: dict[str, Any] = json.loads(outcome.err)
    return found


def test_a_lost_answer_is_in_doubt_and_reconcile_settles_it(
    server: Server, env: dict[str, str]
) -> None:
    server.arm("reply_lost", method="POST", path="/v2/orders", params={"seconds": 5.0})
    server.arm("server_error", method="GET", path="/v2/orders:by_client_order_id")
    order = ["submit", "AAPL", "--qty", "1", "--client-order-id", "lost", "--json"]
    outcome = execbot(order, env, timeout=120)
    error = error_of(outcome)
    assert (outcome.code, error["outcome"]) == (7, "in_doubt")
    assert error["client_order_id"] == "lost"
    assert "reconcile" in error["next"]

    server.arm("server_error", method="GET", path="/v2/orders")
    report = execbot(["report", "--json"], env, timeout=120)
    assert (report.code, report.data["in_doubt"]) == (8, ["lost"])
    server.call("DELETE", "/sim/faults")
    settled = execbot(["reconcile", "--json"], env)
    assert settled.code == 0, settled.out
    assert [row["client_order_id"] for row in settled.data["settled"]] == ["lost"]
    assert len(server.orders()) == 1
    again = execbot(order, env)
    assert (again.code, again.data["already"]) == (0, True)
    assert len(server.orders()) == 1


@pytest.mark.parametrize("command", ["submit", "replace"])
def test_an_answer_that_was_read_counts_although_it_cannot_be_recorded(
    server: Server, env: dict[str, str], tmp_path: Path, command: str
) -> None:
    """E-JRN-3."""
    rest = ["submit", "AAPL", "--qty", "1", "--limit", "150", "--client-order-id", "mine"]
    asked, method = rest, "POST"
    if command == "replace":
        assert execbot(rest, env).code == 0
        asked, method = ["replace", "mine", "--limit", "151"], "PATCH"
    server.arm("reply_delayed", method=method, path="/v2/orders*", params={"seconds": 8.0})
    before = len(server.get("/sim/log"))
    patient = {
        **env,
        "EXECBOT__BROKER__TIMEOUT_SECONDS": "60",
        "EXECBOT__ORDER_MANAGEMENT__SETTLE_QUIET_SECONDS": "90",
    }
    process = start_execbot([*asked, "--json"], patient)
    while len(server.get("/sim/log")) == before:
        assert process.poll() is None
    journal = next((tmp_path / "state").rglob("journal.db"))
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        out, err = process.communicate(timeout=120)
        other.execute("ROLLBACK")
    answer = json.loads(out)
    assert (process.returncode, answer["data"]["outcome"]) == (0, "accepted"), err
    assert "not all of it is recorded" in " ".join(answer["warnings"])
    server.call("DELETE", "/sim/faults")
    settled = execbot(["reconcile", "--json"], env)
    assert (settled.code, settled.data["breaks"]) == (0, [])
    (working,) = [order for order in server.orders() if order["status"] == "new"]
    assert execbot(["orders", "show", working["id"], "--json"], env).data["status"] == "new"


def test_a_refusal_by_the_broker_ends_with_6_and_its_words(
    server: Server, env: dict[str, str]
) -> None:
    body = {"code": 40310000, "message": "insufficient buying power", "buying_power": "0"}
    server.arm(
        "canned_reply",
        method="POST",
        path="/v2/orders",
        params={"status": 403, "body": body},
    )
    outcome = execbot(["submit", "AAPL", "--qty", "1", "--json"], env)
    error = error_of(outcome)
    assert (outcome.code, error["outcome"]) == (6, "rejected")
    assert error["kind"] == "broker.insufficient_buying_power"
    assert (error["code"], error["status"], error["category"]) == (40310000, 403, "adjustable")
    assert error["client_order_id"]


def test_accepted_then_rejected_is_a_rejection_for_who_waits(
    server: Server, env: dict[str, str]
) -> None:
    server.arm("accepted_then_rejected", symbol="AAPL")
    outcome = execbot(["submit", "AAPL", "--qty", "1", "--wait", "20", "--json"], env)
    error = error_of(outcome)
    assert (outcome.code, error["kind"]) == (6, "broker.order_rejected")
    assert error["order"]["status"] == "rejected"


def test_waiting_survives_a_broker_that_does_not_answer(
    server: Server, env: dict[str, str]
) -> None:
    """The order was taken: a failing look must not make it look as if nothing had been sent."""
    server.arm("server_error", method="GET", path="/v2/orders/*", count=3)
    outcome = execbot(["submit", "AAPL", "--qty", "1", "--wait", "20", "--json"], env)
    assert (outcome.code, outcome.data["outcome"]) == (0, "filled")


def test_a_wait_that_is_over_says_that_the_order_stays_working(env: dict[str, str]) -> None:
    order = ["submit", "AAPL", "--qty", "1", "--limit", "190", "--wait", "0.3", "--json"]
    outcome = execbot(order, env)
    assert (outcome.code, outcome.data["outcome"]) == (0, "accepted")
    assert "stays working" in outcome.json["warnings"][0]


@pytest.mark.parametrize("through_watch", [False, True])
def test_ctrl_c_while_waiting_shows_the_order_as_it_is(
    server: Server, env: dict[str, str], through_watch: bool
) -> None:
    with watching(env) if through_watch else contextlib.nullcontext():
        _interrupted_while_waiting(server, env)


def _interrupted_while_waiting(server: Server, env: dict[str, str]) -> None:
    order = ["submit", "AAPL", "--qty", "1", "--limit", "190", "--wait", "60", "--json"]
    process = start_execbot(order, env)
    until = time.monotonic() + 30
    while not server.orders() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["data"]["outcome"] == "accepted"
    assert server.orders()[0]["status"] == "new"


def test_rate_limited_to_the_end_is_transient_with_nothing_sent(
    server: Server, env: dict[str, str]
) -> None:
    server.arm("rate_limited", method="POST", path="/v2/orders", params={"retry_after": 0})
    outcome = execbot(["submit", "AAPL", "--qty", "1", "--json"], env, timeout=120)
    error = error_of(outcome)
    assert (outcome.code, error["category"]) == (10, "retryable")
    assert server.orders() == []


def test_orders_and_report_are_shown_from_the_journal_when_the_broker_is_away(
    server: Server, env: dict[str, str]
) -> None:
    assert execbot(["submit", "AAPL", "--qty", "1", "--wait", "20"], env).code == 0
    server.arm("server_error", method="GET")
    for command in (["orders"], ["report"]):
        outcome = execbot([*command, "--json"], env, timeout=120)
        assert outcome.code == 0, outcome.err
        assert outcome.json["warnings"]
    assert execbot(["positions", "--json"], env, timeout=120).code == 10


def test_an_order_that_the_broker_lost_is_a_break_with_both_sides(
    server: Server, env: dict[str, str]
) -> None:
    order = ["submit", "AAPL", "--qty", "1", "--limit", "190", "--client-order-id", "gone"]
    assert execbot(order, env).code == 0
    server.call("POST", "/sim/reset", {})
    outcome = execbot(["reconcile", "--json"], env)
    assert (outcome.code, outcome.json["ok"]) == (8, False)
    found = outcome.data["breaks"][0]
    assert (found["kind"], found["subject"]) == ("order.missing", "gone")
    assert all(found[name] for name in ("ours", "theirs", "cause", "hint"))
    table = execbot(["reconcile"], env)
    assert table.code == 8
    assert "order.missing" in table.out


def test_cancel_all_that_cannot_finish_is_partly_done(server: Server, env: dict[str, str]) -> None:
    for symbol, limit in (("AAPL", "190"), ("MSFT", "380")):
        order = ["submit", symbol, "--qty", "1", "--limit", limit, "--client-order-id", symbol]
        assert execbot(order, env).code == 0
    server.arm("stuck_pending_cancel", symbol="AAPL")
    outcome = execbot(["cancel-all", "--mine", "--wait", "1", "--json"], env)
    assert (outcome.code, outcome.json["ok"]) == (12, False)
    assert [row["client_order_id"] for row in outcome.data["canceled"]] == ["MSFT"]
    assert [row["client_order_id"] for row in outcome.data["failed"]] == ["AAPL"]


def test_accounts_of_one_machine_do_not_see_each_other(
    server: Server, env: dict[str, str], tmp_path: Path
) -> None:
    assert execbot(["submit", "AAPL", "--qty", "1", "--wait", "20"], env).code == 0
    other = server.environment(tmp_path, key="another-key")
    assert execbot(["orders", "--status", "all", "--json"], other).data == []
    assert execbot(["positions", "--json"], other).data == []
    mine = execbot(["positions", "--json"], env).json
    assert (len(mine["data"]), mine["account"]) == (
        1,
        server.get("/v2/account")["account_number"],
    )
    folders = {path.name for path in (tmp_path / "state" / "execbot").iterdir() if path.is_dir()}
    assert len({name for name in folders if name.startswith("paper-")}) == 2
