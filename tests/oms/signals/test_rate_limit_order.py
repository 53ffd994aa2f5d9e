"""Goal: entries of signals that meet the rate limit go later, in their order, with their plans.

Method: the executor at the exchange, which answers 429 for a while; its own record says what was
ordered, and when.
"""

from __future__ import annotations

from pathlib import Path

from support.desk import market
from support.exit_views import T0, entry, later
from support.signal_trader import SignalTrader, open_trader

from execbot.config.schema import TradingSettings
from execbot.exits.plan.plan import PlanStatus
from execbot.exits.store import plan_of
from execbot.journal.records import OrderRecord, Origin, Role
from execbot.market.queue import QueueAction
from execbot.market.sessions import MarketNow, Session
from execbot.model.enums import OrderStatus, Outcome
from execbot.model.timer import Timer
from execbot.oms.release_queue import release_due
from execbot.watch.core import inputs
from execbot.watch.core.core import WatchCore
from execbot.watch.core.jobs import AccountJob, JobName

LONG = {"method": "POST", "path": "/v2/orders", "params": {"retry_after": 45}}


def bought(trader: SignalTrader) -> list[str]:
    rows = [r for r in trader.desk.orders_there().values() if r["side"] == "buy"]
    return [row["symbol"] for row in sorted(rows, key=lambda row: row["submitted_at"])]


def test_they_wait_in_the_queue_and_go_in_their_order(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.desk.fault("rate_limited", **LONG, count=99)
    first = trader.signal("AAPL")
    assert (first.outcome, first.is_failure) == (Outcome.QUEUED, False)
    assert "rate limit" in first.message and first.record is not None
    assert first.record.status is OrderStatus.QUEUED
    plan = plan_of(trader.desk.journal, "AAPL")
    assert plan is not None and plan.status is PlanStatus.PENDING
    (fault,) = trader.desk.call("GET", "/sim/faults")
    second = trader.signal("MSFT")
    assert second.outcome is Outcome.QUEUED
    assert trader.desk.call("GET", "/sim/faults") == [fault], "it asks nothing before the first"
    trader.desk.call("DELETE", "/sim/faults")
    assert trader.desk.orders_there() == {}
    assert [item.action for item in release_due(trader.executor)] == [QueueAction.RELEASE] * 2
    trader.fill()
    assert bought(trader) == ["AAPL", "MSFT"]
    assert trader.signal("KO").outcome is Outcome.ACCEPTED, "nobody waits any more"


def test_one_that_meets_the_limit_again_keeps_its_place(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.desk.fault("rate_limited", **LONG, count=99)
    for symbol in ("AAPL", "MSFT"):
        assert trader.signal(symbol).outcome is Outcome.QUEUED
    (kept,) = release_due(trader.executor)
    assert (kept.action, kept.record.symbol) == (QueueAction.KEEP, "AAPL")
    trader.desk.call("DELETE", "/sim/faults")
    release_due(trader.executor)
    trader.fill()
    assert bought(trader) == ["AAPL", "MSFT"]


def test_the_second_of_two_that_are_on_their_way_at_once_does_not_overtake(
    tmp_path: Path,
) -> None:
    """The first meets the limit and waits for it; the second was decided by then, and has not left
    yet."""
    trader = open_trader(tmp_path)
    trader.desk.fault("rate_limited", **LONG)
    sleep, results = trader.desk.sleep, list[Outcome]()

    def meanwhile(seconds: float) -> None:
        if not results:
            results.append(Outcome.NOT_SENT)
            results[0] = trader.signal("MSFT").outcome
        sleep(seconds)

    trader.executor.oms._pipeline._timer = Timer(trader.desk.monotonic, meanwhile)
    assert trader.signal("AAPL").outcome is Outcome.ACCEPTED
    assert results == [Outcome.QUEUED]
    assert [item.action for item in release_due(trader.executor)] == [QueueAction.RELEASE]
    trader.fill()
    assert bought(trader) == ["AAPL", "MSFT"]


def test_nor_does_it_once_the_first_has_given_up_and_waits_in_the_queue(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.desk.fault("rate_limited", **LONG, count=99)
    assert trader.signal("AAPL").outcome is Outcome.QUEUED
    trader.desk.call("DELETE", "/sim/faults")
    late = trader.desk.oms
    late._pipeline = trader.executor.oms._pipeline
    second = late.submit(market("MSFT", "1"), signal_id="s9", role=Role.ENTRY)
    assert second.status is OrderStatus.QUEUED
    assert trader.desk.orders_there() == {}


def test_one_whose_signal_is_over_lapses_instead_of_going_late(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.desk.fault("rate_limited", **LONG, count=99)
    assert trader.signal("AAPL").outcome is Outcome.QUEUED
    trader.desk.call("DELETE", "/sim/faults")
    trader.desk.sleep(400)
    (lapsed,) = release_due(trader.executor)
    assert lapsed.action is QueueAction.EXPIRE and "300 s" in lapsed.reason
    assert trader.desk.orders_there() == {}


def unread(trader: SignalTrader, seconds: int) -> None:
    """The facts of the next signal meet the limit, before there is an order."""
    rule = {"method": "GET", "path": "/v2/positions", "params": {"retry_after": seconds}}
    trader.desk.fault("rate_limited", **rule)


def test_facts_that_cannot_be_read_for_the_limit_are_waited_for(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    unread(trader, 20)
    began = trader.desk.now()
    assert trader.signal("AAPL").outcome is Outcome.ACCEPTED
    assert (trader.desk.now() - began).total_seconds() >= 20


def test_a_signal_that_the_limit_kept_from_being_looked_at_is_not_used_up(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    unread(trader, 90)
    signal = trader.make("AAPL")
    refused = trader.executor.execute_signal(signal)
    assert (refused.outcome, refused.code) == (Outcome.NOT_SENT, "broker.rate_limited")
    trader.desk.sleep(100)
    assert trader.executor.execute_signal(signal).outcome is Outcome.ACCEPTED


def test_the_same_signal_again_finds_its_entry_waiting(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.desk.fault("rate_limited", **LONG, count=99)
    signal = trader.make("AAPL")
    assert trader.executor.execute_signal(signal).outcome is Outcome.QUEUED
    again = trader.executor.execute_signal(signal)
    assert again.code == "signal.repeated" and "queued" in again.message


def releases(core: WatchCore, seconds: float) -> list[JobName]:
    jobs = core.handle(inputs.Tick(), later(seconds))
    found = [j.name for j in jobs if isinstance(j, AccountJob)]
    for name in found:
        core.handle(inputs.JobDone(name), later(seconds))
    return [name for name in found if name is JobName.RELEASE_QUEUE]


def test_watch_tries_again_while_something_waits_and_the_market_is_open() -> None:
    session = [Session.REGULAR]
    core = WatchCore(TradingSettings(), lambda at: MarketNow(at, session[0], None, None, None))
    waits = OrderRecord(entry("10", status=OrderStatus.QUEUED).order, Origin.SIGNAL, intent_at=T0)
    releases(core, 0)
    core.handle(inputs.Orders((waits,)), later(1))
    assert releases(core, 11) == [JobName.RELEASE_QUEUE]
    assert releases(core, 12) == []
    assert releases(core, 22) == [JobName.RELEASE_QUEUE]
    core.handle(inputs.Halts(frozenset({waits.symbol})), later(23))
    assert releases(core, 33) == []
    core.handle(inputs.Halts(frozenset()), later(34))
    session[0] = Session.CLOSED
    assert releases(core, 60) == []
