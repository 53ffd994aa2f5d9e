"""Goal: what the pure rules say reaches the tables whole, in any batch, from many processes.

Method: hypothesis streams of several orders, applied one by one, in batches and by processes at
once; tables compared with each other and with a rebuild from the events.
"""

from __future__ import annotations

import multiprocessing
import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.oms_making import COID, OID, at, order, update, wire

from execbot.broker.port import TradeUpdate
from execbot.journal import Journal
from execbot.model.enums import EventSource, OrderStatus
from execbot.model.order import Order
from execbot.oms.ledger import Ledger, recording
from execbot.oms.machine.events import OrderEvent
from execbot.oms.machine.table import Act
from execbot.oms.sync.intake import apply_batch, apply_update
from execbot.oms.sync.rebuild import rebuild

NOW = datetime(2026, 10, 7, 15, 0, tzinfo=UTC)
D = Decimal


def life(number: int, parts: tuple[int, ...], side: str = "buy") -> list[TradeUpdate]:
    """The frames of one order that fills in parts, on one of three symbols."""
    common: dict[str, Any] = {
        "id": f"order-{number}",
        "client_order_id": f"c{number}",
        "symbol": ("AAPL", "MSFT", "KO")[number % 3],
        "side": side,
        "order_qty": str(sum(parts)),
    }
    second = number * 0.01
    frames = [update("new", "new", second=second, **common)]
    filled = 0
    for part, qty in enumerate(parts):
        filled += qty
        second += 1
        done = filled == sum(parts)
        frames.append(
            update(
                "fill" if done else "partial_fill",
                "filled" if done else "partially_filled",
                second=second,
                execution_id=f"x{number}-{part}",
                qty=str(qty),
                price=str(100 + number + part),
                filled=str(filled),
                **common,
            )
        )
    return frames


def stream(seed: int, orders: int = 6) -> list[TradeUpdate]:
    chance = random.Random(seed)
    frames: list[TradeUpdate] = []
    for number in range(orders):
        parts = tuple(chance.randint(1, 5) for _ in range(chance.randint(1, 4)))
        frames += life(number, parts, chance.choice(["buy", "sell"]))
    chance.shuffle(frames)
    return frames


def facts(journal: Journal) -> tuple[Any, ...]:
    """What must not depend on how the frames arrived."""
    orders = [
        (
            item.client_order_id,
            item.status,
            item.order.filled_qty,
            item.order.filled_avg_price,
            item.order.updated_at,
        )
        for item in sorted(journal.orders("all"), key=lambda item: item.client_order_id)
    ]
    fills = [(fill.execution_id, fill.qty, fill.price, fill.at) for fill in journal.fills()]
    positions = [
        (item.symbol, item.qty, item.cost, item.realized_pl, item.avg_entry_price)
        for item in [*journal.positions(), *journal.flat_since(datetime(2000, 1, 1, tzinfo=UTC))]
    ]
    return orders, fills, positions


