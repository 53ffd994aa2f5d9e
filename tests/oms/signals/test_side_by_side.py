"""Goal: signals given together are all done, exits first, and none twice.

Method: signals through the real client, journal and in-process exchange under a virtual clock;
results are checked against the exchange's own list of orders and positions.
"""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import market
from support.harness.killed import Killed
from support.signal_trader import SignalTrader, open_trader
from support.waiting import eventually

from execbot.model.enums import Outcome
from execbot.model.order import Order, OrderRequest
from execbot.oms.signals.entry_turns import EntryTurns
from execbot.oms.signals.executor import Executor
from execbot.oms.signals.result import SignalResult
from execbot.oms.signals.turns import SignalQueue, Worker

D = Decimal


def test_async_signals_come_back_in_any_order_with_their_own_result(trader: SignalTrader) -> None:
    async def run() -> list[SignalResult]:
        signals = [trader.make(s) for s in ("AAPL", "MSFT", "KO", "NOPE")]
        return await asyncio.gather(*map(trader.executor.execute_signal_async, signals))

    results = asyncio.run(run())
    trader.executor.close()
    assert [r.signal.symbol for r in results] == ["AAPL", "MSFT", "KO", "NOPE"]
    assert [r.is_failure for r in results] == [False, False, False, True]
    assert len(trader.executor.failures) == 1


def test_fired_signals_are_all_done_at_close_and_no_failure_is_lost(trader: SignalTrader) -> None:
    told: list[str] = []
    executor = Executor(
        trader.desk.oms, trader.executor.risk, on_failure=lambda result: told.append(result.code)
    )
    futures = [executor.fire(trader.make(symbol)) for symbol in ("NOPE", "AAPL", "NOPE2")]
    executor.close()
    assert all(future.done() for future in futures)
    assert told == ["broker.unknown_symbol"] * 2


def test_worker_refuses_items_after_close() -> None:
    worker: Worker[int, int] = Worker(lambda n: n + 1)
    assert worker.put("A", False, 1).result(5) == 2
    worker.close(5)
    with pytest.raises(RuntimeError):
        worker.put("A", False, 1)


def test_worker_runs_an_exit_beside_an_entry_but_not_of_the_same_symbol() -> None:
    goes_on, entry_runs, begun = threading.Event(), threading.Event(), list[str]()

    def act(name: str) -> str:
        begun.append(name)
        if name == "buy A":
            entry_runs.set()
            assert goes_on.wait(30)
        return name

    worker: Worker[str, str] = Worker(act)
    worker.put("A", False, "buy A")
    assert entry_runs.wait(30)
    waits = worker.put("A", True, "sell A")
    later = worker.put("C", False, "buy C")
    assert worker.put("B", True, "sell B").result(30) == "sell B"
    assert worker.put("D", True, "sell D").result(30) == "sell D"
    assert begun == ["buy A", "sell B", "sell D"]
    goes_on.set()
    assert waits.result(30) == "sell A" and later.result(30) == "buy C"
    worker.close(30)


def test_canceled_future_takes_its_item_back_and_the_worker_lives_on() -> None:
    goes_on, runs, done = threading.Event(), threading.Event(), list[str]()

    def act(name: str) -> str:
        runs.set()
        assert goes_on.wait(30)
        done.append(name)
        return name

    worker: Worker[str, str] = Worker(act)
    first = worker.put("A", False, "first")
    assert runs.wait(30)
    second = worker.put("B", False, "second")
    assert second.cancel() and not first.cancel()
    goes_on.set()
    assert worker.put("C", False, "third").result(30) == "third"
    worker.close(30)
    assert done == ["first", "third"]


def test_sell_waits_for_no_entry_that_sleeps_out_a_rate_limit(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, max_position_size_pct=D(100), max_account_exposure_pct=D(300))
    desk = trader.desk
    for symbol in ("KO", "MSFT"):
        trader.placer.place(market(symbol))
        trader.fill()
    meanwhile: list[SignalResult] = []
    sleep = desk.sleep

    def hook(seconds: float) -> None:
        if seconds > 10 and not meanwhile:
            meanwhile.append(executor.fire(trader.make("KO", "sell")).result(30))
            sell = trader.make("MSFT", "sell")
            thread = threading.Thread(
                target=lambda: meanwhile.append(executor.execute_signal(sell)), daemon=True
            )
            thread.start()
            thread.join(30)
        sleep(seconds)

    desk.sleep = hook  # type: ignore[method-assign]
    executor = Executor(desk.oms, trader.executor.risk)
    params = {"retry_after": 50}
    desk.fault("rate_limited", method="POST", path="/v2/orders", params=params)
    assert executor.fire(trader.make("AAPL")).result(60).outcome is Outcome.ACCEPTED
    executor.close()
    assert [result.outcome for result in meanwhile] == [Outcome.ACCEPTED] * 2


