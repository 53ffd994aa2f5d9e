"""Goal: round trips go from flat to flat, and earn what average cost and FIFO both say by then.

Method: tables worked out by hand, and random histories against the journal's own position.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from trades.making import T0, D, executed, history

from execbot.journal.records import FillState
from execbot.model.enums import PositionSide
from execbot.oms.machine.positions import ONE_AFTER, position_of
from execbot.trades.round_trips import round_trips


def test_partial_fills_and_partial_exits_are_one_trip() -> None:
    """Bought 100 and 100, sold 150 and 50: one trade of 200, not one of 100 and one of 150."""
    done = round_trips(
        history(
            executed(1, "100", "10"),
            executed(2, "100", "12"),
            executed(3, "-150", "13"),
            executed(4, "-50", "14"),
        )
    )
    (trip,) = done
    assert (trip.entered, trip.exited, trip.qty) == (200, 200, 0)
    assert (trip.entry_price, trip.exit_price) == (11, D("13.25"))
    assert trip.gross == trip.gross_fifo == 450
    assert [lot.qty for lot in trip.lots] == [100, 50, 50]
    assert [lot.gross for lot in trip.lots] == [300, 50, 100]
    assert trip.opened_at == T0 + timedelta(minutes=1)
    assert trip.closed_at == T0 + timedelta(minutes=4)


def test_half_way_average_cost_and_fifo_differ_and_say_so() -> None:
    (trip,) = round_trips(
        history(executed(1, "100", "10"), executed(2, "100", "12"), executed(3, "-100", "13"))
    )
    assert trip.is_open and trip.qty == 100
    assert (trip.gross, trip.gross_fifo) == (200, 300)


def test_a_flip_closes_one_trip_and_opens_the_next_and_its_fee_goes_with_its_shares() -> None:
    first, second = round_trips(
        history(
            executed(1, "10", "100"),
            executed(2, "-30", "110"),
            executed(3, "20", "100"),
            fees={2: "0.03"},
        )
    )
    assert (first.side, first.gross, first.net) == (PositionSide.LONG, 100, D("99.99"))
    assert (second.side, second.gross, second.net) == (PositionSide.SHORT, 200, D("199.98"))
    assert second.opened_at == first.closed_at
    assert (second.entry_price, second.exit_price) == (110, 100)


def test_a_split_changes_shares_and_no_dollar() -> None:
    at = T0 + timedelta(minutes=2)
    (trip,) = round_trips(
        history(
            executed(1, "10", "100"),
            executed(2, "-10", "100", at=at, state=FillState.ADJUSTMENT),
            executed(3, "40", "25", at=at + ONE_AFTER, state=FillState.ADJUSTMENT),
            executed(4, "-40", "30"),
        )
    )
    assert (trip.entered, trip.entry_price, trip.exit_price) == (40, 25, 30)
    assert trip.gross == trip.gross_fifo == 200
    assert [split.ratio for split in trip.splits] == [4]
    assert len(trip.parts) == 2
    assert trip.in_shares_of_the_end(D(100), T0) == 25


def test_a_reverse_split_that_does_not_divide_keeps_the_cost() -> None:
    at = T0 + timedelta(minutes=3)
    (trip,) = round_trips(
        history(
            executed(1, "7", "10.01"),
            executed(2, "3", "10.03"),
            executed(3, "-10", "10", at=at, state=FillState.ADJUSTMENT),
            executed(4, "3", "33.387", at=at + ONE_AFTER, state=FillState.ADJUSTMENT),
            executed(5, "-3", "40"),
        )
    )
    assert abs(trip.gross - (120 - D("70.07") - D("30.09"))) < D("1e-20")
    assert abs(trip.gross - trip.gross_fifo) < D("1e-20")


def test_shares_that_were_booked_out_for_good_end_the_trip_and_realise_nothing() -> None:
    trips = round_trips(
        history(
            executed(1, "10", "100"),
            executed(2, "-10", "100", state=FillState.ADJUSTMENT),
            executed(3, "5", "110"),
        ),
        {"x002": "renamed"},
    )
    assert [trip.gross for trip in trips] == [0, 0]
    assert [trip.is_open for trip in trips] == [False, True]
    assert trips[0].parts[-1].booked_as == "renamed"


def test_a_transfer_takes_its_part_of_every_lot() -> None:
    (trip,) = round_trips(
        history(
            executed(1, "10", "100"),
            executed(2, "10", "120"),
            executed(3, "-10", "0", state=FillState.ADJUSTMENT),
            executed(4, "-10", "130"),
        )
    )
    assert trip.gross == trip.gross_fifo == 200
    assert [lot.qty for lot in trip.lots if not lot.is_trade] == [5, 5]


def test_an_option_contract_counts_a_hundredfold() -> None:
    symbol = "AAPL261218C00190000"
    (trip,) = round_trips(
        history(executed(1, "2", "3.10", symbol=symbol), executed(2, "-2", "4", symbol=symbol))
    )
    assert (trip.gross, trip.entry_price) == (180, D("3.10"))


def test_the_name_of_a_trip_is_that_of_the_order_that_opened_it() -> None:
    """A correction of the fill, or its real report in place of a guess, does not rename it."""
    one = round_trips(history(executed(1, "10", "100", order="mine")))
    other = round_trips(history(executed(7, "9", "101", order="mine")))
    assert one[0].id == other[0].id
    twice = round_trips(
        history(
            executed(1, "5", "10", order="mine"),
            executed(2, "-5", "11"),
            executed(3, "5", "10", order="mine"),
        )
    )
    assert twice[1].id == f"{twice[0].id}-2"


_STEP = st.tuples(
    st.integers(-300, 300).filter(bool).map(lambda n: D(n) / 10),
    st.integers(100, 90_000).map(lambda n: D(n) / 100),
)


@given(st.lists(_STEP, min_size=1, max_size=40), st.booleans())
def test_random_histories_add_up_to_the_journals_position(
    steps: list[tuple[Decimal, Decimal]], ends_flat: bool
) -> None:
    held = sum((qty for qty, _ in steps), D(0))
    if ends_flat and held:
        steps = [*steps, (-held, D(50))]
    items = [executed(n, str(qty), str(price)) for n, (qty, price) in enumerate(steps)]
    trips = round_trips(history(*items))
    position = position_of("AAPL", items)
    assert abs(sum((trip.gross for trip in trips), D(0)) - position.realized_pl) < D("1e-9")
    assert sum((trip.qty for trip in trips), D(0)) == position.qty
    for trip in trips:
        if not trip.is_open:
            assert abs(trip.gross - trip.gross_fifo) < D("1e-15")
            assert sum(lot.qty for lot in trip.lots) == trip.entered
        assert all(part.held for part in trip.parts[:-1])
    assert sum(trip.is_open for trip in trips) == bool(position.qty)
