"""Goal: the same order twice is held back as a slip, unless the first came to nothing.

Method: real processes in sim mode, well within the ten seconds of the window.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.processes import Outcome, clean_environment, exchange, execbot

WINDOW = {"EXECBOT__RISK__DUPLICATE_WINDOW_SECONDS": "300"}
"""Longer than the machine can be slow."""

REST = ("submit", "MSFT", "--qty", "1", "--limit", "300", "--json")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return clean_environment(tmp_path, EXECBOT_MODE="sim", **WINDOW)


def is_duplicate(outcome: Outcome) -> bool:
    assert outcome.code == 5, outcome
    return "duplicate_intent" in [failure["code"] for failure in outcome.error["failures"]]


def test_a_working_order_is_not_given_twice(env: dict[str, str]) -> None:
    assert execbot(REST, env).code == 0
    assert is_duplicate(execbot(REST, env))
    assert not is_duplicate(execbot([*REST, "--allow-duplicate"], env))  # one_pending stands


def test_an_order_that_was_canceled_may_be_given_again(env: dict[str, str]) -> None:
    first = execbot(REST, env).data["id"]
    assert execbot(["cancel", first, "--json"], env).data["status"] == "canceled"
    assert execbot(REST, env).code == 0


def test_an_order_that_ended_with_a_fill_counts(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path, **WINDOW)
        server.call("POST", "/sim/price", {"symbol": "SPY", "bid": "99", "ask": "100", "size": 3})
        part = ("submit", "SPY", "--qty", "5", "--tif", "ioc", "--wait", "20", "--json")
        first = execbot(part, env).data
        assert (first["status"], first["filled_qty"]) == ("canceled", "3")
        assert is_duplicate(execbot(part, env))


def test_an_order_that_was_not_filled_at_once_may_be_given_again(env: dict[str, str]) -> None:
    now_or_never = [*REST[:-1], "--tif", "ioc", "--wait", "20", "--json"]
    first = execbot(now_or_never, env).data
    assert (first["status"], first["filled_qty"]) in (("canceled", "0"), ("expired", "0"))
    assert execbot(now_or_never, env).code == 0
