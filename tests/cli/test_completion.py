"""Goal: Tab completes what the account really has, at once, and never prints an error.

Method: completion as a shell asks for it, of an account in sim mode that has traded.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.processes import EXECBOT, clean_environment, execbot

Env = dict[str, str]


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Env:
    home = tmp_path_factory.mktemp("completing")
    found = clean_environment(home, EXECBOT_MODE="sim")
    for line in (
        "buy AAPL --qty 2 --strategy dip --client-order-id bought --wait 20",
        "buy KO --qty 1 --limit 1 --client-order-id resting",
    ):
        assert execbot(line.split(), found).code == 0
    (home / "config" / "execbot" / "profiles" / "swing").mkdir(parents=True)
    return found


def completed(line: str, env: Env) -> list[str]:
    """What a shell is offered behind this line."""
    asking = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
        "_EXECBOT_COMPLETE": "complete_bash",
    }
    done = subprocess.run(
        EXECBOT, env={**env, **asking}, cwd=env["HOME"], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("execbot close ", {"AAPL"}),
        ("execbot close aa", {"AAPL"}),
        ("execbot cancel ", {"resting"}),
        ("execbot orders show bou", {"bought"}),
        ("execbot buy KO --strategy ", {"dip"}),
        ("execbot positions --profile ", {"swing"}),
        ("execbot positions --profile swing --symbol ", set()),
        ("execbot positions --mode p", {"paper"}),
    ],
)
def test_what_the_account_has_is_offered(env: Env, line: str, offered: set[str]) -> None:
    assert set(completed(line, env)) == offered


def test_what_cannot_be_read_completes_nothing_and_says_nothing(env: Env, tmp_path: Path) -> None:
    broken = {**env, "XDG_STATE_HOME": str(tmp_path)}
    assert completed("execbot close ", broken) == []
    assert completed("execbot close --profile nobody ", broken) == []
    (journal,) = Path(env["XDG_STATE_HOME"]).rglob("journal.db")
    there = tmp_path / "execbot" / journal.parent.name
    there.mkdir(parents=True)
    (there / journal.name).write_bytes(b"no database")
    known = journal.parent.parent / "accounts.json"
    (tmp_path / "execbot" / known.name).write_bytes(known.read_bytes())
    assert completed("execbot close ", broken) == []
