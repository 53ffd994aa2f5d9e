"""Goal: the parts around the core: one lock an account, lines that never block, small memory.

Method: the real files and threads of one process; the core is fed by hand.
"""

from __future__ import annotations

import io
import json
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.exit_views import T0, entry, later

from execbot.config.schema import TradingSettings
from execbot.journal.records import OrderRecord
from execbot.market.sessions import MarketNow, Session, crypto_now
from execbot.model.enums import OrderClass, OrderStatus, TimeInForce
from execbot.watch.core import inputs
from execbot.watch.core.core import Core
from execbot.watch.core.entry_timeouts import EntryClocks, has_timeout
from execbot.watch.core.jobs import AccountJob, JobName, Note
from execbot.watch.lock import AlreadyWatching, WatchLock, holder_of
from execbot.watch.show.sinks import LOG_BYTES_MAX, LOG_FILES_KEPT, JsonSink, PlainSink, open_log


def test_the_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    first = WatchLock(tmp_path)
    first.acquire()
    with pytest.raises(AlreadyWatching) as caught:
        WatchLock(tmp_path).acquire()
    assert caught.value.pid == os.getpid()
    assert holder_of(tmp_path) == os.getpid()
    first.release()
    assert holder_of(tmp_path) is None


def test_json_lines_are_numbered_without_gaps() -> None:
    out = io.StringIO()
    sink = JsonSink(lambda: T0, out)
    sink.begin({"mode": "sim", "account": "A", "pid": 1})
    for number in range(100):
        sink.note(Note("order", f"line {number}", {"symbol": "AAPL"}), T0)
    sink.end({"message": "bye", "working_orders": 0})
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, 103))
    assert (lines[0]["type"], lines[1]["type"], lines[-1]["type"]) == (
        "started",
        "order",
        "stopped",
    )


class Stuck(io.StringIO):
    """A reader that has stopped reading."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def write(self, text: str) -> int:
        self.gate.wait()
        return super().write(text)


def test_a_reader_that_stops_reading_holds_nobody_up() -> None:
    out = Stuck()
    sink = PlainSink(lambda: T0, out)
    for number in range(1000):
        sink.note(Note("order", f"line {number}"), T0)
    out.gate.set()
    sink.end({"message": "bye"})
    assert len(out.getvalue().splitlines()) == 1001


def test_the_log_rotates_and_stays_small(tmp_path: Path) -> None:
    logger = open_log(tmp_path)
    line = "x" * 10_000
    for _ in range(LOG_BYTES_MAX * 2 // 10_000):
        logger.info(line)
    files = list(tmp_path.glob("watch.log*"))
    assert 2 <= len(files) <= LOG_FILES_KEPT + 1
    assert all(file.stat().st_size <= LOG_BYTES_MAX for file in files)


def record(name: str, **fields: object) -> OrderRecord:
    built = entry("10", **fields)  # type: ignore[arg-type]
    order = replace(built.order, client_order_id=name, time_in_force=TimeInForce.DAY)
    return OrderRecord(order, role="entry", intent_at=T0, sent_at=T0)


def test_the_clock_of_an_entry_stops_in_a_halt_and_before_the_open() -> None:
    clocks = EntryClocks(timedelta(seconds=60))
    order = {"e": record("e")}
    assert clocks.advance(later(30), order, open_since=later(20)) == []  # ten seconds so far
    assert clocks.advance(later(100), {}) == []  # halted: it is not among the running
    assert clocks.advance(later(101), order) == []
    assert clocks.advance(later(140), order) == []
    assert clocks.advance(later(152), order) == ["e"]


def test_a_plain_gtc_order_has_no_timeout_and_a_bracket_has() -> None:
    plain = record("e")
    patient = replace(plain, order=replace(plain.order, time_in_force=TimeInForce.GTC))
    bracket = replace(patient, order=replace(patient.order, order_class=OrderClass.BRACKET))
    assert has_timeout(plain)
    assert not has_timeout(patient)
    assert has_timeout(bracket)


def test_the_queue_is_released_when_the_market_opens_and_only_then() -> None:
    closed = MarketNow(T0, Session.CLOSED, None, None, None)
    opened = MarketNow(T0, Session.REGULAR, None, None, None)
    now = [closed]
    core = Core(TradingSettings(), lambda at: now[0])
    core.handle(inputs.Tick(), T0)
    now[0] = opened
    jobs = core.handle(inputs.Tick(), later(1))
    assert [j.name for j in jobs if isinstance(j, AccountJob)] == [JobName.RELEASE_QUEUE]
    core.handle(inputs.JobDone(JobName.RELEASE_QUEUE), later(2))
    assert not [
        j
        for j in core.handle(inputs.Tick(), later(3))
        if isinstance(j, AccountJob) and j.name is JobName.RELEASE_QUEUE
    ]


def test_a_lost_stream_is_polled_and_alarmed_once() -> None:
    core = Core(TradingSettings(), crypto_now)
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
    core = Core(TradingSettings(), crypto_now)
    for number in range(500):
        ended = record(f"e{number}", status=OrderStatus.CANCELED)
        core.handle(inputs.Orders((ended,)), later(number))
        core.handle(inputs.BrokerPositions((), later(number)), later(number))
        core.handle(inputs.Tick(), later(number))
    assert len(core.symbols) == 0
