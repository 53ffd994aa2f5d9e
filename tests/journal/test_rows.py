"""Goal: every kind of row comes back exactly as it was written, and is found as asked for.

Method: real SQLite files, real processes, real damage.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from journal.rows import T0, execution, record
from msgspec.structs import replace

from execbot.journal import (
    Journal,
)
from execbot.journal.codec import (
    FILL_COLUMNS,
    ORDER_COLUMNS,
    execution_of,
    fill_row,
    order_row,
    record_of,
)
from execbot.journal.records import FillState, OrderRecord, Progress
from execbot.journal.stand_in_journal import stand_in_journal
from execbot.model.enums import (
    OrderClass,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from execbot.model.order import Order

decimals = st.decimals(
    min_value=0, max_value=10**12, allow_nan=False, allow_infinity=False, places=9
)


times = st.datetimes(
    min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)


texts = st.text(max_size=20)


@st.composite
def records(draw: st.DrawFn) -> OrderRecord:
    maybe_number, maybe_time = st.none() | decimals, st.none() | times
    made = Order(
        id=draw(texts),
        client_order_id=draw(texts),
        symbol=draw(texts),
        side=draw(st.sampled_from(Side)),
        type=draw(st.sampled_from(OrderType)),
        time_in_force=draw(st.sampled_from(TimeInForce)),
        status=draw(st.sampled_from(OrderStatus)),
        qty=draw(maybe_number),
        filled_qty=draw(decimals),
        filled_avg_price=draw(maybe_number),
        limit_price=draw(maybe_number),
        hwm=draw(maybe_number),
        extended_hours=draw(st.booleans()),
        replaces=draw(st.none() | texts),
        submitted_at=draw(maybe_time),
        expires_at=draw(maybe_time),
    )
    return OrderRecord(
        order=made,
        origin=draw(texts),
        reason=draw(st.none() | texts),
        intent_at=draw(times),
        sent_at=draw(maybe_time),
        arrival_price=draw(maybe_number),
        note=draw(st.none() | texts),
        progress=Progress(
            status_at=draw(maybe_time), reported_qty=draw(decimals), chain_qty=draw(decimals)
        ),
    )


def through_sqlite(columns: Sequence[str], values: Sequence[Any]) -> sqlite3.Row:
    """The values as SQLite hands them back."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        sql = "SELECT " + ", ".join(f"? AS {name}" for name in columns)
        row: sqlite3.Row = connection.execute(sql, values).fetchone()
        return row


@given(records())
@settings(max_examples=60, deadline=None)
def test_an_order_comes_back_exactly_as_it_was_written(made: OrderRecord) -> None:
    assert record_of(through_sqlite(ORDER_COLUMNS, order_row(made))) == made


