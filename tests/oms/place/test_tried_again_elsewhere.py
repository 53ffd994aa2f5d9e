"""Goal: an order that was tried again under another id is not sent under its first one besides.

Method: the exchange injects the fault, one process waits while another tries again by hand; the
exchange's own record says what was bought.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.desk import market
from support.signal_trader import SignalTrader, open_trader

from execbot.broker.errors import BrokerError
from execbot.market.queue import QueueAction
from execbot.model.enums import OrderStatus, Outcome
from execbot.model.timer import Timer
from execbot.oms.errors import NotPossible
from execbot.oms.place.placer import Placer
from execbot.oms.place.retry_by_hand import abandon, retry
from execbot.oms.release_queue import release_due

D = Decimal
POST = {"method": "POST", "path": "/v2/orders"}
FREE = {"one_pending_per_symbol": False, "duplicate_window_seconds": D(0)}


def bought(trader: SignalTrader) -> Decimal:
    trader.fill()
    return sum((D(row["filled_qty"]) for row in trader.desk.orders_there().values()), D(0))


def test_id_of_an_order_that_was_retried_by_hand_is_not_sent_again(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, risk=FREE)
    trader.desk.fault("unauthorized", **POST)
    order = market(qty="10", client_order_id="cron")
    with pytest.raises(BrokerError):
        trader.placer.place(order)
    assert trader.desk.oms.record("cron").status is OrderStatus.NEVER_SENT
    retry(trader.placer, "cron")
    assert bought(trader) == 10
    with pytest.raises(NotPossible, match=r"cron was tried again meanwhile: cron\.h1 is filled"):
        trader.placer.place(order)
    assert bought(trader) == 10


def test_release_that_waited_while_the_order_was_retried_by_hand_does_not_send_it(
    tmp_path: Path,
) -> None:
    trader = open_trader(
        tmp_path, sim={"calendar": "exchange", "at": "2026-10-06 18:00"}, risk=FREE
    )
    desk, by_hand = trader.desk, []
    trader.placer.place(market(qty="10", client_order_id="kept"))
    trader.until("2026-10-07 09:31")
    desk.fault("rate_limited", **POST, params={"retry_after": 30})

    def sleep(seconds: float) -> None:
        desk.sleep(seconds)
        desk.oms.settle()
        if not by_hand and desk.oms.record("kept").status is OrderStatus.QUEUED:
            abandon(trader.placer, "kept", "by hand now")
            by_hand.append(retry(Placer(desk.oms, trader.placer.risk), "kept").record)

    trader.executor.oms._pipeline._timer = Timer(desk.monotonic, sleep)
    (tried,) = release_due(trader.executor)
    assert (tried.outcome, tried.reason) == (Outcome.CANCELED, "already taken")
    assert [record.client_order_id for record in by_hand] == ["kept.h1"]
    assert bought(trader) == 10
    assert release_due(trader.executor) == []


@pytest.mark.parametrize("kind", ["unauthorized"])
def test_entry_that_waits_for_the_rate_limit_lapses_with_its_signal_whatever_it_met_besides(
    tmp_path: Path, kind: str
) -> None:
    trader = open_trader(tmp_path)
    trader.desk.fault("rate_limited", **POST, params={"retry_after": 45}, count=99)
    assert trader.signal("AAPL").outcome is Outcome.QUEUED
    trader.desk.call("DELETE", "/sim/faults")
    trader.desk.fault(kind, **POST, count=99)
    (kept,) = release_due(trader.executor)
    assert kept.action is QueueAction.KEEP
    trader.desk.call("DELETE", "/sim/faults")
    trader.desk.sleep(400)
    (lapsed,) = release_due(trader.executor)
    assert lapsed.action is QueueAction.EXPIRE and "300 s" in lapsed.reason
    assert trader.desk.orders_there() == {}


def test_what_the_broker_calls_too_early_is_not_kept_where_it_was_tried_again_meanwhile(
    tmp_path: Path,
) -> None:
    """Another process tries it again between the refusal and the queue."""
    trader = open_trader(tmp_path, risk=FREE)
    closed = {"status": 403, "body": {"code": 40310000, "message": "market is closed"}}
    trader.desk.fault("canned_reply", **POST, params=closed)
    by_hand: list[str] = []

    def on_failed(change: object) -> None:
        if not by_hand:
            by_hand.append("begun")
            retry(Placer(trader.desk.oms, trader.placer.risk), "sale")

    trader.placer.oms.subscribe("order_failed", on_failed)
    with pytest.raises(NotPossible, match=r"sale was tried again meanwhile: sale\.h1"):
        trader.placer.place(market(qty="10", client_order_id="sale"))
    assert by_hand
    assert trader.desk.journal.order_by_client_id("sale.q") is None
    assert bought(trader) == 10
