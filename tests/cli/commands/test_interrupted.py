"""Goal: whoever is stopped while an order is under way says what is known of it, and how to go on.

Method: real processes against a served exchange, stopped by SIGINT and SIGTERM at moments that the
exchange's own record shows.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import Server, execbot, start_execbot
from support.waiting import eventually

REST = ("submit", "AAPL", "--qty", "1", "--limit", "150", "--client-order-id", "mine")
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


def stopped(process: subprocess.Popen[str], number: int) -> tuple[int, str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@BOTH
def test_whoever_stops_waiting_learns_that_the_order_lives_on(
    server: Server, env: dict[str, str], number: int
) -> None:
    # Whoever waits looks at the order: the first look fails, and the exchange remembers it.
    look = server.arm("server_error", method="GET", path="/v2/orders/*", count=1)
    process = start_execbot([*REST, "--wait", "60"], env)
    assert eventually(lambda: server.has_fired(look))
    code, out, err = stopped(process, number)
    assert code == 0
    assert "Accepted, not yet filled" in out
    assert "lives on at the broker" in err
    assert "execbot orders show mine" in err
    assert "execbot cancel mine" in err
    assert server.orders()[0]["status"] == "new"
    assert execbot(["cancel", "mine", "--json"], env).data["status"] == "canceled"


@BOTH
def test_whoever_is_stopped_while_sending_is_told_of_the_doubt(
    server: Server, env: dict[str, str], number: int
) -> None:
    assert execbot(["reconcile", "--json"], env).code == 0
    server.arm("reply_delayed", method="POST", path="/v2/orders", params={"seconds": 30})
    process = start_execbot([*REST, "--json"], env)
    assert eventually(lambda: server.get("/sim/log"))
    code, out, err = stopped(process, number)
    error = json.loads(err)
    assert (code, out) == (7, "")
    assert (error["outcome"], error["client_order_id"]) == ("in_doubt", "mine")
    assert "reconcile" in error["next"]
    settled = execbot(["reconcile", "--json"], env).data["settled"]
    assert [row["client_order_id"] for row in settled] == ["mine"]
    assert len(server.orders()) == 1


@BOTH
def test_whoever_is_stopped_before_sending_has_sent_nothing(
    server: Server, env: dict[str, str], number: int
) -> None:
    assert execbot(["reconcile", "--json"], env).code == 0
    rule = server.arm("reply_delayed", method="GET", path="/v2/assets/*", params={"seconds": 30})
    process = start_execbot([*REST, "--json"], env)
    assert eventually(lambda: server.has_fired(rule))
    code, out, err = stopped(process, number)
    error = json.loads(err)
    assert (code, out, error["outcome"]) == (130, "", "not_sent")
    assert server.orders() == []


CAUGHT_IN_SOURCE = """
from execbot.cli import main

def caught(given):
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        return 130

main._run = caught
main.run(["positions"])
"""


def test_an_interrupt_that_went_through_executed_source_keeps_its_exit_code(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """Lazy imports make classes from source; `python -m` would end by the signal instead."""
    (tmp_path / "caught_in_source.py").write_text(CAUGHT_IN_SOURCE)
    command = [sys.executable, "-m", "caught_in_source"]
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(command, env={**env, "PYTHONPATH": paths}, timeout=60, check=False)
    assert done.returncode == 130
