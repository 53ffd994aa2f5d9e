"""Goal: `reconcile` books a split by itself where it is sure, and says so where it is not.

Method: the built-in exchange in process; its control splits shares with the activities that Alpaca
writes, or the position is changed with no record of it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.desk import KEY, Desk, market

from execbot.model.enums import Side
from execbot.oms.sync.evidence import Evidence
from execbot.oms.sync.evidence_reading import read_evidence
from execbot.oms.sync.rebuild import rebuild
from execbot.oms.sync.reconcile import ReconcileResult

D = Decimal
ACTIVITIES = "/v2/account/activities*"


def holding(desk: Desk, signed: str = "10", symbol: str = "AAPL") -> None:
    """A position in the books of both sides."""
    desk.oms.reconcile()
    side = Side.BUY if D(signed) > 0 else Side.SELL
    desk.oms.submit(market(symbol, str(abs(D(signed))), side))
    desk.sleep(1)
    assert not desk.oms.reconcile().has_breaks


def split(desk: Desk, new: int, old: int = 1, symbol: str = "AAPL") -> None:
    told = desk.call("POST", "/sim/split", {"symbol": symbol, "new": new, "old": old})
    assert told["symbol"] == symbol


def become(desk: Desk, qty: str, cost: Decimal) -> None:
    """The broker's position, with no order and no activity."""
    account = desk.venue.account_of(KEY)
    assert account is not None
    held = desk.venue.exchange.core.accounts[account].positions["AAPL"]
    held.qty, held.cost, held.lots = D(qty), cost, [(D(qty), cost / D(qty))]


def cost(desk: Desk, symbol: str = "AAPL") -> Decimal:
    position = desk.journal.position(symbol)
    assert position is not None
    return position.cost


def same_quantities(desk: Desk) -> bool:
    ours = {item.symbol: item.qty for item in desk.journal.positions()}
    return ours == {symbol: D(qty) for symbol, qty in desk.positions_there().items()}


def assert_booked(desk: Desk, result: ReconcileResult, words: str, before: Decimal) -> None:
    assert not result.has_breaks
    assert len(result.adjusted_positions) == 1
    assert words in result.notes[0]
    assert same_quantities(desk)
    assert abs(cost(desk) - before) < D("0.00001")
    position = desk.journal.position("AAPL")
    assert position is not None and position.realized_pl == 0
    again = desk.oms.reconcile()
    assert not (again.has_breaks or again.adjusted_positions or again.notes)


@pytest.mark.parametrize(
    ("held", "new", "old", "words"),
    [
        ("10", 4, 1, "4:1: 10 shares are 40"),
        ("10", 3, 2, "3:2: 10 shares are 15"),
        ("4", 7, 4, "7:4: 4 shares are 7"),
        ("10", 1, 10, "1:10: 10 shares are 1"),
        ("16", 1, 3, "1:3: 16 shares are 5.333333333"),
        ("-10", 2, 1, "2:1: -10 shares are -20"),
    ],
)
def test_a_split_is_booked_from_the_broker_s_record(
    desk: Desk, held: str, new: int, old: int, words: str
) -> None:
    holding(desk, held)
    before = cost(desk)
    split(desk, new, old)
    result = desk.oms.reconcile()
    assert_booked(desk, result, words, before)
    assert "by the broker's record" in result.notes[0]
    rows = desk.journal.derived_tables()
    rebuild(desk.journal)
    assert desk.journal.derived_tables() == rows


def test_without_a_record_it_is_booked_by_quantity_and_average_price(desk: Desk) -> None:
    holding(desk)
    before = cost(desk)
    become(desk, "40", before)
    assert_booked(desk, desk.oms.reconcile(), "(by quantity and average price)", before)


