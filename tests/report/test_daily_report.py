"""Goal: the day's numbers equal what a pencil gives.

Method: small hand-made histories of executions and orders, each result worked out by hand.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from execbot.journal.records import Execution, FillState, OrderRecord
from execbot.model.enums import EventSource, OrderStatus, OrderType, Outcome, Side, TimeInForce
from execbot.model.order import Order
from execbot.quality.slippage import slippage_bps, weighted_mean
from execbot.report.daily import DailyReport, daily_report
from execbot.report.span import Span

DAY = Span.of(date(2026, 3, 10))
NOON = datetime(2026, 3, 10, 16, tzinfo=UTC)
D = Decimal


def execution(
    name: str, side: Side, qty: str, price: str, at: datetime = NOON, symbol: str = "AAPL"
) -> Execution:
    return Execution(
        execution_id=name,
        order_id=f"order-{name}",
        client_order_id=f"client-{name}",
        symbol=symbol,
        side=side,
        at=at,
        source=EventSource.STREAM,
        state=FillState.BOOKED,
        qty=D(qty),
        price=D(price),
        net_qty=D(qty),
        net_price=D(price),
    )


def order(name: str, side: Side, qty: str, filled: str, paid: str | None, arrival: str | None):
    return OrderRecord(
        Order(
            id=f"order-{name}",
            client_order_id=f"client-{name}",
            symbol="AAPL",
            side=side,
            type=OrderType.MARKET,
            time_in_force=TimeInForce.DAY,
            status=OrderStatus.FILLED if filled == qty else OrderStatus.CANCELED,
            qty=D(qty),
            filled_qty=D(filled),
            filled_avg_price=None if paid is None else D(paid),
        ),
        intent_at=NOON,
        arrival_price=None if arrival is None else D(arrival),
    )


def report(*executions: Execution, orders: tuple[OrderRecord, ...] = (), **prices: str):
    return daily_report(DAY, orders, executions, {s: D(p) for s, p in prices.items()})


def test_a_day_is_a_new_york_day_also_when_the_clocks_change() -> None:
    assert DAY.start == datetime(2026, 3, 10, 4, tzinfo=UTC)
    spring = Span.of(date(2026, 3, 8))
    assert spring.end - spring.start == timedelta(hours=23)
    assert Span.at(datetime(2026, 3, 10, 3, 59, tzinfo=UTC)).on == date(2026, 3, 9)


def test_nothing_happened() -> None:
    empty = report()
    assert empty.realized_pl == 0
    assert empty.unrealized_pl == 0
    assert (empty.fees_total, empty.slippage_bps, empty.fill_rate_pct) == (None, None, None)
    assert empty.positions == ()


def test_bought_and_sold_on_the_day_realises_the_difference() -> None:
    day = report(
        execution("1", Side.BUY, "10", "100"),
        execution("2", Side.SELL, "4", "110", NOON + timedelta(minutes=1)),
        AAPL="105",
    )
    assert day.realized_pl == D(40)
    assert day.unrealized_pl == D(30)
    assert (day.bought, day.sold) == (D(1000), D(440))
    assert [(line.symbol, line.qty) for line in day.positions] == [("AAPL", D(6))]


def test_only_the_profit_of_the_day_counts_against_the_cost_of_days_before() -> None:
    yesterday = NOON - timedelta(days=1)
    day = report(
        execution("1", Side.BUY, "10", "100", yesterday),
        execution("2", Side.SELL, "5", "120", yesterday + timedelta(minutes=1)),
        execution("3", Side.SELL, "5", "90"),
    )
    assert day.realized_pl == D(-50)
    assert len(day.fills) == 1


def test_what_was_filled_after_the_day_is_not_in_it() -> None:
    day = report(
        execution("1", Side.BUY, "10", "100"),
        execution("2", Side.SELL, "10", "200", NOON + timedelta(days=1)),
        AAPL="150",
    )
    assert (day.realized_pl, day.unrealized_pl) == (D(0), D(500))


def test_a_missing_price_leaves_the_unrealised_profit_unknown() -> None:
    assert report(execution("1", Side.BUY, "10", "100")).unrealized_pl is None


def test_a_flip_through_zero_realises_only_what_was_closed() -> None:
    day = report(
        execution("1", Side.BUY, "10", "100"),
        execution("2", Side.SELL, "15", "110", NOON + timedelta(minutes=1)),
        AAPL="100",
    )
    assert day.realized_pl == D(100)
    assert day.unrealized_pl == D(50)


def test_busted_executions_and_adjustments_are_no_fills() -> None:
    bust = replace(execution("1", Side.BUY, "10", "100"), net_qty=D(0), state=FillState.BUSTED)
    fee = replace(
        execution("2", Side.SELL, "0.1", "0", symbol="BTC/USD"), state=FillState.ADJUSTMENT
    )
    day = report(bust, fee)
    assert day.fills == ()
    assert day.realized_pl == 0


def test_orders_of_the_day_are_counted_by_outcome_and_judged() -> None:
    day = report(
        orders=(
            order("1", Side.BUY, "10", "10", "100.10", "100"),
            order("2", Side.SELL, "30", "15", "100", "100.10"),
            replace(order("3", Side.BUY, "1", "1", "5", "5"), intent_at=NOON - timedelta(days=9)),
        )
    )
    assert day.outcomes == {Outcome.FILLED: 1, Outcome.PARTIALLY_FILLED: 1}
    assert [line.slippage_bps for line in day.orders] == [D("10.00"), D("9.99")]
    assert day.slippage_bps == D("9.99")
    assert day.fill_rate_pct == D("75.0")


def test_an_older_order_that_fills_today_belongs_to_the_day() -> None:
    old = replace(order("1", Side.BUY, "10", "10", "100", None), intent_at=NOON - timedelta(days=9))
    day = report(execution("1", Side.BUY, "10", "100"), orders=(old,))
    assert len(day.orders) == 1


@pytest.mark.parametrize(
    ("side", "arrival", "paid", "bps"),
    [
        (Side.BUY, "100", "101", "100.00"),
        (Side.BUY, "100", "99.5", "-50.00"),
        (Side.SELL, "100", "99", "100.00"),
        (Side.SELL, "100", "101", "-100.00"),
        (Side.BUY, None, "101", None),
        (Side.BUY, "0", "101", None),
        (Side.BUY, "100", None, None),
    ],
)
def test_slippage_is_positive_when_it_is_worse_for_us(
    side: Side, arrival: str | None, paid: str | None, bps: str | None
) -> None:
    given_arrival = None if arrival is None else D(arrival)
    given_paid = None if paid is None else D(paid)
    found = slippage_bps(side, given_arrival, given_paid)
    assert found == (None if bps is None else D(bps))


def test_the_mean_without_weights_is_unknown() -> None:
    assert weighted_mean([]) is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([Side.BUY, Side.SELL]),
            st.integers(1, 50),
            st.integers(100, 20_000),
        ),
        max_size=25,
    ),
    st.integers(100, 20_000),
)
def test_realised_and_unrealised_together_are_the_cash_flow(
    trades: list[tuple[Side, int, int]], mark: int
) -> None:
    """Whatever the order of trades: profit = what came in - what went out + what is held."""
    price = D(mark) / 100
    executions = [
        execution(f"{n:03d}", side, str(qty), str(D(cents) / 100), NOON + timedelta(seconds=n))
        for n, (side, qty, cents) in enumerate(trades)
    ]
    day: DailyReport = report(*executions, AAPL=str(price))
    held = sum((e.net_qty * e.side.sign for e in executions), D(0))
    assert day.unrealized_pl is not None
    total = day.realized_pl + day.unrealized_pl
    assert abs(total - (day.sold - day.bought + held * price)) < D("0.000001")
