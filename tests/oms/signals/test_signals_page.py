"""The tables of docs/signals.md equal the code."""

from __future__ import annotations

from support.paths import DOCS

from execbot.model.signal import FIELDS
from execbot.oms.signals.rules import SKIP_CODES

PAGE = DOCS / "signals.md"


def test_reasons_for_skipping_are_all_documented() -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = "".join(f"| `{code}` | {why} |\n" for code, why in SKIP_CODES.items())
    assert f"| reason | why nothing was done |\n|---|---|\n{table}\n" in page


def test_every_field_of_a_signal_is_documented() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in sorted(FIELDS) if f"`{name}`" not in page] == []
