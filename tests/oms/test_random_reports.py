"""Goal: any part of a day's reports, in any order, twice, late, ends in the exchange's own numbers.

Method: seeded days of one order or a chain of replacements (`support.report_days`), with
corrections, busts, rounded rows and equal lots; every correction and bust comes at least once, and
REST tells the last totals. A failing day runs alone by its seed. Then days that once went wrong, as
scripts.
"""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.oms_making import at, wire
from support.report_days import NOW, Day, Report, apply_row

from execbot.broker.port import TradeUpdate
from execbot.journal import Journal
from execbot.model.account import Activity
from execbot.model.enums import OrderStatus
from execbot.model.order import Order
from execbot.oms.sync.intake import apply_snapshot, apply_update
from execbot.oms.sync.rebuild import rebuild

D = Decimal
DAYS = 40


def books(journal: Journal) -> list[tuple[Any, ...]]:
    """What must not depend on how the reports arrived."""
    orders = [
        (item.client_order_id, item.status, item.order.filled_qty, item.order.filled_avg_price)
        for item in sorted(journal.orders("all"), key=lambda item: item.client_order_id)
    ]
    executions = [
        (item.execution_id, item.state, item.net_qty, item.net_price, item.at, item.activity_id)
        for item in journal.executions()
    ]
    everything = (*journal.positions(), *journal.flat_since(datetime(2000, 1, 1, tzinfo=UTC)))
    positions = [(item.symbol, item.qty, item.cost) for item in everything]
    return [*orders, *executions, *positions]


def deliver(journal: Journal, reports: list[Report]) -> None:
    """All of them, and all once more: what comes twice changes nothing."""
    for report in [*reports, *reports]:
        report.deliver(journal)


def assert_rebuilt_equal(journal: Journal) -> None:
    before = journal.derived_tables()
    rebuild(journal)
    assert journal.derived_tables() == before


@pytest.mark.parametrize("chain", [False, True], ids=["order", "chain"])
@pytest.mark.parametrize("start", range(0, DAYS, 10))
def test_any_part_of_a_days_reports_ends_in_the_exchanges_numbers(
    tmp_path: Path, start: int, chain: bool
) -> None:
    """E-EXE-1 to E-EXE-11, E-FAM-3: quantities, averages, ids, statuses; a rebuild; the order."""
    for seed in range(start, start + 10):
        day = Day(seed, chain=chain)
        delivered = day.delivery(seed)
        with Journal.open(tmp_path / f"{seed}-one.db") as journal:
            deliver(journal, delivered)
            assert day.judge(journal, delivered) == [], (seed, delivered)
            assert_rebuilt_equal(journal)
            first = books(journal)
        random.Random(seed + 7).shuffle(delivered)
        with Journal.open(tmp_path / f"{seed}-two.db") as journal:
            deliver(journal, delivered)
            assert books(journal) == first, (seed, delivered)


# --- days that went wrong, as scripts ------------------------------------------------------

A = "aaaaaaaa-0000-4000-8000-000000000001"
B = "bbbbbbbb-0000-4000-8000-000000000002"


def shown(order_id: str, status: str, *, second: float, **more: Any) -> dict[str, Any]:
    name = "first" if order_id == A else "second"
    links = {"replaced_by": B} if order_id == A and status == "replaced" else {}
    links = {"replaces": A} if order_id == B else links
    return wire(status, second=second, id=order_id, client_order_id=name, **links, **more)


def looked(order_id: str, status: str, *, second: float, **more: Any) -> Order:
    return Order.from_wire(shown(order_id, status, second=second, **more))


def told(
    order_id: str,
    event: str,
    status: str,
    *,
    second: float,
    execution_id: str | None = None,
    qty: str | None = None,
    price: str | None = None,
    **more: Any,
) -> TradeUpdate:
    found = shown(order_id, status, second=second, **more)
    return TradeUpdate(
        event=event,
        order=Order.from_wire(found),
        at=at(second),
        execution_id=execution_id,
        qty=D(qty) if qty else None,
        price=D(price) if price else None,
        raw={"event": event, "order": found, "execution_id": execution_id},
    )


