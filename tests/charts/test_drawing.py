"""Goal: what is drawn stands where the data say, in every form, and a page loads nothing.

Method: a chart made by hand, drawn, and its characters and elements read back.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from charts.making import T0, at, bar, chart, way
from hypothesis import given
from hypothesis import strategies as st

from execbot.charts import library as where
from execbot.charts.axis import far_levels, merged, moments, place, price_range
from execbot.charts.frames import frame_for
from execbot.charts.levels import at_moment
from execbot.charts.library import DIGEST, FILE, Library, library
from execbot.charts.model import Kind
from execbot.charts.page import drawn, page
from execbot.charts.page_parts import SCRIPT
from execbot.charts.png import png
from execbot.charts.scale import price_ticks
from execbot.charts.svg import svg
from execbot.charts.text import draw

D = Decimal


# --- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 160])
def test_text_has_bars_marks_and_levels_at_their_heights(width: int) -> None:
    lines = draw(chart(), width, 30).string(colorless=True).splitlines()
    assert max(len(line) for line in lines) <= width
    assert "\x1b" not in "".join(lines)
    canvas = [line.partition("┤")[2] or line.partition("│")[2] for line in lines]

    def rows(sign: str) -> list[int]:
        return [number for number, line in enumerate(canvas) if sign in line.rstrip("│")]

    assert sum(line.count("B") for line in canvas) == 1
    assert sum(line.count("S") for line in canvas) == 2
    stops, targets = rows("--"), rows("==")
    assert len(stops) == 3 and len(targets) == 2
    assert max(targets) < min(stops), "targets above, stops below"
    first, second, third = (canvas[row].index("--") for row in sorted(stops, reverse=True))
    assert first < second < third, "the stop rose in time"


def test_text_without_bars_and_with_nothing_but_a_moment() -> None:
    assert "B" in draw(chart(bars=[]), 80, 20).string(colorless=True)
    assert draw(chart(bars=[], marks=[], levels=[]), 80, 20).string(colorless=True)


# --- where things stand --------------------------------------------------------------------------


def test_bars_are_merged_without_losing_a_price() -> None:
    bars = chart().bars
    for most in (1, 7, 59, 60, 100):
        found = merged(bars, most)
        assert len(found) <= most or most >= len(bars)
        assert (found[0].open, found[-1].close) == (bars[0].open, bars[-1].close)
        assert max(b.high for b in found) == max(b.high for b in bars)
        assert sum(b.volume for b in found) == sum(b.volume for b in bars)


def test_a_moment_stands_in_the_bar_that_had_begun() -> None:
    columns = moments(chart())
    assert [place(columns, at(m)) for m in (-5, 0, 0.99, 1, 59.5, 600)] == [0, 0, 0, 1, 59, 59]


def test_a_level_far_away_is_told_and_not_drawn() -> None:
    far = way(Kind.STOP, (10, "20"))
    shown = chart(levels=[far])
    assert far_levels(shown) == ["stop"] and price_range(shown)[0] > 150
    assert far_levels(chart()) == []


def test_where_a_level_stood() -> None:
    stop = chart().levels[0]
    assert [at_moment(stop, at(m)) for m in (10, 10.4, 25, 45, 51)] == [
        None,
        D(190),
        D(194),
        D(196),
        None,
    ]


@given(st.timedeltas(timedelta(minutes=1), timedelta(days=6_000)))
def test_bars_are_never_so_many_that_nobody_could_tell_them_apart(span: timedelta) -> None:
    assert span / where_length(frame_for(T0, T0 + span)) < 1_100


def where_length(frame: str) -> timedelta:
    from execbot.charts.frames import LENGTHS

    return LENGTHS[frame]


@given(
    st.decimals("0.0001", "100000", places=4),
    st.decimals("0.0001", "1000", places=4),
    st.integers(1, 9),
)
def test_price_ticks_are_between_the_ends(low: Decimal, span: Decimal, most: int) -> None:
    found = price_ticks(low, low + span, most)
    assert all(low <= tick <= low + span for tick in found) and len(found) <= most


# --- the page ------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """What the page holds: elements with their attributes, and the text of its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script" and self.scripts:
            self.scripts[-1] += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


LIBRARIES = {"drawing": Library(), "script": Library(script="window.LightweightCharts={};")}


