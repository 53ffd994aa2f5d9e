"""Goal: an answer that cannot be written never hides what was done at the broker.

Method: real processes in sim mode whose stdout or stderr is full, closed, or read by nobody; what
they did is read back with `orders`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.processes import EXECBOT, execbot, start_execbot

FULL = Path("/dev/full")
BUY = "submit AAPL --qty 1"


def through_shell(line: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = f"set -o pipefail; {EXECBOT[0]} {' '.join(EXECBOT[1:])} {line}"
    return subprocess.run(
        ["bash", "-c", command],
        env=dict(env),
        cwd=env["HOME"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def sent(env: Mapping[str, str]) -> list[str]:
    return [order["client_order_id"] for order in execbot(["orders", "--json"], env).data]


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_disk_behind_stdout_does_not_turn_a_sent_order_into_not_sent(
    sim_env: dict[str, str],
) -> None:
    done = through_shell(f"{BUY} --json > /dev/full", sim_env)
    assert done.returncode == 1, done.stderr
    error = json.loads(done.stderr.splitlines()[-1])
    assert (error["kind"], error["outcome"]) == ("output.unwritable", "accepted")
    assert [error["client_order_id"]] == sent(sim_env)


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_messages_that_cannot_be_written_change_nothing(sim_env: dict[str, str]) -> None:
    done = through_shell(f"{BUY} --json 2> /dev/full", sim_env)
    assert done.returncode == 0
    assert [json.loads(done.stdout)["data"]["client_order_id"]] == sent(sim_env)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_bug_and_the_order_is_sent(
    sim_env: dict[str, str], closed: str
) -> None:
    done = through_shell(f"{BUY} {closed}", sim_env)
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr
    assert len(sent(sim_env)) == 1


def test_a_reader_that_leaves_early_is_no_error(sim_env: dict[str, str]) -> None:
    done = through_shell(f"{BUY} | true", sim_env)
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr
    assert len(sent(sim_env)) == 1


def test_a_failure_names_mode_and_account(sim_env: dict[str, str]) -> None:
    account = execbot(["positions", "--json"], sim_env).json["account"]
    refused = execbot(["submit", "AAPL", "--qty", "1000", "--json"], sim_env)
    assert (refused.code, refused.out) == (5, "")
    assert (refused.error["mode"], refused.error["account"]) == ("sim", account)
    assert f"[sim {account}]" in execbot(["submit", "AAPL", "--qty", "1000"], sim_env).err


def test_watch_ends_cleanly_however_soon_it_is_asked_to(sim_env: dict[str, str]) -> None:
    assert execbot(["positions"], sim_env).code == 0
    watching = start_execbot(["watch", "--json"], sim_env)
    assert watching.stdout is not None
    first = json.loads(watching.stdout.readline())
    watching.terminate()  # it still reconciles
    lines = [json.loads(line) for line in watching.stdout]
    assert (first["type"], lines[-1]["type"]) == ("started", "stopped")
    assert watching.wait(timeout=60) == 0


@pytest.mark.parametrize(("flag", "said"), [("--json", ""), ("--plain", "nobody reads")])
def test_watch_ends_when_its_reader_has_gone_although_nothing_happens(
    sim_env: dict[str, str], flag: str, said: str
) -> None:
    watching = start_execbot(["watch", flag], sim_env)
    assert watching.stdout is not None
    assert watching.stdout.readline()
    watching.stdout.close()
    assert watching.stderr is not None
    told = watching.stderr.read()  # up to its end: on a quiet account no line will ever follow
    assert watching.wait(timeout=60) == 0
    assert said in told
    assert "Traceback" not in told and "Broken" not in told
