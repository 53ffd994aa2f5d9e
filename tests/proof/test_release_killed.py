"""Goal: an order kept for the open whose release is killed at any step is sent exactly once, by
whoever releases next, and what became of it is told.

Method: real processes at one exchange, an account for each step. In the evening each is given an
order that waits; in the morning `queue release` kills itself by SIGKILL at the step
(`support/harness/dying.py`) and is given again, or a `watch` comes. The exchange's record is the
judge.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.harness.dying import DYING
from support.processes import OwnAccount, Server, exchange, execbot
from support.waiting import PATIENCE_SECONDS, eventually
from support.watching import watching

TESTS = Path(__file__).parents[1]
CONFIG = """
trading_execution:
  order_management: {settle_quiet_seconds: 2}
  broker: {timeout_seconds: 1}
"""
EVENING, MORNING = "2026-10-06 18:00", "2026-10-07 09:31"
STEPS = ("before_intent", "intent_written", "before_post", "after_post", "recorded")
NOT_TAKEN = STEPS[:3]
GIVEN = {
    "submit": "submit MSFT --qty 2 --stop-loss 2% --client-order-id mine",
    "signal": "signal MSFT buy --strength 90 --qty 2 --id mine",
}
NAMES = {"submit": "mine", "signal": "execbot-signal-mine"}
CASES = [(what, step) for what in GIVEN for step in STEPS]
Accounts = dict[tuple[str, str], OwnAccount]


def account(server: Server, home: Path, what: str, name: str) -> OwnAccount:
    """One whose order waits for the open."""
    folder = home / name
    folder.mkdir()
    found = OwnAccount(server, folder, CONFIG)
    given = found.run(*GIVEN[what].split()).data
    assert given["outcome"] == "queued"
    return found


def killed(trader: OwnAccount, step: str) -> None:
    done = subprocess.run(
        [*DYING, step, "queue", "release", "--json"],
        env={**trader.env, "PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))},
        cwd=trader.home, text=True, capture_output=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == -9, done


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    home = tmp_path_factory.mktemp("released")
    clock = ("--calendar", "exchange", "--at", EVENING, "--speed", "0")
    with exchange(home, *clock) as server:
        server.call("POST", "/sim/price", {"symbol": "MSFT", "price": "400"})
        found = {case: account(server, home, case[0], "-".join(case)) for case in CASES}
        server.call("POST", "/sim/clock", {"set": MORNING})
        yield found


def there(trader: OwnAccount) -> list[dict[str, Any]]:
    return trader.server.orders(trader.key)


@pytest.mark.parametrize(("what", "step"), CASES)
def test_a_killed_release_given_again_sends_the_order_once(
    morning: Accounts, what: str, step: str
) -> None:
    trader, name = morning[what, step], NAMES[what]
    killed(trader, step)
    assert len(there(trader)) == (0 if step in NOT_TAKEN else 1)
    if step in STEPS[1:4]:
        [warned] = [w for w in trader.run("queue").json["warnings"] if "no answer yet" in w]
        assert name in warned
    again = trader.run("queue", "release").data
    [order] = there(trader)
    assert (order["client_order_id"], order["qty"]) == (name, "2")
    assert [leg["type"] for leg in order["legs"]] == ["stop"]
    told = [(row["client_order_id"], row["action"], row["outcome"]) for row in again]
    assert told == ([] if step == "recorded" else [(name, "release", "accepted")])
    assert trader.run("queue", "release").data == []
    assert trader.run("reconcile").data["breaks"] == []
    [shown] = [row for row in trader.run("orders").data if row["client_order_id"] == name]
    assert (shown["id"], shown["status"]) == (order["id"], order["status"])


def test_what_a_killed_release_left_is_sent_by_the_next_watch(tmp_path: Path) -> None:
    with exchange(tmp_path, "--calendar", "exchange", "--at", EVENING) as server:
        trader = account(server, tmp_path, "submit", "watched")
        server.call("POST", "/sim/clock", {"set": MORNING})
        killed(trader, "before_post")
        with watching(trader.env) as watch:
            assert eventually(lambda: there(trader)), watch.log
        [order] = there(trader)
        assert (order["client_order_id"], order["qty"]) == ("mine", "2")


def test_what_nobody_can_look_up_is_told_as_in_doubt(tmp_path: Path) -> None:
    with exchange(tmp_path, "--calendar", "exchange", "--at", EVENING) as server:
        trader = account(server, tmp_path, "submit", "unknown")
        server.call("POST", "/sim/clock", {"set": MORNING})
        killed(trader, "before_post")
        server.arm("server_error", method="GET", path="/v2/orders:by_client_order_id", count=1000)
        done = execbot(["queue", "release", "--json"], trader.env, timeout=PATIENCE_SECONDS)
        [row] = json.loads(done.out)["data"]
        assert (done.code, row["outcome"], row["client_order_id"]) == (7, "in_doubt", "mine")
        assert there(trader) == []
