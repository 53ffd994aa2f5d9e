"""Goal: docs/json.md is what the schemas say, and can be followed."""

from __future__ import annotations

import re
from pathlib import Path

from execbot.schemas.catalogue import entries
from execbot.schemas.page import markdown

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_current() -> None:
    page = (DOCS / "json.md").read_text()
    assert page == markdown(), "run: python -m execbot.schemas.page > docs/json.md"


def test_every_link_of_the_page_leads_somewhere() -> None:
    page = (DOCS / "json.md").read_text()
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in headings}
    anchors |= set(re.findall(r'<a id="([^"]+)">', page))
    for target in re.findall(r"\]\(([^)]+)\)", page):
        file, _, anchor = target.partition("#")
        assert not file or (DOCS / file).exists(), target
        assert file or anchor in anchors, target


def test_the_page_names_every_command_and_line() -> None:
    page = (DOCS / "json.md").read_text()
    for entry in entries():
        if entry.kind == "answer":
            assert f"| `execbot {entry.about.split('execbot ')[1].split(' --json')[0]}` |" in page
        elif entry.kind == "line":
            assert f"### {entry.name}\n" in page
