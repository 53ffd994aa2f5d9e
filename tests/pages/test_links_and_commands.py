"""Goal: what the documents point at is there, and every command on them is one that execbot takes.

Method: links and anchors of all pages are looked up in the tree; commands in blocks and in the text
are parsed by the real commands (flags, values, arguments), and not run.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pages import site_map
from pages.reading import anchors, commands, links, pages
from support.paths import ROOT

from execbot.cli.group import load_command
from execbot.cli.main import COMMANDS

DOCS = ROOT / "docs"
ROOT_FLAGS = {"--help", "-h", "--version", "--install-completion", "--show-completion"}


@cache
def loaded(name: str) -> Any:
    return load_command(name)


@cache
def anchors_of(path: Path) -> set[str]:
    return anchors(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page.read_text(encoding="utf-8")):
        if re.match(r"^[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_is_one_that_execbot_takes(page: Path) -> None:
    refused = []
    for command in commands(page):
        trouble = trouble_with(command.words)
        is_short = command.is_named and re.match(r"Missing|Option .* requires", trouble)
        if trouble and not is_short:
            refused.append(f"{command.where}: {trouble}")
    assert refused == []


def test_every_page_is_on_the_map() -> None:
    on_it = {file for listed in site_map.sections().values() for _, file in listed}
    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert there - on_it == {"README.md"}


def test_commands_are_found_and_wrong_ones_are_refused() -> None:
    """The test above looks at something, and can fail."""
    readme = [command.words for command in commands(ROOT / "README.md")]
    assert ("submit", "AAPL", "--qty", "10", "--client-order-id", "signal-4711", "--json") in readme
    assert trouble_with(("submit", "AAPL", "--qtty", "10"))
    assert trouble_with(("orders", "shwo", "ID"))
    assert not trouble_with(("orders", "show", "ID"))


def trouble_with(words: tuple[str, ...]) -> str:
    """Why execbot would not take these words; empty where it does. Nothing is run."""
    if not words or words[0] in ROOT_FLAGS or words[0] == "COMMAND":
        return ""
    name, *rest = words
    if name not in COMMANDS:
        return f"there is no command {name}"
    if not rest:  # the command's name, in a sentence
        return ""
    try:
        return _parse(loaded(name), name, list(rest))
    except Exception as error:
        if not hasattr(error, "format_message"):  # click's, wherever Typer keeps it
            raise
        return str(error.format_message())


def _parse(command: Any, name: str, words: list[str]) -> str:
    below = getattr(command, "commands", None)
    if below and words and not words[0].startswith("-"):
        if words[0] not in below and ":" in words[0]:  # `page HOST:PORT` reads it before its group
            command.make_context(name, words)
            return ""
        if words[0] not in below:
            return f"there is no command {name} {words[0]}"
        return _parse(below[words[0]], f"{name} {words[0]}", words[1:])
    if {"--help", "-h"} & set(words):
        return ""
    command.make_context(name, words)
    return ""
