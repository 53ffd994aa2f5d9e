"""`signal`, `halt`, `resume`, `market`, `queue` and `orders retry` as processes.

Method: real commands in sim mode; stdout, stderr and exit codes as scripts see them.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import (
    EXECBOT,
    Outcome,
    exchange,
    execbot,
    start_execbot,
)

WEEKEND = ("--calendar", "exchange", "--at", "2026-10-10 12:00")


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A trader whose exchange keeps real hours, on a Saturday."""
    with exchange(tmp_path, *WEEKEND) as server:
        yield server.environment(tmp_path)


def lines(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_one_signal_from_the_command_line(sim_env: dict[str, str]) -> None:
    sent = execbot(["signal", "AAPL", "buy", "--strength", "82", "--id", "x1", "--json"], sim_env)
    assert sent.code == 0 and sent.data["outcome"] in ("accepted", "filled")
    assert sent.data["client_order_id"] == "execbot-signal-x1"
    again = execbot(["signal", "AAPL", "buy", "--strength", "82", "--id", "x1", "--json"], sim_env)
    assert again.code == 0
    assert (again.data["outcome"], again.data["reason"]) == ("not_sent", "signal.repeated")
    shown = execbot(["orders", "show", "execbot-signal-x1", "--json"], sim_env)
    assert shown.code == 0
    kinds = json.dumps(shown.data)
    assert "equity_pct" in kinds and "max_positions" in kinds and '"signal"' in kinds


def test_weak_signal_is_no_error(sim_env: dict[str, str]) -> None:
    weak = execbot(["signal", "AAPL", "buy", "--strength", "70", "--json"], sim_env)
    assert weak.code == 0 and weak.data["reason"] == "signal.weak"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["AAPL", "hold", "--strength", "82"], "side"),
        (["AAPL", "buy"], "strength"),
        (["AAPL"], "side"),
        ([], "symbol"),
        (["AAPL", "buy", "--strength", "nan"], "strength"),
        (["AAPL", "buy", "--strength", "182"], "strength"),
        (["AAPL", "buy", "--strength", "82", "--qty", "1", "--notional", "5"], "notional"),
        (["AAPL", "buy", "--strength", "82", "--stop", "9", "--target", "5"], "stop"),
        (["ÄÖ", "buy", "--strength", "82"], "symbol"),
    ],
)
def test_bad_signal_is_a_usage_error(
    sim_env: dict[str, str], arguments: list[str], word: str
) -> None:
    bad = execbot(["signal", *arguments, "--json"], sim_env)
    assert bad.code == 2 and bad.out == ""
    assert word in bad.error["error"] and bad.error["outcome"] == "not_sent"


def feed() -> str:
    rows: list[str] = [
        json.dumps({"id": "a", "symbol": "AAPL", "side": "buy", "strength": 90}),
        "not json",
        json.dumps({"id": "b", "symbol": "MSFT", "side": "buy", "strength": 50}),
        '{"id":"c","symbol":"KO","side":"buy","strength":NaN}',
        "",
        json.dumps({"id": "d", "symbol": "KO", "side": "buy", "strength": 80, "color": "red"}),
        '{"symbol":"' + "K" * 1_000_000 + '"}',
        json.dumps({"id": "a", "symbol": "AAPL", "side": "buy", "strength": 90}),
        json.dumps({"id": "e", "symbol": "NOPE", "side": "buy", "strength": 90}),
        json.dumps({"id": "f", "symbol": "JPM", "side": "buy", "strength": 90}),
    ]
    return "\n".join(rows) + "\n"


def test_every_line_of_a_pipe_gets_one_result_line(sim_env: dict[str, str]) -> None:
    done = execbot(["signal", "-", "--json"], sim_env, stdin=feed())
    assert done.code == 12
    found = {item["line"]: item for item in lines(done)}
    assert sorted(found) == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    reasons = {n: item["reason"] for n, item in found.items()}
    assert reasons == {
        1: None, 2: "signal.bad_line", 3: "signal.weak", 4: "signal.bad_line",
        6: "signal.bad_line", 7: "signal.bad_line", 8: "signal.repeated",
        9: "broker.unknown_symbol", 10: None,
    }  # fmt: skip
    assert "line 4" in found[4]["message"] and found[6]["field"] == "color"
    held = execbot(["positions", "--json"], sim_env)
    assert {p["symbol"] for p in held.data} == {"AAPL", "JPM"}


def test_a_sell_in_a_pipe_waits_for_no_entry_that_sleeps_out_a_rate_limit(tmp_path: Path) -> None:
    patient = "trading_execution: {order_management: {timeout_seconds: 300}}"
    (tmp_path / "trading.yaml").write_text(patient)
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        assert execbot(["submit", "KO", "--qty", "2", "--wait", "20", "--json"], env).code == 0
        rule = {"method": "POST", "path": "/v2/orders", "count": 1, "params": {"retry_after": 250}}
        server.call("POST", "/sim/faults", {"kind": "rate_limited", **rule})
        running = start_execbot(["signal", "-", "--json"], env, stdin=subprocess.PIPE)
        try:
            assert running.stdin is not None and running.stdout is not None
            running.stdin.write('{"symbol":"AAPL","side":"buy","strength":82}\n')
            running.stdin.flush()
            while not server.get("/sim/faults")[0]["fired"]:
                assert running.poll() is None
                time.sleep(0.05)
            running.stdin.write('{"symbol":"KO","side":"sell","strength":82}\n')
            running.stdin.flush()
            first = json.loads(running.stdout.readline())
        finally:
            running.kill()
            running.communicate()
        assert (first["line"], first["outcome"]) == (2, "accepted")


