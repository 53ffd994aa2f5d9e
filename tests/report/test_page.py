"""Goal: the report's page is one file that asks nobody for anything and runs nothing, whatever
stands in it; and its charts show what happened.

Method: the page of a seeded month, read by an HTML parser; drawings worked out by hand; words of a
signal that are markup.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace
from report.a_month import played
from support.paths import EXAMPLES
from trades.test_months import FIRST, LAST

from execbot.cli.show.report_page import report_page
from execbot.desk.account import Desk
from execbot.desk.look.reporting.report_charts import Charts, charts_of
from execbot.desk.look.reports import SpanReport, span_report
from execbot.report.draw.charts import Level, Levels, trade_chart
from execbot.report.draw.svg import (
    Area,
    Label,
    Point,
    amount,
    drawing,
    line,
    round_values,
    steps,
    thinned,
)
from execbot.report.period import DayRow
from execbot.report.span import Span

D = Decimal
NOW = datetime(2026, 11, 2, 15, tzinfo=UTC)
HEADS = re.compile(r'<h2>([^<]*)</h2><div class="scroll"><table[^>]*>(<thead>.*?</thead>)')
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Read(HTMLParser):
    """Tags, attributes and text; fails where tags are not closed in their order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Read:
    found = Read()
    found.feed(page)
    found.close()
    assert not found.open
    return found


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, SpanReport, Charts]:
    _, desk = played(tmp_path_factory.mktemp("page"), 1)
    found = span_report(desk, Span.between(FIRST, LAST))
    return desk, found, charts_of(desk, found.period)


def page_of(found: SpanReport, charts: Charts) -> str:
    return report_page(found, charts, mode="sim", account="PA00001234", made_at=NOW)


def test_the_page_needs_no_network_and_runs_nothing(month: Any) -> None:
    _, found, charts = month
    page = page_of(found, charts)
    seen = read(page)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form"} & set(seen.tags)
    names = {name for name, _ in seen.attributes}
    assert not {"src", "href", "srcset", "action", "style"} & names
    assert not [name for name in names if name.startswith("on")]
    assert not re.search(r"https?:|url\(|@import|javascript:", page)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in seen.attributes
    assert "PA00001234" not in page and "1234" in page
    assert len(page.encode()) < 5_000_000


def test_every_drawing_is_sound_and_says_what_it_shows(month: Any) -> None:
    _, found, charts = month
    drawn = re.findall(r"<svg .*?</svg>", page_of(found, charts), re.DOTALL)
    closed = [trade for trade in found.period.trades if not trade.trip.is_open]
    assert len(drawn) == len(charts.trades) + bool(charts.equity) + bool(charts.days)
    assert {one.group for one in charts.trades} >= {"Best", "Worst"}
    assert sum(one.group == "Best" for one in charts.trades) == min(
        10, sum(trade.is_win for trade in closed)
    )
    for svg in drawn:
        root = ElementTree.fromstring(svg)
        assert root.get("role") == "img" and root.get("aria-label")
        for number in re.findall(r"-?\d+\.\d+", svg.split("</title>")[-1]):
            assert abs(float(number)) < 10_000
        assert "nan" not in svg and "inf" not in svg


def test_figures_of_the_page_are_those_of_the_report(month: Any) -> None:
    _, found, charts = month
    words = " ".join(read(page_of(found, charts)).text)
    net = found.books.net_pl
    assert f"{net:,.2f}" in words
    for line_ in found.period.scorecard:
        assert line_.basis in words
    assert f"{found.period.trade_stats.trades} closed" in words


def test_the_shipped_month_has_todays_columns_and_requirements(month: Any) -> None:
    """Else it shows a form that is no more: play it again (examples/month)."""
    _, found, charts = month
    shipped = (EXAMPLES / "month" / "report.html").read_text(encoding="utf-8")
    mine = page_of(found, charts)
    for line_ in found.period.scorecard:
        assert f'data-name="requirement">{line_.name}</td>' in shipped
    heads = dict(HEADS.findall(shipped))
    for title, head in HEADS.findall(mine):
        assert heads.get(title, head) == head, title
    assert len(heads) > 10


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x>', "&lt;b&gt;", "\x1b[2J"]
)
def test_words_from_outside_stay_words(month: Any, evil: str) -> None:
    _, found, charts = month
    trade = replace(found.period.trades[0], strategy=evil)
    period = replace(found.period, trades=[trade], notes=[evil])
    page = page_of(replace(found, period=period, warnings=[evil]), charts)
    seen = read(page)
    assert not {"script", "img"} & set(seen.tags)
    assert evil in "".join(seen.text) or "\x1b" in evil
    assert "\x1b" not in page


