"""Goal: docs/oms.md says what the code does.

Method: its generated parts are printed again and compared; its Python example is run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from oms.oms_docs import PAGE, PARTS, rendered
from support.desk import Desk

from execbot.journal import errors
from execbot.oms.machine.table import STATUS_OF_EVENT


def test_the_generated_parts_are_current() -> None:
    text = PAGE.read_text()
    assert rendered(text) == text, "run: python tests/oms/oms_docs.py"
    for name in PARTS:
        assert f"<!-- generated: {name} -->" in text


def test_every_journal_error_is_on_the_page() -> None:
    text = PAGE.read_text()
    kinds = [item for item in vars(errors).values() if isinstance(item, type)]
    for kind in kinds:
        if issubclass(kind, errors.JournalError) and kind is not errors.JournalError:
            assert f"`{kind.__name__}` | `{kind.kind}`" in text


def test_every_event_that_names_a_status_is_in_the_table() -> None:
    text = PAGE.read_text()
    for status in STATUS_OF_EVENT.values():
        assert f"| {status.value} | " in text


def test_the_python_example_runs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import execbot.broker

    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)

    def client_of_the_exchange(*_: Any, **__: Any) -> Any:
        return desk.client

    monkeypatch.setattr(execbot.broker, "AlpacaClient", client_of_the_exchange, raising=False)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/oms.md", "exec"), {})
    assert len(desk.orders_there()) == 1
