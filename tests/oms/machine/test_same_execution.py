"""Goal: reports of the same execution are one in the books, whichever of them come, and when.

Method: single cases by hand through the pure rules; docs/evidence.md has the rows that they name.
"""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from support.oms_making import OID, fill, frame, intent, look, row, run, step

from execbot.journal.records import EventResult, FillState
from execbot.model.enums import OrderStatus
from execbot.oms.machine.events import OrderEvent, OrderState

D = Decimal


def filled(state: OrderState) -> tuple[Decimal, Decimal | None]:
    return state.record.order.filled_qty, state.record.order.filled_avg_price


def names(state: OrderState) -> set[str]:
    return {name for name, item in state.executions.items() if item.net_qty}


def amend(
    word: str,
    execution_id: str,
    *,
    second: float,
    total: str,
    avg: str | None = None,
    status: str = "partially_filled",
    **more: Any,
) -> OrderEvent:
    return frame(
        word, status, second=second, execution_id=execution_id, filled=total, avg=avg, **more
    )


def in_any_order(*events: OrderEvent) -> list[OrderState]:
    return [run(intent("20"), *order) for order in itertools.permutations(events)]


# --- corrections and busts -----------------------------------------------------------------


def test_correction_from_10_up_to_12_of_20_makes_12_in_any_order() -> None:
    """E-EXE-8: a total counts what was corrected as it was corrected."""
    events = (
        fill(1, "10", "100", "10", second=2, total="20", order_qty="20"),
        amend(
            "trade_correct", "x1", second=5, total="12", avg="100", qty="12", price="100",
            order_qty="20",
        ),
        look("partially_filled", second=5, filled="12", avg="100", order_qty="20"),
    )  # fmt: skip
    for state in in_any_order(*events):
        assert filled(state) == (12, 100)
        assert names(state) == {"x1"}


def test_correction_of_the_very_instant_of_the_fill_is_not_inferred_away() -> None:
    """E-EXE-8: the total that came with the fill does not count the correction yet."""
    events = (
        fill(1, "6", "98", "6", second=2, total="6", order_qty="6"),
        amend(
            "trade_correct", "x1", second=2, total="5", avg="98", qty="5", price="98",
            order_qty="6", status="filled",
        ),
    )  # fmt: skip
    for state in in_any_order(*events):
        assert filled(state) == (5, 98)
        assert names(state) == {"x1"}


def test_correction_down_and_up_again_counts_as_it_was_corrected_last() -> None:
    """E-EXE-5: of several corrections the youngest stands, whatever comes first."""
    events = (
        fill(1, "10", "100", "10", second=2, total="20", order_qty="20"),
        amend(
            "trade_correct", "c1", second=5, total="7", avg="100", qty="7", price="100",
            raw={"previous_execution_id": "x1"}, order_qty="20",
        ),
        amend(
            "trade_correct", "c2", second=6, total="11", avg="100", qty="11", price="100",
            raw={"previous_execution_id": "c1"}, order_qty="20",
        ),
    )  # fmt: skip
    for state in in_any_order(*events):
        assert filled(state) == (11, 100)
        assert names(state) == {"x1"}


def test_bust_that_names_the_corrections_id_busts_the_execution() -> None:
    """E-EXE-5: an execution goes by the ids that its corrections gave it."""
    events = (
        fill(1, "10", "100", "10", second=2, total="20", order_qty="20"),
        amend(
            "trade_correct", "c1", second=5, total="10", avg="99", qty="10", price="99",
            raw={"previous_execution_id": "x1"}, order_qty="20",
        ),
        amend(
            "trade_bust", "b1", second=6, total="0", raw={"previous_execution_id": "c1"},
            order_qty="20",
        ),
    )  # fmt: skip
    for state in in_any_order(*events):
        assert filled(state) == (0, None)
        assert state.executions["x1"].state is FillState.BUSTED


def test_bust_of_a_fill_known_only_from_its_row_takes_it_off() -> None:
    """E-EXE-6: the row takes the id that the bust names."""
    events = (row(1, "4", "100", "4", second=2), amend("trade_bust", "x1", second=5, total="0"))
    for state in in_any_order(*events):
        assert filled(state) == (0, None)
        busted = state.executions["x1"]
        assert (busted.state, busted.activity_id) == (FillState.BUSTED, "a1")
        assert set(state.executions) == {"x1"}