@given(records(), records(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_an_order_written_again_is_what_was_written_last(
    first: OrderRecord, second: OrderRecord, found_as_before: bool
) -> None:
    """Whatever is said of what was there: the columns that it is found by are left alone only
    where they are the same."""
    order = replace(second.order, client_order_id="a")
    again = replace(second, order=order)
    if found_as_before:
        order = replace(order, id=first.order.id, symbol=first.order.symbol)
        again = replace(
            second, order=order, intent_at=first.intent_at, sent_at=first.sent_at, parent_id=None
        )
    was = replace(first, order=replace(first.order, client_order_id="a"))
    journal = stand_in_journal(Path("no such folder") / "journal.db")
    with journal:
        journal.put_orders([was])
        journal.put_orders([again], {"a": was})
        assert journal.orders_alone(["a"]) == [again]


@given(decimals, decimals, times, st.sampled_from(FillState), st.none() | texts)
@settings(max_examples=60, deadline=None)
def test_an_execution_comes_back_exactly_as_it_was_written(
    qty: Decimal, price: Decimal, at: datetime, state: FillState, activity_id: str | None
) -> None:
    made = execution("x", qty=qty, price=price, at=at, state=state, activity_id=activity_id)
    assert execution_of(through_sqlite(FILL_COLUMNS, fill_row(made))) == made


def test_orders_are_listed_newest_first_and_filtered(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.put_orders(
            [
                record("a", 0),
                record("b", 1, status=OrderStatus.FILLED),
                record("c", 2, symbol="MSFT"),
                record("d", 3, status=OrderStatus.IN_DOUBT),
            ]
        )

        def listed(*args: Any, **more: Any) -> list[str]:
            return [item.client_order_id for item in journal.orders(*args, **more)]

        assert listed("all") == ["d", "c", "b", "a"]
        assert listed("open") == ["d", "c", "a"]
        assert listed("closed") == ["b"]
        assert listed("all", symbol="MSFT") == ["c"]
        assert listed("all", since=T0 + timedelta(seconds=2)) == ["d", "c"]
        assert listed("all", until=T0 + timedelta(seconds=1)) == ["a"]
        assert listed("all", limit=2) == ["d", "c"]
        assert [item.client_order_id for item in journal.unsettled_orders()] == ["d"]
        found = journal.find_order("id-c")
        assert found is not None and found == journal.find_order("c")
        assert journal.find_order("nobody") is None
        assert journal.order_by_broker_id("") is None


MOMENTS = ("sent_at", "submitted_at", "filled_at", "canceled_at")

moments = st.datetimes(
    min_value=datetime(2026, 10, 5), max_value=datetime(2026, 10, 9), timezones=st.just(UTC)
) | st.sampled_from([datetime(2026, 10, day, tzinfo=UTC) for day in range(5, 10)])
"""Of a few days, and the ends of these."""


@st.composite
def moved(draw: st.DrawFn, name: str) -> OrderRecord:
    sent_at, *others = (draw(st.none() | moments) for _ in MOMENTS)
    made = record(name, **dict(zip(MOMENTS[1:], others, strict=True)))
    return replace(made, intent_at=draw(st.none() | moments), sent_at=sent_at)


def of_span(made: OrderRecord, since: datetime, until: datetime) -> bool:
    order = made.order
    named = (made.intent_at, made.sent_at, order.submitted_at, order.filled_at, order.canceled_at)
    return any(moment is not None and since <= moment < until for moment in named)


@given(st.tuples(*(moved(name) for name in "abcd")), moments, moments)
@settings(max_examples=100, deadline=None)
def test_orders_of_a_span_are_found_by_any_of_their_moments(
    made: tuple[OrderRecord, ...], since: datetime, until: datetime
) -> None:
    with stand_in_journal(Path("no such folder") / "journal.db") as journal:
        journal.put_orders(made)
        found = {item.client_order_id for item in journal.orders_of_days(since, until)}
    assert found == {item.client_order_id for item in made if of_span(item, since, until)}


def test_money_is_decimal_text_in_the_file(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.put_orders([record("a", qty=Decimal("0.000000001"))])
        (row,) = journal._rows("SELECT qty, typeof(qty), filled_qty FROM orders")
        assert tuple(row) == ("0.000000001", "text", "0")


def test_an_execution_id_exists_once(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.put_executions([execution("x1")])
        journal.put_executions([execution("x1", qty=Decimal(2))])
        assert [item.qty for item in journal.executions()] == [Decimal(2)]
        assert journal.execution_owners(["x1", "x2"]) == {"x1": "a"}


def test_busted_executions_are_no_fills_but_stay_in_the_books(path: Path) -> None:
    with Journal.open(path) as journal:
        gone = execution("x1", state=FillState.BUSTED, net_qty=Decimal(0))
        journal.put_executions([gone, execution("x2")])
        assert [fill.execution_id for fill in journal.fills()] == ["x2"]
        assert len(journal.executions()) == 2


def test_several_orders_come_in_the_order_asked_for_and_with_their_legs(path: Path) -> None:
    with Journal.open(path) as journal:
        parent = record("a", order_class=OrderClass.BRACKET)
        leg = replace(record("leg"), parent_id="a")
        journal.put_orders([parent, leg, record("b")])
        found = journal.orders_by_client_ids(["b", "unknown", "a"])
        assert [item.client_order_id for item in found] == ["b", "a"]
        assert [item.client_order_id for item in found[1].order.legs] == ["leg"]


def test_a_signal_is_claimed_once_by_one_process(path: Path) -> None:
    with Journal.open(path) as one, Journal.open(path) as two:
        assert one.claim_signal("s1", "AAPL", {"strength": Decimal("82")}, T0)
        assert not two.claim_signal("s1", "AAPL", {}, T0)
        two.finish_signal("s1", "submitted", T0, client_order_id="a")
        found = one.signal("s1")
        assert found is not None
        assert (found.outcome, found.client_order_id) == ("submitted", "a")
        assert found.body == {"strength": "82"}
        assert [item.signal_id for item in one.signals()] == ["s1"]


def test_every_version_of_a_plan_is_kept_and_written_once(path: Path) -> None:
    with Journal.open(path) as journal:
        assert journal.save_plan("p", "AAPL", "active", {"stop": "1"}, T0, version=1)
        assert not journal.save_plan("p", "AAPL", "active", {"stop": "9"}, T0, version=1)
        assert journal.save_plan("p", "AAPL", "done", {"stop": "2"}, T0, version=2)
        current = journal.plan("p")
        assert current is not None and current.version == 2 and current.body == {"stop": "2"}
        assert [item.version for item in journal.plan_history("p")] == [1, 2]
        assert journal.plans(statuses=["active"]) == []
        assert [item.plan_id for item in journal.plans(symbol="AAPL", statuses=["done"])] == ["p"]


def test_decisions_are_found_by_their_subject(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.audit("risk", "a", "max_positions", {"seen": 5, "limit": Decimal(5)}, "denied", T0)
        journal.audit("risk", "b", "max_positions", {}, "passed", T0)
        (row,) = journal.audit_of("a")
        assert row.facts == {"seen": 5, "limit": "5"} and row.result == "denied"


def test_recoveries_are_found_by_their_time(path: Path) -> None:
    hour = timedelta(hours=1)
    with Journal.open(path) as journal:
        journal.audit("risk", "a", "max_positions", {}, "denied", T0)
        journal.audit("recovery", "a", "retry", {}, "retry", T0)
        journal.audit("recovery", "b", "retry", {}, "recovered", T0 + hour)
        assert [row.subject for row in journal.recoveries(T0)] == ["a", "b"]
        assert [row.subject for row in journal.recoveries(T0, T0 + hour)] == ["a"]


def test_meta_values_come_back_and_go(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.meta_set("halt", {"on": True, "at": T0})
        assert journal.meta_get("halt") == {"on": True, "at": "2026-10-07T14:00:00.000000Z"}
        journal.meta_delete("halt")
        assert journal.meta_get("halt", "none") == "none"
