"""Goal: a position is closed once, its exits give way, and what is unprotected is said.

Method: the real adapter against the built-in exchange in process, with its faults.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from oms.send.held_orders import GTC, D, bracket, hold, stop
from support.desk import Desk, limit, market

from execbot.journal import Journal, Role
from execbot.model.enums import OrderStatus, Side
from execbot.oms.errors import ClientIdReused, CloseFailed, NotPossible
from execbot.oms.results import CloseResult
from execbot.oms.send.close import CLOSING, closing_qty


def test_close_sells_the_whole_position_once(desk: Desk) -> None:
    hold(desk)
    result = desk.oms.close("AAPL")
    assert isinstance(result, CloseResult)
    assert result.record is not None and result.record.origin == "close"
    assert result.record.order.side is Side.SELL
    desk.sleep(1)
    desk.oms.reconcile()
    assert desk.positions_there() == {}
    assert desk.journal.positions() == []


def test_close_lifts_the_exits_that_hold_the_shares(desk: Desk) -> None:
    hold(desk)
    held = desk.oms.submit(stop(), role=Role.STOP)
    desk.sleep(1)
    result = desk.oms.close("AAPL")
    assert [record.client_order_id for record in result.lifted] == [held.client_order_id]
    assert result.lifted[0].status is OrderStatus.CANCELED
    assert result.unprotected_qty == 0
    desk.sleep(1)
    assert desk.positions_there() == {}


def test_close_lifts_both_legs_of_a_bracket(desk: Desk) -> None:
    desk.oms.submit(bracket())
    desk.sleep(2)
    desk.oms.reconcile()
    result = desk.oms.close("AAPL")
    assert {record.role for record in result.lifted} == {"stop", "target"}
    desk.sleep(1)
    desk.oms.reconcile()
    assert desk.positions_there() == {}
    assert not desk.journal.orders("open")


def test_partial_close_that_needs_held_shares_says_what_is_unprotected(desk: Desk) -> None:
    hold(desk)
    desk.oms.submit(stop(), role=Role.STOP)
    desk.sleep(1)
    result = desk.oms.close("AAPL", qty=D(4))
    assert result.unprotected_qty == 6
    desk.sleep(1)
    assert desk.positions_there() == {"AAPL": "6"}


def test_partial_close_of_free_shares_leaves_the_stop_alone(desk: Desk) -> None:
    hold(desk)
    kept = desk.oms.submit(stop("6"), role=Role.STOP)
    desk.sleep(1)
    result = desk.oms.close("AAPL", percentage=D(40))
    assert not result.lifted and result.unprotected_qty == 0
    desk.sleep(1)
    assert desk.positions_there() == {"AAPL": "6"}
    assert desk.oms.refresh(kept.order_id).order.is_working


def test_close_takes_back_an_entry_that_still_works(desk: Desk) -> None:
    hold(desk)
    entry = desk.oms.submit(limit("1.00"))
    desk.sleep(1)
    result = desk.oms.close("AAPL")
    assert [record.client_order_id for record in result.lifted] == [entry.client_order_id]
    desk.sleep(1)
    assert desk.positions_there() == {}


@pytest.mark.parametrize("own_id", ["", "mine"])
def test_close_leaves_the_order_of_a_close_without_a_journal(desk: Desk, own_id: str) -> None:
    """It has the id that another such close would take, which the broker takes once. Under an id of
    its own a close takes its place."""
    hold(desk)
    desk.call("POST", "/sim/halt", {"symbol": "AAPL"})
    flat = replace(market(qty="10"), side=Side.SELL, client_order_id="flat-AAPL-20261007-1")
    desk.call("POST", "/v2/orders", flat.to_wire())
    result = desk.oms.close("AAPL", client_order_id=own_id)
    there = desk.orders_there()["flat-AAPL-20261007-1"]
    assert result.record is not None
    if own_id:
        assert (there["status"], result.record.client_order_id) == ("canceled", "mine")
    else:
        assert (there["canceled_at"], result.lifted, result.note) == (None, (), CLOSING)


def test_close_of_nothing_is_refused(desk: Desk) -> None:
    with pytest.raises(NotPossible):
        desk.oms.close("AAPL")


def test_close_that_is_refused_after_lifting_says_what_is_unprotected(desk: Desk) -> None:
    hold(desk)
    desk.oms.submit(stop(), role=Role.STOP)
    desk.sleep(1)
    body = {"code": 40310000, "message": "account is restricted to liquidation only"}
    rule = {"method": "POST", "path": "/v2/orders", "count": 9}
    desk.call(
        "POST",
        "/sim/faults",
        {"kind": "canned_reply", "params": {"status": 403, "body": body}, **rule},
    )
    with pytest.raises(CloseFailed) as caught:
        desk.oms.close("AAPL")
    assert caught.value.result.unprotected_qty == 10
    assert len(caught.value.result.lifted) == 1
    assert "unprotected" in caught.value.message
    assert caught.value.outcome == "rejected"


def lose_the_second_cancel(desk: Desk) -> None:
    desk.fault(
        "rate_limited",
        method="DELETE",
        path="/v2/orders/*",
        after=1,
        count=9,
        params={"retry_after": 20},
    )


def lose_the_position(desk: Desk) -> None:
    desk.fault("server_error", method="GET", path="/v2/positions/*", after=1, count=9)


@pytest.mark.parametrize(
    ("lose", "unprotected"), [(lose_the_second_cancel, {60, 40}), (lose_the_position, {100})]
)
def test_close_that_fails_after_the_first_lift_says_what_is_unprotected(
    desk: Desk, lose: Callable[[Desk], None], unprotected: set[int]
) -> None:
    hold(desk, "100")
    for qty in ("60", "40"):
        desk.oms.submit(stop(qty), role=Role.STOP)
    desk.sleep(1)
    lose(desk)
    with pytest.raises(CloseFailed) as caught:
        desk.oms.close("AAPL")
    assert caught.value.result.unprotected_qty in unprotected
    assert caught.value.outcome == "not_sent"
    assert "of 100 are unprotected" in caught.value.message


def test_close_whose_journal_fails_after_the_lift_says_so(desk: Desk) -> None:
    hold(desk)
    desk.oms.submit(stop(), role=Role.STOP)
    desk.sleep(1)
    desk.journal.close()
    desk.journal = Journal.open(desk.path / "journal.db", busy_timeout_seconds=0.01)
    blocker = sqlite3.connect(desk.path / "journal.db", isolation_level=None)
    cancel = desk.client.cancel_order

    def cancel_and_lock(order_id: str) -> None:
        cancel(order_id)
        blocker.execute("BEGIN IMMEDIATE")

    desk.client.cancel_order = cancel_and_lock  # type: ignore[method-assign]
    with pytest.raises(CloseFailed) as caught:
        desk.oms.close("AAPL")
    blocker.execute("ROLLBACK")
    assert caught.value.kind == "journal.locked"
    assert caught.value.result.unprotected_qty == 10


def test_close_given_twice_under_one_id_leaves_the_stop_of_the_rest(desk: Desk) -> None:
    hold(desk, "100")
    desk.oms.close("AAPL", qty=D(50), client_order_id="X")
    desk.sleep(1)
    desk.oms.gap_fill()
    kept = desk.oms.submit(stop("50"), role=Role.STOP)
    desk.sleep(1)
    again = desk.oms.close("AAPL", qty=D(50), client_order_id="X")
    assert again.record is not None and again.record.already
    assert again.lifted == () and again.unprotected_qty == 0
    assert desk.oms.refresh(kept.order_id).order.is_working
    assert desk.positions_there() == {"AAPL": "50"}


def test_close_under_the_id_of_another_order_lifts_nothing(desk: Desk) -> None:
    desk.oms.submit(market("KO", client_order_id="X"))
    hold(desk)
    kept = desk.oms.submit(stop(), role=Role.STOP)
    desk.sleep(1)
    with pytest.raises(ClientIdReused):
        desk.oms.close("AAPL", client_order_id="X")
    assert desk.oms.refresh(kept.order_id).order.is_working


def test_close_whose_answer_is_lost_still_sells_once(desk: Desk) -> None:
    hold(desk)
    desk.fault("reply_lost", method="POST", path="/v2/orders")
    result = desk.oms.close("AAPL")
    assert result.record is not None
    desk.sleep(1)
    desk.oms.reconcile()
    assert desk.positions_there() == {}
    assert len(desk.orders_there()) == 2


def test_close_of_a_short_buys_it_back(desk: Desk) -> None:
    desk.oms.submit(market(side=Side.SELL, qty="5"))
    desk.sleep(1)
    assert desk.positions_there() == {"AAPL": "-5"}
    result = desk.oms.close("AAPL")
    assert result.record is not None and result.record.order.side is Side.BUY
    desk.sleep(1)
    assert desk.positions_there() == {}


def test_close_of_a_crypto_position_sells_what_is_really_there(desk: Desk) -> None:
    desk.oms.submit(market("BTC/USD", "0.1", time_in_force=GTC))
    desk.sleep(1)
    result = desk.oms.close("BTC/USD")
    assert result.record is not None
    desk.sleep(1)
    assert desk.positions_there() == {}


def test_closing_quantities_are_rounded_down_and_checked() -> None:
    from execbot.model.account import Position

    three = Position("AAPL", D(3))
    assert closing_qty(three, None, None) == 3
    assert closing_qty(three, None, D(50)) == 1
    assert closing_qty(Position("AAPL", D("-3")), D(2), None) == 2
    assert closing_qty(Position("AAPL", D("0.3")), None, D(50)) == D("0.15")
    for qty, percentage in ((D(4), None), (D(0), None), (None, D(0)), (None, D(101))):
        with pytest.raises(NotPossible):
            closing_qty(three, qty, percentage)
    with pytest.raises(NotPossible):
        closing_qty(Position("AAPL", D(1)), None, D(50))


@pytest.mark.parametrize(
    ("held", "asked", "said"),
    [
        ("10", "20", "you hold 10 AAPL; 20 is too many"),
        ("-10", "20", "you are short 10 AAPL; 20 is too many"),
        ("10", "0", "you hold 10 AAPL; 0 closes nothing"),
    ],
)
def test_a_quantity_that_cannot_be_closed_is_said_beside_what_is_held(
    held: str, asked: str, said: str
) -> None:
    from execbot.model.account import Position

    with pytest.raises(NotPossible) as refused:
        closing_qty(Position("AAPL", D(held)), D(asked), None)
    assert (refused.value.message, refused.value.hint) == (said, "")