def test_correction_of_the_price_of_a_fill_known_only_from_its_row_changes_its_price() -> None:
    """E-EXE-6: it is not a second fill."""
    events = (
        row(1, "4", "100", "4", second=2),
        amend("trade_correct", "x1", second=5, total="4", avg="99", qty="4", price="99"),
    )
    for state in in_any_order(*events):
        assert filled(state) == (4, 99)
        assert names(state) == {"x1"}


def test_bust_finds_its_row_among_several_by_what_is_left() -> None:
    """E-EXE-6: 6 at 101 was busted, since 4 at 100 is left."""
    events = (
        row(1, "6", "101", "6", second=2),
        row(2, "4", "100", "10", second=3),
        amend("trade_bust", "x1", second=5, total="4", avg="100"),
    )
    for state in in_any_order(*events):
        assert filled(state) == (4, 100)
        assert state.executions["x1"].activity_id == "a1"


def test_bust_finds_its_row_among_equal_sizes_by_the_average_that_is_left() -> None:
    """E-EXE-6: of two lots of 5 the one at 100 was busted, since 101 is left."""
    events = (
        row(1, "5", "100", "5", second=2),
        row(2, "5", "101", "10", second=3),
        amend("trade_bust", "x1", second=5, total="5", avg="101"),
    )
    for state in in_any_order(*events):
        assert filled(state) == (5, 101)


def test_row_of_another_execution_is_not_taken_for_the_busted_one() -> None:
    """E-EXE-6: what is left is what the broker counts, so the bust is of one that is not known."""
    state = run(
        intent(),
        row(2, "4", "100", "10", second=3),
        amend("trade_bust", "x1", second=5, total="4", avg="100"),
    )
    assert filled(state) == (4, 100)
    assert names(state) == {"activity:a2"}


def test_fill_after_a_bust_with_the_same_total_is_another_execution() -> None:
    """E-EXE-2: what is executed after a bust is not what was busted."""
    events = (
        fill(1, "4", "100", "4", second=2),
        fill(2, "4", "100", "8", second=3),
        row(1, "4", "100", "4", second=2),
        row(2, "4", "100", "8", second=3),
        amend("trade_bust", "x2", second=60, total="4", avg="100"),
        row(3, "4", "100", "8", second=90),
    )
    for order in itertools.permutations(events):
        state = run(intent("20"), *order, look("partially_filled", second=90, filled="8"))
        assert filled(state) == (8, 100)
        assert names(state) == {"x1", "activity:a3"}
        assert state.executions["x2"].activity_id == "a2"


def test_correction_whose_execution_nobody_has_reported_is_booked_under_its_id() -> None:
    """E-EXE-7, E-EXE-8: the totals leave room for it, and for no second one."""
    events = (
        fill(2, "4", "100", "14", second=3, total="20", order_qty="20"),
        amend(
            "trade_correct", "x1", second=5, total="16", avg="100.75", qty="12", price="101",
            order_qty="20",
        ),
    )  # fmt: skip
    for state in in_any_order(*events):
        assert filled(state) == (16, D("100.75"))
        assert names(state) == {"x1", "x2"}


def test_canceled_order_of_10_whose_6_were_busted_stays_canceled_with_4() -> None:
    """E-EXE-10: the quantity counts what stands, not what was ever reported."""
    events = (
        fill(1, "6", "100", "6", second=2),
        amend("trade_bust", "x1", second=3, total="0", status="new"),
        fill(2, "4", "100", "4", second=4),
        frame("canceled", "canceled", second=9, filled="4", avg="100"),
    )
    for order in itertools.permutations(events):
        state = run(intent(), *order)
        assert state.record.status is OrderStatus.CANCELED
        assert filled(state) == (4, 100)


def test_bust_of_what_completed_an_order_makes_it_what_the_broker_says_then() -> None:
    """E-EXE-10: `filled` from before the bust is old news."""
    events = (
        fill(1, "4", "100", "4", second=2),
        fill(2, "6", "100", "10", second=3),
        amend("trade_bust", "x2", second=60, total="4", avg="100"),
    )
    for order in itertools.permutations(events):
        state = run(intent(), *order)
        assert state.record.status is OrderStatus.PARTIALLY_FILLED
        assert filled(state) == (4, 100)


def test_cancel_that_lost_the_race_is_canceled_again_when_the_fill_is_busted() -> None:
    """E-EXE-10: the end that the broker reported stands once the quantity is no longer whole."""
    events = (
        frame("canceled", "canceled", second=4, filled="0"),
        fill(1, "10", "100", "10", second=3),
        amend("trade_bust", "x1", second=60, total="0", status="canceled"),
    )
    for order in itertools.permutations(events):
        state = run(intent(), *order)
        assert state.record.status is OrderStatus.CANCELED
        assert filled(state) == (0, None)


