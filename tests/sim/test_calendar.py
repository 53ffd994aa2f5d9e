"""Goal: exchange hours are right on every date, holiday, early close and clock change.
Method: compare with two independent calendars, and name the odd moments one by one.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sim.conftest import Bench
from support.paths import ROOT

from execbot.sim.calendar import (
    AlwaysOpen,
    ExchangeCalendar,
    new_york,
    new_york_date,
    settlement_date,
)
from execbot.sim.config import SimConfig
from execbot.sim.engine import Exchange
from execbot.sim.engine.answers.calendar_rows import calendar_rows
from execbot.sim.prices.mixed import build_prices
from execbot.sim.types import SECOND, Calendar, TradingSession

MARKET_DATA = Path(os.environ.get("EXECBOT_MARKET_DATA", ROOT.parent / "shared" / "market-data"))
calendar = ExchangeCalendar()


def clock_of(hours: Calendar, moment: int) -> dict[str, Any]:
    """What `GET /v2/clock` answers at a moment."""
    prices, assets = build_prices(seed=0, regimes={}, data=None, calendar=hours)
    return Exchange(prices=prices, assets=assets, calendar=hours, start=moment).clock()


def at(text: str) -> int:
    """New York wall time -> nanoseconds."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York"))
    return int(moment.timestamp()) * SECOND


def test_trading_days_equal_those_of_the_recorded_calendar():
    path = MARKET_DATA / "reference" / "us-equity-calendar.json"
    if not path.exists():
        pytest.skip(f"no recorded calendar at {path}")
    recorded = json.loads(path.read_text())
    days = calendar.days("2010-01-01", "2027-12-31")
    dates = {day.date for day in days}
    assert not dates & set(recorded["holidays"])
    assert {day.date for day in days if day.early_close} == set(recorded["earlyCloses"])
    weekdays = sum(
        datetime.fromordinal(n).weekday() < 5
        for n in range(datetime(2010, 1, 1).toordinal(), datetime(2028, 1, 1).toordinal())
    )
    assert len(days) == weekdays - len(recorded["holidays"])


def test_opens_and_closes_equal_those_of_pandas_market_calendars():
    import pandas_market_calendars as calendars

    schedule = calendars.get_calendar("NYSE").schedule("1990-01-01", "2040-12-31")
    ours = calendar.days("1990-01-01", "2040-12-31")
    assert [day.date for day in ours] == [str(index.date()) for index in schedule.index]
    differ = [
        day.date
        for day, close in zip(ours, schedule.market_close, strict=True)
        if day.close != int(close.timestamp()) * SECOND
    ]
    # The eve of 2000: the recorded hours of that day end at 13:00, that calendar does not know it.
    assert differ == ["1999-12-31"]
    late_opens = [
        day.date
        for day, opening in zip(ours, schedule.market_open, strict=True)
        if day.open != int(opening.timestamp()) * SECOND
    ]
    assert len(late_opens) == 11 and max(late_opens) < "2007"


@pytest.mark.parametrize(
    ("moment", "session", "trading_date"),
    [
        ("2024-07-01T03:59:59", TradingSession.OVERNIGHT, "2024-07-01"),
        ("2024-07-01T04:00:00", TradingSession.PRE, "2024-07-01"),
        ("2024-07-01T09:29:59", TradingSession.PRE, "2024-07-01"),
        ("2024-07-01T09:30:00", TradingSession.REGULAR, "2024-07-01"),
        ("2024-07-01T15:59:59", TradingSession.REGULAR, "2024-07-01"),
        ("2024-07-01T16:00:00", TradingSession.AFTER, "2024-07-01"),
        ("2024-07-01T19:59:59", TradingSession.AFTER, "2024-07-01"),
        ("2024-07-01T20:00:00", TradingSession.OVERNIGHT, "2024-07-02"),
        # The day before Independence Day closes early, and no night session follows.
        ("2024-07-03T12:59:59", TradingSession.REGULAR, "2024-07-03"),
        ("2024-07-03T13:00:00", TradingSession.AFTER, "2024-07-03"),
        ("2024-07-03T17:00:00", TradingSession.CLOSED, "2024-07-05"),
        ("2024-07-03T20:00:00", TradingSession.CLOSED, "2024-07-05"),
        ("2024-07-04T12:00:00", TradingSession.CLOSED, "2024-07-05"),
        ("2024-07-04T20:00:00", TradingSession.OVERNIGHT, "2024-07-05"),
        # Friday evening to Sunday evening.
        ("2024-07-05T20:00:00", TradingSession.CLOSED, "2024-07-08"),
        ("2024-07-06T12:00:00", TradingSession.CLOSED, "2024-07-08"),
        ("2024-07-07T19:59:59", TradingSession.CLOSED, "2024-07-08"),
        ("2024-07-07T20:00:00", TradingSession.OVERNIGHT, "2024-07-08"),
        # A Monday holiday: closed on Sunday evening, open again on Monday evening.
        ("2024-09-01T21:00:00", TradingSession.CLOSED, "2024-09-03"),
        ("2024-09-02T19:00:00", TradingSession.CLOSED, "2024-09-03"),
        ("2024-09-02T20:00:00", TradingSession.OVERNIGHT, "2024-09-03"),
        # An unscheduled closure.
        ("2025-01-09T12:00:00", TradingSession.CLOSED, "2025-01-10"),
    ],
)
def test_session_at_named_moments(moment, session, trading_date):
    assert calendar.session(at(moment)) is session
    assert calendar.trading_date(at(moment)) == trading_date


