"""Goal: a list's CSV says exactly what its --json says, and does nothing in a spreadsheet.

Method: random cells through Python's own reader and through pandas; the columns of a table by
name; what is refused.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execbot.cli.command import Cli
from execbot.cli.errors import Failure
from execbot.cli.show.list_form import csv_text, list_form, table_of
from execbot.cli.show.output import Style, Table

KNOWN = ("symbol", "qty", "unrealized_pl", "stop.price", "targets", "at")
ROWS: list[dict[str, Any]] = [
    {
        "symbol": "NA",
        "qty": Decimal("10.5"),
        "unrealized_pl": Decimal("-12.3456"),
        "stop": {"price": Decimal("98.333333333")},
        "targets": [Decimal("110"), Decimal("120.5")],
        "at": datetime(2026, 11, 20, 14, 30, 0, 123456, tzinfo=UTC),
    },
    {"symbol": "AAPL", "qty": Decimal("3"), "unrealized_pl": None, "stop": None, "targets": []},
]


def cli(*, json: bool = False) -> Cli:
    return Cli("positions", Style(json=json, color=False))


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_csv_has_every_digit_and_every_column_in_their_order() -> None:
    assert read(csv_text(KNOWN, ROWS)) == [
        list(KNOWN),
        ["NA", "10.5", "-12.3456", "98.333333333", "110 120.5", "2026-11-20T14:30:00.123456Z"],
        ["AAPL", "3", "", "", "", ""],
    ]


def test_a_list_without_rows_has_its_header() -> None:
    assert csv_text(KNOWN, []) == ",".join(KNOWN)


def test_the_ticker_na_stays_text_in_pandas_as_the_manual_says() -> None:
    found = pandas.read_csv(
        io.StringIO(csv_text(KNOWN, ROWS)), keep_default_na=False, dtype={"symbol": str}
    )
    assert list(found["symbol"]) == ["NA", "AAPL"]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r\n=1",
        "  =1",
        "＝1+1",
        "-",
        '=HYPERLINK("http://x","y")',
    ],
)
def test_no_text_begins_a_formula(text: str) -> None:
    [[_], [cell]] = read(csv_text(["reason"], [{"reason": text}]))
    assert cell == "'" + " ".join(text.split())


@pytest.mark.parametrize("value", [Decimal("-1.5"), -3, "-1.5", "+7"])
def test_a_negative_number_is_no_formula(value: object) -> None:
    [[_], [cell]] = read(csv_text(["pl"], [{"pl": value}]))
    assert cell == str(value)


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=4))
def test_any_text_stays_in_its_cell(texts: list[str]) -> None:
    names = [f"c{n}" for n in range(len(texts))]
    shown = csv_text(names, [dict(zip(names, texts, strict=True))])
    head, row = read(shown)
    assert head == names
    assert len(row) == len(names)
    for cell in row:
        begins = cell[:1] in ("=", "+", "-", "@", "\t", "\r")
        assert not begins or cell.lstrip("+-").replace(".", "", 1).isdigit()


def test_chosen_columns_make_the_table_and_the_csv() -> None:
    form = list_form(cli(), KNOWN, columns="Unrealized_pl, stop.price")
    [table] = form.views(ROWS, "a line for people")
    assert isinstance(table, Table)
    assert table.columns == ("unrealized_pl", "stop.price")
    assert [[str(cell) for cell in row] for row in table.rows] == [
        ["-12.35", "98.33"],
        ["None", "None"],
    ]
    form = list_form(cli(), KNOWN, csv=True, columns="symbol,qty")
    assert form.views(ROWS, "a line") == ["symbol,qty\nNA,10.5\nAAPL,3"]


def test_quantities_keep_their_digits_in_a_table() -> None:
    [row] = table_of(["qty"], [{"qty": Decimal("0.000000015")}]).rows
    assert row == ["0.000000015"]


def test_without_a_flag_the_usual_views_are_shown() -> None:
    assert list_form(cli(), KNOWN).views(ROWS, "one", "two") == ["one", "two"]


@pytest.mark.parametrize("words", ["symbl", "", ",", "symbol,nothing"])
def test_an_unknown_column_is_refused_with_those_that_there_are(words: str) -> None:
    with pytest.raises(Failure) as caught:
        list_form(cli(), KNOWN, columns=words)
    assert caught.value.exit_code == 2
    assert "unrealized_pl" in caught.value.hint


def test_json_takes_no_other_form() -> None:
    for csv_wanted, columns in ((True, None), (False, "symbol")):
        with pytest.raises(Failure):
            list_form(cli(json=True), KNOWN, csv=csv_wanted, columns=columns)