# --- rows and frames -----------------------------------------------------------------------


@pytest.mark.parametrize("rounded", ["100.12", "100.13"])
def test_row_with_a_rounded_price_is_the_fill_it_belongs_to(rounded: str) -> None:
    """E-EXE-2: the price is no part of the identity."""
    events = (
        fill(1, "4", "100.1234", "4", second=2, avg="100.1234"),
        row(1, "4", rounded, "4", second=2),
    )
    for state in in_any_order(*events):
        assert filled(state) == (4, D("100.1234"))
        assert state.executions["x1"].activity_id == "a1"


def test_rounded_row_alone_gets_the_price_at_which_the_average_works_out() -> None:
    """E-EXE-8: until a frame tells it, less than a cent is worked out."""
    events = (
        row(1, "4", "100.12", "4", second=2),
        look("partially_filled", second=2, filled="4", avg="100.1234"),
    )
    for state in in_any_order(*events):
        assert filled(state) == (4, D("100.1234"))
    far = run(intent(), row(1, "4", "100.12", "4", second=2))
    far = run(look("partially_filled", second=2, filled="4", avg="99.5"), start=far)
    assert filled(far) == (4, D("100.12"))


def test_row_that_tells_of_no_fill_is_kept_out_of_the_books_and_told() -> None:
    """E-EXE-2: a FILL row of another type is no execution of its own."""
    event = row(1, "4", "100", "4", second=2, raw={"type": "trade_bust"})
    applied = step(run(intent()), event)
    assert applied.result is EventResult.ILLEGAL
    assert applied.alarm == "row_unread"
    assert not applied.state.executions


def test_row_under_the_same_id_with_another_quantity_is_booked_once() -> None:
    """E-EXE-1: the id decides."""
    state = run(intent(), row(1, "4", "100", "4", second=2))
    again = step(state, row(1, "4", "100.5", "4", second=2))
    assert again.result is EventResult.DUPLICATE


def test_equal_lots_in_one_instant_go_to_the_rows_with_their_totals() -> None:
    """E-EXE-2, E-EXE-11: in any order of arrival the same frame has the same row."""
    events = (
        fill(1, "5", "100", "5", second=2),
        fill(2, "5", "100", "10", second=2),
        row(1, "5", "100", "5", second=2),
        row(2, "5", "100", "10", second=2),
    )
    for order in itertools.permutations(events):
        state = run(intent(), *order)
        rows = {name: item.activity_id for name, item in state.executions.items()}
        assert rows == {"x1": "a1", "x2": "a2"}


def test_a_lost_bust_takes_nothing_back_and_is_told() -> None:
    """E-EXE-9: a bust proves, a total does not."""
    state = run(intent(), fill(1, "4", "100", "4", second=2))
    lower = step(state, look("new", second=60, filled="0"))
    assert filled(lower.state) == (4, 100)
    assert lower.alarm == lower.state.record.alarm == "filled_less"
    proven = run(amend("trade_bust", "x1", second=60, total="0", status="new"), start=lower.state)
    assert filled(proven) == (0, None)
    assert proven.record.alarm is None


def test_another_average_changes_no_price_and_is_told_until_the_correction_comes() -> None:
    """E-EXE-13: the same quantity, at another price, of which no report came."""
    state = run(intent(), fill(1, "10", "100", "10", second=2))
    other = step(state, look("filled", second=60, filled="10", avg="103"))
    assert filled(other.state) == (10, 100)
    assert other.alarm == other.state.record.alarm == "average_differs"
    told = amend("trade_correct", "x1", second=60, price="103", total="10", status="filled")
    cured = run(told, start=other.state)
    assert filled(cured) == (10, 103)
    assert cured.record.alarm is None


@pytest.mark.parametrize(
    "event",
    [
        look("filled", second=60, filled="10", avg="100.004"),
        look("filled", second=3, filled="10", avg="103"),
        look("filled", second=60, filled="10"),
    ],
    ids=["rounded", "of the moment of the fill", "no average"],
)
def test_an_average_that_may_be_the_same_is_not_told(event: OrderEvent) -> None:
    state = run(intent(), fill(1, "10", "100", "10", second=2), event)
    assert state.record.alarm is None


# --- what a person must be told ------------------------------------------------------------


