"""docs/metrics.md lists every metric, as the code has it."""

from __future__ import annotations

from support.paths import ROOT

from execbot.page.metrics.listing import PAGE, rendered


def test_the_page_lists_all_metrics() -> None:
    text = (ROOT / PAGE).read_text()
    assert rendered(text) == text
