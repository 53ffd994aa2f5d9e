"""Goal: an order kept for the open is not lost on its way out of the queue.

Method: a desk with every check against the built-in exchange in process, from one evening to the
next morning under a virtual clock.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from support.desk import market
from support.signal_trader import SignalTrader, open_trader

from execbot.market.queue import QueueAction
from execbot.model.enums import OrderStatus, Outcome
from execbot.model.timer import Timer
from execbot.oms.errors import Refused
from execbot.oms.release_queue import release_due
from execbot.oms.results import GateVerdict

EVENING, MORNING = "2026-10-06 18:00", datetime.fromisoformat("2026-10-07T09:31:00-04:00")
POST = {"method": "POST", "path": "/v2/orders"}


@pytest.fixture
def trader(tmp_path: Path) -> SignalTrader:
    """It is morning, and an order of yesterday evening is due."""
    opened = open_trader(tmp_path, sim={"calendar": "exchange", "at": EVENING})
    placed = opened.placer.place(market("KO", qty="1", client_order_id="kept"))
    assert placed.record.status is OrderStatus.QUEUED
    opened.desk.sleep((MORNING - opened.desk.now()).total_seconds())
    return opened


@pytest.mark.parametrize("kind", ["rate_limited", "unauthorized"])
def test_order_that_is_released_and_did_not_arrive_waits_again(
    trader: SignalTrader, kind: str
) -> None:
    desk = trader.desk
    since = desk.oms.record("kept").intent_at
    desk.fault(kind, **POST, count=99)
    (tried,) = release_due(trader.executor)
    assert (tried.action, tried.outcome) == (QueueAction.KEEP, Outcome.QUEUED)
    assert tried.error_kind
    waiting = desk.oms.record("kept")
    assert (waiting.status, waiting.intent_at, waiting.sent_at) == (OrderStatus.QUEUED, since, None)
    desk.call("DELETE", "/sim/faults")
    (released,) = release_due(trader.executor)
    assert released.outcome is Outcome.ACCEPTED
    assert list(desk.orders_there()) == ["kept"]


def test_order_that_another_process_closed_while_its_release_waited_waits_again(
    trader: SignalTrader,
) -> None:
    desk = trader.desk
    desk.fault("rate_limited", **POST, params={"retry_after": 30})

    def sleep(seconds: float) -> None:
        desk.sleep(seconds)
        desk.oms.settle()

    trader.executor.oms._pipeline._timer = Timer(desk.monotonic, sleep)
    (tried,) = release_due(trader.executor)
    assert tried.outcome is Outcome.QUEUED
    assert desk.orders_there() == {}


def test_order_in_doubt_after_its_release_does_not_wait_again(trader: SignalTrader) -> None:
    trader.desk.fault("reset_before", **POST, count=99)
    (tried,) = release_due(trader.executor)
    assert tried.outcome is Outcome.IN_DOUBT


def test_order_whose_resend_is_refused_waits_again(trader: SignalTrader) -> None:
    desk = trader.desk
    desk.fault("rate_limited", **POST, params={"retry_after": 1})
    no = GateVerdict(False, "risk.session", "closed")
    with pytest.raises(Refused):
        desk.oms.release(
            market("KO", qty="1", client_order_id="kept"),
            gate=lambda journal: GateVerdict(True, before_resend=lambda journal: no),
        )
    assert desk.oms.record("kept").status is OrderStatus.QUEUED