def test_filled_without_any_quantity_is_told_until_the_fill_comes() -> None:
    """E-ORD-7: no fill is invented."""
    told = step(run(intent()), look("filled", second=2, filled="0"))
    assert told.alarm == told.state.record.alarm == "filled_without_qty"
    again = step(told.state, look("filled", second=3, filled="0"))
    assert again.alarm is None
    whole = run(fill(1, "10", "100", "10", second=2), start=told.state)
    assert whole.record.alarm is None
    assert filled(whole) == (10, 100)


def test_quantity_reduced_at_the_broker_below_what_filled_is_told() -> None:
    """E-ORD-9: it is booked right, and somebody must know."""
    state = run(intent(), fill(1, "8", "100", "8", second=2))
    reduced = step(state, look("partially_filled", second=9, filled="8", avg="100", order_qty="5"))
    assert reduced.alarm == "qty_below_filled"
    assert filled(reduced.state) == (8, 100)
    again = step(
        reduced.state, look("partially_filled", second=10, filled="8", avg="100", order_qty="5")
    )
    assert again.alarm is None
    assert again.state.record.alarm == "qty_below_filled"


def test_overfill_over_a_chain_is_told() -> None:
    """E-FAM-4: 4 filled before, 8 of the replacement make 12 of 10."""
    chain = {"chain_qty": "4", "chain_value": "400"}
    first = look("new", second=4, replaces="old").with_details(**chain)
    state = run(first)
    over = step(state, fill(2, "8", "100", "8", second=5, replaces="old").with_details(**chain))
    assert over.alarm == "overfill"
    assert filled(over.state) == (8, 100)


def test_price_of_an_inferred_fill_takes_the_chain_off() -> None:
    """E-EXE-8: 3 shares at 101 in all, 2 of them the chain's: 101, not 303."""
    shown = look("partially_filled", second=5, filled="3", avg="101", replaces="old")
    state = run(shown.with_details(chain_qty="2", chain_value="202"))
    inferred = state.executions[f"inferred:{OID}"]
    assert (inferred.net_qty, inferred.net_price) == (1, 101)


def test_row_of_a_replacement_that_counts_the_chain_infers_no_fill() -> None:
    """E-EXE-3: the row says 2 in all, the order 1; the lots are equal, and there is one."""
    events = (
        look("partially_filled", second=9, filled="1", avg="101", replaces="old"),
        row(2, "1", "101", "2", second=8),
        frame(
            "partial_fill", "partially_filled", second=8, execution_id="x2", qty="1",
            price="101", filled="1", avg="101", replaces="old",
        ),
    )  # fmt: skip
    for order in itertools.permutations(events):
        first = look("new", second=3, replaces="old").with_details(chain_open=True, chain_qty="0")
        state = run(first, *order)
        known = {"chain_qty": "1", "chain_value": "101"}
        for event in order:
            known_event = event.with_details(**known) if event.order is not None else event
            state = run(known_event, start=state)
        assert filled(state) == (1, 101)
        assert names(state) == {"x2"}


def test_row_without_a_total_is_the_fill_of_the_same_moment() -> None:
    """E-EXE-4: same quantity and price within two seconds; the price may be rounded."""
    state = run(intent(), fill(1, "4", "100.1234", "4", second=2))
    near = step(state, row(1, "4", "100.12", None, second=3.5))
    assert names(near.state) == {"x1"}
    far = step(state, row(1, "4", "100.12", None, second=60))
    assert names(far.state) == {"x1", "activity:a1"}


# --- one row under two ids -----------------------------------------------------------------


@pytest.mark.parametrize("is_heard", [False, True])
def test_row_that_comes_again_under_another_id_is_the_same_execution(is_heard: bool) -> None:
    """E-EXE-1: one answer may spoil the id of a row, the next one brings it as it is."""
    heard = [fill(1, "4", "100", "4", second=2)] if is_heard else []
    first = row(7, "4", "100", "4", second=2)
    again = row(8, "4", "100", "4", second=2)
    before = run(intent(), *heard, first)
    result = step(before, again)
    assert result.result is EventResult.DUPLICATE
    assert filled(run(intent(), *heard, first, again)) == (4, 100)


def test_equal_lots_of_one_instant_with_totals_of_their_own_are_two() -> None:
    events = (row(1, "4", "100", "4", second=2), row(2, "4", "100", "8", second=2))
    for order in itertools.permutations(events):
        assert filled(run(intent(), *order)) == (8, 100)
