"""Losses and rejections in a row, from fills and statuses.

Method: tables of fills; hypothesis compares profits with cash in and out.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execbot.journal.records import Execution, FillState
from execbot.model.enums import EventSource, OrderStatus, Side
from execbot.risk.counting import day_start, rejections_in_a_row
from execbot.risk.fees import FillFee, Settled
from execbot.risk.streaks import closed_trades, losses_in_a_row

D = Decimal
T0 = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
Row = tuple[str, int, str]


def execution(n: int, symbol: str, qty: Decimal, price: str, **more: object) -> Execution:
    values: dict[str, object] = {
        "execution_id": f"{n:04d}", "order_id": "o", "client_order_id": "c", "symbol": symbol,
        "side": Side.BUY if qty > 0 else Side.SELL, "at": T0 + timedelta(minutes=n),
        "source": EventSource.STREAM, "state": FillState.BOOKED, "qty": abs(qty),
        "price": D(price), "net_qty": abs(qty), "net_price": D(price),
    }  # fmt: skip
    return Execution(**{**values, **more})  # type: ignore[arg-type]


def fills(rows: list[Row], fees: dict[int, str] | None = None) -> Settled:
    """`fees` by the row's number."""
    found = [execution(n, symbol, D(qty), price) for n, (symbol, qty, price) in enumerate(rows)]
    known = {found[n].execution_id: FillFee(D(fee)) for n, fee in (fees or {}).items()}
    return Settled(tuple(found), known)


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
    assert [trade.gross for trade in closed_trades(fills(rows))] == [D(p) for p in profits]


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


@pytest.mark.parametrize(
    ("results", "fees", "count"),
    [
        ((1,), {0: "0.4", 1: "0.7"}, 1),
        ((1,), {1: "0.7"}, 0),
        ((0,), {1: "0.7"}, 0),
        ((-1, 0), {3: "0.7"}, 0),
        ((-1, 1), {2: "3"}, 2),
    ],
    ids=["net-loss", "net-gain", "gross-zero", "zero-ends-the-run", "fee-of-the-purchase"],
)
def test_a_loss_is_what_was_left_after_fees(
    results: tuple[int, ...], fees: dict[int, str], count: int
) -> None:
    assert losses_in_a_row(fills(rounds(*results), fees), since=T0) == count


def test_the_fee_of_a_flip_goes_with_its_shares() -> None:
    rows: list[Row] = [("A", 10, "100"), ("A", -15, "90"), ("A", 5, "80")]
    trades = closed_trades(fills(rows, {1: "0.30"}))
    assert [(trade.gross, trade.fees) for trade in trades] == [
        (D("-100"), D("0.20")),
        (D(50), D("0.10")),
    ]


def test_a_split_between_purchase_and_sale_realises_nothing() -> None:
    history = Settled(
        (
            execution(0, "A", D(10), "100"),
            execution(1, "A", D(-10), "100", state=FillState.ADJUSTMENT),
            execution(2, "A", D(20), "50", state=FillState.ADJUSTMENT),
            execution(3, "A", D(-20), "49"),
        )
    )
    assert [trade.gross for trade in closed_trades(history)] == [D(-20)]


def test_what_ended_without_a_trade_is_no_part_of_the_next_trade() -> None:
    history = Settled(
        (
            execution(0, "A", D(10), "100"),
            execution(1, "A", D(-5), "90"),
            execution(2, "A", D(-5), "0", state=FillState.ADJUSTMENT),
            execution(3, "A", D(10), "100"),
            execution(4, "A", D(-10), "101"),
        )
    )
    assert [trade.gross for trade in closed_trades(history)] == [D(10)]


def test_coins_left_over_as_fees_keep_no_trade_open() -> None:
    """997.5 of 1000 can be sold; that the rest was the fee is not booked yet."""
    bought = execution(0, "DOGE/USD", D(1000), "0.1", asset_class="crypto")
    sold = execution(1, "DOGE/USD", D("-997.5"), "0.11", asset_class="crypto")
    (trade,) = closed_trades(Settled((bought, sold)))
    assert (trade.gross, trade.fees) == (D("9.975"), D("0.25"))


@given(st.lists(st.tuples(st.integers(-9, 9).filter(bool), st.integers(1, 99)), max_size=12))
@settings(max_examples=200, deadline=None)
def test_profits_add_up_to_the_cash_once_flat(trades: list[tuple[int, int]]) -> None:
    rows: list[Row] = [("A", qty, str(price)) for qty, price in trades]
    left = sum(qty for qty, _ in trades)
    if left:
        rows.append(("A", -left, "50"))
    cash = sum(-qty * D(price) for _, qty, price in rows)
    assert abs(sum(trade.net for trade in closed_trades(fills(rows))) - cash) < D("1e-15")


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
