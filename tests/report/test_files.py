"""Goal: the report's files hold what the report says, and other programs read it as it is.

Method: a seeded month written as CSV and Parquet; CSV by Python's own reader, Parquet by pyarrow,
DuckDB and Polars (whichever is installed; those that are not are named when skipped).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from report.a_month import played
from trades.test_months import FIRST, LAST

from execbot.cli.errors import Failure
from execbot.cli.show.report_csv import csv_files
from execbot.cli.show.report_files import put, write_csv, write_tables
from execbot.desk.account import Desk
from execbot.desk.look.reporting.report_parquet import EQUITY, FILLS, ORDERS, TRADES, months_of
from execbot.desk.look.reports import SpanReport, span_report
from execbot.report.span import Span

D = Decimal
SPAN = Span.between(FIRST, LAST)
SQL_WORDS = frozenset(
    re.findall(
        r"\w+",
        "all alter and any array as asc at authorization begin between both by case cast check "
        "close collate column commit constraint create cross current cursor date day default "
        "delete "
        "desc distinct drop else end escape except execute exists external false fetch filter "
        "first "
        "float for foreign from full function global grant group having hour identity if in index "
        "inner insert int integer intersect interval into is join key language last leading left "
        "level like limit local lock match minute month natural new no not null numeric of off "
        "offset old on only open option or order out outer over partition plan position precision "
        "prepare primary procedure range real references release result return returns right role "
        "rollback row rows schema second select session set size some start statement sum table "
        "temporary then time timestamp to trailing trigger true type union unique unknown update "
        "user using value values varchar view when where window with year zone ",
    )
)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, SpanReport]:
    _, desk = played(tmp_path_factory.mktemp("files"), 2)
    return desk, span_report(desk, SPAN)


# --- CSV ---------------------------------------------------------------------------------------


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_files_hold_every_row_with_all_digits(month: tuple[Desk, SpanReport]) -> None:
    _, found = month
    files = csv_files(found)
    fills = rows_of(files["fills.csv"])
    assert [row["execution_id"] for row in fills] == [f.execution_id for f in found.books.fills]
    assert [D(row["price"]) for row in fills] == [f.net_price for f in found.books.fills]
    assert len(rows_of(files["orders.csv"])) == len(found.books.orders)
    trades = rows_of(files["trades.csv"])
    assert sum(D(row["net_pl"]) for row in trades if row["closed_at"]) == pytest.approx(
        found.period.trade_stats.net
    )
    assert sum(D(row["net_pl"]) for row in rows_of(files["days.csv"])) == pytest.approx(
        found.books.net_pl
    )
    assert len(rows_of(files["scorecard.csv"])) == len(found.period.scorecard)


def test_no_cell_begins_a_formula_and_the_ticker_na_stays_text(
    month: tuple[Desk, SpanReport],
) -> None:
    _, found = month
    fill = replace(found.books.fills[0], symbol="NA", client_order_id="=cmd|'/c calc'!A1")
    books = replace(found.books, fills=(fill,))
    trade = replace(found.period.trades[0], strategy="+1+1")
    period = replace(found.period, books=books, trades=[trade])
    files = csv_files(replace(found, period=period))
    (row,) = rows_of(files["fills.csv"])
    assert (row["symbol"], row["client_order_id"]) == ("NA", "'=cmd|'/c calc'!A1")
    assert rows_of(files["trades.csv"])[0]["strategy_id"] == "'+1+1"
    for text in files.values():
        for line in csv.reader(io.StringIO(text)):
            assert not [c for c in line if c[:1] in "=+@" and c[:1] and not _is_number(c)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_files_are_whole_and_their_owners_alone(
    month: tuple[Desk, SpanReport], tmp_path: Path
) -> None:
    _, found = month
    written = write_csv(tmp_path / "new" / "folder", found)
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    target = tmp_path / "kept.txt"
    target.write_text("old")

    def fails(to: Path) -> None:
        to.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(Failure) as caught:
        put(target, fails)
    assert caught.value.kind == "usage.file"
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["kept.txt"]


# --- Parquet -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(month: tuple[Desk, SpanReport], tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra `export`)")
    desk, found = month
    path = tmp_path_factory.mktemp("parquet")
    write_tables(path, found, desk)
    return path


def test_months_are_whole_whatever_days_were_asked_for() -> None:
    found = months_of(Span.between(date(2026, 1, 31), date(2026, 3, 1)))
    assert [str(month) for month in found] == [
        "2026-01-01 to 2026-01-31",
        "2026-02-01 to 2026-02-28",
        "2026-03-01 to 2026-03-31",
    ]


def test_no_column_has_a_word_of_sql_as_its_name() -> None:
    names = {*ORDERS, *FILLS, *TRADES, *EQUITY}
    assert not names & SQL_WORDS


def test_duckdb_takes_every_name_as_it_is() -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    for columns in (ORDERS, FILLS, TRADES, EQUITY):
        duckdb.sql("SELECT " + ", ".join(f"1 AS {name}" for name in columns))
        duckdb.sql(
            "CREATE OR REPLACE TEMP TABLE t (" + ", ".join(f"{n} INT" for n in columns) + ")"
        )
    words = {row[0] for row in duckdb.sql("SELECT keyword_name FROM duckdb_keywords()").fetchall()}
    assert not {*ORDERS, *FILLS, *TRADES, *EQUITY} & words


def by_pyarrow(folder: Path, table: str) -> list[dict[str, Any]]:
    from pyarrow import parquet

    return [
        row
        for path in sorted(folder.glob(f"{table}/*/*.parquet"))
        for row in parquet.read_table(path, partitioning=None).to_pylist()
    ]


def by_duckdb(folder: Path, table: str) -> list[dict[str, Any]]:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    found = duckdb.sql(
        f"SELECT * EXCLUDE (month) FROM read_parquet('{folder}/{table}/*/*.parquet')"
    )
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def by_polars(folder: Path, table: str) -> list[dict[str, Any]]:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    return [
        row
        for path in sorted(folder.glob(f"{table}/*/*.parquet"))
        for row in polars.read_parquet(path, hive_partitioning=False).to_dicts()
    ]


READERS: list[Callable[[Path, str], list[dict[str, Any]]]] = [by_pyarrow, by_duckdb, by_polars]


@pytest.mark.parametrize("reader", READERS, ids=lambda one: one.__name__)
def test_each_reader_finds_what_the_report_says(
    month: tuple[Desk, SpanReport], folder: Path, reader: Callable[..., list[dict[str, Any]]]
) -> None:
    _, found = month
    fills = {row["execution_id"]: row for row in reader(folder, "fills")}
    assert fills.keys() == {fill.execution_id for fill in found.books.fills}
    for fill in found.books.fills:
        row = fills[fill.execution_id]
        assert (row["ticker"], row["qty"], row["price"]) == (
            fill.symbol,
            fill.net_qty,
            fill.net_price,
        )
        assert isinstance(row["price"], Decimal)
        assert row["filled_at"] == fill.at
        cost = found.books.fill_fees.get(fill.execution_id)
        assert row["fee_usd"] == (None if cost is None else cost.amount)
    trades = reader(folder, "trades")
    assert len(trades) == found.period.trade_stats.trades
    assert sum(row["net_pl_usd"] for row in trades) == pytest.approx(found.period.trade_stats.net)
    assert [row["equity_usd"] for row in reader(folder, "equity")] == [
        sample.equity for sample in found.period.samples
    ]
    orders = {row["client_order_id"]: row for row in reader(folder, "orders")}
    for line in found.books.orders:
        row = orders[line.record.client_order_id]
        assert row["filled_qty"] == line.record.order.filled_qty
        assert row["status"] == line.record.status


def test_money_is_decimal_and_time_is_utc(folder: Path) -> None:
    from pyarrow import parquet

    for table, columns in (("orders", ORDERS), ("fills", FILLS), ("trades", TRADES)):
        path = sorted(folder.glob(f"{table}/*/*.parquet"))[0]
        schema = parquet.read_schema(path)
        assert schema.names == list(columns)
        for name, kind in columns.items():
            found = str(schema.field(name).type)
            if kind == "decimal":
                assert found == "decimal128(38, 9)"
            if kind == "time":
                assert found == "timestamp[us, tz=UTC]"


def test_writing_a_month_again_for_a_day_of_it_leaves_one_whole_file(
    month: tuple[Desk, SpanReport], folder: Path
) -> None:
    desk, _ = month
    before = {path: rows_in(path) for path in folder.rglob("*.parquet")}
    write_tables(folder, span_report(desk, Span.of(date(2026, 10, 7))), desk)
    assert {path: rows_in(path) for path in folder.rglob("*.parquet")} == before
    assert sum(before.values()) > 0


def rows_in(path: Path) -> int:
    from pyarrow import parquet

    return int(parquet.read_metadata(path).num_rows)
