"""Losses and rejections in a row, from fills and statuses.

Method: tables of fills; hypothesis compares profits with cash in and out.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execbot.model.enums import OrderStatus, Side
from execbot.model.order import Fill
from execbot.risk.reading import day_start, rejections_in_a_row
from execbot.risk.streaks import closed_trades, losses_in_a_row

D = Decimal
T0 = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
Row = tuple[str, int, str]


def fills(rows: list[Row]) -> list[Fill]:
    return [
        Fill(
            str(n), "o", "c", symbol, Side.BUY if qty > 0 else Side.SELL, D(abs(qty)), D(price),
            T0 + timedelta(minutes=n),
        )
        for n, (symbol, qty, price) in enumerate(rows)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "profits"),
    [
        ([], []),
        ([("A", 10, "100")], []),
        ([("A", 10, "100"), ("A", -10, "110")], ["100"]),
        ([("A", 10, "100"), ("A", -4, "110"), ("A", -6, "90")], ["-20"]),
        ([("A", -10, "100"), ("A", 10, "90")], ["100"]),
        ([("A", 10, "100"), ("A", 10, "120"), ("A", -20, "111")], ["20"]),
        ([("A", 10, "100"), ("A", -15, "90"), ("A", 5, "80")], ["-100", "50"]),
        ([("A", 1, "10"), ("B", 1, "10"), ("B", -1, "9"), ("A", -1, "12")], ["-1", "2"]),
    ],
)
def test_profit_of_closed_trades(rows: list[Row], profits: list[str]) -> None:
    assert [trade.profit for trade in closed_trades(fills(rows))] == [D(p) for p in profits]


def rounds(*results: int) -> list[Row]:
    rows: list[Row] = []
    for result in results:
        rows += [("A", 1, "100"), ("A", -1, str(100 + result))]
    return rows


@pytest.mark.parametrize(
    ("results", "count"),
    [((), 0), ((5,), 0), ((-1,), 1), ((-1, 5), 0), ((5, -1, -2, -3), 3), ((-1, 0, -1), 1)],
)
def test_losses_in_a_row(results: tuple[int, ...], count: int) -> None:
    assert losses_in_a_row(fills(rounds(*results)), since=T0) == count


def test_losses_before_a_resume_do_not_count() -> None:
    lost = fills(rounds(-1, -1, -1))
    assert losses_in_a_row(lost, since=T0 + timedelta(minutes=3)) == 2
    assert losses_in_a_row(lost, since=T0 + timedelta(hours=1)) == 0


@given(st.lists(st.tuples(st.integers(-9, 9).filter(bool), st.integers(1, 99)), max_size=12))
@settings(max_examples=200, deadline=None)
def test_profits_add_up_to_the_cash_once_flat(trades: list[tuple[int, int]]) -> None:
    rows: list[Row] = [("A", qty, str(price)) for qty, price in trades]
    left = sum(qty for qty, _ in trades)
    if left:
        rows.append(("A", -left, "50"))
    cash = sum(-qty * D(price) for _, qty, price in rows)
    assert abs(sum(trade.profit for trade in closed_trades(fills(rows))) - cash) < D("1e-15")


@pytest.mark.parametrize(
    ("statuses", "count"),
    [
        ([], 0), (["filled"], 0), (["rejected"], 1), (["rejected", "rejected", "new"], 2),
        (["new", "rejected"], 0),
    ],
)  # fmt: skip
def test_rejections_in_a_row(statuses: list[str], count: int) -> None:
    assert rejections_in_a_row([OrderStatus(s) for s in statuses]) == count


def test_the_day_begins_at_new_yorks_midnight() -> None:
    assert day_start(datetime(2026, 11, 20, 4, 59, tzinfo=UTC)).astimezone(UTC) == datetime(
        2026, 11, 19, 5, tzinfo=UTC
    )
    assert day_start(datetime(2026, 7, 1, 4, 0, tzinfo=UTC)).astimezone(UTC) == datetime(
        2026, 7, 1, 4, tzinfo=UTC
    )
