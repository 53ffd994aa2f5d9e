"""Goal: an order is taken back, whatever becomes of it meanwhile, and its end is told truthfully.

Method: the real adapter against the built-in exchange in process, with its faults.
"""

from __future__ import annotations

import pytest
from oms.send.held_orders import D
from support.desk import Desk, limit, market

from execbot.broker.port import BulkResult, ReplaceRequest
from execbot.journal import Journal, OrderRecord
from execbot.model.enums import OrderStatus
from execbot.oms.errors import UnknownOrder
from execbot.oms.send.cancel import Canceler


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
