"""Goal: orders are taken back, changed and positions closed, with every race told truthfully.

Method: the real adapter against the built-in exchange in process, with its faults.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec.structs import replace
from support.desk import Desk, limit, market

from execbot.broker.errors import BrokerError
from execbot.broker.port import BulkResult, ReplaceRequest
from execbot.journal import Journal, OrderRecord, Role
from execbot.model.enums import OrderClass, OrderStatus, OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest, StopLoss, TakeProfit
from execbot.oms.errors import ClientIdReused, CloseFailed, InDoubt, NotPossible, UnknownOrder
from execbot.oms.results import CloseResult
from execbot.oms.send.cancel import CancelAllResult, Canceler
from execbot.oms.send.close import CLOSING, closing_qty

D = Decimal
GTC = TimeInForce.GTC


def hold(desk: Desk, qty: str = "10") -> None:
    desk.oms.submit(market(qty=qty))
    desk.sleep(1)
    desk.oms.gap_fill()


def stop(qty: str = "10", price: str = "100") -> OrderRequest:
    return OrderRequest(
        "AAPL",
        Side.SELL,
        qty=D(qty),
        type=OrderType.STOP,
        stop_price=D(price),
        time_in_force=GTC,
    )


def bracket() -> OrderRequest:
    return market(
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfit(D(400)),
        stop_loss=StopLoss(D(100)),
        time_in_force=GTC,
    )


# --- cancel --------------------------------------------------------------------------------


def test_cancel_waits_until_the_broker_says_canceled(desk: Desk) -> None:
    record = desk.oms.submit(limit("1.00"))
    assert desk.oms.cancel(record.order_id, wait_seconds=5).status is OrderStatus.CANCELED
    kinds = [event.kind for event in desk.journal.events_of(record.client_order_id)]
    assert "cancel_requested" in kinds


def test_cancel_of_a_filled_order_returns_it_as_filled(desk: Desk) -> None:
    record = desk.oms.submit(market())
    desk.sleep(1)
    after = desk.oms.cancel(record.client_order_id, wait_seconds=5)
    assert after.status is OrderStatus.FILLED
    assert after.order.filled_qty == 10
    assert desk.oms.cancel(record.client_order_id).status is OrderStatus.FILLED


def test_request_to_cancel_what_has_ended_unheard_reads_its_end(desk: Desk) -> None:
    record = desk.oms.submit(limit("1.00"))
    desk.call("DELETE", f"/v2/orders/{record.order_id}")
    desk.sleep(1)
    assert desk.oms.record(record.client_order_id).order.is_working
    assert Canceler(desk.oms).request(record) is None
    assert desk.oms.record(record.client_order_id).status is OrderStatus.CANCELED


def test_cancel_of_an_order_from_elsewhere_adopts_it_first(desk: Desk) -> None:
    body = {
        "symbol": "AAPL",
        "qty": "1",
        "side": "buy",
        "type": "limit",
        "limit_price": "1",
        "time_in_force": "day",
        "client_order_id": "theirs",
    }
    there = desk.call("POST", "/v2/orders", body)
    assert desk.oms.cancel(there["id"], wait_seconds=5).status is OrderStatus.CANCELED
    assert desk.oms.record("theirs").origin == "foreign"


@pytest.mark.parametrize("name", ["nobody", "00000000-0000-4000-8000-000000000000"])
def test_cancel_of_an_unknown_order_says_so(desk: Desk, name: str) -> None:
    with pytest.raises(UnknownOrder):
        desk.oms.cancel(name)


def test_cancel_that_is_stuck_returns_the_order_as_it_is(desk: Desk) -> None:
    record = desk.oms.submit(limit("1.00"))
    desk.sleep(1)
    desk.fault("stuck_pending_cancel")
    after = desk.oms.cancel(record.client_order_id, wait_seconds=3)
    assert after.status is OrderStatus.PENDING_CANCEL


@pytest.mark.parametrize("kind", ["reply_lost", "reset_before", "reset_after"])
def test_cancel_whose_answer_is_lost_is_asked_for_again(desk: Desk, kind: str) -> None:
    record = desk.oms.submit(limit("1.00"))
    desk.sleep(1)
    desk.fault(kind, method="DELETE", path="/v2/orders/*")
    after = desk.oms.cancel(record.client_order_id, wait_seconds=5)
    assert after.status is OrderStatus.CANCELED


def test_cancel_all_ends_everything_and_names_what_is_unprotected(desk: Desk) -> None:
    hold(desk)
    desk.oms.submit(limit("1.00", "MSFT"))
    desk.oms.submit(stop())
    queued = desk.oms.queue(market("KO"))
    desk.sleep(1)
    result = desk.oms.cancel_all()
    assert isinstance(result, CancelAllResult)
    assert {record.symbol for record in result.canceled} == {"AAPL", "MSFT", "KO"}
    assert not result.failed and not result.still_open and not result.in_doubt
    assert [(item.symbol, item.uncovered_qty) for item in result.unprotected] == [("AAPL", D(10))]
    assert desk.oms.record(queued.client_order_id).status is OrderStatus.CANCELED
    assert not desk.journal.orders("open")


def test_cancel_all_entries_spares_the_exits(desk: Desk) -> None:
    hold(desk)
    entry = desk.oms.submit(limit("1.00", "MSFT"))
    exit_order = desk.oms.submit(stop(), role=Role.STOP)
    desk.sleep(1)
    result = desk.oms.cancel_all(entries_only=True)
    assert [record.client_order_id for record in result.canceled] == [entry.client_order_id]
    assert desk.oms.refresh(exit_order.order_id).order.is_working
    assert not result.unprotected


def test_cancel_all_mine_spares_foreign_orders(desk: Desk) -> None:
    mine = desk.oms.submit(limit("1.00"))
    body = {
        "symbol": "KO",
        "qty": "1",
        "side": "buy",
        "type": "limit",
        "limit_price": "1",
        "time_in_force": "day",
        "client_order_id": "theirs",
    }
    desk.call("POST", "/v2/orders", body)
    desk.sleep(1)
    result = desk.oms.cancel_all(mine_only=True)
    assert [record.client_order_id for record in result.canceled] == [mine.client_order_id]
    assert desk.orders_there()["theirs"]["status"] == "new"


def test_cancel_all_when_the_bulk_request_fails_goes_one_by_one(desk: Desk) -> None:
    for symbol in ("AAPL", "MSFT", "KO"):
        desk.oms.submit(limit("1.00", symbol))
    desk.sleep(1)
    desk.fault("server_error", method="DELETE", path="/v2/orders", params={"handled": False})
    result = desk.oms.cancel_all()
    assert len(result.canceled) == 3


def test_cancel_all_reports_a_fill_that_won_the_race(desk: Desk) -> None:
    desk.oms.submit(market())
    result = desk.oms.cancel_all()
    assert len(result.canceled) + len(result.filled) == 1
    assert not result.still_open


@pytest.mark.parametrize("how", ["cancel", "all", "symbol"])
def test_cancel_of_an_order_replaced_meanwhile_cancels_what_it_became(
    desk: Desk, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = desk.oms.submit(limit("1.00", "KO"))
    desk.sleep(1)
    desk.oms.apply_batch(desk.frames())
    one, everything = desk.client.cancel_order, desk.client.cancel_all_orders
    other = desk.open_oms(Journal.open(desk.path / "journal.db"))

    def replace_first() -> None:
        monkeypatch.undo()
        other.replace(old.client_order_id, ReplaceRequest(limit_price=D("1.10")))

    def cancel_order(order_id: str) -> None:
        replace_first()
        one(order_id)

    def cancel_all_orders() -> list[BulkResult]:
        replace_first()
        return everything()

    monkeypatch.setattr(desk.client, "cancel_order", cancel_order)
    monkeypatch.setattr(desk.client, "cancel_all_orders", cancel_all_orders)
    if how == "cancel":
        ended = [desk.oms.cancel(old.client_order_id, wait_seconds=5)]
    else:
        ended = list(desk.oms.cancel_all(symbol="KO" if how == "symbol" else None).canceled)
    assert [(r.status, r.order.limit_price) for r in ended] == [(OrderStatus.CANCELED, D("1.1"))]
    assert {o["status"] for o in desk.orders_there().values()} == {"replaced", "canceled"}


def test_queued_order_released_by_another_process_meanwhile_is_canceled_at_the_broker(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.oms.queue(market(client_order_id="Q"))
    withdraw = Canceler._withdraw
    other = desk.open_oms(Journal.open(desk.path / "journal.db"))

    def withdraw_late(self: Canceler, record: OrderRecord) -> OrderRecord:
        other.release(market(client_order_id="Q"))
        return withdraw(self, record)

    monkeypatch.setattr(Canceler, "_withdraw", withdraw_late)
    result = desk.oms.cancel_all()
    told = {"canceled": result.canceled, "filled": result.filled}
    there = desk.orders_there()["Q"]["status"]
    assert [record.client_order_id for record in told[there]] == ["Q"]


@pytest.mark.parametrize("path", ["/v2/orders", "/v2/positions"])
@pytest.mark.parametrize("entries_only", [False, True])
def test_cancel_all_cancels_although_the_broker_does_not_show_everything(
    desk: Desk, path: str, entries_only: bool
) -> None:
    hold(desk)
    desk.oms.submit(stop(), role=Role.STOP)
    desk.oms.submit(limit("1.00", "KO"))
    desk.sleep(1)
    desk.fault("server_error", method="GET", path=path, count=9)
    result = desk.oms.cancel_all(entries_only=entries_only)
    canceled = {record.symbol for record in result.canceled}
    assert canceled == ({"KO"} if entries_only else {"KO", "AAPL"})
    assert bool(result.unread) is (path == "/v2/orders")
    assert [item.symbol for item in result.unprotected] == ([] if entries_only else ["AAPL"])


def test_cancel_all_that_can_neither_look_nor_cancel_is_an_error(desk: Desk) -> None:
    desk.fault("server_error", path="/v2/orders", count=99)
    for entries_only in (False, True):
        with pytest.raises(BrokerError):
            desk.oms.cancel_all(entries_only=entries_only)


# --- close ---------------------------------------------------------------------------------


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


# --- replace -------------------------------------------------------------------------------


def test_replace_makes_a_new_order_of_ours_in_the_old_ones_place(desk: Desk) -> None:
    old = desk.oms.submit(limit("1.00", strategy_id="s1"), role=Role.ENTRY)
    desk.sleep(1)
    desk.oms.gap_fill()
    new = desk.oms.replace(old.client_order_id, ReplaceRequest(limit_price=D("1.50")))
    assert new.order_id != old.order_id
    assert new.order.limit_price == D("1.5")
    assert new.order.replaces == old.order_id
    assert (new.origin, new.strategy_id, new.role) == ("submit", "s1", "entry")
    desk.sleep(1)
    desk.oms.apply_batch(desk.frames())
    replaced = desk.oms.record(old.client_order_id)
    assert replaced.status is OrderStatus.REPLACED
    assert replaced.order.replaced_by == new.order_id
    assert desk.oms.record(new.client_order_id).status is OrderStatus.NEW
    assert not desk.oms.reconcile().has_breaks


@pytest.mark.parametrize("kind", ["reply_lost", "reset_after"])
def test_replace_whose_answer_is_lost_is_found(desk: Desk, kind: str) -> None:
    old = desk.oms.submit(limit("1.00"))
    desk.sleep(1)
    desk.fault(kind, method="PATCH", path="/v2/orders/*")
    new = desk.oms.replace(old.order_id, ReplaceRequest(limit_price=D("1.50")))
    assert new.order.limit_price == D("1.5") and new.order_id
    desk.sleep(1)
    assert not desk.oms.reconcile().has_breaks
    assert len(desk.orders_there()) == 2


def test_replace_that_never_arrived_is_in_doubt_and_then_never_sent(desk: Desk) -> None:
    old = desk.oms.submit(limit("1.00"))
    desk.sleep(1)
    desk.fault("reset_before", method="PATCH", path="/v2/orders/*")
    with pytest.raises(InDoubt) as caught:
        desk.oms.replace(old.order_id, ReplaceRequest(limit_price=D("1.50")))
    desk.sleep(17)
    assert not desk.oms.reconcile().has_breaks
    assert desk.oms.record(caught.value.client_order_id or "").status is OrderStatus.NEVER_SENT
    assert desk.oms.record(old.client_order_id).order.is_working


def test_replace_that_is_refused_leaves_the_old_order(desk: Desk) -> None:
    old = desk.oms.submit(limit("1.00"))
    desk.sleep(1)
    with pytest.raises(BrokerError):
        desk.oms.replace(old.order_id, ReplaceRequest(limit_price=D("1.00")))
    assert desk.oms.record(old.client_order_id).order.is_working


def test_replace_of_an_ended_order_is_refused_before_anything_is_sent(desk: Desk) -> None:
    old = desk.oms.submit(market())
    desk.sleep(1)
    desk.oms.gap_fill()
    with pytest.raises(NotPossible):
        desk.oms.replace(old.order_id, ReplaceRequest(qty=D(5)))


def test_replace_that_loses_against_a_fill_ends_with_the_fill(desk: Desk) -> None:
    ask = desk.client.latest_quotes(["AAPL"])["AAPL"].ask
    old = desk.oms.submit(limit(str(ask - 5)))
    desk.sleep(1)
    desk.fault("replace_race")
    new = desk.oms.replace(old.order_id, ReplaceRequest(limit_price=ask - 6))
    desk.sleep(2)
    desk.oms.apply_batch(desk.frames())
    assert not desk.oms.reconcile().has_breaks
    there = desk.orders_there()
    for record in (old, new):
        status = desk.oms.record(record.client_order_id).status
        assert status.value == there[record.client_order_id]["status"]
    position = desk.journal.position("AAPL")
    held = desk.positions_there().get("AAPL", "0")
    assert (position.qty if position else 0) == D(held)
