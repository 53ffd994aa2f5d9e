"""Goal: a rate limit holds entries back, and next to nothing else.

Method: the real adapter with its rate budget against the built-in exchange in process, under a
virtual clock, with the exchange's own faults.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.desk import KEY, Desk, VenueTransport, limit, market

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.budget import Level
from execbot.broker.errors import RateLimited
from execbot.broker.http import HttpReply, Transport
from execbot.journal import Journal, Role
from execbot.model.enums import OrderStatus, OrderType, Side
from execbot.model.order import OrderRequest
from execbot.oms.send.waiting import RATE_WAIT, is_meant_for_now, waits_for_rate_limit
from execbot.oms.service import OrderManagementSystem

D = Decimal


def hold(desk: Desk) -> None:
    desk.oms.submit(market())
    desk.sleep(2)
    desk.oms.apply_batch(desk.frames())


def spent(
    desk: Desk, *, blocked: float = 0.0, transport: Transport | None = None
) -> OrderManagementSystem:
    """An OMS whose minute is used up; `blocked`: the broker has said so, for so many seconds."""
    client = AlpacaClient(
        KEY,
        KEY,
        transport=transport or VenueTransport(desk.door),
        now=desk.now,
        timer=desk.timer,
        timeout_seconds=10.0,
    )
    budget = client.budgets["trading"]
    now = desk.monotonic()
    budget._level = Level(200.0, 0.0, now, now + blocked)
    return OrderManagementSystem(
        client, desk.journal, settings=desk.settings, now=desk.now, timer=desk.timer
    )


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


@pytest.mark.parametrize("blocked", [0.0, 45.0])
def test_close_and_cancels_do_not_wait_for_the_reads_they_need(desk: Desk, blocked: float) -> None:
    hold(desk)
    names = [desk.oms.submit(limit("1.00", "KO")).client_order_id for _ in range(2)]
    desk.sleep(1)
    oms = spent(desk, blocked=blocked)
    with pytest.raises(RateLimited):
        oms.refresh(names[0])
    started = desk.now()
    closed = oms.close("AAPL")
    assert closed.record is not None and closed.record.order_id
    assert oms.cancel(names[0], wait_seconds=1).status is OrderStatus.CANCELED
    result = oms.cancel_all(symbol="KO")
    assert [record.client_order_id for record in result.canceled] == [names[1]]
    assert (desk.now() - started).total_seconds() < 3


def stop() -> OrderRequest:
    return OrderRequest("AAPL", Side.SELL, qty=D(10), type=OrderType.STOP, stop_price=D(100))


@pytest.mark.parametrize("refused", [1, 8])
def test_stop_that_meets_a_rate_limit_is_sent_again_every_other_second_until_it_is_taken(
    desk: Desk, refused: int
) -> None:
    hold(desk)
    desk.fault("rate_limited", method="POST", path="/v2/orders", retry_after=45, count=refused)
    started = desk.now()
    assert desk.oms.submit(stop(), role=Role.STOP).order_id
    assert (desk.now() - started).total_seconds() < 2 * refused + 1


def test_exit_that_meets_a_rate_limit_without_end_is_given_up_in_the_end(desk: Desk) -> None:
    hold(desk)
    desk.fault("rate_limited", method="POST", path="/v2/orders", count=999)
    with pytest.raises(RateLimited):
        desk.oms.submit(market(side=Side.SELL, client_order_id="out"), role=Role.EXIT)
    assert desk.oms.record("out").status is OrderStatus.NEVER_SENT


def test_exit_whose_answer_is_lost_is_found_although_the_minute_is_used_up(desk: Desk) -> None:
    hold(desk)
    desk.fault("reply_lost", method="POST", path="/v2/orders")
    record = spent(desk, blocked=45).submit(market(side=Side.SELL), role=Role.EXIT)
    assert record.order_id


class Slow(VenueTransport):
    """A POST takes 1.5 seconds to the broker; meanwhile another process settles what is open."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.door)
        self.desk = desk
        self.settled: list[OrderStatus] = []

    def send(self, method: str, url_path: str, **options: Any) -> HttpReply:
        if method == "POST":
            self.desk.sleep(1.5)
            with Journal.open(self.desk.path / "journal.db") as journal:
                found = self.desk.open_oms(journal).settle()
            self.settled += [record.status for record in found.settled]
        return super().send(method, url_path, **options)


@pytest.mark.parametrize("blocked", [0.0, 9.0, 14.0])
def test_entry_that_waits_for_the_rate_limit_is_not_closed_as_never_sent_on_its_way(
    desk: Desk, blocked: float
) -> None:
    slow = Slow(desk)
    record = spent(desk, blocked=blocked, transport=slow).submit(market())
    assert slow.settled == []
    assert record.order_id
    assert record.alarm is None


def test_who_looks_what_waits_for_the_limit_reads_no_order_by_itself(desk: Desk) -> None:
    """However many orders wait for the open; the last word of how each came to wait decides."""
    oms = desk.oms
    for number in range(9):
        oms.queue(limit("1.00", client_order_id=f"o{number}"), note="the market is closed")
    asked: list[str] = []
    desk.journal._connection.set_trace_callback(asked.append)
    assert not waits_for_rate_limit(desk.journal)
    desk.journal._connection.set_trace_callback(None)
    assert sum("order_events" in sql for sql in asked) == 1
    assert len(asked) < 9
    oms.queue(limit("1.00", client_order_id="meant for now"), note=RATE_WAIT)
    assert waits_for_rate_limit(desk.journal)
    assert [
        name for name in ("o1", "meant for now") if is_meant_for_now(desk.journal, oms.record(name))
    ] == ["meant for now"]