def listed(
    order_id: str, number: int, qty: str, price: str, cum: str | None, *, second: float
) -> Activity:
    return Activity(
        id=f"a{number}",
        activity_type="FILL",
        at=at(second),
        order_id=order_id,
        symbol="AAPL",
        side="buy",
        qty=D(qty),
        price=D(price),
        cum_qty=D(cum) if cum is not None else None,
    )


def take(journal: Journal, *reports: Order | TradeUpdate | Activity) -> None:
    for report in reports:
        match report:
            case Order():
                apply_snapshot(journal, report, NOW)
            case Activity():
                apply_row(journal, report)
            case _:
                apply_update(journal, report, NOW)


def held(journal: Journal) -> Decimal:
    position = journal.position("AAPL")
    return position.qty if position is not None else D(0)


REPLACED_EQUAL_LOT: tuple[Order | TradeUpdate | Activity, ...] = (
    looked(B, "partially_filled", second=9, filled="1", avg="101"),
    told(A, "new", "new", second=1),
    told(A, "replaced", "replaced", second=5, filled="1", avg="101"),
    listed(B, 2, "1", "101", "2", second=8),
    told(
        B, "partial_fill", "partially_filled", second=8, execution_id="x2", qty="1", price="101",
        filled="1", avg="101",
    ),
    listed(A, 1, "1", "101", "1", second=3),
    told(
        A, "partial_fill", "partially_filled", second=3, execution_id="x1", qty="1", price="101",
        filled="1", avg="101",
    ),
    looked(A, "replaced", second=5, filled="1", avg="101"),
)  # fmt: skip
"""A lot of one share before the replace and an equal one after it; the rows count the chain."""


def test_equal_lots_before_and_after_a_replace_are_two_in_any_order(tmp_path: Path) -> None:
    """E-EXE-3: the day that a random run found; it was booked as three shares."""
    found: set[tuple[Any, ...]] = set()
    orders = [REPLACED_EQUAL_LOT, REPLACED_EQUAL_LOT[::-1]]
    chance = random.Random(487)
    orders += [tuple(chance.sample(REPLACED_EQUAL_LOT, 8)) for _ in range(40)]
    for number, order in enumerate(orders):
        with Journal.open(tmp_path / f"{number}.db") as journal:
            take(journal, *order, *order)
            assert held(journal) == 2, order
            rows = {item.execution_id: item.activity_id for item in journal.executions()}
            assert rows == {"x1": "a1", "x2": "a2"}, order
            assert_rebuilt_equal(journal)
            found.add(tuple(books(journal)))
    assert len(found) == 1


@pytest.mark.parametrize("rows_count", [True, False], ids=["totals", "no-totals"])
def test_equal_lots_in_one_instant_are_rebuilt_with_their_ids(
    tmp_path: Path, rows_count: bool
) -> None:
    """E-EXE-11: rows first, then frames, and the other way round; each keeps its own."""
    totals = {n: str(5 * n) if rows_count else None for n in (1, 2, 3)}
    rows = [listed(A, n, "5", "100", totals[n], second=2) for n in (1, 2, 3)]
    frames = [
        told(
            A, "partial_fill", "partially_filled", second=2, execution_id=f"x{n}", qty="5",
            price="100", filled=str(5 * n), avg="100", order_qty="20",
        )
        for n in (1, 2, 3)
    ]  # fmt: skip
    first = told(A, "new", "new", second=1, order_qty="20")
    for number, order in enumerate(itertools.permutations([*rows[:2], *frames[:2]])):
        with Journal.open(tmp_path / f"{number}.db") as journal:
            take(journal, first, *order, rows[2], frames[2])
            expected = {"x1": "a1", "x2": "a2", "x3": "a3"}
            assert {i.execution_id: i.activity_id for i in journal.executions()} == expected
            assert_rebuilt_equal(journal)
            assert {i.execution_id: i.activity_id for i in journal.executions()} == expected


# --- chains --------------------------------------------------------------------------------