def test_a_report_in_which_nothing_happened_is_a_page_too(month: Any) -> None:
    desk, _, _ = month
    empty = span_report(desk, Span.of(date(2026, 8, 15)))
    charts = charts_of(desk, empty.period)
    assert (charts.equity, charts.days, charts.trades) == ("", "", [])
    assert "2026-08-15" in " ".join(read(page_of(empty, charts)).text)


def test_stop_and_targets_are_drawn_as_they_went(month: Any) -> None:
    _, found, _ = month
    trade = next(t for t in found.period.trades if t.trip.closed_at and len(t.trip.parts) == 2)
    trip = trade.trip
    entry, middle = trip.entry_price, trip.opened_at + (trip.closed_at - trip.opened_at) / 2
    levels = Levels(
        (Level(trip.opened_at, entry * D("0.98")), Level(middle, entry * D("0.99"))),
        ((Level(trip.opened_at, entry * D("1.02")),), (Level(middle, entry * 3),)),
    )
    svg = trade_chart(trade, [], [levels], NOW)
    ElementTree.fromstring(svg)
    (stop,) = re.findall(r'<path class="stop" d="([^"]*)"', svg)
    assert len(re.findall("V", stop)) == 1  # it moved once
    assert len(re.findall('<path class="target"', svg)) == 1  # the far one would flatten the rest
    assert len(re.findall('class="(?:buy|sell)"', svg)) == 2


# --- drawing -----------------------------------------------------------------------------------


def test_a_point_lies_where_its_time_and_value_say() -> None:
    area = Area(0.0, 100.0, 10.0, 20.0)
    assert (area.x(0), area.x(100)) == (84, 630)
    assert (area.y(10), area.y(20)) == (216, 10)
    assert 'points="84.0,216.0 630.0,10.0"' in line(area, [Point(0, 10), Point(100, 20)], "price")
    path = steps(area, [Point(0, 10), Point(50, 20)], 100, "stop")
    assert "M84.0 216.0H357.0V10.0H630.0" in path


@pytest.mark.parametrize(
    ("value", "spread", "shown"),
    [
        (100_000, 3, "100,000.00"),
        (100_000, 4, "100,000"),  # on a phone its cents would stand outside of the drawing
        (242, 4, "242.00"),
        (242, 20, "242"),
        (-0.0, 0.01, "0.0000"),
    ],
)
def test_a_label_has_the_cents_that_it_has_room_for(
    value: float, spread: float, shown: str
) -> None:
    assert amount(value, spread) == shown


def test_thinning_keeps_the_spikes() -> None:
    points = [Point(float(n), 1000.0 if n == 777 else float(n % 3)) for n in range(5000)]
    found = thinned(points, 400)
    assert len(found) <= 402
    assert max(p.value for p in found) == 1000
    assert (found[0], found[-1]) == (points[0], points[-1])
    assert [p.at for p in found] == sorted(p.at for p in found)


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [(0, 10, [0, 5, 10]), (99.5, 101, [99.5, 100, 100.5, 101]), (-7, 8, [-5, 0, 5])],
)
def test_axes_have_round_values(low: float, high: float, values: list[float]) -> None:
    assert round_values(low, high) == pytest.approx(values)


def test_one_moment_and_one_price_can_be_drawn() -> None:
    area = Area.around([5.0], [100.0])
    ElementTree.fromstring(drawing(area, 'a < b & "c"', [line(area, [Point(5, 100)], "price")]))


def test_a_day_row_is_net_of_its_fees() -> None:
    row = DayRow(date(2026, 10, 7), 1, Decimal(100), Decimal(5), Decimal("0.02"))
    assert row.net == Decimal("4.98")


@pytest.mark.parametrize(
    ("hours", "ends"),
    [
        (1, ["13:30", "14:30"]),
        (22, ["Oct 07 13:30", "Oct 08 11:30"]),
        (100, ["Oct 07", "Oct 11"]),
    ],
)
def test_the_ends_of_an_axis_can_be_told_apart(hours: int, ends: list[str]) -> None:
    """Less than a day apart, they may still be of two days."""
    first = datetime(2026, 10, 7, 17, 30, tzinfo=UTC)
    label = Label.between(first, last := first + timedelta(hours=hours))
    assert [label.of(first), label.of(last)] == ends
