"""Goal: an order is changed once, and every race with its end is told truthfully.

Method: the real adapter against the built-in exchange in process, with its faults.
"""

from __future__ import annotations

import pytest
from oms.send.held_orders import D
from support.desk import Desk, limit, market

from execbot.broker.errors import BrokerError
from execbot.broker.port import ReplaceRequest
from execbot.exits import tags
from execbot.journal import Role
from execbot.model.enums import OrderStatus
from execbot.oms.errors import InDoubt, NotPossible


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


@pytest.mark.parametrize(
    ("new_id", "origin"),
    [("mine", "submit"), (tags.client_order_id("s", "p1"), "exit")],
    ids=["by hand", "stop"],
)
def test_an_order_of_others_is_ours_once_we_changed_it(
    desk: Desk, new_id: str, origin: str
) -> None:
    there = desk.call("POST", "/v2/orders", limit("1.00", client_order_id="theirs").to_wire())
    desk.sleep(1)
    desk.oms.gap_fill()
    assert not desk.oms.record("theirs").is_ours
    change = ReplaceRequest(limit_price=D("1.50"), client_order_id=new_id)
    new = desk.oms.replace(there["id"], change)
    assert (new.is_ours, new.origin) == (True, origin)
    desk.sleep(1)
    assert not desk.oms.reconcile().has_breaks