def test_two_splits_and_the_trades_around_them_are_booked_in_their_order(desk: Desk) -> None:
    holding(desk)
    desk.sleep(60)
    split(desk, 2)
    desk.sleep(60)
    sale = {"symbol": "AAPL", "qty": "5", "side": "sell", "type": "market", "time_in_force": "day"}
    desk.call("POST", "/v2/orders", sale)
    desk.sleep(60)
    split(desk, 3, 2)
    desk.sleep(60)
    desk.call("POST", "/v2/orders", {**sale, "qty": "0.5"})
    desk.sleep(1)
    result = desk.oms.reconcile()
    assert not result.has_breaks
    assert result.notes[0].startswith(
        "AAPL was split 2:1: 10 shares are 20, 3:2: 15 shares are 22.5 "
    )
    assert same_quantities(desk)
    position = desk.journal.position("AAPL")
    (there,) = desk.call("GET", "/v2/positions")
    assert position is not None and position.avg_entry_price is not None
    assert abs(position.avg_entry_price / D(there["avg_entry_price"]) - 1) < D("0.0001")


def test_quantities_of_a_split_at_another_price_are_a_break_that_says_so(desk: Desk) -> None:
    holding(desk)
    become(desk, "40", cost(desk) * 4)
    result = desk.oms.reconcile()
    (found,) = result.breaks
    assert (found.kind, found.ours, found.theirs) == ("position.qty", "10", "40")
    assert "looks like a 4:1 split" in found.cause
    accepted = desk.oms.reconcile(accept_positions=True)
    assert not accepted.has_breaks and len(accepted.adjusted_positions) == 1
    assert same_quantities(desk)


def test_a_gift_looks_like_no_split(desk: Desk) -> None:
    holding(desk)
    become(desk, "13", cost(desk))
    (found,) = desk.oms.reconcile().breaks
    assert "looks like" not in found.cause


def test_a_record_of_a_transfer_speaks_against_a_split(desk: Desk) -> None:
    holding(desk)
    become(desk, "20", cost(desk))
    today = desk.now().date().isoformat()
    row = {"id": "1", "activity_type": "JNLS", "date": today, "symbol": "AAPL", "qty": "10"}
    assert evidence(desk, 200, [row]).transferred == frozenset({"AAPL"})


def test_a_broker_that_refuses_the_question_proves_nothing(desk: Desk) -> None:
    holding(desk)
    split(desk, 4)
    assert evidence(desk, 422, {"code": 40010001, "message": "invalid"}) == Evidence()
    (known,) = read_evidence(
        desk.journal, desk.client, desk.client.get_positions(), desk.now()
    ).splits
    assert known.is_proven


def evidence(desk: Desk, status: int, body: Any) -> Evidence:
    params = {"status": status, "body": body}
    desk.fault("canned_reply", params=params, method="GET", path=ACTIVITIES)
    return read_evidence(desk.journal, desk.client, desk.client.get_positions(), desk.now())


@pytest.mark.parametrize("told", [True, False], ids=["by-rows", "by-price"])
def test_a_split_before_the_first_reconcile_is_no_difference_to_adopt(
    desk: Desk, told: bool
) -> None:
    """Bought with a new journal, split, and only then looked at: its cost stays what it was."""
    desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "151", "hold": True})
    desk.oms.submit(market(qty="10"))
    desk.sleep(2)
    desk.oms.apply_batch(desk.frames())
    before = cost(desk)
    if told:
        split(desk, 2)
    else:
        become(desk, "20", before)
    result = desk.oms.reconcile()
    assert not result.adopted_positions
    assert_booked(desk, result, "2:1: 10 shares are 20", before)
    if told:
        desk.oms.submit(market(qty="20", side=Side.SELL))
        desk.sleep(2)
        assert not desk.oms.reconcile().has_breaks
        position = desk.journal.position("AAPL")
        assert position is not None and abs(position.realized_pl) < 2  # the spread


def test_shares_older_than_the_journal_are_adopted_beside_a_split_of_others(desk: Desk) -> None:
    """Twice as many at the broker, and no split: their average says so."""
    desk.oms.submit(market(qty="10"))
    desk.sleep(2)
    desk.oms.apply_batch(desk.frames())
    become(desk, "20", 2 * cost(desk))
    result = desk.oms.reconcile()
    assert [str(item) for item in result.adopted_positions] == ["AAPL: 10 here, 20 at the broker"]
