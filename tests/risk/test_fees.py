"""Goal: shares of fees add up to the rows, whatever comes in whatever order (E-FEE-1, E-FEE-2).

Method: tables of rows as Alpaca writes them; hypothesis makes days of trades, busts, fees, flows.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from execbot.journal.records import Execution, FillState
from execbot.model.account import Activity
from execbot.model.enums import EventSource, Side
from execbot.risk.fees import FEE_ROWS, Settled, day_of, settled, shared, standing_rows
from execbot.risk.streaks import closed_trades

D = Decimal
DAY = date(2026, 9, 8)
OPEN = datetime(2026, 9, 8, 13, 30, tzinfo=UTC)
CALL = "AAPL261218C00200000"


def row(kind: str, amount: str, number: int = 0, **more: Any) -> Activity:
    wire = {
        "id": f"2026090800000000{number}::{kind}-{number}",
        "activity_type": kind,
        "net_amount": amount,
        "date": str(DAY),
        "status": "executed",
        **more,
    }
    return Activity.from_wire(wire)


def fee(sub_type: str, amount: str, number: int = 0, **more: Any) -> Activity:
    return row("FEE", amount, number, activity_sub_type=sub_type, **more)


def trade(
    number: int, qty: str, price: str = "100", symbol: str = "AAPL", **more: Any
) -> Execution:
    coin = "/" in symbol
    made = Execution(
        execution_id=f"x{number:04d}",
        order_id=f"o{number}",
        client_order_id=f"c{number}",
        symbol=symbol,
        side=Side.BUY if D(qty) > 0 else Side.SELL,
        at=OPEN + timedelta(minutes=number),
        source=EventSource.STREAM,
        state=FillState.BOOKED,
        qty=abs(D(qty)),
        price=D(price),
        net_qty=abs(D(qty)),
        net_price=D(price),
        asset_class="crypto" if coin else "us_equity",
    )
    return replace(made, **more)


def coin_fee(number: int, coins: str, symbol: str = "BTC/USD") -> Execution:
    booked = trade(number, f"-{coins}", symbol=symbol)
    return replace(booked, state=FillState.ADJUSTMENT, fee=D(coins))


def amounts(found: Settled) -> dict[str, str]:
    return {name: str(fee.amount) for name, fee in found.fills.items()}


# --- what a row is -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "day"),
    [
        ({}, DAY),
        ({"date": "2026-09-09", "description": "REG fee for proceed of $9 on 2026-09-08"}, DAY),
        ({"description": "TAF fee for proceed of 2 shares (1 trades) on 2026-09-04 by PA3"},
         date(2026, 9, 4)),
        ({"date": "2026-09-08T00:00:00"}, DAY),
        ({"date": None, "created_at": "2026-09-09T00:17:05.448916Z"}, DAY),
    ],
)  # fmt: skip
def test_a_row_belongs_to_the_trading_day_that_it_names(more: dict[str, Any], day: date) -> None:
    assert day_of(fee("REG", "-3.82", **more)) == day


def test_canceled_rows_and_those_that_another_takes_the_place_of_do_not_count() -> None:
    rows = [
        fee("TAF", "-0.31", 1),
        fee("TAF", "-0.13", 2, previous_id="FEE-1", status="correct"),
        fee("REG", "-3.82", 3, status="canceled"),
    ]
    assert [item.net_amount for item in standing_rows(rows)] == [D("-0.13")]
    assert settled([], rows).days == {DAY: {"TAF": D("0.13")}}


# --- which executions were charged -------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "shares"),
    [
        ([fee("TAF", "-0.03")], {"x0002": "0.01", "x0003": "0.02"}),
        ([fee("REG", "-0.03")], {"x0002": "0.02", "x0003": "0.01"}),
        ([fee("CAT", "-0.05")], {"x0001": "0.02", "x0002": "0.01", "x0003": "0.02"}),
        ([row("FEE", "-0.03", description="TAF fee for proceed of 9 shares")],
         {"x0002": "0.01", "x0003": "0.02"}),
        ([fee("REG", "-0.07", description="OPT REG fee for proceed of $90")], {"x0004": "0.07"}),
        ([fee("ORF", "-0.05")], {"x0004": "0.05"}),
        ([row("CFEE", "-0.50", symbol="BTCUSD")], {"x0006": "0.50"}),
        ([row("CFEE", "-0.50")], {"x0006": "0.50"}),
        ([fee("TAF", "-0.03"), row("PTR", "0.02")], {"x0002": "0.01", "x0003": "0.02"}),
        ([row("PTC", "-2", symbol="AAPL"), row("DIVFEE", "-1"), row("FEE", "-25")], {}),
        ([fee("TAF", "-0.03", date="2026-09-07")], {}),
        ([row("CSW", "-600"), row("INT", "-3")], {}),
    ],
)  # fmt: skip
def test_a_row_is_shared_over_what_it_was_charged_for(
    rows: list[Activity], shares: dict[str, str]
) -> None:
    """Sold: 10 shares at 300, then 20 at 100; a contract; a coin."""
    trades = [
        trade(1, "30"),
        trade(2, "-10", "300"),
        trade(3, "-20", "100"),
        trade(4, "-1", "5", CALL),
        trade(5, "0.1", "50000", "BTC/USD"),
        trade(6, "-0.004", "50000", "BTC/USD"),
        trade(7, "-99", state=FillState.BUSTED, net_qty=D(0)),
    ]
    found = settled(trades, rows)
    assert amounts(found) == shares
    assert all(fee.estimated == (len(shares) > 1) for fee in found.fills.values())


@pytest.mark.parametrize("kind", ["FEE", "CFEE", "PTC", "PTR", "DIVFEE"])
def test_every_kind_of_fee_is_read_and_belongs_to_its_day(kind: str) -> None:
    days = settled([], [row(kind, "-1.25", symbol="AAPL")]).days
    assert sum(days[DAY].values()) == D("1.25")


def test_a_row_of_one_execution_is_exact() -> None:
    sales = [trade(n, "-0.1", "50000", "BTC/USD") for n in (1, 2)]
    at = (OPEN + timedelta(minutes=2)).isoformat()
    found = settled(sales, [row("CFEE", "-12.5", symbol="BTCUSD", created_at=at)])
    assert [(name, fee.estimated) for name, fee in found.fills.items()] == [("x0002", False)]
    named = settled(sales, [row("CFEE", "-12.5", symbol="BTCUSD", order_id="o1")])
    assert [(name, fee.estimated) for name, fee in named.fills.items()] == [("x0001", False)]


# --- coins -------------------------------------------------------------------------------------


def test_a_fee_in_coins_belongs_to_its_purchase_however_late_it_is_booked() -> None:
    bought, booked = trade(1, "0.1", "50000", "BTC/USD"), coin_fee(3000, "0.00025")
    sold = trade(2, "-0.09975", "51000", "BTC/USD")
    found = settled([booked, sold, bought], [])
    assert found.days == {DAY: {"CFEE": D("12.5")}}
    assert found.fee_of("x0001").amount == D("12.5")
    assert [(item.execution_id, item.net_qty) for item in found.executions] == [
        ("x0001", D("0.09975")),
        ("x0002", D("0.09975")),
    ]
    (closed,) = closed_trades(found)
    assert closed.net == D("0.09975") * 51000 - D("0.1") * 50000


def test_coins_that_cost_more_than_was_bought_are_no_fee_of_the_purchase() -> None:
    """It is of coins that came another way, and the purchase was not for nothing."""
    bought, booked = trade(1, "0.1", "50000", "BTC/USD"), coin_fee(2, "0.1")
    found = settled([bought, booked], [], {"BTC/USD": D(40)})
    assert amounts(found) == {}
    assert [(item.execution_id, item.net_qty) for item in found.executions] == [
        ("x0001", D("0.1")),
        (booked.execution_id, booked.net_qty),
    ]


def test_rows_say_what_each_of_two_purchases_cost() -> None:
    """A maker's and a taker's: by quantity it would be the same for both."""
    bought = [trade(n, "1", "100", "BTC/USD") for n in (1, 2)]
    rows = [
        row("CFEE", "0", n, symbol="BTCUSD", qty=f"-{coins}", order_id=f"o{n}")
        for n, coins in ((1, "0.0015"), (2, "0.0025"))
    ]
    booked = coin_fee(3, "0.004")
    shares = settled([*bought, booked], [])
    assert amounts(shares) == {"x0001": "0.200000000", "x0002": "0.200000000"}
    told = settled([*bought, booked], rows)
    assert amounts(told) == {"x0001": "0.150000000", "x0002": "0.250000000"}
    assert not any(fee.estimated for fee in told.fills.values())


# --- any day -----------------------------------------------------------------------------------


@given(
    st.integers(1, 10**6),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=30),
    st.integers(0, 4),
)
@settings(max_examples=300, deadline=None)
def test_shares_add_up_and_are_within_a_unit_of_their_part(
    cents: int, weights: list[int], digits: int
) -> None:
    amount = D(cents).scaleb(-digits)
    parts = shared(amount, [D(weight) for weight in weights], D("0.01"))
    assert sum(parts, D(0)) == amount
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        wanted = amount * weight / whole if whole else amount / len(weights)
        assert abs(part - wanted) < D("0.01")


SYMBOLS = ("AAPL", "MSFT", CALL, "BTC/USD", "DOGE/USD")
SUB_TYPES = ("REG", "TAF", "CAT", "ORF", "COM", "")
KINDS = (*((kind, "") for kind in (*FEE_ROWS, "CSD", "CSW", "JNLC")),
         *(("FEE", sub_type) for sub_type in SUB_TYPES))  # fmt: skip

TRADES = st.lists(
    st.tuples(
        st.sampled_from(SYMBOLS),
        st.integers(-50, 50).filter(bool),
        st.integers(1, 90_000),
        st.integers(0, 3 * 24 * 60),
        st.sampled_from([False] * 9 + [True]),
    ),
    max_size=25,
)
"""Symbol, signed quantity, cents, minutes after the open, busted."""

ROWS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(-500, 500),
        st.integers(0, 2),
        st.sampled_from(["executed"] * 5 + ["canceled"]),
    ),
    max_size=12,
)
"""Kind, cents, day, status."""


def made_of(drawn: list[tuple[str, int, int, int, bool]], fees_in_coins: bool) -> list[Execution]:
    trades = []
    for number, (symbol, qty, cents, minutes, busted) in enumerate(drawn):
        made = trade(number, str(qty), str(D(cents) / 100), symbol)
        made = replace(made, at=OPEN + timedelta(minutes=minutes))
        bust = replace(made, net_qty=D(0), state=FillState.BUSTED)
        trades.append(bust if busted else made)
    for number, symbol in enumerate(("BTC/USD", "DOGE/USD")):
        bought = sum((t.net_qty for t in trades if t.symbol == symbol and t.side is Side.BUY), D(0))
        if bought and fees_in_coins:
            trades.append(coin_fee(9000 + number, str(bought * D("0.0025")), symbol))
    return trades


def rows_of(drawn: list[tuple[tuple[str, str], int, int, str]]) -> list[Activity]:
    return [
        row(
            kind,
            str(D(cents) / 100),
            number,
            date=str(DAY + timedelta(days=days)),
            activity_sub_type=sub_type,
            status=status,
        )
        for number, ((kind, sub_type), cents, days, status) in enumerate(drawn)
    ]


@given(TRADES, ROWS, st.booleans(), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_any_days_add_up_and_nothing_depends_on_what_came_first(
    drawn: list[tuple[str, int, int, int, bool]],
    drawn_rows: list[tuple[tuple[str, str], int, int, str]],
    fees_in_coins: bool,
    seed: int,
) -> None:
    trades, rows = made_of(drawn, fees_in_coins), rows_of(drawn_rows)
    found, chance = settled(trades, rows), random.Random(seed)
    late_trades, late_rows = chance.sample(trades, len(trades)), chance.sample(rows, len(rows))
    assert settled(late_trades, [*late_rows, *late_rows[:3]]) == found

    coins = in_coins(found, trades)
    told = charged_by_rows(rows)
    for day in found.days.keys() | told.keys() | coins.keys():
        dollars = sum(found.days.get(day, {}).values(), D(0))
        assert dollars == told.get(day, D(0)) + coins.get(day, D(0))
    shares = sum((fee.amount for fee in found.fills.values()), D(0))
    nobodys = sum(
        (-(item.net_amount or D(0)) for item in rows if not charged_anything(item, trades)), D(0)
    )
    assert shares == sum(told.values(), D(0)) - nobodys + sum(coins.values(), D(0))


def new_york(moment: datetime) -> date:
    return (moment - timedelta(hours=4)).date()


def charged_by_rows(rows: list[Activity]) -> dict[date, Decimal]:
    found: dict[date, Decimal] = {}
    for item in rows:
        if item.activity_type in FEE_ROWS and item.raw["status"] != "canceled":
            assert item.at is not None and item.net_amount is not None
            found[item.at.date()] = found.get(item.at.date(), D(0)) - item.net_amount
    return found


def charged_anything(item: Activity, trades: list[Execution]) -> bool:
    """Whether a row that counts was for any trade of its day; True for those that do not count."""
    if item.raw["status"] == "canceled" or item.activity_type not in FEE_ROWS:
        return True
    kind = item.raw["activity_sub_type"] or item.activity_type
    wanted = {
        "REG": [-1], "TAF": [-1], "CFEE": [-1], "CAT": [-1, 1], "ORF": [-1, 1],
        "COM": [-1, 1],
    }.get(kind, [])  # fmt: skip
    symbols = {"ORF": (CALL,), "CFEE": ("BTC/USD", "DOGE/USD")}.get(kind, ("AAPL", "MSFT"))
    assert item.at is not None
    return any(
        made.signed_qty * sign > 0
        for made in trades
        for sign in wanted
        if made.symbol in symbols
        and new_york(made.at) == item.at.date()
        and made.state is not FillState.ADJUSTMENT
    )


def in_coins(found: Settled, trades: list[Execution]) -> dict[date, Decimal]:
    """What coins cost, by how much less the purchases are than what was bought."""
    bought = {item.execution_id: item for item in trades}
    costs: dict[date, Decimal] = {}
    for item in found.executions:
        gone = (bought[item.execution_id].net_qty - item.net_qty) * item.net_price
        if gone:
            day = new_york(item.at)
            costs[day] = costs.get(day, D(0)) + gone
    return costs
