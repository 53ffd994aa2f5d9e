"""Goal: whatever execbot shows when something is wrong is found on the page about trouble.

Method: exit codes come from their enum; kinds of alarms and names of checks are collected from the
source, where they are raised, and compared with the rows of the page in both directions.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from support.paths import ROOT

from execbot.cli.errors import exit_code_of
from execbot.cli.exit_codes import ExitCode
from execbot.model.enums import ErrorCategory
from execbot.oms.machine.alarms import OrderAlarm

PAGE = (ROOT / "docs" / "guides" / "troubleshooting.md").read_text(encoding="utf-8")
RAISE = {"alarm", "Alarm", "Alert", "Warn"}
"""Functions and classes whose first argument is the kind of an alarm."""


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    part = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [line.strip("| ").split(" | ") for line in lines[1:]]


def named(heading: str) -> set[str]:
    return {name for first, *_ in rows(heading) for name in re.findall(r"`([^`]+)`", first)}


def calls(*names: str, room: str = "") -> Iterator[ast.expr]:
    """The first argument of every call of these names in the package, or in a room of it."""
    for path in (ROOT / "execbot" / room).rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        if not any(f"{name}(" in source for name in names):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and node.args:
                function = node.func
                name = getattr(function, "attr", None) or getattr(function, "id", "")
                if name in names:
                    yield node.args[0]


def literals(*names: str, room: str = "") -> set[str]:
    found = {node.value for node in calls(*names, room=room) if isinstance(node, ast.Constant)}
    return {str(value) for value in found}


def test_every_exit_code_has_its_row() -> None:
    assert [int(first) for first, *_ in rows("By exit code")] == [int(code) for code in ExitCode]


def test_every_kind_of_alarm_has_its_row_and_every_row_is_raised() -> None:
    raised = literals(*RAISE) | {alarm.value for alarm in OrderAlarm}
    raised |= {f"execution_{name}" for name in literals("Finding", room="quality")}
    assert raised - named("By alarm") == set()
    source = "".join(path.read_text() for path in (ROOT / "execbot").rglob("*.py"))
    unknown = {kind for kind in named("By alarm") - raised if f'"{kind}"' not in source}
    assert unknown == set()


def test_every_check_of_doctor_and_health_has_its_row() -> None:
    found = literals("Finding", room="desk/checks")
    assert len(found) > 10
    assert found == named("By a line of doctor or health")


def test_kinds_of_errors_end_with_the_code_that_the_page_says() -> None:
    for first, _, code in rows("By the kind of an error"):
        for kind in re.findall(r"`([^`]+)`", first):
            some = kind.replace("*", "any")
            assert int(exit_code_of(some, ErrorCategory.FATAL)) == int(code), kind
