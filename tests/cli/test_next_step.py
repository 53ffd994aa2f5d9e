"""Goal: what to do next is never the very command that has just failed.

Method: the pure rule on next steps as errors say them, and the error as it is printed.
"""

from __future__ import annotations

import json

import pytest

from execbot.cli.ending import GROUPS, end_with, without_itself
from execbot.cli.group import load_command
from execbot.cli.main import COMMANDS
from execbot.journal.errors import JournalCorrupt, JournalError, JournalFull


@pytest.mark.parametrize(
    ("next_step", "given", "left"),
    [
        (JournalFull.next_step, ["reconcile", "--json"], "Free some space and run it again."),
        (JournalFull.next_step, ["submit", "AAPL"], JournalFull.next_step),
        (JournalCorrupt.next_step, ["close", "AAPL"], JournalCorrupt.next_step),
        ("execbot close AAPL", ["close", "AAPL", "--yes"], ""),
        ("execbot close AAPL", ["close", "MSFT"], "execbot close AAPL"),
        ("execbot close AAPL --without-journal", ["close", "AAPL"], None),
        ("Check the keys. See `execbot doctor`.", ["doctor"], "Check the keys"),
        ("execbot orders show x", ["orders"], None),
        ("Look at `execbot orders`.", ["orders", "retry", "x"], None),
        ("Look at `execbot orders`.", ["orders", "--json"], ""),
        ("Look at `execbot orders`.", ["orders"], ""),
        ("execbot orders retry x", ["orders", "retry", "x"], ""),
        ("Fix it, then: execbot config check", ["config", "check"], "Fix it, then run it again"),
        ("", ["orders"], ""),
    ],
)
def test_the_command_that_failed_is_not_named(
    next_step: str, given: list[str], left: str | None
) -> None:
    assert without_itself(next_step, given) == (next_step if left is None else left)


@pytest.mark.parametrize(
    ("command", "left"), [("reconcile", JournalError.next_step), ("doctor", "Run it again.")]
)
def test_the_error_that_is_printed_does_not_name_the_command(
    capsys: pytest.CaptureFixture[str], command: str, left: str
) -> None:
    end_with(JournalError("it failed"), [command, "--json"], "", writes=False)
    assert json.loads(capsys.readouterr().err)["next"] == left


def test_every_group_of_commands_is_known_as_one() -> None:
    assert {name for name in COMMANDS if hasattr(load_command(name), "commands")} == GROUPS
