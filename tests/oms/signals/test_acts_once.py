"""Goal: a signal's id acts once, ever, whichever process dies with it.

Method: signals through the real client, journal and in-process exchange under a virtual clock;
results are checked against the exchange's own list of orders and positions.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace
from support.harness.killed import Killed
from support.signal_trader import SignalTrader, dies_before_its_result_is_kept

from execbot.config.schema import Mode
from execbot.journal.journal import Journal
from execbot.model.enums import Outcome
from execbot.oms.place.risk_gate import RiskGate
from execbot.oms.signals.executor import Executor

D = Decimal


def test_same_id_acts_once_even_after_the_position_is_closed(trader: SignalTrader) -> None:
    signal = trader.make()
    first = trader.executor.execute_signal(signal)
    trader.fill()
    trader.signal(side="sell")
    trader.fill()
    again = trader.executor.execute_signal(replace(signal, created_at=trader.desk.now()))
    assert again.code == "signal.repeated" and again.record is not None
    assert first.record is not None
    assert again.record.client_order_id == first.record.client_order_id
    assert len(trader.desk.orders_there()) == 2
    assert trader.desk.positions_there() == {}


def test_same_id_from_another_process_acts_once(trader: SignalTrader) -> None:
    signal = trader.make()
    trader.executor.execute_signal(signal)
    other = Journal.open(trader.desk.path / "journal.db")
    second = open_like(trader, other)
    assert second.execute_signal(signal).code == "signal.repeated"
    other.close()
    assert len(trader.desk.orders_there()) == 1


def open_like(trader: SignalTrader, journal: Journal) -> Executor:
    desk = trader.desk
    risk = RiskGate(desk.client, journal, trader.settings, Mode.SIM, now=desk.now)
    return Executor(desk.open_oms(journal), risk)


@pytest.mark.parametrize("step", ["before_intent", "intent_written", "after_post"])
def test_process_that_died_with_a_signal_is_followed_without_a_second_order(
    trader: SignalTrader, step: str
) -> None:
    def stop(at: str) -> None:
        if at == step:
            raise Killed

    signal = trader.make(ttl_seconds=D(3600))
    dying = trader.desk.open_oms(trader.desk.journal, on_step=stop)
    executor = open_like(trader, trader.desk.journal)
    executor.oms = executor.placer.oms = dying
    with pytest.raises(Killed):
        executor.execute_signal(signal)
    if step != "before_intent":  # nothing was written before: it may act at once
        at_once = trader.executor.execute_signal(signal)
        assert at_once.code == "signal.repeated", "not yet: the other one may live"
        trader.desk.sleep(31)
    trader.executor.execute_signal(signal)
    trader.desk.sleep(31)
    trader.desk.oms.reconcile()
    ours = [k for k in trader.desk.orders_there() if k.startswith("execbot-signal")]
    assert len(ours) <= 1
    if step != "intent_written":
        assert len(ours) == 1
    known = trader.desk.journal.signal(signal.id)
    assert known is not None and known.outcome != "claimed"


def test_a_buy_that_was_never_sent_is_looked_up_and_sent_once(trader: SignalTrader) -> None:
    def stop(at: str) -> None:
        if at == "before_post":
            raise Killed

    signal = trader.make(ttl_seconds=D(3600))
    executor = open_like(trader, trader.desk.journal)
    executor.oms = executor.placer.oms = trader.desk.open_oms(trader.desk.journal, on_step=stop)
    with pytest.raises(Killed):
        executor.execute_signal(signal)
    trader.desk.sleep(31)
    assert trader.executor.execute_signal(signal).outcome in (Outcome.ACCEPTED, Outcome.FILLED)
    [sent] = trader.desk.orders_there().values()
    assert trader.desk.oms.record(sent["client_order_id"]).plan_id


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_order_whose_process_died_is_told_also_after_the_signals_time(
    trader: SignalTrader, side: str
) -> None:
    if side == "sell":
        trader.executor.execute_signal(trader.make())
        trader.desk.sleep(5)

    def stop(at: str) -> None:
        if at == "after_post":
            raise Killed

    signal = trader.make(side=side, ttl_seconds=D(60))
    executor = open_like(trader, trader.desk.journal)
    executor.oms = executor.placer.oms = trader.desk.open_oms(trader.desk.journal, on_step=stop)
    with pytest.raises(Killed):
        executor.execute_signal(signal)
    there = len(trader.desk.orders_there())
    trader.desk.sleep(120)
    again = trader.executor.execute_signal(signal)
    assert (again.code, again.record is not None) == ("", True), again
    assert len(trader.desk.orders_there()) == there


def test_buy_made_smaller_whose_process_died_is_found_by_its_newest_order(
    trader: SignalTrader, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"code": 40310000, "message": "insufficient buying power"}
    body |= {"buying_power": "2000", "cost_basis": "5000"}
    params = {"status": 403, "body": body}
    trader.desk.fault("canned_reply", method="POST", path="/v2/orders", params=params)
    signal = trader.make()
    dies_before_its_result_is_kept(trader, signal, monkeypatch)
    trader.desk.sleep(31)
    again = trader.executor.execute_signal(signal)
    assert again.outcome is Outcome.FILLED and again.record is not None
    assert again.record.client_order_id == "execbot-signal-s1.2"
