"""Goal: what an accepted difference has cost is said in full, or nothing is done.

Method: the command as a process, with words that cannot be read.
"""

from __future__ import annotations

import pytest
from support.processes import execbot


@pytest.mark.parametrize(
    "words",
    [
        ["--cost", "AAPL=151.20"],
        ["--accept-positions", "--cost", "AAPL"],
        ["--accept-positions", "--cost", "AAPL=-1"],
        ["--accept-positions", "--cost", "AAPL=much"],
        ["--accept-positions", "--cost", "=151"],
    ],
    ids=["not-accepted", "no-price", "below-nothing", "no-number", "no-symbol"],
)
def test_a_cost_that_cannot_be_read_is_refused(words: list[str], sim_env: dict[str, str]) -> None:
    done = execbot(["reconcile", *words, "--json"], sim_env)
    assert (done.code, done.error["kind"].partition(".")[0]) == (2, "usage")


@pytest.mark.parametrize("price", ["151.20", "0"])
def test_a_cost_of_what_does_not_differ_changes_nothing(
    price: str, sim_env: dict[str, str]
) -> None:
    words = ["reconcile", "--accept-positions", "--cost", f"AAPL={price}", "--json"]
    done = execbot(words, sim_env)
    assert (done.code, done.data["adjusted_positions"]) == (0, [])
