"""Goal: the report's page holds together on a desk, a phone and paper: nothing lies outside, and
nothing is cut off.

Method: the shipped month in a headless browser at three sizes; boxes as the browser lays them out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.harness.live_page import chromium

SHIPPED = Path(__file__).parents[2] / "examples" / "month" / "report.html"

OUTSIDE = """() => [...document.querySelectorAll("body *")]
  .filter(e => { const box = e.getBoundingClientRect();
                 return box.right > innerWidth + 1 || box.left < -1; })
  .map(e => `${e.tagName} ${e.textContent.slice(0, 40)}`)"""

LABELS_OUTSIDE = """() => [...document.querySelectorAll("svg .tick")]
  .filter(e => { const box = e.getBoundingClientRect();
                 const all = e.ownerSVGElement.getBoundingClientRect();
                 return box.left < all.left - 1 || box.right > all.right + 1; })
  .map(e => e.textContent)"""

SMALLEST = """() => Math.min(...[...document.querySelectorAll("svg .tick")]
  .map(e => e.getBoundingClientRect().height))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.mark.parametrize(
    ("width", "media"), [(1280, "screen"), (390, "screen"), (320, "screen"), (680, "print")]
)
def test_nothing_lies_outside_and_nothing_is_cut_off(browser: Any, width: int, media: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.emulate_media(media=media)
    page.goto(SHIPPED.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(LABELS_OUTSIDE) == []
    assert page.evaluate(SMALLEST) >= 7
    assert asked == [SHIPPED.as_uri()]
    page.close()


def test_on_a_phone_a_trade_is_a_card_with_its_symbol_on_top(browser: Any) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(SHIPPED.as_uri())
    row = page.locator("h2:text-is('Trades') + div tbody tr").first
    symbol, side = (row.locator("td").nth(n).bounding_box() for n in (0, 1))
    assert symbol["y"] + symbol["height"] <= side["y"] + 1
    assert symbol["width"] > 300
    head = page.locator("h2:text-is('Trades') + div thead")
    assert not head.is_visible()
    page.close()
