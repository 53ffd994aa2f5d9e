"""Goal: what is over is found alike in memory and on disk. Method: random orders and activities,
random questions, both archives against a plain list.
"""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from execbot.sim.engine.accounts.archive import (
    Activity,
    ActivityFilter,
    MemoryArchive,
    OrderFilter,
    Span,
)
from execbot.sim.engine.order import Order, OrderClass, OrderType, Side, Status, TimeInForce
from execbot.sim.store import SqliteArchive
from execbot.sim.types import AssetClass

SYMBOLS = ("AAPL", "MSFT", "BTC/USD")
TIMES = range(1000, 1010)  # many share an instant


def an_order(number: int, dice: random.Random) -> Order:
    symbol = dice.choice(SYMBOLS)
    at = dice.choice(TIMES)
    return Order(
        id=f"order-{number}",
        seq=number,
        account_id=dice.choice(("one", "one", "other")),
        client_order_id=f"client-{number}",
        symbol=symbol,
        asset_id=symbol,
        asset_class=AssetClass.CRYPTO if "/" in symbol else AssetClass.US_EQUITY,
        side=dice.choice(list(Side)),
        type=OrderType.MARKET,
        tif=TimeInForce.DAY,
        order_class=OrderClass.SIMPLE,
        created_at=at,
        updated_at=at,
        submitted_at=at,
        status=Status.FILLED,
        parent_id=dice.choice((None, None, "parent")),
    )


def an_activity(number: int, at: int, dice: random.Random) -> Activity:
    kind = dice.choice(("FILL", "DIV", "CSD"))
    body = {"id": f"a{number}", "activity_type": kind}
    return Activity("one", number, f"a{number}", kind, at, dice.choice((None, "o1", "o2")), body)


def a_key(dice: random.Random) -> tuple[int, int] | None:
    return None if dice.random() < 0.3 else (dice.choice(TIMES), dice.randrange(40))


def a_span(dice: random.Random) -> Span:
    return Span(a_key(dice), a_key(dice), dice.random() < 0.5)


def listed(rows: list[Any], keys: Any, span: Span, wants: Any, limit: int) -> list[str]:
    found = [row for row in rows if span.holds(keys(row)) and wants(row)]
    found.sort(key=keys, reverse=not span.ascending)
    return [row.id for row in found[:limit]]


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32), st.integers(0, 40))
def test_orders_are_found_alike(seed: int, count: int) -> None:
    dice = random.Random(seed)
    orders = [an_order(number, dice) for number in range(count)]
    archives = MemoryArchive(), SqliteArchive.temporary()
    for order in orders:
        for archive in archives:
            archive.put_order(order)
    for _ in range(5):
        span, limit = a_span(dice), dice.randrange(1, 20)
        wanted = OrderFilter(
            symbols=dice.choice((None, frozenset({"AAPL"}), frozenset({"MSFT", "BTC/USD"}))),
            side=dice.choice((None, "buy", "sell")),
            asset_classes=dice.choice((None, frozenset({"crypto"}), frozenset[str]())),
            top_only=dice.random() < 0.3,
        )
        own = [order for order in orders if order.account_id == "one"]
        expected = listed(own, lambda o: (o.submitted_at, o.seq), span, wanted.wants_order, limit)
        for archive in archives:
            found = archive.find_orders("one", span, wanted, limit)
            assert [order.id for order in found] == expected
            assert all(order == orders[order.seq] for order in found)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32), st.integers(0, 40))
def test_activities_are_found_alike(seed: int, count: int) -> None:
    dice = random.Random(seed)
    times = [dice.choice(TIMES) for _ in range(count)]  # some rows carry an earlier time
    rows = [an_activity(number, at, dice) for number, at in enumerate(times)]
    archives = MemoryArchive(), SqliteArchive.temporary()
    for row in rows:
        for archive in archives:
            archive.put_activity(row)
    for _ in range(5):
        span = a_span(dice)
        wanted = ActivityFilter(
            kinds=dice.choice((None, frozenset({"FILL"}), frozenset({"DIV", "CSD"}))),
            order_id=dice.choice((None, "o1")),
        )
        limit = dice.choice((None, 1, 7))
        expected = listed(
            rows,
            lambda row: (row.at, row.seq),
            span,
            lambda row, wanted=wanted: wanted.wants(row.kind, row.order_id),
            limit or count,
        )
        for archive in archives:
            assert [r.id for r in archive.find_activities("one", span, wanted, limit)] == expected


def test_a_filter_wants_what_fits_all_of_it() -> None:
    assert OrderFilter().wants("AAPL", "buy", "us_equity", "parent")
    assert not OrderFilter(top_only=True).wants("AAPL", "buy", "us_equity", "parent")
    assert not OrderFilter(symbols={"MSFT"}).wants("AAPL", "buy", "us_equity", None)
    assert not OrderFilter(side="sell").wants("AAPL", "buy", "us_equity", None)
    assert not OrderFilter(asset_classes={"crypto"}).wants("AAPL", "buy", "us_equity", None)
    assert not ActivityFilter(kinds={"DIV"}).wants("FILL", None)
    assert not ActivityFilter(order_id="o1").wants("FILL", "o2")
    span = Span((1, 5), (2, 0))
    assert [span.holds(key) for key in ((1, 5), (1, 6), (1, 9), (2, 0))] == [
        False, True, True, False,
    ]  # fmt: skip
