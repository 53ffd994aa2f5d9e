"""Goal: the map of the tests leads to what is there. Method: its names against the tree."""

from __future__ import annotations

import re

import pytest
from support.paths import ROOT

TESTS = ROOT / "tests"
PAGE = (TESTS / "README.md").read_text()
PROOFS = (ROOT / "docs" / "proofs.md").read_text()


def folders() -> set[str]:
    """Folders with tests or scripts, as the page writes them."""
    found = {path.parent.relative_to(TESTS).as_posix() for path in TESTS.rglob("*.py")}
    return found - {"."}


def test_every_folder_is_on_the_map() -> None:
    table = PAGE[PAGE.index("## Where") : PAGE.index("## Run")]
    named = {name for cell in re.findall(r"^\| (.*?) \|", table, re.M) for name in cell.split("`")}
    inside = {f"sim/{name}" for name in re.findall(r"`(\w+)`", table.split("| `sim` |")[1])}
    missing = {name for name in folders() if name not in named | inside}
    assert missing <= {"support/scenario_checks"}


@pytest.mark.parametrize(
    "path",
    sorted(set(re.findall(r"\b(?:tests|support|cli|broker|sim)/[\w/.]+\.py\b", PAGE + PROOFS))),
)
def test_every_file_that_it_names_is_there(path: str) -> None:
    assert (ROOT / path).is_file() or (TESTS / path).is_file()


def test_every_option_of_the_suite_is_told(request: pytest.FixtureRequest) -> None:
    source = (TESTS / "conftest.py").read_text()
    for option in re.findall(r'addoption\("(--\w+)"', source):
        assert option in PAGE or option in PROOFS
        assert request.config.getoption(option) is not None
