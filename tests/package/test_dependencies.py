"""What an installation of execbot brings along, and what the lock says of it.

Method: the requirements of `pyproject.toml`, followed through the installed packages' own metadata.
"""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()


def brought_along(lines: list[str]) -> set[str]:
    """Every package that these requirements install, theirs included, on this system."""
    found: set[str] = set()
    waiting = [Requirement(line) for line in lines]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found:
            continue
        found.add(name)
        for line in distribution(name).requires or ():
            needed = Requirement(line)
            extras = wanted.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(needed)
    return found


def test_base_install_stays_under_fifty_packages() -> None:
    found = brought_along(PROJECT["dependencies"])
    assert {"tenacity", "pandas-market-calendars", "pydantic", "pandas"} <= found
    assert len(found) < 50, sorted(found)


@pytest.mark.parametrize("extra", ["sim", "calendar", "alerts", "charts", "export", "test"])
def test_extra_can_be_asked_for(extra: str) -> None:
    """`calendar` too: what it brought belongs to the base now, and the name must not fail."""
    assert extra in PROJECT["optional-dependencies"]


def test_lock_has_what_the_base_and_its_tests_need_and_names_no_host() -> None:
    locked = set(re.findall(r"^([a-z0-9-]+)==", LOCK, re.MULTILINE))
    asked = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]
    names = {canonicalize_name(Requirement(line).name) for line in asked} - {"execbot"}
    assert names <= locked
    assert brought_along(PROJECT["dependencies"]) <= locked
    assert not re.search(r"https?:|--(extra-)?index|--find-links|file:", LOCK)
