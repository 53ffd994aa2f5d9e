"""Goal: what rounds to nothing is shown as nothing, without a sign that says loss.

Method: a table of figures around nothing.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from execbot.cli.show.amounts import fixed, money
from execbot.cli.show.output import Cell
from execbot.cli.show.trade_views import bps_cell, r_cell

D = Decimal


def said(cell: Cell | None) -> object:
    return None if cell is None else cell.value


@pytest.mark.parametrize(
    ("value", "r", "bps", "usd"),
    [
        ("0", "+0.00", "0.0", "0.00"),
        ("-0", "+0.00", "0.0", "0.00"),
        ("-0.004", "+0.00", "0.0", "0.00"),
        ("0.004", "+0.00", "0.0", "0.00"),
        ("-0.06", "-0.06", "-0.1", "-0.06"),
        ("1.255", "+1.26", "1.3", "1.26"),
    ],
)
def test_nothing_has_no_minus(value: str, r: str, bps: str, usd: str) -> None:
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
