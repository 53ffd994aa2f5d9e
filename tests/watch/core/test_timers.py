"""Goal: clocks of entries, queue and stream run as the market's hours say, and memory stays small.

Method: the core is fed by hand.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace
from support.exit_views import T0, entry, later

from execbot.config.schema import TradingSettings
from execbot.journal.records import OrderRecord
from execbot.market.sessions import MarketNow, Session, crypto_now
from execbot.model.enums import OrderClass, OrderStatus, TimeInForce
from execbot.watch.core import inputs
from execbot.watch.core.core import WatchCore
from execbot.watch.core.entry_timeouts import EntryClocks, ends_at_close
from execbot.watch.core.jobs import AccountJob, JobName, Note


def record(name: str, **fields: object) -> OrderRecord:
    built = entry("10", **fields)  # type: ignore[arg-type]
    order = replace(built.order, client_order_id=name, time_in_force=TimeInForce.DAY)
    return OrderRecord(order, role="entry", intent_at=T0, sent_at=T0)


def test_the_clock_of_an_entry_stops_in_a_halt_and_before_the_open() -> None:
    clocks = EntryClocks()
    order = {"e": replace(record("e"), cancel_after=Decimal(60))}
    assert clocks.advance(later(30), order, open_since=later(20)) == []  # ten seconds so far
    assert clocks.advance(later(100), {}) == []  # halted: it is not among the running
    assert clocks.advance(later(101), order) == []
    assert clocks.advance(later(140), order) == []
    assert clocks.due(order["e"]) == later(150)
    assert clocks.advance(later(152), order) == ["e"]


def test_an_order_without_a_clock_is_never_overdue() -> None:
    clocks = EntryClocks()
    assert clocks.advance(later(100_000), {"e": record("e")}) == []
    assert clocks.due(record("e")) is None


def test_a_gtc_order_ends_at_the_close_only_where_its_legs_made_it_gtc() -> None:
    plain = record("e")
    patient = replace(plain, order=replace(plain.order, time_in_force=TimeInForce.GTC))
    bracket = replace(patient, order=replace(patient.order, order_class=OrderClass.BRACKET))
    assert ends_at_close(plain)
    assert not ends_at_close(patient)
    assert not ends_at_close(bracket)
    assert ends_at_close(replace(bracket, for_the_day=True))


def test_the_queue_is_released_when_the_market_opens_and_only_then() -> None:
    closed = MarketNow(T0, Session.CLOSED, None, None, None)
    opened = MarketNow(T0, Session.REGULAR, None, None, None)
    now = [closed]
    core = WatchCore(TradingSettings(), lambda at: now[0])
    core.handle(inputs.Tick(), T0)
    now[0] = opened
    jobs = core.handle(inputs.Tick(), later(1))
    names = [j.name for j in jobs if isinstance(j, AccountJob)]
    assert names == [JobName.RELEASE_QUEUE, JobName.SAMPLE_EQUITY]
    core.handle(inputs.JobDone(JobName.RELEASE_QUEUE), later(2))
    assert not [
        j
        for j in core.handle(inputs.Tick(), later(3))
        if isinstance(j, AccountJob) and j.name is JobName.RELEASE_QUEUE
    ]


def test_a_lost_stream_is_polled_and_alarmed_once() -> None:
    core = WatchCore(TradingSettings(), crypto_now)
    core.handle(inputs.StreamDown(T0, "cut"), T0)
    polls = alarms = 0
    for second in range(130):
        for job in core.handle(inputs.Tick(), later(second)):
            if isinstance(job, AccountJob) and job.name is JobName.GAP_FILL:
                polls += 1
                core.handle(inputs.JobDone(job.name), later(second))
            if isinstance(job, Note) and job.is_alarm:
                alarms += 1
    assert polls > 50
    assert alarms == 1


def test_a_symbol_that_is_flat_and_quiet_is_forgotten() -> None:
    core = WatchCore(TradingSettings(), crypto_now)
    for number in range(500):
        ended = record(f"e{number}", status=OrderStatus.CANCELED)
        core.handle(inputs.Orders((ended,)), later(number))
        core.handle(inputs.BrokerPositions((), later(number)), later(number))
        core.handle(inputs.Tick(), later(number))
    assert len(core.symbols) == 0
