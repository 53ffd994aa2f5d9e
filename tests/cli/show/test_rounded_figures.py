"""Goal: what rounds to nothing is shown as nothing, without a sign and a colour.

Method: a table of figures around nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from execbot.cli.show.amounts import fixed, gain, money
from execbot.cli.show.output import Cell
from execbot.cli.show.report_views import figure_words
from execbot.cli.show.trade_views import bps_cell, r_cell
from execbot.journal.confirmation import CashDay, ExecutionVerdict
from execbot.model.amounts import dollars
from execbot.quality.cash import cash_words
from execbot.report.scorecard import Judged, Line
from execbot.watch.show.position_table import COLUMNS
from execbot.watch.show.totals_line import Totals, line_of, parts_of

D = Decimal


def said(cell: Cell | None) -> object:
    return None if cell is None else cell.value


@pytest.mark.parametrize(
    ("value", "r", "bps", "usd"),
    [
        ("0", "0.00", "0.0", "0.00"),
        ("-0", "0.00", "0.0", "0.00"),
        ("-0.004", "0.00", "0.0", "0.00"),
        ("0.004", "0.00", "0.0", "0.00"),
        ("-0.06", "-0.06", "-0.1", "-0.06"),
        ("1.255", "+1.26", "1.3", "1.26"),
    ],
)
def test_nothing_has_no_sign(value: str, r: str, bps: str, usd: str) -> None:
    assert (said(r_cell(D(value))), said(bps_cell(D(value))), said(money(D(value)))) == (
        r,
        bps,
        usd,
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("-0.004", "0.00"),
        (-0.0000084, "0.00"),
        ("0", "0.00"),
        ("-0.01", "-0.01"),
        (-12.345, "-12.35"),
    ],
)
def test_figures_of_stats_have_none_either(value: str | float, said: str) -> None:
    assert fixed(D(value) if isinstance(value, str) else value, 2) == said


def scorecard_line(value: Decimal) -> str:
    return figure_words(Line("slippage", "0", value, "bps", 9, Judged.MET, ""))


def cash_line(value: Decimal) -> str:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    verdict = ExecutionVerdict.CONFIRMED
    day = CashDay(at.date(), 1, at, verdict, at, at, value, value, value, value, value)
    return cash_words(day)


def totals(value: Decimal) -> str:
    return line_of(parts_of(Totals(equity=value, day_profit=value, day_profit_pct=value)))


def column(name: str) -> Callable[[Decimal], str]:
    [found] = [column for column in COLUMNS if column.name == name]

    def show(value: Decimal) -> str:
        row: Any = SimpleNamespace(unrealized_pl=value, r=value, best_r=value, worst_r=value)
        return found.cell(row).plain

    return show


@pytest.mark.parametrize(
    ("show", "shown"),
    [
        (scorecard_line, "0 bps"),
        (cash_line, "Cash of 2026-11-20: the change of 0.00 USD is explained to the cent"),
        (totals, "equity 0.00  day 0.00 (0.00 %)  buying power not known"),
        (column("P&L"), "0.00"),
        (column("R"), "0.0"),
        (column("Best/worst R"), "0.0/0.0"),
        (dollars, "0.00 USD"),
    ],
)
def test_nor_has_any_line_of_a_screen_or_a_report(
    show: Callable[[Decimal], str], shown: str
) -> None:
    assert show(D("-0.00001")) == shown


@pytest.mark.parametrize("value", ["-0.004", "0.004"])
def test_nothing_has_no_colour_either(value: str) -> None:
    found = gain(D(value), "R")
    assert found == Cell("0.00", "0.00R", "")
    [part] = [p for p in parts_of(Totals(day_profit=D(value))) if p.words.startswith("day ")]
    assert part.style == ""
    [pl] = [column for column in COLUMNS if column.name == "P&L"]
    row: Any = SimpleNamespace(unrealized_pl=D(value))
    assert pl.cell(row).style == ""