def test_file_is_read_like_a_pipe_and_may_be_read_again(
    sim_env: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "signals.jsonl"
    path.write_text(feed())
    first = execbot(["signal", "--file", str(path)], sim_env)
    assert first.code == 12
    header, *rows = first.out.splitlines()
    assert header.split("\t")[:3] == ["line", "signal_id", "symbol"] and len(rows) == 9
    again = execbot(["signal", "--file", str(path), "--json"], sim_env)
    assert {i["reason"] for i in lines(again) if i["signal_id"]} == {"signal.repeated"}


def test_producer_waits_while_we_are_slow_and_results_come_at_once(sim_env: dict[str, str]) -> None:
    """The result of a line is there before the next line is written; the pipe ends cleanly."""
    process = subprocess.Popen(
        [*EXECBOT, "signal", "-", "--json"], env=sim_env, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=sim_env["HOME"],
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    for number in range(3):
        row = {"id": f"n{number}", "symbol": "AAPL", "side": "buy", "strength": 60}
        process.stdin.write(json.dumps(row).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["signal_id"] == f"n{number}"
    os.set_blocking(process.stdin.fileno(), False)
    process.stdin.close()
    assert process.wait(30) == 0
    assert process.stdout.read() == b""


def test_reader_that_goes_away_ends_the_command_quietly(sim_env: dict[str, str]) -> None:
    rows = "".join(
        json.dumps({"id": f"n{n}", "symbol": "AAPL", "side": "buy", "strength": 1}) + "\n"
        for n in range(3000)
    )
    process = subprocess.Popen(
        [*EXECBOT, "signal", "-", "--json"], env=sim_env, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=sim_env["HOME"],
    )  # fmt: skip
    assert process.stdin and process.stdout and process.stderr
    process.stdout.close()
    try:
        process.stdin.write(rows.encode())
        process.stdin.close()
    except BrokenPipeError:
        pass
    process.wait(60)
    assert b"Traceback" not in process.stderr.read()


# --- halt, resume --------------------------------------------------------------------------


def test_halt_stops_entries_and_resume_lets_them_go(sim_env: dict[str, str]) -> None:
    halted = execbot(["halt", "--reason", "news", "--json"], sim_env)
    assert halted.code == 0 and halted.data["level"] == "halted" and halted.data["by"] == "trader"
    refused = execbot(["submit", "AAPL", "--qty", "1", "--json"], sim_env)
    assert refused.code == 5 and refused.error["kind"] == "risk.kill_switch"
    assert "news" in refused.error["error"]
    resumed = execbot(["resume", "--json"], sim_env)
    assert resumed.code == 0 and resumed.data["before"]["reason"] == "news"
    again = execbot(["resume"], sim_env)
    assert "Entries were not stopped." in again.out
    assert execbot(["submit", "AAPL", "--qty", "1"], sim_env).code == 0


def test_halt_cancels_entries_and_flattens_when_asked(sim_env: dict[str, str]) -> None:
    assert execbot(["submit", "AAPL", "--qty", "3", "--wait", "10"], sim_env).code == 0
    assert execbot(["submit", "MSFT", "--qty", "1", "--limit", "1"], sim_env).code == 0
    done = execbot(["halt", "--reason", "out", "--flatten", "--yes", "--json"], sim_env)
    assert done.code == 0, done.err
    assert len(done.data["canceled"]) == 1
    assert [item["symbol"] for item in done.data["closed"]] == ["AAPL"]
    execbot(["reconcile"], sim_env)
    assert execbot(["positions", "--json"], sim_env).data == []


def test_reason_is_needed(sim_env: dict[str, str]) -> None:
    assert execbot(["halt"], sim_env).code == 2
    assert execbot(["halt", "--reason", " "], sim_env).code == 2


# --- market, queue -------------------------------------------------------------------------


def test_market_on_an_exchange_that_never_closes(sim_env: dict[str, str]) -> None:
    shown = execbot(["market", "--json"], sim_env)
    assert shown.code == 0
    assert shown.data["stocks"]["is_open"] and shown.data["stocks"]["never_closes"]
    assert shown.data["crypto"]["is_open"] and shown.data["halts"] == []
    assert len(shown.data["holidays"]) == 5
    assert " ET" in execbot(["market"], sim_env).out


def test_market_on_a_weekend_says_when_it_opens(closed: dict[str, str]) -> None:
    shown = execbot(["market", "--json"], closed)
    assert shown.code == 0, shown.err
    stocks = shown.data["stocks"]
    assert (stocks["is_open"], stocks["session"]) == (False, "closed")
    assert stocks["next_open"].startswith("2026-10-12T13:30")
    assert shown.json["warnings"] == []


def test_order_given_on_a_weekend_is_queued_listed_and_taken_back(closed: dict[str, str]) -> None:
    queued = execbot(["submit", "AAPL", "--qty", "2", "--client-order-id", "q1", "--json"], closed)
    assert queued.code == 0 and queued.data["outcome"] == "queued"
    listed = execbot(["queue", "list", "--json"], closed)
    (item,) = listed.data
    assert (item["client_order_id"], item["due"], item["outcome"]) == ("q1", "keep", "queued")
    assert "closed" in item["waits_for"] and item["expires_at"]
    kept = execbot(["queue", "release", "--json"], closed)
    assert kept.code == 0 and kept.data[0]["action"] == "keep"
    assert execbot(["queue", "cancel", "q1", "--json"], closed).code == 0
    assert execbot(["queue", "--json"], closed).data == []
    assert execbot(["queue", "cancel", "q1"], closed).code == 2


def test_the_short_ids_that_are_shown_are_taken_by_every_command(closed: dict[str, str]) -> None:
    sent = execbot(["submit", "AAPL", "--qty", "2", "--json"], closed)
    name = sent.data["client_order_id"]
    short = f"..{name[-8:]}"
    (kept,) = execbot(["queue", "release", short, "--json"], closed).data
    assert kept["client_order_id"] == name
    assert execbot(["orders", "abandon", short], closed).code == 0
    again = execbot(["orders", "retry", short, "--json"], closed)
    assert again.code == 0, again.err
    other = f"..{again.data['client_order_id'][-8:]}"
    assert execbot(["queue", "cancel", other], closed).code == 0
    assert execbot(["queue", "--json"], closed).data == []


def test_a_queued_signal_says_why_it_waits_in_one_breath(closed: dict[str, str]) -> None:
    said = execbot(["signal", "AAPL", "buy", "--strength", "82"], closed).out
    assert "queued: not in this session: it needs an open session, now closed" in said
    assert said.count("queued:") == 1 and ", seen " not in said


def test_queue_is_released_at_the_open_by_cron(tmp_path: Path) -> None:
    with exchange(tmp_path, *WEEKEND) as server:
        env = server.environment(tmp_path)
        assert execbot(["signal", "AAPL", "buy", "--strength", "90"], env).code == 0
        assert server.orders() == []
        server.call("POST", "/sim/clock", {"set": "2026-10-12 09:31"})
        released = execbot(["queue", "release", "--json"], env)
        assert released.code == 0, released.err
        assert released.data[0]["action"] == "release"
        assert len(server.orders()) == 1


# --- by hand -------------------------------------------------------------------------------


def test_retry_and_abandon_by_hand(closed: dict[str, str]) -> None:
    assert execbot(["submit", "AAPL", "--qty", "2", "--client-order-id", "q1"], closed).code == 0
    given_up = execbot(["orders", "abandon", "q1", "--reason", "late", "--json"], closed)
    assert given_up.code == 0 and given_up.data["outcome"] == "canceled"
    again = execbot(["orders", "retry", "q1", "--json"], closed)
    assert again.code == 0 and again.data["client_order_id"] == "q1.h1"
    refused = execbot(["orders", "retry", "q1.h1", "--json"], closed)
    assert refused.code == 6 and refused.error["outcome"] == "not_sent"


def test_dry_run_of_a_signal_shows_size_and_every_check(sim_env: dict[str, str]) -> None:
    shown = execbot(["signal", "AAPL", "buy", "--strength", "82", "--dry-run", "--json"], sim_env)
    assert shown.code == 0 and shown.data["outcome"] == "not_sent"
    assert shown.data["request"]["symbol"] == "AAPL" and shown.data["verdict"]["passed"]
    assert shown.data["sizing"][0]["rule"] == "equity_pct"
    assert execbot(["orders", "--status", "all", "--json"], sim_env).data == []
    refused = execbot(["halt", "--reason", "x"], sim_env)
    assert refused.code == 0
    stopped = execbot(["signal", "AAPL", "buy", "--strength", "82", "--dry-run", "--json"], sim_env)
    assert stopped.code == 5 and stopped.data["verdict"]["failures"] == ["kill_switch"]


def test_a_retry_tells_exits_and_risk_as_its_order_did(sim_env: dict[str, str]) -> None:
    given = ["AAPL", "--qty", "2", "--limit", "10", "--stop-loss", "2%", "--take-profit", "2R"]
    first = execbot(["submit", *given, "--client-order-id", "one", "--json"], sim_env).data
    assert execbot(["cancel", "one"], sim_env).code == 0
    again = execbot(["orders", "retry", "one", "--json"], sim_env).data
    assert (again["client_order_id"], again["exits"]) == ("one.h1", first["exits"])
    assert len(again["exits"]) == 2
    for name in ("cost", "usd", "stop", "r_per_share"):
        assert again["risk"][name] == first["risk"][name], name
