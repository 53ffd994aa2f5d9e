"""Goal: a day on the chart's time scale begins at midnight in New York, and every label is told in
the order of New York's clock.

Method: pages with bars around the clock in headless Chromium, one of them through the night that
has one hour twice; the words that the library writes below its chart are noted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from charts.making import chart
from support.harness.live_page import chromium

from execbot.charts.library import library
from execbot.charts.page import page
from execbot.model.quote import Bar

WRITTEN = """() => {
  window.written = [];
  const fill = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    if (/^(\\d\\d:\\d\\d|\\d\\d-\\d\\d)$/.test(text)) window.written.push([x, text]);
    return fill.apply(this, [text, x, y]);
  };
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def labels(browser: Any, path: Path, begin: datetime, bars: int, minutes: int) -> list[str]:
    """What stands below the chart of so many bars, from left to right."""
    made = [
        Bar("BTC/USD", begin + timedelta(minutes=minutes * n), *[Decimal(200 + n % 7)] * 4,
            Decimal(1)) for n in range(bars)
    ]  # fmt: skip
    shown = chart(bars=made, marks=[], levels=[], since=begin, until=made[-1].at)
    path.write_text(page(shown, library()))
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.add_init_script(f"({WRITTEN})()")
    tab.goto(path.as_uri())
    tab.wait_for_function("window.written.length > 3")
    found = {text: x for x, text in tab.evaluate("window.written")}
    tab.close()
    return sorted(found, key=lambda text: found[text])


@pytest.mark.parametrize(
    ("begin", "bars", "minutes"),
    [
        (datetime(2026, 10, 7, 19, 0, tzinfo=UTC), 150, 5),
        (datetime(2026, 11, 24, 15, 0, tzinfo=UTC), 100, 15),
        (datetime(2026, 10, 31, 22, 0, tzinfo=UTC), 72, 15),
    ],
    ids=["summer", "winter", "one hour twice"],
)
def test_a_day_begins_at_midnight_in_new_york(
    browser: Any, tmp_path: Path, begin: datetime, bars: int, minutes: int
) -> None:
    pytest.importorskip("akquant_lwc", reason="the extra `charts` is not installed")
    found = labels(browser, tmp_path / "chart.html", begin, bars, minutes)
    days = [n for n, text in enumerate(found) if "-" in text]
    assert len(days) == 2, found
    assert "00:00" not in found, "the day stands there"
    for first, last in zip(days, [*days[1:], len(found)], strict=True):
        clock = found[first + 1 : last]
        assert clock and clock == sorted(clock), found
    assert re.match(r"2\d:|1\d:", found[days[1] - 1]), "the evening still belongs to the day"
