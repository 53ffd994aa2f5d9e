"""Goal: a group of commands without a command shows what there is; a dry run that would be refused
answers like one that would pass.

Method: real processes in sim mode.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.processes import clean_environment, execbot


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return clean_environment(tmp_path, EXECBOT_MODE="sim")


@pytest.mark.parametrize(
    ("group", "same"),
    [("exits", "exits show"), ("queue", "queue list"), ("config", "config show")],
)
def test_a_group_alone_shows_what_its_list_shows(
    env: dict[str, str], group: str, same: str
) -> None:
    bought = execbot(["submit", "AAPL", "--qty", "2", "--stop-loss", "5%", "--wait", "30"], env)
    assert bought.code == 0, bought
    execbot(same.split(), env)
    alone, full = execbot([group], env), execbot(same.split(), env)
    assert (alone.code, alone.out) == (0, full.out)
    assert execbot([group, "--json"], env).data == execbot([*same.split(), "--json"], env).data
    assert group != "exits" or "AAPL" in alone.out


def test_the_exchange_alone_shows_its_status(env: dict[str, str]) -> None:
    execbot(["positions"], env)
    assert execbot(["sim", "--json"], env).data["accounts"][0]["key"] == "sim"


@pytest.mark.parametrize("group", ["orders", "exits", "queue", "config", "sim"])
def test_the_help_of_a_group_has_examples_and_its_commands(env: dict[str, str], group: str) -> None:
    shown = execbot([group, "--help"], env).out
    assert "Examples:" in shown
    assert "Commands:" in shown


def test_an_unknown_command_of_a_group_is_a_usage_error(env: dict[str, str]) -> None:
    wrong = execbot(["exits", "AAPL", "--json"], env)
    assert (wrong.code, wrong.error["exit_code"]) == (2, 2)


def test_a_dry_run_that_would_be_refused_answers_on_stdout(env: dict[str, str]) -> None:
    order = ["submit", "AAPL", "--qty", "100000", "--dry-run"]
    refused = execbot([*order, "--json"], env)
    assert (refused.code, refused.err) == (5, "")
    answer = refused.json
    assert (answer["ok"], answer["data"]["outcome"]) == (False, "not_sent")
    assert answer["data"]["dry_run"] is True
    assert answer["data"]["request"]["symbol"] == "AAPL"
    failed = [r["code"] for r in answer["data"]["verdict"]["checks"] if not r["passed"]]
    assert "max_position_size" in failed
    passed = execbot(["submit", "AAPL", "--qty", "1", "--dry-run", "--json"], env).json
    assert passed["ok"] and passed["data"].keys() == answer["data"].keys()
    people = execbot(order, env)
    assert "would be refused" in people.out
    assert execbot(["orders", "--status", "all", "--json"], env).data == []
