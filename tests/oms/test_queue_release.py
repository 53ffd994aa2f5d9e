"""Goal: an order kept for the open is not lost on its way out of the queue.

Method: a desk with every check against the built-in exchange in process, from one evening to the
next morning under a virtual clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import market
from support.harness.killed import Killed
from support.signal_trader import Heard, SignalTrader, open_trader

from execbot.exits.store import open_plans
from execbot.market.halts import HALTS_KEY, HaltBook, apply_message, book_to_json
from execbot.market.queue import QueueAction
from execbot.model.enums import OrderStatus, Outcome
from execbot.model.timer import Timer
from execbot.oms.errors import Refused
from execbot.oms.release_queue import release_due
from execbot.oms.results import GateVerdict
from execbot.oms.send.intent import request_of
from execbot.oms.signals.executor import Executor
from execbot.oms.signals.result import SignalResult
from execbot.risk import halting
from execbot.risk.kill_switch import Level

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


def killed_release(trader: SignalTrader, step: str) -> None:
    def die(at: str) -> None:
        if at == step:
            raise Killed

    oms = trader.desk.open_oms(trader.desk.journal, on_step=die)
    with pytest.raises(Killed):
        release_due(Executor(oms, trader.executor.risk))


@pytest.mark.parametrize("step", ["intent_written", "before_post"])
def test_order_whose_release_was_killed_before_it_left_waits_again(
    trader: SignalTrader, step: str
) -> None:
    desk = trader.desk
    since = desk.oms.record("kept").intent_at
    killed_release(trader, step)
    assert desk.oms.record("kept").status is OrderStatus.PENDING
    desk.sleep(60)
    desk.oms.settle()
    waiting = desk.oms.record("kept")
    assert (waiting.status, waiting.intent_at, waiting.sent_at) == (OrderStatus.QUEUED, since, None)
    (released,) = release_due(trader.executor)
    assert released.outcome is Outcome.ACCEPTED
    assert list(desk.orders_there()) == ["kept"]


def test_order_that_was_lost_on_its_way_waits_again_once_that_is_proven(
    trader: SignalTrader,
) -> None:
    trader.desk.fault("reset_before", **POST, count=99)
    assert release_due(trader.executor)[0].outcome is Outcome.IN_DOUBT
    trader.desk.call("DELETE", "/sim/faults")
    trader.desk.sleep(60)
    trader.desk.oms.settle()
    assert trader.desk.oms.record("kept").status is OrderStatus.QUEUED


def test_who_was_held_up_does_not_send_what_another_has_released_meanwhile(
    trader: SignalTrader,
) -> None:
    """It waits for the rate limit; the order counts as lost, waits again, and goes out elsewhere,
    where its answer is not known yet."""
    desk = trader.desk
    desk.fault("rate_limited", **POST, params={"retry_after": 30})
    done = []

    def sleep(seconds: float) -> None:
        desk.sleep(seconds)
        if not done:
            done.append("elsewhere")
            desk.oms.settle()
            killed_release(trader, "before_post")

    trader.executor.oms._pipeline._timer = Timer(desk.monotonic, sleep)
    (tried,) = release_due(trader.executor)
    assert (tried.outcome, tried.reason) == (Outcome.IN_DOUBT, "already taken")
    assert desk.orders_there() == {}


def test_order_that_another_process_is_sending_is_told_when_that_has_its_answer(
    trader: SignalTrader,
) -> None:
    """Both have seen it waiting; the other one was faster, and its answer comes a moment later."""
    desk = trader.desk
    judged = trader.executor.entries.requeued

    def meanwhile(*args: Any) -> Any:
        found = judged(*args)
        killed_release(trader, "before_post")
        request = request_of(desk.oms.record("kept"))
        desk.call("POST", "/v2/orders", request.to_wire())
        return found

    def answered(seconds: float) -> None:
        desk.sleep(seconds)
        desk.oms.settle()

    trader.executor.entries.requeued = meanwhile  # type: ignore[method-assign]
    trader.executor.oms._pipeline._timer = Timer(desk.monotonic, answered)
    (released,) = release_due(trader.executor)
    assert released.outcome in (Outcome.ACCEPTED, Outcome.FILLED)
    assert released.reason == "already taken"
    assert list(desk.orders_there()) == ["kept"]


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


# --- the session it is sent in -----------------------------------------------------------------


PREMARKET = {"trade_premarket": True}
FRIDAY = "2026-10-09"


def queued_while_halted(trader: SignalTrader) -> SignalResult:
    """A signal for a symbol that is halted, which trades again a minute later."""
    desk, at = trader.desk, trader.desk.now()
    halted = {"T": "s", "S": "AAPL", "sc": "H", "rc": "T1", "z": "C", "t": at.isoformat()}
    book = apply_message(HaltBook(), halted, at)
    desk.journal.meta_set(HALTS_KEY, book_to_json(book))
    result = trader.signal()
    assert result.outcome is Outcome.QUEUED
    later = at + timedelta(minutes=1)
    resumed = apply_message(book, {**halted, "sc": "T", "t": later.isoformat()}, later)
    desk.journal.meta_set(HALTS_KEY, book_to_json(resumed))
    return result


def test_signal_queued_before_the_open_goes_out_after_it_as_an_order_of_that_session(
    tmp_path: Path,
) -> None:
    trader = open_trader(
        tmp_path,
        sim={"calendar": "exchange", "at": f"{FRIDAY} 08:00"},
        market_hours=PREMARKET,
    )
    result = queued_while_halted(trader)
    assert result.record is not None and result.record.order.extended_hours
    trader.until(f"{FRIDAY} 09:31")
    (released,) = release_due(trader.executor)
    assert (released.outcome, released.error_kind) == (Outcome.ACCEPTED, "")
    trader.fill()
    (order,) = trader.desk.orders_there().values()
    seen = (order["type"], order["extended_hours"], order["status"])
    assert seen == ("market", False, "filled")


def test_signal_queued_while_closed_goes_out_before_the_open_where_that_is_switched_on(
    tmp_path: Path,
) -> None:
    saturday = {"calendar": "exchange", "at": "2026-10-10 12:00"}
    trader = open_trader(tmp_path, sim=saturday, market_hours=PREMARKET)
    assert trader.signal().outcome is Outcome.QUEUED
    assert release_due(trader.executor)[0].action is QueueAction.KEEP
    trader.until("2026-10-12 08:00")
    assert release_due(trader.executor)[0].outcome is Outcome.ACCEPTED
    (order,) = trader.desk.orders_there().values()
    assert (order["type"], order["extended_hours"]) == ("limit", True)


# --- refused on its way out --------------------------------------------------------------------


def refusal(message: str, code: int, status: int, **more: Any) -> dict[str, Any]:
    return {
        **POST,
        "params": {"status": status, "body": {"code": code, "message": message, **more}},
    }


@pytest.fixture
def waiting(tmp_path: Path, heard: Heard) -> SignalTrader:
    """It is morning, and a signal of yesterday evening is due, as `s1`."""
    opened = open_trader(
        tmp_path,
        sim={"calendar": "exchange", "at": EVENING},
        heard=heard,
    )
    assert opened.signal().outcome is Outcome.QUEUED
    opened.desk.sleep((MORNING - opened.desk.now()).total_seconds())
    return opened


def test_signal_refused_at_its_release_goes_out_with_the_cause_mended(
    waiting: SignalTrader, heard: Heard
) -> None:
    desk = waiting.desk
    desk.fault("canned_reply", **refusal("market orders are not allowed now", 42210000, 422))
    (released,) = release_due(waiting.executor)
    assert (released.action, released.outcome) == (QueueAction.RELEASE, Outcome.ACCEPTED)
    assert "marketable limit" in released.reason
    waiting.fill()
    (order,) = desk.orders_there().values()
    assert (order["type"], order["status"]) == ("limit", "filled")
    known = desk.journal.signal("s1")
    assert known is not None
    assert known.client_order_id == order["client_order_id"] == "execbot-signal-s1.2"
    assert heard.titles() == []


def test_order_that_the_broker_calls_too_early_waits_once_more_and_then_ends_with_an_alert(
    waiting: SignalTrader, heard: Heard
) -> None:
    desk = waiting.desk
    desk.fault("canned_reply", **refusal("market is closed", 40310000, 403), count=2)
    (kept,) = release_due(waiting.executor)
    assert (kept.action, kept.outcome) == (QueueAction.KEEP, Outcome.QUEUED)
    assert kept.record.client_order_id == "execbot-signal-s1.q"
    assert heard.titles() == []
    (ended,) = release_due(waiting.executor)
    assert (ended.outcome, ended.error_kind) == (Outcome.REJECTED, "broker.market_closed")
    assert heard.titles() == ["broker.market_closed AAPL"]
    assert release_due(waiting.executor) == []
    assert desk.orders_there() == {}


def test_order_that_waited_once_more_goes_out_with_its_plan(waiting: SignalTrader) -> None:
    desk = waiting.desk
    desk.fault("canned_reply", **refusal("market is closed", 40310000, 403))
    release_due(waiting.executor)
    assert release_due(waiting.executor)[0].outcome is Outcome.ACCEPTED
    (name,) = desk.orders_there()
    (plan,) = open_plans(desk.journal)
    assert (name, plan.entry_client_order_id) == ("execbot-signal-s1.q", "execbot-signal-s1.q")


def test_who_was_held_up_leaves_the_plan_to_the_order_that_another_has_released(
    waiting: SignalTrader, heard: Heard
) -> None:
    """It counts as lost, waits again, and goes out elsewhere: that order's stop must come."""
    desk = waiting.desk

    def held_up(at: str) -> None:
        if at == "intent_written":
            desk.sleep(60)
            desk.oms.settle()
            assert release_due(waiting.executor)[0].outcome is Outcome.ACCEPTED

    oms = desk.open_oms(desk.journal, on_step=held_up)
    slow = Executor(oms, waiting.executor.risk, alerter=heard.alerter)
    (late,) = release_due(slow)
    assert (late.outcome, late.reason) == (Outcome.ACCEPTED, "already taken")
    assert list(desk.orders_there()) == ["execbot-signal-s1"]
    (plan,) = open_plans(desk.journal)
    assert plan.entry_client_order_id == "execbot-signal-s1"
    assert heard.titles() == []


