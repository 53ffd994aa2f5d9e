"""Goal: every open order is taken back, and what is without a stop afterwards is named.

Method: the real adapter against the built-in exchange in process, with its faults.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from oms.send.held_orders import D, bracket, hold, stop
from support.desk import Desk, limit, market

from execbot.broker.errors import BrokerError
from execbot.journal import Role
from execbot.model.enums import OrderStatus, OrderType
from execbot.oms.send.cancel import CancelAllResult


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


def test_stop_whose_cancel_is_under_way_covers_nothing(desk: Desk) -> None:
    """E-PROT-1: it is neither working nor held with its pair."""
    hold(desk)
    desk.oms.submit(stop())
    desk.sleep(1)
    desk.fault("stuck_pending_cancel")
    result = desk.oms.cancel_all(symbol="AAPL", wait_seconds=1)
    assert [record.status for record in result.still_open] == [OrderStatus.PENDING_CANCEL]
    assert [(item.symbol, item.uncovered_qty) for item in result.unprotected] == [("AAPL", D(10))]


def test_held_leg_of_an_entry_that_has_not_filled_covers_nothing(desk: Desk) -> None:
    """The leg is armed by its entry's fill; until then it guards none of the shares held before."""
    hold(desk)
    entry = replace(bracket(), type=OrderType.LIMIT, limit_price=D(120), qty=D(10))
    desk.oms.submit(entry)
    desk.oms.submit(limit("1.00", "KO"))
    desk.sleep(1)
    result = desk.oms.cancel_all(symbol="KO")
    held = [r for r in desk.journal.orders("open") if r.status is OrderStatus.HELD]
    assert {r.order.type for r in held} >= {OrderType.STOP}
    assert [(item.symbol, item.uncovered_qty) for item in result.unprotected] == [("AAPL", D(10))]


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


@pytest.mark.parametrize("path", ["/v2/orders", "/v2/positions"])
@pytest.mark.parametrize("entries_only", [False, True])
def test_cancel_all_cancels_although_the_broker_does_not_show_everything(
    desk: Desk, path: str, entries_only: bool
) -> None:
    hold(desk)
    desk.oms.submit(stop(), role=Role.STOP)
    desk.oms.submit(limit("1.00", "KO"))
    desk.sleep(1)
    desk.oms.gap_fill()
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
