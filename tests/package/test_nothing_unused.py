"""Goal: no function, class or constant of execbot waits for a caller that does not come.

Method: each name that a module defines stands once more in the code, its tests or the documents;
members of enums and of what frameworks call by name are left out.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from support.paths import ROOT

CALLED_BY_OTHERS = {
    "install_signal_handlers", "capture_signals",  # uvicorn
    "redirect_request", "readinto", "makefile",  # http
    "list_commands", "coerce",  # click
}  # fmt: skip
"""Overridden methods of libraries."""

Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def defined(tree: ast.Module) -> Iterator[str]:
    """Functions, methods and classes wherever they stand, and constants of the module."""
    for node in ast.walk(tree):
        if isinstance(node, Named) and all(map(_is_property, node.decorator_list)):
            yield node.name
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else ()
        yield from (one.id for one in targets if isinstance(one, ast.Name))


def _is_property(mark: ast.expr) -> bool:
    """Other marks register what they decorate: a command, a route."""
    return isinstance(mark, ast.Name) and mark.id == "property"


def unused(sources: list[str], elsewhere: list[str]) -> set[str]:
    words = Counter(word for text in sources + elsewhere for word in re.findall(r"\w+", text))
    names = {name for text in sources for name in defined(ast.parse(text))}
    return {name for name in names if words[name] == 1 and not name.startswith("__")}


def texts(folder: Path, *endings: str) -> list[str]:
    return [path.read_text() for end in endings for path in sorted(folder.rglob(f"*{end}"))]


def test_every_name_is_used_somewhere() -> None:
    elsewhere = texts(ROOT / "tests", ".py") + texts(ROOT / "docs", ".md")
    own = texts(ROOT / "execbot", ".py")
    schemas = texts(ROOT / "execbot" / "schemas", ".py")  # fields, read by programs
    assert unused([text for text in own if text not in schemas], elsewhere) <= CALLED_BY_OTHERS


def test_a_name_without_a_caller_is_found() -> None:
    code = "LIMIT = 3\nclass Used:\n    @property\n    def alone(self): ...\ndef left(): ...\n"
    assert unused([code], ["Used"]) == {"LIMIT", "alone", "left"}