@given(st.integers(0, 10**6), st.integers(1, 9))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_batches_of_any_size_end_like_single_events_and_like_a_rebuild(
    tmp_path_factory: pytest.TempPathFactory, seed: int, size: int
) -> None:
    frames = stream(seed)
    folder = tmp_path_factory.mktemp("ledger")
    with Journal.open(folder / "one.db") as one, Journal.open(folder / "many.db") as many:
        for frame in frames:
            apply_update(one, frame, NOW)
        for start in range(0, len(frames), size):
            apply_batch(many, frames[start : start + size], NOW)
        assert facts(one) == facts(many)
        assert one.derived_tables() == many.derived_tables()
        for journal in (one, many):
            before = journal.derived_tables()
            rebuild(journal)
            assert journal.derived_tables() == before


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_order_of_frames_and_any_repeats_give_the_same_tables(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    frames = stream(seed)
    chance = random.Random(seed + 1)
    folder = tmp_path_factory.mktemp("ledger")
    with Journal.open(folder / "one.db") as one, Journal.open(folder / "two.db") as two:
        apply_batch(one, frames, NOW)
        shuffled = frames + chance.sample(frames, 5)
        chance.shuffle(shuffled)
        apply_batch(two, shuffled, NOW)
        assert facts(one) == facts(two)


def _apply_share(path: str, seed: int, worker: int, workers: int) -> None:
    frames = stream(seed, orders=12)
    with Journal.open(path) as journal:
        for number, frame in enumerate(frames):
            if number % workers == worker or number % 5 == 0:
                apply_update(journal, frame, NOW)


def test_processes_that_apply_overlapping_shares_at_once_end_in_one_truth(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    Journal.open(path).close()
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_apply_share, args=(str(path), 7, number, 4)) for number in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    with Journal.open(path) as shared, Journal.open(tmp_path / "alone.db") as alone:
        apply_batch(alone, stream(7, orders=12), NOW)
        assert facts(shared) == facts(alone)
        before = shared.derived_tables()
        rebuild(shared)
        assert shared.derived_tables() == before


def test_a_batch_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.db") as journal:
        frames = life(1, (2, 3))

        def broken() -> Any:
            yield frames[0]
            yield frames[1]
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            apply_batch(journal, broken(), NOW)
        assert journal.orders("all") == [] and journal.last_seq() == 0


def test_every_frame_is_kept_with_its_source_and_payload(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.db") as journal:
        frames = life(1, (2, 3))
        apply_batch(journal, [*frames, frames[1]], NOW)
        events = journal.events_of("c1")
        assert [event.kind for event in events] == [
            "new",
            "partial_fill",
            "fill",
            "partial_fill",
        ]
        assert events[-1].result == "duplicate"
        assert all(event.source is EventSource.STREAM for event in events)
        assert events[1].raw["order"]["id"] == "order-1"


def test_two_orders_under_one_client_id_are_both_kept(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.db") as journal:
        first = update("new", "new", second=1, id="one", client_order_id="same")
        second = update("new", "new", second=2, id="two", client_order_id="same")
        apply_batch(journal, [first, second], NOW)
        assert {item.order_id for item in journal.orders("all")} == {"one", "two"}
        again = update("canceled", "canceled", second=3, id="two", client_order_id="same")
        apply_update(journal, again, NOW)
        kept = journal.order_by_broker_id("two")
        assert kept is not None and kept.status is OrderStatus.CANCELED


def test_an_execution_under_an_id_that_was_never_heard_of_is_not_booked_on_a_frame_alone(
    tmp_path: Path,
) -> None:
    """A spoilt id beside a true client id would book the shares twice: there, and by REST's row."""
    with Journal.open(tmp_path / "j.db") as journal:
        frames = life(1, (5,))
        apply_batch(journal, frames[:1], NOW)
        fill = frames[1]
        spoilt = replace(fill, order=replace(fill.order, id="0001-01-01T00:00:00Z"))
        assert apply_update(journal, spoilt, NOW) == []
        assert journal.positions() == []
        apply_update(journal, fill, NOW)
        assert [(item.symbol, item.qty) for item in journal.positions()] == [("MSFT", D(5))]


def test_an_execution_reported_for_two_orders_is_booked_for_the_first(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.db") as journal:
        old = life(0, (5,))
        new = life(3, (5,))
        stolen = update(
            "fill",
            "filled",
            second=5,
            execution_id="x0-0",
            qty="5",
            price="100",
            filled="5",
            id="order-3",
            client_order_id="c3",
            symbol="AAPL",
            order_qty="5",
        )
        apply_batch(journal, [*old, new[0], stolen], NOW)
        assert journal.execution_owners(["x0-0"]) == {"x0-0": "c0"}


def test_a_late_fill_on_the_old_id_after_a_replace_counts_for_the_old_order(
    tmp_path: Path,
) -> None:
    with Journal.open(tmp_path / "j.db") as journal:
        old: dict[str, Any] = {"id": "old", "client_order_id": "old", "order_qty": "10"}
        new: dict[str, Any] = {
            "id": "new",
            "client_order_id": "new",
            "order_qty": "10",
            "replaces": "old",
        }
        fill: dict[str, Any] = {"execution_id": "x1", "qty": "3", "price": "100", "filled": "3"}
        frames = [
            update("new", "new", second=1, **old),
            update("replaced", "replaced", second=3, replaced_by="new", filled="3", **old),
            update("new", "new", second=3, filled="3", avg="100", **new),
            update("partial_fill", "partially_filled", second=2, **fill, **old),
            update(
                "fill",
                "filled",
                second=4,
                execution_id="x2",
                qty="7",
                price="101",
                filled="10",
                avg="100.7",
                **new,
            ),
        ]
        apply_batch(journal, frames, NOW)
        first, second = journal.order_by_broker_id("old"), journal.order_by_broker_id("new")
        assert first is not None and second is not None
        assert (first.status, first.order.filled_qty) == (OrderStatus.REPLACED, D(3))
        assert (second.status, second.order.filled_qty) == (OrderStatus.FILLED, D(7))
        position = journal.position("AAPL")
        assert position is not None and position.qty == 10
        assert {fill.execution_id for fill in journal.fills()} == {"x1", "x2"}


def test_what_a_replacement_counts_is_not_booked_before_the_replaced_order_has_ended(
    tmp_path: Path,
) -> None:
    """Its total has what the old order filled last, whose report comes later."""
    with Journal.open(tmp_path / "j.db") as journal:
        old: dict[str, Any] = {"id": "old", "client_order_id": "old", "order_qty": "14"}
        new: dict[str, Any] = {"id": "new", "client_order_id": "new", "order_qty": "14"}
        first = {"execution_id": "x1", "qty": "2", "price": "100", "filled": "2"}
        second = {"execution_id": "x2", "qty": "2", "price": "101", "filled": "4"}
        shown = {"filled": "4", "avg": "100.5", "replaces": "old"}

        def filled() -> list[Decimal]:
            records = [journal.order_by_broker_id(name) for name in ("old", "new")]
            return [record.order.filled_qty for record in records if record is not None]

        apply_batch(
            journal,
            [
                update("new", "new", second=1, **old),
                update("partial_fill", "partially_filled", second=2, **first, **old),
                update("new", "partially_filled", second=4, **shown, **new),
            ],
            NOW,
        )
        assert filled() == [2, 0]
        late = [
            update("replaced", "replaced", second=4, replaced_by="new", filled="4", **old),
            update("partial_fill", "partially_filled", second=3, **second, **old),
        ]
        apply_batch(journal, late, NOW)
        assert filled() == [4, 0]
        apply_batch(journal, [update("new", "partially_filled", second=5, **shown, **new)], NOW)
        after = journal.order_by_broker_id("new")
        position = journal.position("AAPL")
        assert after is not None and position is not None
        assert (after.leaves_qty, position.qty) == (D(10), D(4))


def test_a_contradiction_is_recorded_and_changes_nothing(tmp_path: Path) -> None:
    """E-ALL-7."""
    with Journal.open(tmp_path / "j.db") as journal:
        apply_batch(journal, life(1, (5,)), NOW)
        before = journal.derived_tables()
        late = update(
            "canceled",
            "canceled",
            second=9,
            filled="5",
            id="order-1",
            client_order_id="c1",
            symbol="MSFT",
            order_qty="5",
        )
        (change,) = apply_update(journal, late, NOW)
        assert change.contradiction and change.names == ()
        assert journal.derived_tables() == before
        assert journal.events_of("c1")[-1].result == "illegal"


def test_an_event_comes_back_from_the_history_as_it_was_applied(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.db") as journal:
        apply_batch(journal, life(1, (2, 3)), NOW)
        for kept in journal.all_events():
            event = OrderEvent.from_record(kept)
            assert event.to_record(kept.result, kept.status, kept.note) == _without_seq(kept)


def _without_seq(record: Any) -> Any:
    from msgspec.structs import replace

    return replace(record, seq=0)


def test_a_ledger_in_a_callers_transaction_commits_with_it(tmp_path: Path) -> None:
    from execbot.oms.machine.events import update_event

    with Journal.open(tmp_path / "j.db") as journal:
        with pytest.raises(ValueError), journal.transaction():
            with recording(journal) as ledger:
                ledger.apply(update_event(life(1, (2,))[0], at(0)))
            assert isinstance(ledger, Ledger) and len(journal.orders("all")) == 1
            raise ValueError
        assert journal.orders("all") == []


def test_each_inferred_fill_is_told_under_an_id_of_its_own(tmp_path: Path) -> None:
    """Whoever counts fills by their ids must neither lose a second one nor hear one twice."""

    def look(second: float, filled: str) -> Order:
        return order("partially_filled", second=second, filled=filled, avg="100")

    heard = update(
        "partial_fill", "partially_filled", second=1, execution_id="x1", qty="4", price="100",
        filled="4", avg="100",
    )  # fmt: skip
    with Journal.open(tmp_path / "j.db") as journal:
        told: list[str] = []
        for report in (look(1, "4"), heard, look(2, "7")):
            if isinstance(report, TradeUpdate):
                changes = apply_update(journal, report, NOW)
            else:
                with recording(journal) as ledger:
                    ledger.snapshot(report, NOW)
                changes = ledger.changes
            told += [
                f"{fill.execution_id} of {change.seq}"
                for change in changes
                for fill in change.fills
            ]
    assert told == [f"inferred:{OID}:1 of 1", "x1 of 2", f"inferred:{OID}:3 of 3"]


def test_a_leg_that_was_replaced_before_its_entry_told_of_it_is_ours(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        first = {"id": "leg-1", "client_order_id": "leg", "side": "sell", "type": "stop"}
        second = {**first, "id": "leg-2", "client_order_id": "leg-moved"}
        apply_update(journal, update("new", "new", **first), NOW)
        gone = update("replaced", "replaced", second=1, replaced_by="leg-2", **first)
        apply_update(journal, gone, NOW)
        apply_update(journal, update("new", "new", second=1, replaces="leg-1", **second), NOW)
        with recording(journal) as ledger:
            wish = {"symbol": "AAPL", "qty": "10"}
            ledger.act(Act.INTENT, COID, NOW, request=wish, origin="submit")
            leg = wire("new", second=1, replaces="leg-1", **second)
            ledger.snapshot(order("filled", second=2, filled="10", avg="100", legs=[leg]), NOW)
        record = journal.order_by_client_id("leg-moved")
        assert record is not None
        assert (record.origin, record.parent_id, record.role) == ("submit", COID, "stop")