def test_the_session_follows_new_york_through_the_clock_changes():
    for date, opening_utc in (("2024-03-08", 14), ("2024-03-11", 13), ("2024-11-04", 14)):
        opening = calendar.day(date).open
        assert datetime.fromtimestamp(opening // SECOND, ZoneInfo("UTC")).hour == opening_utc
        assert calendar.session(opening) is TradingSession.REGULAR
        assert calendar.session(opening - 1) is TradingSession.PRE


def test_next_open_and_close_skip_weekends_and_holidays():
    friday = at("2024-08-30T15:00:00")
    assert calendar.next_close(friday) == at("2024-08-30T16:00:00")
    assert calendar.next_open(friday) == at("2024-09-03T09:30:00")
    assert calendar.next_close(at("2024-08-30T16:00:00")) == at("2024-09-03T16:00:00")
    assert calendar.next_open(at("2024-09-03T09:29:59")) == at("2024-09-03T09:30:00")
    assert calendar.next_open(at("2024-09-03T09:30:00")) == at("2024-09-04T09:30:00")


@settings(deadline=None, max_examples=300)
@given(st.integers(631_152_000, 2_240_000_000))
def test_sessions_agree_with_next_open_and_close_everywhere(second):
    moment = second * SECOND
    session = calendar.session(moment)
    opens, closes = calendar.next_open(moment), calendar.next_close(moment)
    assert opens > moment and closes > moment
    assert (closes < opens) == (session is TradingSession.REGULAR)
    assert calendar.session(opens) is TradingSession.REGULAR
    assert calendar.session(closes) is not TradingSession.REGULAR


def test_always_open_is_open_on_sunday_night_and_still_has_a_next_close():
    always = AlwaysOpen()
    sunday = at("2024-07-07T22:00:00")
    assert always.session(sunday) is TradingSession.REGULAR
    body = clock_of(always, sunday)
    assert body["is_open"] is True
    assert body["timestamp"] == "2024-07-07T22:00:00-04:00"
    assert body["next_close"] == body["next_open"] == "2024-07-08T00:00:00-04:00"
    day = always.day(always.trading_date(sunday))
    assert day.open <= sunday < day.close
    assert len(always.days("2024-07-01", "2024-07-07")) == 7
    assert calendar_rows(always, day.date, day.date)[0] == {
        "date": "2024-07-07",
        "open": "00:00",
        "close": "23:59",
        "session_open": "0000",
        "session_close": "2359",
        "settlement_date": "2024-07-08",
    }


def test_calendar_rows_and_clock_have_alpacas_form():
    rows = calendar_rows(calendar, "2024-07-01", "2024-07-05")
    assert [row["date"] for row in rows] == ["2024-07-01", "2024-07-02", "2024-07-03", "2024-07-05"]
    assert rows[2] == {
        "date": "2024-07-03",
        "open": "09:30",
        "close": "13:00",
        "session_open": "0400",
        "session_close": "1700",
        "settlement_date": "2024-07-05",
    }
    assert clock_of(calendar, at("2026-07-24T10:42:48") + 601374373) == {
        "timestamp": "2026-07-24T10:42:48.601374373-04:00",
        "is_open": True,
        "next_open": "2026-07-27T09:30:00-04:00",
        "next_close": "2026-07-24T16:00:00-04:00",
    }


def test_the_eve_of_2000_closed_at_one() -> None:
    (row,) = calendar_rows(calendar, "1999-12-31", "1999-12-31")
    assert (row["close"], row["session_close"]) == ("13:00", "1700")


def test_settlement_took_two_days_before_may_2024():
    assert settlement_date(calendar, "2024-05-24") == "2024-05-29"
    assert settlement_date(calendar, "2024-05-28") == "2024-05-29"
    rows = calendar_rows(calendar, "2024-05-24", "2024-05-28")
    assert [row["settlement_date"] for row in rows] == ["2024-05-29", "2024-05-29"]


@pytest.mark.parametrize(
    ("traded", "settles"),
    [("2024-05-28", "2024-05-29"), ("2024-05-24", "2024-05-29"), ("2017-09-01", "2017-09-07")],
)
def test_fills_settle_by_the_rule_of_their_day(traded: str, settles: str) -> None:
    bench = Bench(SimConfig.of({"at": f"{traded} 10:30", "speed": 0, "calendar": "exchange"}))
    bench.buy()
    bench.step(1)
    fill = next(event for event in bench.events() if event["event"] == "fill")
    assert fill["settle_date"] == settles


def test_new_york_midnight_round_trips():
    for date in ("2024-03-10", "2024-11-03", "2024-07-04"):
        assert new_york_date(new_york(date)) == date
        assert new_york_date(new_york(date) - 1) < date
        assert new_york(date, 1440) == new_york(new_york_date(new_york(date, 1440)))
