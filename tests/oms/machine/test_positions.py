"""Goal: positions from fills have the right quantity, cost and profit, whatever comes first.

Method: tables computed by hand, and hypothesis against an independent lot-free model.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.desk import Desk, market

from execbot.journal.records import Execution, FillState, PositionRecord
from execbot.model.account import Position
from execbot.model.enums import EventSource, Side
from execbot.model.order import Fill
from execbot.oms.machine.positions import add_execution, position_of
from execbot.oms.sync.differences import compare, is_crypto_fee
from execbot.oms.sync.tracker import PositionBook, PositionTracker

T0 = datetime(2026, 10, 7, 14, 0, tzinfo=UTC)
D = Decimal


def executed(number: int, signed: str, price: str, **more: object) -> Execution:
    qty = abs(D(signed))
    made = Execution(
        execution_id=f"x{number:04d}",
        order_id="o",
        client_order_id="c",
        symbol="AAPL",
        side=Side.BUY if D(signed) > 0 else Side.SELL,
        at=T0 + timedelta(seconds=number),
        source=EventSource.STREAM,
        state=FillState.BOOKED,
        qty=qty,
        price=D(price),
        net_qty=qty,
        net_price=D(price),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def fold(*trades: tuple[str, str]) -> PositionRecord:
    made = [executed(number, *trade) for number, trade in enumerate(trades)]
    return position_of("AAPL", made)


def test_average_price_of_two_purchases() -> None:
    position = fold(("10", "100"), ("30", "104"))
    assert (position.qty, position.avg_entry_price) == (D(40), D(103))
    assert position.realized_pl == 0


def test_a_sale_realises_against_the_average_and_leaves_it() -> None:
    position = fold(("10", "100"), ("10", "110"), ("-5", "120"))
    assert position.qty == 15
    assert position.avg_entry_price == 105
    assert position.realized_pl == 75


def test_closing_leaves_no_residue() -> None:
    position = fold(("3", "100.01"), ("4", "99.97"), ("-7", "101"))
    assert position.qty == 0 and position.cost == 0
    assert position.avg_entry_price is None and position.opened_at is None
    assert position.realized_pl == 7 * D(101) - 3 * D("100.01") - 4 * D("99.97")


def test_a_short_profits_from_falling_prices() -> None:
    position = fold(("-10", "100"), ("4", "90"))
    assert (position.qty, position.avg_entry_price) == (D(-6), D(100))
    assert position.realized_pl == 40


def test_a_flip_through_zero_realises_the_old_side_and_opens_the_new_one() -> None:
    position = fold(("10", "100"), ("-25", "104"))
    assert position.qty == -15
    assert position.avg_entry_price == 104
    assert position.realized_pl == 40
    assert position.opened_at == T0 + timedelta(seconds=1)


def test_new_shares_for_old_ones_are_the_same_position_and_others_are_not() -> None:
    soon = timedelta(microseconds=1)
    bought = executed(0, "10", "100")
    out = executed(5, "-10", "25", state=FillState.ADJUSTMENT)
    come = executed(6, "40", "25", state=FillState.ADJUSTMENT)
    swapped = position_of("AAPL", [bought, out, replace(come, at=out.at + soon)])
    assert (swapped.qty, swapped.cost, swapped.opened_at) == (40, 1000, T0)
    later = position_of("AAPL", [bought, out, come])
    assert later.opened_at == come.at
    traded = position_of("AAPL", [bought, out, executed(5, "40", "25", at=out.at + soon)])
    assert traded.opened_at == out.at + soon
    turned = position_of("AAPL", [bought, executed(5, "-15", "90", state=FillState.ADJUSTMENT)])
    assert (turned.qty, turned.opened_at) == (-5, T0 + timedelta(seconds=5))


def test_a_correction_after_a_split_changes_the_cost_of_the_new_shares() -> None:
    """The split was booked at the price that the purchase had before it was corrected."""
    bought = replace(executed(1, "10", "60"), net_price=D("61"), state=FillState.CORRECTED)
    gone = executed(2, "-10", "60", state=FillState.ADJUSTMENT)
    come = executed(3, "40", "15", state=FillState.ADJUSTMENT)
    come = replace(come, at=gone.at + timedelta(microseconds=1))
    held = position_of("AAPL", [bought, gone, come])
    assert (held.qty, held.cost, held.realized_pl) == (D(40), D(610), D(0))
    sold = add_execution(held, replace(executed(4, "-40", "16"), at=come.at + timedelta(hours=1)))
    assert (sold.qty, sold.cost, sold.realized_pl) == (D(0), D(0), D(30))


def test_shares_that_left_whole_leave_no_cost_to_what_comes_later() -> None:
    gone = executed(2, "-10", "60", state=FillState.ADJUSTMENT)
    again = replace(executed(3, "5", "50"), at=gone.at + timedelta(hours=1))
    held = position_of("AAPL", [executed(1, "10", "60"), gone, again])
    assert (held.qty, held.cost, held.avg_entry_price) == (D(5), D(250), D(50))


def test_dust_of_nine_decimals_closes_exactly() -> None:
    position = fold(("0.057436865", "86.878"), ("0.000000001", "86.9"), ("-0.057436866", "87.001"))
    assert position.qty == 0 and position.cost == 0


def test_a_busted_execution_counts_for_nothing() -> None:
    gone = executed(1, "5", "100", state=FillState.BUSTED, net_qty=D(0))
    position = position_of("AAPL", [executed(0, "10", "100"), gone])
    assert position.qty == 10 and position.bought_qty == 10


def test_a_fee_in_coins_is_no_loss_and_is_recognised() -> None:
    bought = replace(executed(0, "0.1", "60000"), asset_class="crypto")
    position = add_execution(PositionRecord("BTC/USD"), bought)
    assert is_crypto_fee(position, D("0.09975"))
    assert not is_crypto_fee(position, D("0.09"))
    assert not is_crypto_fee(position, D("0.11"))
    fee = executed(1, "-0.00025", "0", state=FillState.ADJUSTMENT)
    after = add_execution(position, replace(fee, asset_class="crypto"))
    assert after.qty == D("0.09975") and after.realized_pl == 0


def test_fees_that_are_booked_hide_no_later_difference() -> None:
    """A hundred round trips, each with its fee; then a quarter of a coin is missing."""
    number = count()

    def then(held: PositionRecord, qty: str, state: FillState = FillState.BOOKED) -> PositionRecord:
        execution = executed(next(number), qty, "60000", state=state)
        return add_execution(held, replace(execution, asset_class="crypto"))

    position = then(PositionRecord("BTC/USD"), "1")
    for _ in range(100):
        position = then(then(position, "1"), "-0.9975")
        assert is_crypto_fee(position, position.qty - D("0.0025"))
        position = then(position, "-0.0025", FillState.ADJUSTMENT)
        assert not is_crypto_fee(position, position.qty - D("0.0001"))
    assert position.qty == 1
    assert not is_crypto_fee(position, D("0.75"))
    position = then(position, "2")
    assert is_crypto_fee(position, position.qty - D("0.006"))
    assert not is_crypto_fee(position, position.qty - D("0.0061")), "the first coin's is paid"


def test_a_position_sold_to_nothing_owes_no_fee() -> None:
    position = PositionRecord("BTC/USD")
    for number, qty in enumerate(("1", "-1", "0.1")):
        bought = replace(executed(number, qty, "60000"), asset_class="crypto")
        position = add_execution(position, bought)
    assert is_crypto_fee(position, D("0.0997"))
    assert not is_crypto_fee(position, D("0.0996"))


signed = st.integers(-20, 20).filter(bool)
price = st.integers(9000, 11000)


@given(st.lists(st.tuples(signed, price), min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_quantity_and_profit_agree_with_cash(trades: list[tuple[int, int]]) -> None:
    """Profit so far plus what the rest cost is what left the purse, to a ten-thousandth."""
    executions = [
        executed(number, str(qty), str(D(cents) / 100))
        for number, (qty, cents) in enumerate(trades)
    ]
    position = position_of("AAPL", executions)
    assert position.qty == sum(qty for qty, _ in trades)
    paid = sum((D(qty) * D(cents) / 100 for qty, cents in trades), D(0))
    assert abs(position.cost - position.realized_pl - paid) < D("0.0001")
    assert (position.qty == 0) == (position.cost == 0)


def fill(number: int, signed_qty: int, cents: int) -> Fill:
    return Fill(
        execution_id=f"x{number:04d}",
        order_id="o",
        client_order_id="c",
        symbol="AAPL",
        side=Side.BUY if signed_qty > 0 else Side.SELL,
        qty=D(abs(signed_qty)),
        price=D(cents) / 100,
        at=T0 + timedelta(seconds=number),
    )


@given(st.lists(st.tuples(signed, price), min_size=1, max_size=12), st.data())
@settings(max_examples=100, deadline=None)
def test_a_book_given_fills_in_any_order_and_twice_ends_the_same(
    trades: list[tuple[int, int]], data: st.DataObject
) -> None:
    fills = [fill(number, *trade) for number, trade in enumerate(trades)]
    ordered, disordered = PositionBook(), PositionBook()
    for item in fills:
        ordered.add(item)
    for item in data.draw(st.permutations(fills + fills[:3])):
        disordered.add(item)
    assert ordered.position("AAPL") == disordered.position("AAPL")
    assert ordered.positions() == disordered.positions()


def test_comparison_ignores_average_prices_and_spellings() -> None:
    ours = [
        PositionRecord("BTC/USD", qty=D(1), avg_entry_price=D(5)),
        PositionRecord("AAPL", qty=D(10)),
        PositionRecord("GONE", qty=D(0)),
    ]
    theirs = [Position("BTCUSD", D(1), avg_entry_price=D(9)), Position("MSFT", D(-2))]
    assert [(item.symbol, item.ours, item.theirs) for item in compare(ours, theirs)] == [
        ("AAPL", D(10), D(0)),
        ("MSFT", D(0), D(-2)),
    ]


def test_tracker_starts_from_the_broker_follows_fills_and_finds_discrepancies(desk: Desk) -> None:
    desk.oms.submit(market(qty="10"))
    desk.sleep(1)
    tracker = PositionTracker()
    tracker.update_from_broker(desk.client.get_positions())
    assert not tracker.reconcile(desk.client).has_discrepancies
    desk.oms.submit(market(qty="5"))
    desk.sleep(1)
    result = tracker.reconcile(desk.client)
    assert result.has_discrepancies
    assert [str(item) for item in result.discrepancies] == ["AAPL: 10 here, 15 at the broker"]
    desk.oms.gap_fill()
    newest = desk.journal.fills()[-1]
    for _ in range(2):
        tracker.apply_fill(newest)
    assert not tracker.reconcile(desk.client).has_discrepancies
    held = tracker.position("AAPL")
    assert held is not None and held.qty == 15
    assert [position.symbol for position in tracker.positions] == ["AAPL"]
