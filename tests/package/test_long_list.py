"""Goal: `tests/long.txt` names tests that exist, and leaves no file without one that is played."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from support.paths import ROOT

LISTED = [
    line for line in (ROOT / "tests" / "long.txt").read_text().splitlines() if line[:1] not in "# "
]


@pytest.mark.parametrize("file", sorted({line.partition("::")[0] for line in LISTED}))
def test_what_is_left_out_exists_and_others_of_its_file_are_played(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    tests = {name for name in names if name.startswith("test_")}
    listed = [line.partition("::")[2] for line in LISTED if line.startswith(f"{file}::")]
    assert {name.partition("[")[0] for name in listed} <= tests
    assert tests - {name for name in listed if "[" not in name}, "nothing of it would be played"


def test_who_names_a_test_plays_it_in_workers_too() -> None:
    """xdist gives its workers the words of the command line, and none of what was made of them."""
    name = "tests/sim/wire/test_spoilt_requests.py::test_years_beyond_reason_are_answered"
    assert name in LISTED
    command = [sys.executable, "-m", "pytest", "-n", "1", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout
