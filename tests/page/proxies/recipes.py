"""The recipes of the documents, as they stand there, and how they are changed to run in a test."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
TRADINGVIEW = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
ALLOWED = "127.0.0.2"
"""Of this machine's loopback addresses the one that stands for TradingView's first."""


def recipe(page: str, heading: str) -> str:
    """The first block of code under a heading."""
    text = (DOCS / page).read_text()
    found = re.search(rf"^#+ {heading}$.*?^```\w*\n(.*?)^```$", text, re.M | re.S)
    assert found, (page, heading)
    return found[1]


def changed(text: str, changes: dict[str, str]) -> str:
    """Each change must hit: a recipe that says something else is another recipe."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text
