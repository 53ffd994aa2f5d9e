"""Goal: files, names and rooms that the documents speak of are in the tree of today.

Method: every path in backticks is looked up as the end of a path of the tree; names that the
glossary finds in a file are searched there; the architecture's rooms are those of the contract.
"""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
from pages.reading import pages, prose
from support.paths import DOCS, ROOT

_FILE = re.compile(r"`([\w./*-]+\.py|(?:execbot|tests)/[\w./]*)`")
_MADE_UP = re.compile(r"\bNAME\b|^execbot/v\d")
"""A name to be filled in; a server's user agent."""


@cache
def tree() -> tuple[str, ...]:
    """Every file and folder that documents may name, from the root."""
    tops = [ROOT / name for name in ("execbot", "tests", "docs", "examples", "findings", ".ci")]
    below = [path for top in tops for path in (top, *top.rglob("*"))]
    return tuple(f"/{path.relative_to(ROOT).as_posix()}" for path in (*below, *ROOT.glob("*.*")))


def is_there(name: str) -> bool:
    wanted = f"*/{name.strip('/')}"
    return any(fnmatch(path, wanted) for path in tree())


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    if page.name == "CHANGELOG.md":  # of its day
        return
    named = sorted(set(_FILE.findall(prose(page.read_text(encoding="utf-8")))))
    assert [one for one in named if not _MADE_UP.search(one) and not is_there(one)] == []


def test_what_the_glossary_finds_in_a_file_stands_there() -> None:
    rows = re.findall(r"`([\w.]+)` in `([\w/]+\.py)`", (DOCS / "glossary.md").read_text())
    assert len(rows) > 20
    missing = [
        f"{name} in {file}"
        for name, file in rows
        for source in [(ROOT / "execbot" / file).read_text()]
        if not all(re.search(rf"\b{part}\b", source) for part in name.split("."))
    ]
    assert missing == []


def test_the_architecture_has_every_room_in_the_order_of_the_contract() -> None:
    page = (DOCS / "architecture.md").read_text()
    table = page[page.index("## Rooms") : page.index("A room imports only")]
    named = re.findall(r"^\| `(\S+?)`", table, re.MULTILINE)
    rooms = [name.rstrip("/").removesuffix(".py") for name in named]
    package = ROOT / "execbot"
    there = {path.stem for path in package.iterdir() if not path.name.startswith("_")}
    assert set(rooms) == there - {"py", "version", "lazy_names"}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [
        {name.strip().removeprefix("execbot.") for name in line.split("|")}
        for line in contracts["contracts"][0]["layers"]
    ]
    floors = [next(n for n, names in enumerate(layers) if room in names) for room in rooms[:-1]]
    assert floors == sorted(floors)
    assert rooms[-1] == "sim"  # beside the others: it imports none of them


def test_a_file_that_is_gone_is_found() -> None:
    assert is_there("oms/send/pipeline.py") and is_there("risk/rules_*.py")
    assert not is_there("oms/place/risk_desk.py")
