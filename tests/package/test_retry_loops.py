"""Goal: what is tried again after an error waits and stops by `model/retrying`, nowhere by itself.

Method: the tree is searched for loops that catch an error and sleep.
"""

from __future__ import annotations

import ast
from pathlib import Path

from support.paths import ROOT

PACKAGE = ROOT / "execbot"
BY_PAUSES = {"oms/place/attempts.py", "oms/send/close.py"}
"""They change what they try: their waits are tenacity's all the same (`Pauses`)."""
FOLLOWS = {"page/following.py", "page/signals/forgetting.py"}
"""Look again for as long as they live, in steps that never grow; nothing is retried."""


def own_loops(source: str) -> list[int]:
    """Lines of loops in which an error is caught and time is slept away."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.While | ast.For)
        if any(isinstance(inner, ast.ExceptHandler) for inner in ast.walk(node))
        if any(isinstance(inner, ast.Call) and _sleeps(inner.func) for inner in ast.walk(node))
    ]


def _sleeps(called: ast.expr) -> bool:
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name == "sleep"


def files() -> list[Path]:
    return [p for p in sorted(PACKAGE.rglob("*.py")) if "sim" not in p.relative_to(PACKAGE).parts]


def test_no_loop_of_its_own_waits_after_an_error() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix() for path in files() if own_loops(path.read_text())
    }
    assert found == BY_PAUSES | FOLLOWS


def test_such_a_loop_is_found() -> None:
    assert own_loops("while True:\n    try:\n        go()\n    except OSError:\n        sleep(1)\n")
    assert not own_loops("for one in some:\n    sleep(1)\n")
