"""Goal: a signal that may not or cannot be sent is a failure that names its reason.

Method: signals through the real client, journal and in-process exchange under a virtual clock;
results are checked against the exchange's own list of orders and positions.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from support.signal_trader import SignalTrader, open_trader

from execbot.config.schema import SizingMethod
from execbot.model.enums import Outcome
from execbot.risk import halting
from execbot.risk.kill_switch import Level, Trip

D = Decimal


def test_halt_refuses_entries_and_lets_exits_go(trader: SignalTrader) -> None:
    trader.signal()
    trader.fill()
    halting.raise_switch(trader.desk.journal, Level.HALTED, "test", "trader", trader.desk.now())
    refused = trader.signal("MSFT")
    assert (refused.outcome, refused.code) == (Outcome.NOT_SENT, "risk.kill_switch")
    assert refused.is_failure and trader.executor.failures[-1] is refused
    assert trader.signal(side="sell").outcome is Outcome.ACCEPTED
    halting.resume(trader.desk.journal, "", trader.desk.now())
    assert trader.signal("MSFT").outcome is Outcome.ACCEPTED


def test_daily_loss_trips_the_switch_for_everybody(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, risk={"max_daily_loss_pct": D("0.0001")}, sizing={
        "method": SizingMethod.QTY, "qty": D(10)})  # fmt: skip
    trader.signal("AAPL")
    trader.fill(5)
    trader.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "150"})
    trader.fill(5)
    result = trader.signal("MSFT")
    assert result.code == "risk.daily_loss"
    assert not halting.current(trader.desk.journal).stops_entries  # a row may still come
    trader.fill(130)
    assert trader.signal("MSFT").code == "risk.daily_loss"
    switch = halting.current(trader.desk.journal)
    assert (switch.level, switch.by) == (Level.HALTED, Trip.DAILY_LOSS)
    assert "loss" in switch.reason
    assert trader.signal("KO").code == "risk.kill_switch"
    assert trader.signal("AAPL", "sell").outcome is Outcome.ACCEPTED


def test_rejections_in_a_row_trip_the_switch_and_resume_counts_anew(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, risk={"max_consecutive_rejections": 2})
    for symbol in ("AAPL", "MSFT"):
        body = {"code": 40310000, "message": "account is not allowed to short"}
        trader.desk.fault("canned_reply", status=403, path="/v2/orders", method="POST", body=body)
        assert trader.signal(symbol).outcome is Outcome.REJECTED
    assert trader.signal("KO").code == "risk.consecutive_rejections"
    assert halting.current(trader.desk.journal).by == Trip.REJECTIONS
    halting.resume(trader.desk.journal, "looked into it", trader.desk.now())
    assert trader.signal("KO").outcome is Outcome.ACCEPTED


def test_size_below_the_minimum_is_a_failure_with_numbers(trader: SignalTrader) -> None:
    result = trader.signal(notional=D(50))
    assert result.code == "risk.size_below_minimum" and result.is_failure
    assert "below the minimum" in result.message


def test_unknown_symbol_is_a_failure_and_nothing_is_sent(trader: SignalTrader) -> None:
    result = trader.signal("NOPE")
    assert result.code == "broker.unknown_symbol" and result.is_failure
    assert trader.desk.orders_there() == {}


def test_exchange_down_is_a_failure_that_is_recorded(trader: SignalTrader) -> None:
    trader.desk.fault("reset_before", path="/v2/*", count=1000)
    result = trader.signal()
    assert result.is_failure and result.category == "retryable"
    known = trader.desk.journal.signal(result.signal.id)
    assert known is not None and known.outcome == "not_sent"
