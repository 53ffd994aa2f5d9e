"""Goal: executions add up right, whatever the order and the source in which they are reported.

Method: hand-made frames, activities and snapshots of one order through the pure `apply_event`.
"""

from __future__ import annotations

from decimal import Decimal

from support.oms_making import COID, OID, act, fill, frame, intent, look, row, run, step

from execbot.journal.records import EventResult, FillState
from execbot.model.enums import OrderStatus
from execbot.oms.machine.changes import change_of
from execbot.oms.machine.events import OrderState
from execbot.oms.machine.table import Act

D = Decimal


def filled(state: OrderState) -> Decimal:
    return state.record.order.filled_qty


def names(state: OrderState) -> set[str]:
    return set(state.executions)


def test_fill_before_accept_then_accept_keeps_quantity_and_status() -> None:
    state = run(intent(), fill(1, "10", "100", "10", second=3), look("new", second=1))
    assert filled(state) == 10
    assert state.record.status is OrderStatus.FILLED


def test_the_same_execution_twice_is_booked_once() -> None:
    state = run(intent(), fill(1, "4", "100", "4", second=2))
    again = step(state, fill(1, "4", "100", "4", second=2))
    assert again.result is EventResult.DUPLICATE
    assert again.state == state


def test_the_same_execution_id_with_another_quantity_is_refused_and_told() -> None:
    state = run(intent(), fill(1, "4", "100", "4", second=2))
    other = step(state, fill(1, "5", "100", "5", second=2))
    assert other.contradiction
    assert names(other.state) == {"x1", f"inferred:{OID}"}  # the total of 5 is still believed
    assert filled(other.state) == 5


def test_late_fill_after_cancel_is_booked_and_the_order_stays_canceled() -> None:
    state = run(intent(), look("new", second=1), look("canceled", second=3))
    after = run(fill(1, "4", "100", "4", second=2), start=state)
    assert filled(after) == 4
    assert after.record.status is OrderStatus.CANCELED


def test_fill_of_everything_after_cancel_makes_it_filled() -> None:
    state = run(intent(), look("canceled", second=3), fill(1, "10", "100", "10", second=2))
    assert filled(state) == 10
    assert state.record.status is OrderStatus.FILLED


def test_fill_while_a_cancel_is_pending_leaves_it_pending() -> None:
    state = run(intent(), look("pending_cancel", second=2))
    event = frame(
        "partial_fill",
        "pending_cancel",
        second=3,
        execution_id="x1",
        qty="4",
        price="100",
        filled="4",
    )
    after = run(event, start=state)
    assert filled(after) == 4
    assert after.record.status is OrderStatus.PENDING_CANCEL


def test_lost_partial_fill_is_inferred_from_the_next_one_with_a_price_that_works_out() -> None:
    event = fill(2, "6", "101", "10", second=4, avg="100.6")
    state = run(intent(), event)
    inferred = state.executions[f"inferred:{OID}"]
    assert inferred.state is FillState.INFERRED
    assert (inferred.net_qty, inferred.net_price) == (D(4), D(100))
    assert filled(state) == 10
    assert state.record.order.filled_avg_price == D("100.6")


def test_real_execution_takes_the_place_of_the_inferred_one_without_counting_twice() -> None:
    state = run(intent(), fill(2, "6", "101", "10", second=4, avg="100.6"))
    applied = step(state, fill(1, "4", "100", "4", second=2))
    assert names(applied.state) == {"x1", "x2"}
    assert applied.filled_delta == 0
    assert filled(applied.state) == 10


def test_what_is_inferred_again_is_told_under_an_id_of_its_own() -> None:
    """Who counts fills by their ids would lose the shares of the second one."""
    lost = look("partially_filled", second=2, filled="4", avg="100")
    found = fill(1, "4", "100", "4", second=2)
    lost_too = look("partially_filled", second=5, filled="6", avg="100")
    state, told = run(intent()), []
    for seq, event in enumerate((lost, found, lost_too), start=7):
        applied = step(state, event)
        state = applied.state
        told += [(f.execution_id, f.qty) for f in change_of(event, applied, seq).fills]
    assert told == [
        (f"inferred:{OID}:7", D(4)),
        ("x1", D(4)),
        (f"inferred:{OID}:9", D(2)),
    ]


def test_inferring_twice_books_once() -> None:
    state = run(intent(), look("partially_filled", second=2, filled="4", avg="100"))
    again = run(look("partially_filled", second=3, filled="4", avg="100"), start=state)
    assert filled(again) == 4
    assert names(again) == {f"inferred:{OID}"}


def test_a_snapshot_never_lowers_quantity() -> None:
    state = run(intent(), fill(1, "4", "100", "4", second=2))
    after = run(look("new", second=3, filled="0"), start=state)
    assert filled(after) == 4


def test_status_filled_without_any_quantity_invents_none() -> None:
    state = run(intent(), look("filled", second=2, filled="0"))
    assert filled(state) == 0
    assert state.record.status is OrderStatus.FILLED