def test_late_fill_of_a_replaced_order_takes_back_what_was_inferred(tmp_path: Path) -> None:
    """E-FAM-3: the replacement shows 10 filled; 4 of them were the old order's: 10, not 14."""
    late = told(
        A, "partial_fill", "partially_filled", second=3, execution_id="x1", qty="4", price="100",
        filled="4", avg="100",
    )  # fmt: skip
    with Journal.open(tmp_path / "journal.db") as journal:
        take(
            journal,
            told(A, "new", "new", second=1),
            told(A, "replaced", "replaced", second=5),
            told(B, "new", "partially_filled", second=5, filled="4", avg="100"),
            told(
                B, "fill", "filled", second=8, execution_id="x2", qty="6", price="101",
                filled="10", avg="100.6",
            ),
        )  # fmt: skip
        assert held(journal) == 10
        take(journal, late)
        assert held(journal) == 10
        assert {i.execution_id for i in journal.executions()} == {"x1", "x2"}
        assert journal.order_by_broker_id(B).leaves_qty == 0  # type: ignore[union-attr]
        assert_rebuilt_equal(journal)


def test_late_fill_two_orders_back_in_a_chain_reaches_the_last(tmp_path: Path) -> None:
    """E-FAM-1, E-FAM-3: through any number of steps."""
    c = "cccccccc-0000-4000-8000-000000000003"
    third = Order.from_wire(
        wire("partially_filled", second=9, filled="4", avg="100", id=c, client_order_id="third",
             replaces=B)
    )  # fmt: skip
    with Journal.open(tmp_path / "journal.db") as journal:
        take(
            journal,
            told(A, "new", "new", second=1),
            told(A, "replaced", "replaced", second=5),
            told(B, "new", "new", second=5),
            looked(B, "replaced", second=7),
            third,
        )
        assert held(journal) == 4
        take(
            journal,
            told(
                A, "partial_fill", "partially_filled", second=3, execution_id="x1", qty="4",
                price="100", filled="4", avg="100",
            ),
        )  # fmt: skip
        assert held(journal) == 4
        last = journal.order_by_broker_id(c)
        assert last is not None and last.leaves_qty == 6
        assert_rebuilt_equal(journal)


def test_elected_stop_that_replaced_its_target_counts_its_own_shares(tmp_path: Path) -> None:
    """E-FAM-3: a target filled 4 of 8, the stop for the other 4 filled 2 and was canceled."""
    target = shown(A, "replaced", second=5, filled="4", avg="110", order_qty="8", side="sell",
                   type="limit", order_class="oco")  # fmt: skip
    stop: dict[str, Any] = {"order_qty": "4", "side": "sell", "type": "stop", "order_class": "oco"}
    with Journal.open(tmp_path / "journal.db") as journal:
        take(
            journal,
            told(
                A, "partial_fill", "partially_filled", second=3, execution_id="x1", qty="4",
                price="110", filled="4", avg="110", order_qty="8", side="sell", type="limit",
            ),
            Order.from_wire(target),
            told(
                B, "partial_fill", "partially_filled", second=6, execution_id="x2", qty="2",
                price="90", filled="2", avg="90", **stop,
            ),
            told(B, "canceled", "canceled", second=8, filled="2", avg="90", **stop),
        )  # fmt: skip
        found = journal.order_by_broker_id(B)
        assert found is not None
        assert found.status is OrderStatus.CANCELED
        assert found.order.filled_qty == 2
        assert held(journal) == -6
        assert_rebuilt_equal(journal)


def test_overfill_over_the_chain_is_told_when_the_old_fill_comes_late(tmp_path: Path) -> None:
    """E-FAM-4: 10 of the replacement, then 4 of the old order: 14 of 10, all of it kept."""
    with Journal.open(tmp_path / "journal.db") as journal:
        take(
            journal,
            told(A, "new", "new", second=1),
            told(A, "replaced", "replaced", second=5),
            told(
                B, "fill", "filled", second=8, execution_id="x2", qty="10", price="101",
                filled="10", avg="101",
            ),
            told(
                A, "partial_fill", "partially_filled", second=3, execution_id="x1", qty="4",
                price="100", filled="4", avg="100",
            ),
        )  # fmt: skip
        assert held(journal) == 14
        found = journal.order_by_broker_id(B)
        assert found is not None and found.alarm == "overfill"
        assert_rebuilt_equal(journal)
