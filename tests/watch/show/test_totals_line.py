"""Goal: the account's line fits the screen, and loses what matters least first."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execbot.watch.show.totals_line import Totals, fitting, line_of, parts_of

D = Decimal
FULL = Totals(
    equity=D("100030.125"),
    day_profit=D("-1369.805"),
    day_profit_pct=D("-2.369805"),
    open_pl=D("0.001"),
    buying_power=D("391874.93"),
    exposure_pct=(D("45.678"), D(50)),
    positions=(D(4), D(5)),
    orders_today=(D(3), D(200)),
    daily_loss_pct=(D("2.369805"), D("2")),
)


def test_money_and_percentages_are_rounded() -> None:
    assert line_of(parts_of(FULL)) == (
        "equity 100030.12  day -1369.80 (-2.37 %)  open 0.00  exposure 45.68 of 50 %  "
        "positions 4 of 5  orders today 3 of 200  day's loss 2.37 of 2 %  buying power 391874.93"
    )


def test_a_used_up_limit_is_red_and_a_nearly_used_one_yellow() -> None:
    styles = {part.words.rpartition(" of ")[0].split(" ")[0]: part.style for part in parts_of(FULL)}
    assert styles["day's"] == "red"
    assert styles["exposure"] == styles["positions"] == "yellow"
    assert styles["orders"] == ""


@given(st.integers(10, 250))
def test_it_fits_and_the_equity_stays(width: int) -> None:
    shown = fitting(FULL, width)
    assert len(line_of(shown)) <= width or len(shown) == 1
    assert shown[0].words.startswith("equity")


def test_a_halt_is_said_first() -> None:
    assert parts_of(Totals(halted="HALTED"))[0].words == "HALTED"


@pytest.mark.parametrize("totals", [Totals(), Totals(equity=None, day_profit=None)])
def test_what_is_not_known_is_not_shown_as_nothing(totals: Totals) -> None:
    assert line_of(parts_of(totals)) == "equity not known  buying power not known"
