"""The executor against the exchange: what each signal leads to, once.

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
from msgspec.structs import replace
from support.desk import limit, market
from support.trader import Trader, open_trader

from execbot.config.schema import Mode, SizingMethod
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Role
from execbot.model.enums import OrderStatus, OrderType, Outcome, Side
from execbot.model.order import OrderRequest
from execbot.model.signal import Signal
from execbot.oms.errors import Refused
from execbot.oms.place.risk_desk import RiskDesk
from execbot.oms.signals.executor import Executor
from execbot.oms.signals.result import SignalResult
from execbot.oms.signals.rules import SKIP_CODES
from execbot.oms.signals.turns import SignalQueue, Worker
from execbot.risk import halting
from execbot.risk.kill_switch import Level, Trip

D = Decimal


@pytest.fixture
def trader(tmp_path: Path) -> Trader:
    return open_trader(tmp_path)


def test_buy_opens_at_market_sized_by_the_settings(trader: Trader) -> None:
    result = trader.signal()
    assert result.outcome is Outcome.ACCEPTED and result.record is not None
    trader.fill()
    (order,) = trader.desk.orders_there().values()
    assert (order["type"], order["side"], order["time_in_force"]) == ("market", "buy", "day")
    assert order["client_order_id"] == "execbot-signal-s1"
    spent = D(order["filled_qty"]) * D(order["filled_avg_price"])
    assert 4500 < spent <= 5000, "5 % of 100,000, rounded down to whole shares"


def test_sell_closes_the_whole_position(trader: Trader) -> None:
    trader.signal()
    trader.fill()
    result = trader.signal(side="sell")
    trader.fill()
    assert result.outcome is Outcome.ACCEPTED
    assert trader.desk.positions_there() == {}


def test_sell_of_a_part_closes_that_part(trader: Trader) -> None:
    trader.signal(qty=D(10))
    trader.fill()
    trader.signal(side="sell", qty=D(4))
    trader.fill()
    assert trader.desk.positions_there() == {"AAPL": "6"}


def test_sell_first_cancels_an_entry_still_pending(trader: Trader) -> None:
    resting = trader.desk.oms.submit(limit("1.00"))
    result = trader.signal(side="sell")
    assert result.outcome is Outcome.CANCELED
    assert result.notes == (f"canceled {resting.client_order_id}",)
    assert {o["status"] for o in trader.desk.orders_there().values()} == {"canceled"}


def test_sell_cancels_the_pending_rest_and_closes_what_filled(trader: Trader) -> None:
    trader.signal(qty=D(10))
    trader.fill()
    resting = trader.desk.oms.submit(limit("1.00"))
    result = trader.signal(side="sell")
    trader.fill()
    assert trader.desk.positions_there() == {}
    assert trader.desk.oms.record(resting.client_order_id).status is OrderStatus.CANCELED
    assert result.record is not None


def test_sell_short_opens_a_short_and_sell_closes_it(trader: Trader) -> None:
    trader.signal("KO", "sell_short")
    trader.fill()
    (qty,) = trader.desk.positions_there().values()
    assert D(qty) < 0
    trader.signal("KO", "sell")
    trader.fill()
    assert trader.desk.positions_there() == {}


def test_crypto_buy_is_gtc_in_the_pairs_increments(trader: Trader) -> None:
    trader.signal("BTC/USD")
    trader.fill()
    (order,) = trader.desk.orders_there().values()
    assert order["time_in_force"] == "gtc" and order["status"] == "filled"


Prepare = list[tuple[str, str]]
SKIPS: list[tuple[str, Prepare, str, str, dict[str, Any]]] = [
    ("signal.weak", [], "AAPL", "buy", {"strength": D(70)}),
    ("signal.weak", [("AAPL", "buy")], "AAPL", "sell", {"strength": D(0)}),
    ("signal.stale", [], "AAPL", "buy", {"ttl_seconds": D(0)}),
    ("signal.symbol_not_allowed", [], "TSLA", "buy", {}),
    ("signal.symbol_denied", [], "GME", "buy", {}),
    ("signal.instrument", [], "F261218C00012000", "buy", {}),
    ("signal.instrument", [], "ETH/BTC", "buy", {}),
    ("signal.position_held", [("AAPL", "buy")], "AAPL", "buy", {}),
    ("signal.opposite_position", [("AAPL", "buy")], "AAPL", "sell_short", {}),
    ("signal.opposite_position", [("KO", "sell_short")], "KO", "buy", {}),
    ("signal.nothing_to_close", [], "AAPL", "sell", {}),
]


@pytest.mark.parametrize("case", SKIPS, ids=lambda c: f"{c[0]}-{c[3]}")
def test_signal_is_skipped_with_its_reason(
    tmp_path: Path, case: tuple[str, Prepare, str, str, dict[str, Any]]
) -> None:
    code, before, symbol, side, more = case
    trader = open_trader(tmp_path, symbols=("AAPL", "KO", "GME"), denied_symbols=("GME",))
    for opened, how in before:
        trader.signal(opened, how)
        trader.fill()
    sent = len(trader.desk.orders_there())
    result = trader.signal(symbol, side, **more)
    assert (result.outcome, result.code, result.is_failure) == (Outcome.NOT_SENT, code, False)
    assert code in SKIP_CODES and result.message
    assert len(trader.desk.orders_there()) == sent
    (row,) = trader.desk.journal.audit_of(result.signal.id)
    assert (row.rule, row.result) == (code, "not_sent")
    known = trader.desk.journal.signal(result.signal.id)
    assert known is not None and known.reason == result.message


def test_pending_entry_of_ours_or_foreign_is_a_duplicate(trader: Trader) -> None:
    trader.desk.call(
        "POST", "/v2/orders",
        {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "limit_price": "1",
         "time_in_force": "day"},
    )  # fmt: skip
    assert trader.signal().code == "signal.order_pending"
    assert trader.signal("MSFT").outcome is Outcome.ACCEPTED


def test_signal_that_waited_too_long_is_stale(trader: Trader) -> None:
    old = trader.make(ttl_seconds=D(60))
    trader.desk.sleep(61)
    assert trader.executor.execute_signal(old).code == "signal.stale"


def test_every_skip_code_is_covered() -> None:
    covered = {case[0] for case in SKIPS} | {"signal.order_pending", "signal.repeated"}
    assert covered == set(SKIP_CODES)


# --- once, ever ----------------------------------------------------------------------------


def test_same_id_acts_once_even_after_the_position_is_closed(trader: Trader) -> None:
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


def test_same_id_from_another_process_acts_once(trader: Trader) -> None:
    signal = trader.make()
    trader.executor.execute_signal(signal)
    other = Journal.open(trader.desk.path / "journal.db")
    second = open_like(trader, other)
    assert second.execute_signal(signal).code == "signal.repeated"
    other.close()
    assert len(trader.desk.orders_there()) == 1


def open_like(trader: Trader, journal: Journal) -> Executor:
    desk = trader.desk
    risk = RiskDesk(desk.client, journal, trader.settings, Mode.SIM, now=desk.now)
    return Executor(desk.open_oms(journal), risk)


@pytest.mark.parametrize("step", ["before_intent", "intent_written", "after_post"])
def test_process_that_died_with_a_signal_is_followed_without_a_second_order(
    trader: Trader, step: str
) -> None:
    class Killed(BaseException):
        pass

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


# --- refusals and failures -----------------------------------------------------------------


def test_halt_refuses_entries_and_lets_exits_go(trader: Trader) -> None:
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


def test_size_below_the_minimum_is_a_failure_with_numbers(trader: Trader) -> None:
    result = trader.signal(notional=D(50))
    assert result.code == "risk.size_below_minimum" and result.is_failure
    assert "below the minimum" in result.message


def test_unknown_symbol_is_a_failure_and_nothing_is_sent(trader: Trader) -> None:
    result = trader.signal("NOPE")
    assert result.code == "broker.unknown_symbol" and result.is_failure
    assert trader.desk.orders_there() == {}


def test_exchange_down_is_a_failure_that_is_recorded(trader: Trader) -> None:
    trader.desk.fault("reset_before", path="/v2/*", count=1000)
    result = trader.signal()
    assert result.is_failure and result.category == "retryable"
    known = trader.desk.journal.signal(result.signal.id)
    assert known is not None and known.outcome == "not_sent"


# --- fire and forget -----------------------------------------------------------------------


def test_async_signals_come_back_in_any_order_with_their_own_result(trader: Trader) -> None:
    async def run() -> list[SignalResult]:
        signals = [trader.make(s) for s in ("AAPL", "MSFT", "KO", "NOPE")]
        return await asyncio.gather(*map(trader.executor.execute_signal_async, signals))

    results = asyncio.run(run())
    trader.executor.close()
    assert [r.signal.symbol for r in results] == ["AAPL", "MSFT", "KO", "NOPE"]
    assert [r.is_failure for r in results] == [False, False, False, True]
    assert len(trader.executor.failures) == 1


def test_fired_signals_are_all_done_at_close_and_no_failure_is_lost(trader: Trader) -> None:
    told: list[str] = []
    executor = Executor(
        trader.desk.oms, trader.executor.desk, on_failure=lambda result: told.append(result.code)
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
    executor = Executor(desk.oms, trader.executor.desk)
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


def test_canceled_await_does_not_lose_the_signal(trader: Trader) -> None:
    async def run() -> None:
        task = asyncio.create_task(trader.executor.execute_signal_async(trader.make()))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(run())
    trader.executor.close()
    known = trader.desk.journal.signal("s1")
    assert known is not None and known.outcome == "accepted"


# --- closing, whatever stands in the way ---------------------------------------------------


class Killed(BaseException):
    """The process dies."""


def holding(path: Path, qty: str = "100") -> Trader:
    trader = open_trader(path, max_position_size_pct=D(100))
    trader.placer.place(market(qty=qty))
    trader.fill()
    return trader


def stop_of(trader: Trader, qty: str) -> str:
    """A stop on AAPL at the broker; its client_order_id."""
    request = OrderRequest("AAPL", Side.SELL, qty=D(qty), type=OrderType.STOP, stop_price=D(100))
    record = trader.desk.oms.submit(request, role=Role.STOP)
    trader.fill()
    return record.client_order_id


def dies_before_its_result_is_kept(
    trader: Trader, signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(trader.executor, "_finish", die)
        with pytest.raises(Killed):
            trader.executor.execute_signal(signal)
    trader.fill()


def test_sell_of_a_part_has_the_rest_covered_again(tmp_path: Path) -> None:
    trader = holding(tmp_path)
    stop_of(trader, "100")
    covered: list[tuple[str, str]] = []

    def cover(symbol: str, record: OrderRecord | None) -> None:
        assert record is not None
        trader.fill()
        covered.append((symbol, stop_of(trader, "50")))

    executor = Executor(trader.desk.oms, trader.executor.desk, protect=cover)
    result = executor.execute_signal(trader.make(side="sell", qty=D(50)))
    ((symbol, name),) = covered
    assert symbol == "AAPL" and trader.desk.orders_there()[name]["status"] == "new"
    assert result.notes[-1] == "50 stay open, covered by a stop again"


def test_sell_of_a_part_says_when_nobody_covers_the_rest(tmp_path: Path) -> None:
    trader = holding(tmp_path)
    stop_of(trader, "100")
    result = trader.signal(side="sell", qty=D(50))
    assert "50 of 50 stay open without a stop" in result.notes[-1]


def test_sell_that_fails_after_lifting_has_the_whole_covered_again(tmp_path: Path) -> None:
    trader = holding(tmp_path)
    stop_of(trader, "100")
    trader.desk.fault("server_error", method="GET", path="/v2/positions/*", after=2, count=9)

    def cover(symbol: str, record: OrderRecord | None) -> None:
        assert (symbol, record) == ("AAPL", None)
        stop_of(trader, "100")

    executor = Executor(trader.desk.oms, trader.executor.desk, protect=cover)
    result = executor.execute_signal(trader.make(side="sell"))
    assert result.is_failure and "protected again" in result.message
    working = [o for o in trader.desk.orders_there().values() if o["status"] == "new"]
    assert [o["qty"] for o in working] == ["100"]


def test_sell_whose_process_died_after_sending_lifts_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader = holding(tmp_path)
    signal = trader.make(side="sell", qty=D(50))
    dies_before_its_result_is_kept(trader, signal, monkeypatch)
    name = stop_of(trader, "50")
    trader.desk.sleep(31)
    again = trader.executor.execute_signal(signal)
    assert again.outcome is Outcome.FILLED and again.record is not None and again.record.already
    assert trader.desk.orders_there()[name]["status"] == "new"
    assert trader.desk.positions_there() == {"AAPL": "50"}


def test_sell_closes_although_an_addition_is_in_doubt_and_says_so(tmp_path: Path) -> None:
    def die(step: str) -> None:
        if step == "before_post":
            raise Killed

    trader = holding(tmp_path)
    dying = trader.desk.open_oms(trader.desk.journal, on_step=die)
    with pytest.raises(Killed):
        dying.submit(market(), role=Role.ENTRY)
    result = trader.signal(side="sell")
    trader.fill()
    assert result.outcome is Outcome.ACCEPTED
    assert "an entry may still fill" in result.notes[0]
    assert trader.desk.positions_there() == {}


@pytest.mark.parametrize("path", ["/v2/account", "/v2/clock"])
def test_sell_needs_neither_account_nor_clock(tmp_path: Path, path: str) -> None:
    trader = holding(tmp_path)
    trader.desk.fault("server_error", method="GET", path=path, count=9)
    assert trader.signal(side="sell").outcome is Outcome.ACCEPTED
    trader.fill()
    assert trader.desk.positions_there() == {}


def test_sell_for_which_nothing_was_sent_may_be_given_again_once(tmp_path: Path) -> None:
    trader = holding(tmp_path)
    trader.desk.fault("server_error", method="GET", path="/v2/positions/*", count=3)
    signal = trader.make(side="sell")
    first = trader.executor.execute_signal(signal)
    assert first.is_failure and first.category == "retryable"
    assert trader.executor.execute_signal(signal).outcome is Outcome.ACCEPTED
    trader.fill()
    assert trader.executor.execute_signal(signal).code == "signal.repeated"
    assert trader.desk.positions_there() == {}


def test_buy_made_smaller_whose_process_died_is_found_by_its_newest_order(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
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


# --- orders show explains ------------------------------------------------------------------


def test_every_decision_of_a_signal_is_in_the_audit_of_its_order(trader: Trader) -> None:
    result = trader.signal(strategy_id="mean")
    assert result.record is not None
    rows = trader.desk.journal.audit_of(result.record.client_order_id)
    assert [(r.kind, r.result) for r in rows] == [
        ("risk", "passed"), ("sizing", "sized"), ("signal", "accepted"),
    ]  # fmt: skip
    assert rows[1].facts["steps"][0][0] == "equity_pct"
    assert rows[0].facts["checks"]["max_positions"] == ["5", "1 with this"]
    assert result.record.strategy_id == "mean" and result.record.signal_id == "s1"


def test_refusal_is_in_the_audit_with_limit_and_number(trader: Trader) -> None:
    with pytest.raises(Refused) as caught:
        trader.placer.place(market("AAPL", "1000"))
    record = caught.value.record
    assert record is not None and record.status is OrderStatus.DENIED
    (row,) = trader.desk.journal.audit_of(record.client_order_id)
    failed = {item["code"] for item in row.facts["failed"]}
    assert failed == {"max_position_size", "max_exposure"}
    assert caught.value.kind == "risk.max_position_size"


# --- preview -------------------------------------------------------------------------------


def test_preview_tells_size_and_checks_and_writes_nothing(trader: Trader) -> None:
    before = trader.desk.journal.last_seq()
    preview = trader.executor.preview(trader.make())
    assert preview.skip is None and preview.request is not None and preview.checked is not None
    assert preview.checked.verdict.passed
    assert preview.sized is not None and preview.sized.binding_rule == "equity_pct"
    assert trader.executor.preview(trader.make(strength=D(1))).skip is not None
    assert trader.executor.preview(trader.make(notional=D(50))).skip is not None
    assert trader.executor.preview(trader.make(side="sell")) == type(preview)()
    assert trader.desk.journal.last_seq() == before
    assert trader.desk.journal.signals() == [] and trader.desk.orders_there() == {}
    sent = trader.signal(id="s99")
    assert sent.record is not None and sent.record.order.qty == preview.request.qty