def test_exits_overtake_other_symbols_but_never_their_own() -> None:
    queue: SignalQueue[str] = SignalQueue()
    for symbol, is_exit, name in (
        ("A", False, "buy A"), ("B", False, "buy B"), ("A", True, "sell A"),
        ("C", True, "sell C"), ("C", False, "buy C"), ("D", True, "sell D"),
    ):  # fmt: skip
        queue.put(symbol, is_exit, name)
    assert [queue.take() for _ in range(len(queue))] == [
        "sell C", "sell D", "buy A", "sell A", "buy B", "buy C",
    ]  # fmt: skip


def test_canceled_await_does_not_lose_the_signal(trader: SignalTrader) -> None:
    async def run() -> None:
        task = asyncio.create_task(trader.executor.execute_signal_async(trader.make()))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(run())
    trader.executor.close()
    known = trader.desk.journal.signal("s1")
    assert known is not None and known.outcome == "accepted"


class _Held:
    """A broker that keeps the answers to orders until it is told."""

    def __init__(self, trader: SignalTrader, monkeypatch: pytest.MonkeyPatch) -> None:
        self.goes_on = threading.Event()
        self.asked: list[str] = []
        self.unsettled: list[list[str]] = []
        client, journal = trader.desk.client, trader.desk.journal
        place = client.place_order

        def place_order(request: OrderRequest, **more: Any) -> Order:
            self.unsettled.append(sorted(r.symbol for r in journal.orders("open")))
            self.asked.append(request.symbol)
            assert self.goes_on.wait(30)
            return place(request, **more)

        monkeypatch.setattr(client, "place_order", place_order)


def _killed(*_: object, **__: object) -> Order:
    raise Killed


def _begun(trader: SignalTrader, symbol: str, into: list[SignalResult]) -> threading.Thread:
    """An entry that is carried out beside us; its order has left, or it is over."""
    left, signal = threading.Event(), trader.make(symbol)

    def run() -> None:
        into.append(trader.executor.execute_signal(signal, left.set))
        left.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert left.wait(30)
    return thread


def test_next_entry_is_decided_while_the_order_of_the_first_is_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader = open_trader(tmp_path)
    held, results = _Held(trader, monkeypatch), list[SignalResult]()
    threads = [_begun(trader, symbol, results) for symbol in ("AAPL", "KO")]
    assert eventually(lambda: len(held.asked) == 2)
    assert held.asked == ["AAPL", "KO"] and not results
    assert held.unsettled[1] == ["AAPL", "KO"], "each intent is durable before its order leaves"
    held.goes_on.set()
    for thread in threads:
        thread.join(30)
    assert sorted(r.signal.symbol for r in results) == ["AAPL", "KO"]
    assert {r.outcome for r in results} == {Outcome.ACCEPTED}
    trader.desk.venue.advance()
    assert len(trader.desk.call("GET", "/v2/orders?status=all")) == 2


def test_order_on_its_way_counts_for_the_limits_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader = open_trader(tmp_path, max_positions=2)
    held, results = _Held(trader, monkeypatch), list[SignalResult]()
    first = [_begun(trader, symbol, results) for symbol in ("AAPL", "KO")]
    third = _begun(trader, "MSFT", results)
    third.join(30)
    assert [r.code for r in results] == ["risk.max_positions"], "refused while two are on their way"
    held.goes_on.set()
    for thread in first:
        thread.join(30)
    assert sorted(held.asked) == ["AAPL", "KO"]


def test_turn_is_free_again_when_the_order_is_lost_or_its_process_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader = open_trader(tmp_path)
    trader.desk.fault("reset_after", method="POST", path="/v2/orders")
    results = list[SignalResult]()
    _begun(trader, "AAPL", results).join(30)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(trader.desk.client, "place_order", _killed)
        trader.signal("KO")
    _begun(trader, "MSFT", results).join(30)
    assert [r.outcome for r in results] == [Outcome.ACCEPTED] * 2
    assert len(trader.desk.call("GET", "/v2/orders?status=all")) == 2


def test_turn_inside_a_turn_stays_with_its_thread() -> None:
    turns, said = EntryTurns(), list[str]()

    def other() -> None:
        with turns.taken():
            said.append("other")

    with turns.taken():
        with turns.taken() as inner, inner.given_up():
            thread = threading.Thread(target=other, daemon=True)
            thread.start()
            thread.join(0.05)
            assert not said, "the outer turn was not given up"
        said.append("ours")
    thread.join(30)
    assert said == ["ours", "other"]
