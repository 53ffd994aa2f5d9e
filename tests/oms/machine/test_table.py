"""Goal: the table of the state machine is total and keeps its five rules.

Method: every pair of state and event, whole enumerations, through the pure `apply_event`.
"""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from support.oms_making import act, fill, frame, in_status, intent, look, run, step

from execbot.journal.records import EventResult
from execbot.model.enums import (
    ENDS,
    LOCAL_STATUSES,
    NOT_YET_ROUTED,
    REPORTS,
    TERMINAL_STATUSES,
    WORKING_STATUSES,
    OrderStatus,
)
from execbot.oms.machine.table import (
    ACTS,
    MOVES,
    RANK,
    REMARKS,
    STATUS_OF_EVENT,
    STAYS,
    Act,
    Verdict,
    verdict,
)

WORDS = sorted(REPORTS - {OrderStatus.UNKNOWN})
EVENTS = sorted(
    {*STATUS_OF_EVENT, "restated", "order_cancel_rejected", "order_replace_rejected", "surprise"}
)


def test_every_pair_of_state_and_report_has_exactly_one_verdict() -> None:
    for current, reported in itertools.product(OrderStatus, REPORTS):
        assert verdict(current, reported) in Verdict
        assert not (reported in MOVES[current] and reported in STAYS[current])


def test_every_status_has_a_row_and_every_working_status_a_rank() -> None:
    assert set(MOVES) == set(STAYS) == set(OrderStatus)
    assert set(RANK) == WORKING_STATUSES
    assert ENDS == TERMINAL_STATUSES - LOCAL_STATUSES


def test_no_report_moves_an_order_that_the_broker_ended() -> None:
    for end in ENDS:
        assert not MOVES[end]


def test_a_routed_order_never_goes_back_to_the_waiting_room() -> None:
    for status in WORKING_STATUSES - NOT_YET_ROUTED:
        assert not MOVES[status] & NOT_YET_ROUTED


@pytest.mark.parametrize("current", list(OrderStatus))
@pytest.mark.parametrize("word", WORDS)
def test_snapshot_in_every_state_moves_stays_or_is_illegal(
    current: OrderStatus, word: OrderStatus
) -> None:
    before = in_status(current)
    applied = step(before, look(word.value, second=2))
    after = applied.state.record
    if current in ENDS:
        assert after.status is current
        if word is not current:
            assert applied.result is EventResult.ILLEGAL or word is OrderStatus.FILLED
            assert applied.state.executions == before.executions
        if applied.result is EventResult.ILLEGAL:
            assert applied.contradiction
    elif current in WORKING_STATUSES - NOT_YET_ROUTED and word in NOT_YET_ROUTED:
        assert after.status is current
    else:
        assert after.status is word
        assert applied.result is EventResult.APPLIED
    if current in (OrderStatus.NEVER_SENT, OrderStatus.DENIED):
        assert after.alarm == "reopened_by_broker"


@pytest.mark.parametrize("current", list(OrderStatus))
@pytest.mark.parametrize("event", EVENTS)
def test_no_status_event_ever_changes_quantity(current: OrderStatus, event: str) -> None:
    before = in_status(current)
    applied = step(before, frame(event, "new", second=2))
    assert applied.state.record.order.filled_qty == 0
    assert applied.state.executions == {}
    if current in ENDS:
        assert applied.state.record.status is current


@pytest.mark.parametrize("current", list(OrderStatus))
def test_a_fill_is_booked_in_every_state_and_reopens_none(current: OrderStatus) -> None:
    before = in_status(current)
    applied = step(before, fill(1, "4", "100", "4", second=2))
    record = applied.state.record
    assert applied.result is EventResult.APPLIED
    assert record.order.filled_qty == Decimal(4)
    assert record.order.filled_avg_price == Decimal(100)
    if current in ENDS:
        assert record.status is current
    else:
        assert record.status is OrderStatus.PARTIALLY_FILLED


