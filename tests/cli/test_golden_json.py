"""Goal: what programs read of each command stays as it is, unless somebody means to change it.

Method: sessions of real commands against a served exchange with fixed prices and a clock that the
test moves; each answer and error is judged by its published schema; ids and times are masked, and
the rest is compared with `tests/cli/golden/`. Where a
change is meant, renew the files and read their diff before you commit it:

    PYTHONPATH=tests python -m cli.golden_sessions
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
from cli.golden_sessions import GOLDEN, SESSIONS, record, text_of

from execbot.cli.group import load_command
from execbot.cli.main import COMMANDS

RENEW = "if the change is meant: PYTHONPATH=tests python -m cli.golden_sessions"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SESSIONS)
def test_every_command_of_a_session_prints_what_it_printed_before(
    name: str, tmp_path: Path
) -> None:
    kept = (GOLDEN / f"{name}.json").read_text()
    taken = record(name, tmp_path)
    now = text_of(taken.cases)
    lines = unified_diff(kept.splitlines(), now.splitlines(), "kept", "now", lineterm="")
    difference = "\n".join(lines)
    assert not difference, f"{RENEW} {name}\n{difference}"
    assert not taken.wrong, "not what `execbot schema` says"


def test_no_file_is_left_of_a_session_that_is_gone() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(SESSIONS)


def test_every_command_with_json_is_in_a_session() -> None:
    cases = [case for path in GOLDEN.glob("*.json") for case in json.loads(path.read_text())]
    for command in with_json():
        given = [case for case in cases if f"{case['command']} ".startswith(f"{command} ")]
        assert given, f"{command} is in no session of golden_sessions.py"
        if command not in NEVER_DONE:
            assert 0 in {case["exit"] for case in given}, f"{command} is only refused"


NEVER_DONE = {
    "execbot sim replay",  # needs recorded prices, which a checkout alone has not
    *(f"execbot option {name}" for name in ("close", "exercise", "abandon")),  # a filled structure
}


def with_json() -> Iterator[str]:
    for name in COMMANDS:
        yield from _below(load_command(name), f"execbot {name}")


def _below(command: Any, path: str) -> Iterator[str]:
    below = getattr(command, "commands", {})
    for name, one in below.items():
        yield from _below(one, f"{path} {name}")
    if not below and any("--json" in option.opts for option in command.params):
        yield path
