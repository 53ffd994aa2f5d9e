"""Goal: a group of commands without a command shows what there is; a dry run that would be refused
answers like one that would pass.

Method: real processes in sim mode.
"""

from __future__ import annotations

import pytest
from support.processes import execbot


@pytest.mark.parametrize(
    ("group", "same"),
    [("exits", "exits show"), ("queue", "queue list"), ("config", "config show")],
)
def test_a_group_alone_shows_what_its_list_shows(
    sim_env: dict[str, str], group: str, same: str
) -> None:
    bought = execbot(["submit", "AAPL", "--qty", "2", "--stop-loss", "5%", "--wait", "30"], sim_env)
    assert bought.code == 0, bought
    execbot(same.split(), sim_env)
    alone, full = execbot([group], sim_env), execbot(same.split(), sim_env)
    assert (alone.code, alone.out) == (0, full.out)
    first, second = (execbot([*words, "--json"], sim_env) for words in ([group], same.split()))
    assert _standing(first.data) == _standing(second.data)
    assert group != "exits" or "AAPL" in alone.out


MOVES = frozenset(
    {"current_price", "r", "best_r", "worst_r", "age_seconds", "distances", "updated_at"}
)
"""What the market and the clock change between two looks."""


def _standing(data: object) -> object:
    """The answer without what moves."""
    if isinstance(data, list):
        return [_standing(item) for item in data]
    if isinstance(data, dict):
        return {name: _standing(item) for name, item in data.items() if name not in MOVES}
    return data


def test_the_exchange_alone_shows_its_status(sim_env: dict[str, str]) -> None:
    execbot(["positions"], sim_env)
    assert execbot(["sim", "--json"], sim_env).data["accounts"][0]["key"] == "sim"


@pytest.mark.parametrize("group", ["orders", "exits", "queue", "config", "sim"])
def test_the_help_of_a_group_has_examples_and_its_commands(
    sim_env: dict[str, str], group: str
) -> None:
    shown = execbot([group, "--help"], sim_env).out
    assert "Examples:" in shown
    assert "Commands:" in shown


def test_an_unknown_command_of_a_group_is_a_usage_error(sim_env: dict[str, str]) -> None:
    wrong = execbot(["exits", "AAPL", "--json"], sim_env)
    assert (wrong.code, wrong.error["exit_code"]) == (2, 2)


def test_a_dry_run_that_would_be_refused_answers_on_stdout(sim_env: dict[str, str]) -> None:
    order = ["submit", "AAPL", "--qty", "100000", "--dry-run"]
    refused = execbot([*order, "--json"], sim_env)
    assert (refused.code, refused.err) == (5, "")
    answer = refused.json
    assert (answer["ok"], answer["data"]["outcome"]) == (False, "not_sent")
    assert answer["data"]["dry_run"] is True
    assert answer["data"]["request"]["symbol"] == "AAPL"
    failed = [r["code"] for r in answer["data"]["verdict"]["checks"] if not r["passed"]]
    assert "max_position_size" in failed
    passed = execbot(["submit", "AAPL", "--qty", "1", "--dry-run", "--json"], sim_env).json
    assert passed["ok"] and passed["data"].keys() == answer["data"].keys()
    people = execbot(order, sim_env)
    assert "would be refused" in people.out
    assert execbot(["orders", "--status", "all", "--json"], sim_env).data == []