def test_held_back_inference_books_nothing_until_the_activity_comes() -> None:
    event = look("filled", second=2, filled="10", avg="100").with_details(infer=False)
    state = run(intent(), event)
    assert filled(state) == 0
    after = run(row(1, "10", "100", "10", second=2), start=state)
    assert names(after) == {"activity:a1"}
    assert filled(after) == 10


def test_activity_of_a_known_execution_is_recognised() -> None:
    state = run(intent(), fill(1, "4", "100", "4", second=2))
    after = step(state, row(1, "4", "100", "4", second=2))
    assert names(after.state) == {"x1"}
    assert after.state.executions["x1"].activity_id == "a1"
    assert step(after.state, row(1, "4", "100", "4", second=2)).result is EventResult.DUPLICATE


def test_execution_after_its_activity_takes_the_activitys_place() -> None:
    state = run(intent(), row(1, "4", "100", "4", second=2))
    after = step(state, fill(1, "4", "100", "4", second=2))
    assert names(after.state) == {"x1"}
    assert after.filled_delta == 0
    assert filled(after.state) == 4


def test_equal_fills_of_one_order_are_told_apart_by_the_cumulative_quantity() -> None:
    state = run(
        intent(),
        fill(1, "5", "100", "5", second=2),
        row(1, "5", "100", "5", second=2),
        row(2, "5", "100", "10", second=2.1),
        fill(2, "5", "100", "10", second=2.1),
    )
    assert names(state) == {"x1", "x2"}
    assert filled(state) == 10


def test_activity_without_cumulative_quantity_is_matched_by_time() -> None:
    state = run(intent(), fill(1, "4", "100", "4", second=2))
    near = step(state, row(1, "4", "100", None, second=2.5))
    assert names(near.state) == {"x1"}
    far = step(state, row(1, "4", "100", None, second=60))
    assert names(far.state) == {"x1", "activity:a1"}


def test_overfill_is_kept_and_alarmed_once() -> None:
    state = run(intent("10"), fill(1, "10", "100", "10", second=2))
    over = step(state, fill(2, "3", "100", "13", second=3))
    assert filled(over.state) == 13
    assert over.alarm == "overfill"
    assert over.state.record.alarm == "overfill"
    more = step(over.state, fill(3, "1", "100", "14", second=4))
    assert more.alarm is None
    assert filled(more.state) == 14


def bust(number: int, *, second: float, filled: str, status: str = "partially_filled") -> object:
    return frame(
        "trade_bust",
        status,
        second=second,
        execution_id=f"b{number}",
        filled=filled,
        raw={"previous_execution_id": f"x{number}"},
    )


def test_a_bust_takes_the_execution_back_once() -> None:
    state = run(intent(), fill(1, "4", "100", "4", second=2), fill(2, "3", "101", "7", second=3))
    event = bust(1, second=5, filled="3")
    busted = step(state, event)  # type: ignore[arg-type]
    assert filled(busted.state) == 3
    assert busted.filled_delta == -4
    assert busted.state.record.order.filled_avg_price == D(101)
    again = step(busted.state, event)  # type: ignore[arg-type]
    assert again.result is EventResult.DUPLICATE
    assert filled(again.state) == 3


def test_a_bust_before_its_execution_leaves_nothing_booked() -> None:
    event = frame(
        "trade_bust", "new", second=5, execution_id="x1", qty="4", price="100", filled="0"
    )
    state = run(intent(), event, fill(1, "4", "100", "4", second=2))
    assert filled(state) == 0
    assert state.executions["x1"].state is FillState.BUSTED


def test_after_a_bust_a_stale_snapshot_brings_nothing_back_and_a_new_fill_counts() -> None:
    state = run(
        intent(),
        fill(1, "4", "100", "4", second=2),
        bust(1, second=5, filled="0"),  # type: ignore[arg-type]
        look("partially_filled", second=3, filled="4", avg="100"),
    )
    assert filled(state) == 0
    after = run(look("partially_filled", second=7, filled="2", avg="99"), start=state)
    assert filled(after) == 2  # executed after the bust and not reported: inferred
    final = run(fill(2, "2", "99", "2", second=6), start=after)
    assert names(final) == {"x1", "x2"}
    assert filled(final) == 2


def test_a_correction_replaces_quantity_and_price_once() -> None:
    state = run(intent(), fill(1, "4", "100", "4", second=2))
    event = frame(
        "trade_correct",
        "partially_filled",
        second=5,
        execution_id="x1",
        qty="3",
        price="99",
        filled="3",
        avg="99",
    )
    fixed = step(state, event)
    assert filled(fixed.state) == 3
    assert fixed.state.record.order.filled_avg_price == D(99)
    assert step(fixed.state, event).result is EventResult.DUPLICATE


def test_bust_that_names_nothing_changes_nothing() -> None:
    state = run(intent(), fill(1, "4", "100", "4", second=2))
    event = frame("trade_bust", "partially_filled", second=5, filled="4")
    applied = step(state, event)
    assert applied.result is EventResult.ILLEGAL
    assert applied.state == state


def test_fill_frame_without_an_execution_id_is_booked_once() -> None:
    event = frame("partial_fill", "partially_filled", second=2, qty="4", price="100", filled="4")
    state = run(intent(), event, event)
    assert filled(state) == 4


