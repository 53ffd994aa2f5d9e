"""Goal: a rate limit holds entries back, and next to nothing else.

Method: the real adapter with its rate budget against the built-in exchange in process, under a
virtual clock, with the exchange's own faults.
"""

from __future__ import annotations

from decimal import Decimal

from support.desk import Desk, limit

from execbot.model.enums import OrderStatus

D = Decimal


def test_cancel_that_meets_a_rate_limit_is_asked_for_again_within_seconds(desk: Desk) -> None:
    record = desk.oms.submit(limit("1.00"))
    desk.fault("rate_limited", method="DELETE", path="/v2/orders/*", params={"retry_after": 45})
    started = desk.now()
    assert desk.oms.cancel(record.client_order_id).status is OrderStatus.PENDING_CANCEL
    assert (desk.now() - started).total_seconds() < 3


def test_cancel_whose_look_afterwards_fails_says_that_it_was_asked_for(desk: Desk) -> None:
    record = desk.oms.submit(limit("1.00"))
    desk.fault("rate_limited", method="GET", path="/v2/orders/*", count=9)
    after = desk.oms.cancel(record.client_order_id)
    assert after.client_order_id == record.client_order_id
    there = desk.orders_there()[record.client_order_id]
    assert there["status"] in ("pending_cancel", "canceled")