def test_order_given_by_hand_is_never_altered_at_its_release_and_its_end_is_told(
    tmp_path: Path, heard: Heard
) -> None:
    trader = open_trader(
        tmp_path,
        sim={"calendar": "exchange", "at": EVENING},
        heard=heard,
    )
    trader.placer.place(market("KO", qty="1", client_order_id="kept"))
    trader.placer.place(market("MSFT", qty="1", client_order_id="halted"))
    trader.desk.sleep((MORNING - trader.desk.now()).total_seconds())
    trader.desk.fault(
        "canned_reply",
        **refusal("insufficient buying power", 40310000, 403, buying_power="30", cost_basis="60"),
    )
    (ended,) = release_due(trader.executor, only="kept")
    assert (ended.outcome, ended.record.client_order_id) == (Outcome.REJECTED, "kept")
    halting.raise_switch(trader.desk.journal, Level.HALTED, "x", "trader", trader.desk.now())
    (denied,) = release_due(trader.executor, only="halted")
    assert denied.record.status is OrderStatus.DENIED
    assert trader.desk.orders_there() == {}
    assert heard.titles() == ["broker.insufficient_buying_power KO", "risk.kill_switch MSFT"]


def test_order_whose_target_the_price_has_passed_waits_as_for_the_hour(tmp_path: Path) -> None:
    """No failure of the release: it fits again once the price is back, or its time runs out."""
    trader = open_trader(tmp_path, sim={"calendar": "exchange", "at": EVENING})
    desk = trader.desk
    desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
    given = trader.signal("AAPL", target=Decimal(204), stop=Decimal(196))
    assert given.outcome is Outcome.QUEUED
    desk.sleep((MORNING - desk.now()).total_seconds())
    desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "206"})
    (kept,) = release_due(trader.executor)
    assert (kept.action, kept.outcome, kept.error_kind) == (QueueAction.KEEP, Outcome.QUEUED, "")
    assert "waits for a price that its exits fit: target was 204" in kept.reason
    assert desk.orders_there() == {}
    desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "201"})
    (released,) = release_due(trader.executor)
    assert released.action is QueueAction.RELEASE
    assert "execbot-signal-s1" in desk.orders_there()