def test_fill_frame_without_quantity_counts_by_its_total() -> None:
    event = frame("fill", "filled", second=2, execution_id="x1", filled="10", avg="100")
    state = run(intent(), event)
    assert filled(state) == 10
    assert names(state) == {f"inferred:{OID}"}


def test_replacement_that_carries_the_chains_quantity_invents_no_fill() -> None:
    carried = look("new", second=4, filled="3", avg="100", replaces="old").with_details(
        chain_qty="3"
    )
    state = run(carried)
    assert filled(state) == 0
    after = run(fill(2, "7", "101", "10", second=5, replaces="old"), start=state)
    assert filled(after) == 7
    assert after.record.status is OrderStatus.FILLED


def test_replacement_that_starts_at_zero_counts_its_own_fills() -> None:
    fresh = look("new", second=4, filled="0", replaces="old").with_details(chain_qty="3")
    state = run(fresh, fill(2, "7", "101", "7", second=5, total="7", replaces="old"))
    assert filled(state) == 7
    assert state.record.status is OrderStatus.FILLED


def test_notional_order_has_no_overfill() -> None:
    request = {"symbol": "AAPL", "side": "buy", "type": "market", "notional": "5"}
    event = fill(
        1, "0.057436865", "86.878", "0.057436865", second=2, total="0.057436865", order_qty=None
    )
    state = run(act(Act.INTENT, request=request), event)
    assert state.record.order.filled_qty == D("0.057436865")
    assert state.record.alarm is None


def test_average_price_is_rounded_to_nine_decimals() -> None:
    state = run(
        intent(), fill(1, "2", "86.67", "2", second=2), fill(2, "1", "86.66", "3", second=3)
    )
    assert state.record.order.filled_avg_price == D("86.666666667")


def test_unknown_event_with_an_unknown_order_adopts_it_as_foreign() -> None:
    state = run(frame("surprise", "new", second=1))
    assert state.record.origin == "foreign"
    assert state.record.client_order_id == COID
    assert state.record.status is OrderStatus.NEW


def test_replacement_whose_sources_count_the_chain_differently_is_booked_once() -> None:
    """The stream carries the chain's 3 over, the activities do not, and both fills are of 3."""
    events = [
        look("new", second=4, filled="3", avg="100", replaces="old").with_details(chain_qty="3"),
        fill(1, "3", "100", "6", second=5, total="9", replaces="old", order_qty="9"),
        fill(2, "3", "100", "9", second=6, total="9", replaces="old", order_qty="9"),
        row(2, "3", "100", "6", second=6),
        row(1, "3", "100", "3", second=5),
    ]
    for order_of_arrival in ((0, 1, 2, 3, 4), (0, 3, 4, 2, 1), (0, 4, 1, 3, 2)):
        state = run(*(events[place] for place in order_of_arrival))
        assert names(state) == {"x1", "x2"}, order_of_arrival
        assert filled(state) == 6
        assert state.record.status is OrderStatus.FILLED


def test_activity_with_a_total_of_its_own_making_is_no_second_fill() -> None:
    """A server whose activity rows count differently must not double a position."""
    state = run(intent(), fill(1, "10", "100", "10", second=2))
    after = step(state, row(1, "10", "100", "7", second=2))
    assert names(after.state) == {"x1"}


def test_next_fill_of_a_replacement_in_lots_of_the_chains_size_is_booked_beside_the_first() -> None:
    """The totals of two equal lots differ by just what the replaced order had filled."""
    state = run(
        look("new", second=4, replaces="old", order_qty="9").with_details(chain_qty="3"),
        row(1, "3", "100", "3", second=10),
    )
    after = step(
        state, fill(2, "3", "100", "6", second=60, total="6", replaces="old", order_qty="9")
    )
    assert names(after.state) == {"activity:a1", "x2"}
    assert after.filled_delta == 3
    known = step(after.state, row(2, "3", "100", "6", second=60))
    assert names(known.state) == {"activity:a1", "x2"}, "the row of the second fill is known"
    late = step(
        known.state, fill(1, "3", "100", "3", second=10, total="6", replaces="old", order_qty="9")
    )
    assert names(late.state) == {"x1", "x2"} and late.filled_delta == 0


def test_fill_of_a_replacement_is_no_older_fill_whose_total_happens_to_be_the_same() -> None:
    """The rows count the chain's 3 and the stream does not: 6 is said of two different fills."""
    frames = [
        fill(number, "3", "100", total, second=second, total="9", replaces="old", order_qty="12")
        for number, total, second in ((1, "3", 10), (2, "6", 70), (3, "9", 130))
    ]
    rows = [
        row(number, "3", "100", total, second=second)
        for number, total, second in ((1, "6", 10), (2, "9", 70), (3, "12", 130))
    ]
    first = look("new", second=4, replaces="old", order_qty="12").with_details(chain_qty="3")
    for arrival in ([rows[0], frames[1], *rows, frames[2], frames[0]], [*rows, *frames], frames):
        state = run(first, *arrival, *rows)
        assert names(state) == {"x1", "x2", "x3"}
        assert filled(state) == 9