@pytest.mark.parametrize("current", [None, *OrderStatus])
@pytest.mark.parametrize("kind", list(Act))
def test_every_act_in_every_state_follows_the_table_or_changes_nothing(
    current: OrderStatus | None, kind: Act
) -> None:
    before = None if current is None else in_status(current)
    applied = step(before, act(kind, request={"symbol": "AAPL", "qty": "10"}))
    following = ACTS.get(current, {}).get(kind)
    if before is not None and kind in REMARKS:
        assert applied.result is EventResult.APPLIED
        assert applied.state.record.status is current
    elif following is None:
        assert applied.result is EventResult.ILLEGAL
        assert applied.contradiction
        if before is not None:
            assert applied.state == before
    else:
        assert applied.result is EventResult.APPLIED
        assert applied.state.record.status is following


def test_an_older_working_report_changes_nothing() -> None:
    state = in_status(OrderStatus.PENDING_CANCEL)
    applied = step(state, look("new", second=0.5))
    assert applied.result is EventResult.LATE
    assert applied.state.record.status is OrderStatus.PENDING_CANCEL


def test_a_younger_working_report_ends_a_pending_cancel_that_was_refused() -> None:
    state = in_status(OrderStatus.PENDING_CANCEL)
    assert step(state, look("new", second=2)).state.record.status is OrderStatus.NEW


def test_cancel_rejected_takes_the_pending_cancel_back_even_without_a_time() -> None:
    state = in_status(OrderStatus.PENDING_CANCEL)
    event = frame("order_cancel_rejected", "new", second=None)
    assert step(state, event).state.record.status is OrderStatus.NEW


def test_reports_without_a_time_only_move_forward() -> None:
    """E-ORD-3, E-TIME-2."""
    state = in_status(OrderStatus.PENDING_CANCEL)
    assert step(state, look("new", second=None)).result is EventResult.LATE
    fresh = in_status(OrderStatus.PENDING_NEW)
    assert step(fresh, look("new", second=None)).state.record.status is OrderStatus.NEW


def test_a_word_nobody_knows_counts_as_working() -> None:
    state = in_status(OrderStatus.NEW)
    after = step(state, look("pending_review", second=2)).state.record
    assert after.status is OrderStatus.UNKNOWN
    assert after.order.is_working


def test_a_local_word_from_the_wire_is_not_believed() -> None:
    state = in_status(OrderStatus.NEW)
    after = step(state, look("never_sent", second=2)).state.record
    assert after.status is OrderStatus.UNKNOWN


def test_an_old_report_on_an_ended_order_is_no_contradiction() -> None:
    state = in_status(OrderStatus.CANCELED)
    applied = step(state, look("new", second=0.5))
    assert applied.result is EventResult.LATE
    assert applied.contradiction is None


def test_totals_of_a_report_count_although_its_state_contradicts() -> None:
    """E-EXE-9, E-POS-11: the broker counts less than the executions, in whatever state."""
    state = run(intent(), fill(1, "10", "100", "10", second=1))
    assert state.record.status is OrderStatus.FILLED
    report = look("canceled", second=60, filled="6", avg="100")
    applied = step(state, report)
    record = applied.state.record
    assert (record.status, record.order.filled_qty) == (OrderStatus.FILLED, 10)
    assert (record.progress.latest_qty, record.alarm, applied.alarm) == (6, *["filled_less"] * 2)
    assert applied.contradiction
    again = step(applied.state, report)
    assert again.state == applied.state
    assert again.result is EventResult.ILLEGAL


def test_what_ended_otherwise_and_became_whole_is_no_contradiction() -> None:
    part = fill(1, "9", "100", "9", second=1, total="10")
    state = run(intent(), part, look("canceled", second=2, filled="9", avg="100"))
    late = fill(2, "1", "100", "10", second=1.5, total="10")
    whole = step(state, late).state
    assert (whole.record.status, whole.record.progress.ended_as) == ("filled", "canceled")
    applied = step(whole, look("canceled", second=3, filled="10", avg="100"))
    assert applied.contradiction is None
    assert applied.state.record.status is OrderStatus.FILLED
    other = step(whole, look("expired", second=3, filled="10", avg="100"))
    assert other.contradiction