@pytest.mark.parametrize("kind", LIBRARIES)
def test_a_page_asks_nobody_for_anything(kind: str) -> None:
    """No element that loads, no style that loads, and a policy that forbids the rest."""
    text = page(chart(), LIBRARIES[kind])
    found = read(text)
    for tag, attributes in found.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form", "image"}
        assert not {"src", "srcset", "data", "action", "onload"} & set(attributes), tag
        if "href" in attributes:
            assert tag == "a", "a link loads nothing until it is clicked"
    assert not re.search(r"url\(|@import", text)
    (policy,) = [
        a["content"] for _, a in found.elements if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None and policy.startswith("default-src 'none'")
    assert "connect-src" not in policy and "http" not in policy
    assert ("script-src" in policy) == bool(found.scripts) == (kind == "script")


def test_the_notice_goes_with_the_library_alone() -> None:
    assert "TradingView" in page(chart(), LIBRARIES["script"])
    assert "TradingView" not in page(chart(), LIBRARIES["drawing"])
    assert read(page(chart(bars=[]), LIBRARIES["script"])).scripts == []


def test_the_script_is_given_seconds_each_once_and_levels_without_a_line_across_a_gap() -> None:
    gap = way(Kind.STOP, (5, "190"), (10, None), (20, "192"))
    data = drawn(chart(levels=[gap]))
    times = [one["time"] for one in data["bars"]]
    assert times == [int(T0.timestamp()) + 60 * number for number in range(60)]
    first, second = (level["points"] for level in data["levels"])
    assert {p["value"] for p in first} == {190} and {p["value"] for p in second} == {192}
    assert first[-1]["time"] < second[0]["time"]
    for level in data["levels"]:
        own = [p["time"] for p in level["points"]]
        assert own == sorted(set(own)) and set(own) <= set(times)


def test_the_script_makes_room_for_every_level_that_the_other_pictures_show() -> None:
    """Targets too: only what would press the rest flat is left outside."""
    levels = [
        way(Kind.STOP, (10, "190")),
        way(Kind.TARGET, (10, "216"), number=1),
        way(Kind.TARGET, (10, "900"), number=2),
    ]
    found = drawn(chart(levels=levels))["levels"]
    assert [(one["word"], one["near"]) for one in found] == [
        *(("stop", True), ("target 1", True), ("target 2", False)),
    ]
    assert "autoscaleInfoProvider:level.near?" in SCRIPT


def test_words_of_others_end_no_element() -> None:
    evil = "</script><script>alert(1)</script>"
    for found in LIBRARIES.values():
        reader = read(page(chart(symbol=evil), found))
        assert not any("alert" in script for script in reader.scripts[2:])
        assert len(reader.scripts) in (0, 2)


def test_the_drawing_has_what_the_chart_has() -> None:
    text = svg(chart(), 1000, 460)
    assert text.count('<rect class="up"') == 60
    assert text.count('class="entry"') == 1 and text.count('class="exit"') == 2
    assert text.count('<path class="stop"') == 1 and text.count('<path class="target"') == 2
    assert 'role="img"' in text and "60 bars of 1Min" in text
    stop = re.search(r'class="stop" d="([^"]+)"', text)
    assert stop is not None and len(re.findall("H", stop[1])) == 3, "three steps"


def test_a_picture_is_a_png_with_and_without_bars() -> None:
    for shown in (chart(), chart(bars=[]), chart(bars=[bar(0, "5")], marks=[], levels=[])):
        assert png(shown).startswith(b"\x89PNG\r\n")


# --- the library ---------------------------------------------------------------------------------


def test_the_installed_library_is_the_file_that_we_know() -> None:
    pytest.importorskip("akquant_lwc", reason="the extra `charts` is not installed")
    found = library()
    assert found.script is not None and found.why_not == ""
    assert hashlib.sha256(found.script.encode()).hexdigest() == DIGEST
    assert "</script" not in found.script and "<!--" not in found.script
    assert json.dumps(drawn(chart()))


def test_another_file_is_left_aside_and_the_page_has_a_drawing(tmp_path: Path) -> None:
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_text("alert('not the library')")
    found = library(tmp_path)
    assert found.script is None and "digest" in found.why_not
    text = page(chart(), found)
    assert "<script" not in text and "alert" not in text and "<svg" in text
    missing = library(tmp_path / "nowhere")
    assert missing.script is None and "cannot be read" in missing.why_not


def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, "PACKAGE", "no_such_package_here")
    assert "pip install akquant-lwc" in library().why_not
