"""The navigation of the site, from the map in docs/README.md: a page is entered there alone."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def sections() -> dict[str, list[tuple[str, str]]]:
    """Headings of the map with their pages: title and file. A page stands where it comes first; a
    part of a page, and what lies outside of docs/, is left out."""
    found: dict[str, list[tuple[str, str]]] = {}
    seen: set[str] = set()
    heading = ""
    for line in (DOCS / "README.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        if not line.startswith("| "):
            continue
        first = line.split(" | ")[0]
        for title, file in re.findall(r"\[([^\]]+)\]\(([^)#]+\.md)\)", first):
            if not file.startswith("../") and file not in seen:
                seen.add(file)
                found.setdefault(heading, []).append((title, file))
    return found


def nav() -> str:
    """As mkdocs wants it, below `nav:`."""
    lines = ["  - Documentation: README.md"]
    for heading, pages in sections().items():
        lines.append(f"  - {heading}:")
        lines += [f"      - {title}: {file}" for title, file in pages]
    return "\n".join([*lines, ""])
