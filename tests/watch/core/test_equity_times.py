"""Goal: equity is sampled each minute of the session and once at its close, and a gap stays a gap.

Method: the decision alone over every ten seconds of a day; the whole `watch` at the exchange.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.world import D, open_market_day

from execbot.config.schema import TradingSettings
from execbot.market.calendar_cache import load_table
from execbot.market.sessions import agreed_now, trading_day
from execbot.watch.core import inputs
from execbot.watch.core.core import WatchCore
from execbot.watch.core.jobs import AccountJob, JobName

SAMPLES = (JobName.SAMPLE_EQUITY, JobName.SAMPLE_CLOSE)
EARLY_CLOSE = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)


def test_each_minute_of_a_short_day_and_its_close_and_nothing_else() -> None:
    table = load_table()
    core = WatchCore(TradingSettings(), lambda at: agreed_now(table, at, None))
    found: Counter[JobName] = Counter()
    moments = []
    for number in range(24 * 360):
        now = EARLY_CLOSE + timedelta(seconds=10 * number)
        for job in core.handle(inputs.Tick(), now):
            if isinstance(job, AccountJob) and job.name in SAMPLES:
                found[job.name] += 1
                moments.append(now)
                core.handle(inputs.JobDone(job.name), now)
    day = trading_day(table, EARLY_CLOSE.date())
    assert day is not None and day.is_early_close
    assert found == {JobName.SAMPLE_EQUITY: 210, JobName.SAMPLE_CLOSE: 1}
    assert (moments[0], moments[-1]) == (day.open, day.close)


def test_a_sample_that_is_under_way_is_not_asked_for_again() -> None:
    table = load_table()
    core = WatchCore(TradingSettings(), lambda at: agreed_now(table, at, None))
    noon = datetime(2026, 11, 25, 17, 0, tzinfo=UTC)
    asked = [
        job
        for minute in range(3)
        for job in core.handle(inputs.Tick(), noon + timedelta(minutes=minute))
        if isinstance(job, AccountJob) and job.name in SAMPLES
    ]
    assert len(asked) == 1


def test_watch_keeps_what_the_broker_says_and_leaves_out_what_cannot_be(tmp_path: Path) -> None:
    """An equity of 0 is no figure: the minute stays a gap."""
    world = open_market_day(tmp_path, "2026-10-07 15:56:30")
    world.run(100, 1)
    before = len(world.desk.journal.equity_samples())
    world.desk.fault("account_zero")
    world.run(50, 1)
    assert len(world.desk.journal.equity_samples()) == before
    world.run(120, 1)
    kept = world.desk.journal.equity_samples()
    assert [sample.kind for sample in kept] == ["minute"] * 3 + ["close"]
    there = world.desk.call("GET", "/v2/account")
    assert {sample.equity for sample in kept} == {D(there["equity"])}
    assert {sample.last_equity for sample in kept} == {D(there["last_equity"])}
