"""Goal: what is given while the market is closed waits, and goes out checked afresh when it opens.

Method: the exchange keeps real hours or injects faults; its own record says what was ordered.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import market
from support.signal_trader import SignalTrader, open_trader

from execbot.market.halts import HALTS_KEY, HaltBook, apply_message, book_to_json
from execbot.market.queue import QueueAction
from execbot.model.enums import OrderStatus, Outcome
from execbot.oms.errors import Refused
from execbot.oms.release_queue import queue_decisions, release_due
from execbot.risk import halting
from execbot.risk.kill_switch import Level

D = Decimal


SATURDAY = {"calendar": "exchange", "at": "2026-10-10 12:00"}


FRIDAY = {"calendar": "exchange", "at": "2026-10-09 10:00"}


def weekend(path: Path, **changes: Any) -> SignalTrader:
    return open_trader(path, sim=SATURDAY, **changes)


def test_signal_given_when_closed_is_queued_and_nothing_is_sent(tmp_path: Path) -> None:
    trader = weekend(tmp_path)
    result = trader.signal()
    assert result.outcome is Outcome.QUEUED and "closed" in result.message
    assert trader.desk.orders_there() == {}
    ((record, decision),) = queue_decisions(trader.executor.risk.reader)
    assert record.signal_id == result.signal.id
    assert decision.action is QueueAction.KEEP and "closed" in decision.reason


def test_queued_signal_is_sized_afresh_and_sent_at_the_open(tmp_path: Path) -> None:
    trader = weekend(tmp_path)
    result = trader.signal()
    assert result.record is not None
    old_qty = result.record.order.qty
    assert release_due(trader.executor)[0].action is QueueAction.KEEP
    trader.until("2026-10-12 09:31")
    trader.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "100"})
    (released,) = release_due(trader.executor)
    assert (released.action, released.outcome) == (QueueAction.RELEASE, Outcome.ACCEPTED)
    trader.fill()
    (order,) = trader.desk.orders_there().values()
    assert order["status"] == "filled"
    assert D(order["qty"]) > (old_qty or 0), "the price fell, so more fits"
    assert release_due(trader.executor) == []


def test_plain_order_keeps_its_quantity_and_is_checked_afresh(tmp_path: Path) -> None:
    trader = weekend(tmp_path)
    placed = trader.placer.place(market("AAPL", "10", client_order_id="mine"))
    assert placed.record.status is OrderStatus.QUEUED
    second = trader.placer.place(market("MSFT", "5", client_order_id="later"))
    assert second.record.status is OrderStatus.QUEUED
    halting.raise_switch(trader.desk.journal, Level.HALTED, "x", "trader", trader.desk.now())
    trader.until("2026-10-12 09:31")
    denied = release_due(trader.executor, only="later")
    assert [d.error_kind for d in denied] == ["risk.kill_switch"]
    assert trader.desk.oms.record("later").status is OrderStatus.DENIED
    halting.resume(trader.desk.journal, "", trader.desk.now())
    (released,) = release_due(trader.executor)
    assert released.outcome is Outcome.ACCEPTED
    (order,) = trader.desk.orders_there().values()
    assert (order["client_order_id"], order["qty"]) == ("mine", "10")


def test_queued_order_is_canceled_or_expires(tmp_path: Path) -> None:
    trader = weekend(tmp_path, market_hours={"queue_expires_hours": D(10)})
    for name, symbol in (("drop", "AAPL"), ("old", "MSFT")):
        trader.placer.place(market(symbol, "1", client_order_id=name))
    assert trader.desk.oms.cancel("drop").status is OrderStatus.CANCELED
    trader.until("2026-10-12 09:31")
    (lapsed,) = release_due(trader.executor)
    assert (lapsed.action, lapsed.outcome) == (QueueAction.EXPIRE, Outcome.EXPIRED)
    assert trader.desk.orders_there() == {}


def test_two_releases_at_once_send_once(tmp_path: Path) -> None:
    trader = weekend(tmp_path)
    trader.placer.place(market("AAPL", "10", client_order_id="mine"))
    trader.until("2026-10-12 09:31")
    first = release_due(trader.executor)
    again = trader.desk.oms.release(market("AAPL", "10", client_order_id="mine"))
    assert first[0].outcome is Outcome.ACCEPTED and again.already
    assert len(trader.desk.orders_there()) == 1


def test_without_the_switch_a_closed_market_is_a_refusal(tmp_path: Path) -> None:
    trader = weekend(tmp_path, market_hours={"queue_when_closed": False})
    with pytest.raises(Refused) as caught:
        trader.placer.place(market())
    assert caught.value.kind == "risk.session"
    assert trader.desk.orders_there() == {}


def test_reduce_only_keeps_the_queue_waiting(tmp_path: Path) -> None:
    trader = weekend(tmp_path)
    trader.placer.place(market("AAPL", "10", client_order_id="mine"))
    trader.until("2026-10-12 09:31")
    halting.raise_switch(trader.desk.journal, Level.REDUCE_ONLY, "x", "trader", trader.desk.now())
    (kept,) = release_due(trader.executor)
    assert kept.action is QueueAction.KEEP and "reduce_only" in kept.reason
    halting.resume(trader.desk.journal, "", trader.desk.now())
    assert release_due(trader.executor)[0].outcome is Outcome.ACCEPTED


def test_early_close_counts_as_closed(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, sim={"calendar": "exchange", "at": "2026-11-27 13:05"})
    assert trader.signal().outcome is Outcome.QUEUED


@pytest.mark.parametrize("day", ["2026-03-09", "2026-11-02"])
def test_first_open_after_the_clocks_change(tmp_path: Path, day: str) -> None:
    trader = open_trader(tmp_path, sim={"calendar": "exchange", "at": f"{day} 09:29"})
    assert trader.signal("AAPL").outcome is Outcome.QUEUED
    trader.desk.sleep(90)
    assert trader.signal("MSFT").outcome is Outcome.ACCEPTED


def test_crypto_trades_on_a_saturday(tmp_path: Path) -> None:
    assert weekend(tmp_path).signal("BTC/USD").outcome is Outcome.ACCEPTED


def test_extended_session_sends_a_marked_limit_where_switched_on(tmp_path: Path) -> None:
    """E-SES-2."""
    before = {"calendar": "exchange", "at": "2026-10-09 08:00"}
    off = open_trader(tmp_path / "off", sim=before)
    assert off.signal().outcome is Outcome.QUEUED
    on = open_trader(tmp_path / "on", sim=before, market_hours={"trade_premarket": True})
    assert on.signal().outcome is Outcome.ACCEPTED
    (order,) = on.desk.orders_there().values()
    assert (order["type"], order["extended_hours"]) == ("limit", True)


def test_halted_symbol_waits_and_goes_when_trading_resumes(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, sim=FRIDAY)
    at = trader.desk.now()
    halted = {"T": "s", "S": "AAPL", "sc": "H", "rc": "T1", "z": "C", "t": at.isoformat()}
    book = apply_message(HaltBook(), halted, at)
    trader.desk.journal.meta_set(HALTS_KEY, book_to_json(book))
    assert trader.signal().outcome is Outcome.QUEUED
    assert release_due(trader.executor)[0].reason == "halted: news pending (T1)"
    later = at + timedelta(minutes=5)
    book = apply_message(book, {**halted, "sc": "T", "t": later.isoformat()}, later)
    trader.desk.journal.meta_set(HALTS_KEY, book_to_json(book))
    assert release_due(trader.executor)[0].outcome is Outcome.ACCEPTED


def test_a_market_wide_breaker_holds_every_entry_and_no_exit(tmp_path: Path) -> None:
    """docs/evidence.md, E-HALT-4."""
    trader = open_trader(tmp_path)
    assert trader.signal("KO").outcome is Outcome.ACCEPTED
    trader.fill()
    halted = {"T": "s", "S": "SPY", "sc": "2", "rc": "1", "z": "B"}
    book = apply_message(HaltBook(), halted, trader.desk.now())
    trader.desk.journal.meta_set(HALTS_KEY, book_to_json(book))
    held = trader.signal("AAPL")
    assert held.outcome is Outcome.QUEUED and "the whole market is halted" in held.message
    assert trader.signal("KO", "sell").outcome is Outcome.ACCEPTED
    (kept,) = release_due(trader.executor)
    assert (kept.action, "market-wide breaker" in kept.reason) == (QueueAction.KEEP, True)
    resumed = {"T": "s", "S": "SPY", "sc": "3", "z": "B"}
    trader.desk.sleep(1)
    book = apply_message(book, resumed, trader.desk.now())
    trader.desk.journal.meta_set(HALTS_KEY, book_to_json(book))
    (gone,) = release_due(trader.executor)
    assert gone.action is QueueAction.RELEASE
