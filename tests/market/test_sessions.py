"""Sessions: the table equals its two independent sources, and instants fall where they should.

Method: whole-range comparison with pandas-market-calendars and with the recorded reference
calendar; tables of instants around holidays, early closes and both daylight-saving switches.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.paths import ROOT

from execbot.market import calendar_cache
from execbot.market.broker_calendar import narrowed
from execbot.market.calendar_cache import (
    FIRST_YEAR,
    PACKAGED,
    build_table,
    covers_enough,
    load_table,
    refresh_table,
    table_for,
    table_from_json,
    table_to_json,
)
from execbot.market.sessions import (
    Session,
    SessionTable,
    agreed_now,
    compare_calendars,
    crypto_now,
    holidays_ahead,
    market_now,
    trading_day,
    trading_days,
)
from execbot.model.account import CalendarDay, Clock
from execbot.model.times import new_york

TABLE = load_table()
MARKET_DATA = Path(os.environ.get("EXECBOT_MARKET_DATA", ROOT.parent / "shared" / "market-data"))


def et(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=new_york()).astimezone(UTC)


def test_shipped_table_equals_pandas_market_calendars() -> None:
    fresh = build_table(FIRST_YEAR, TABLE.last.year)
    assert fresh.holidays == TABLE.holidays
    assert fresh.odd_hours == TABLE.odd_hours
    assert table_from_json(table_to_json(fresh)) == fresh


def test_shipped_table_equals_the_reference_calendar() -> None:
    path = MARKET_DATA / "reference" / "us-equity-calendar.json"
    if not path.exists():
        pytest.skip(f"no reference calendar at {path}: set EXECBOT_MARKET_DATA")
    reference = json.loads(path.read_text())
    first, last = (date(reference["years"][0], 1, 1), date(reference["years"][1], 12, 31))
    holidays = {date.fromisoformat(d) for d in reference["holidays"]}
    assert {d for d in TABLE.holidays if first <= d <= last} == holidays
    closes = reference["earlyCloses"]
    days = closes if isinstance(closes, dict) else dict.fromkeys(closes, "13:00:00")
    early = {date.fromisoformat(d): time.fromisoformat(t) for d, t in days.items()}
    ours = {d: h[1] for d, h in TABLE.odd_hours.items() if first <= d <= last}
    assert ours == early


@pytest.mark.parametrize(
    ("at", "session"),
    [
        ("2026-11-20T03:59:59", Session.OVERNIGHT),
        ("2026-11-20T04:00", Session.PRE),
        ("2026-11-20T09:29:59", Session.PRE),
        ("2026-11-20T09:30", Session.REGULAR),
        ("2026-11-20T15:59:59", Session.REGULAR),
        ("2026-11-20T16:00", Session.AFTER),
        ("2026-11-20T19:59:59", Session.AFTER),
        ("2026-11-20T20:00", Session.CLOSED),  # Friday evening
        ("2026-11-21T12:00", Session.CLOSED),
        ("2026-11-22T19:59", Session.CLOSED),
        ("2026-11-22T20:00", Session.OVERNIGHT),  # Sunday evening
        ("2026-11-23T03:00", Session.OVERNIGHT),
        ("2026-11-25T21:00", Session.CLOSED),  # the evening before Thanksgiving
        ("2026-11-26T11:00", Session.CLOSED),  # Thanksgiving
        ("2026-11-26T20:00", Session.OVERNIGHT),  # its evening belongs to Friday
        ("2026-11-27T12:59:59", Session.REGULAR),  # early close
        ("2026-11-27T13:00", Session.AFTER),
        ("2026-11-27T16:59:59", Session.AFTER),
        ("2026-11-27T17:00", Session.CLOSED),
        ("2025-01-09T11:00", Session.CLOSED),  # day of mourning
        ("2012-10-29T11:00", Session.CLOSED),  # hurricane
        ("2026-03-09T09:30", Session.REGULAR),  # first Monday of summer time
        ("2026-11-02T09:30", Session.REGULAR),  # first Monday of winter time
    ],
)
def test_session_at_an_instant(at: str, session: Session) -> None:
    assert market_now(TABLE, et(at)).session is session


@pytest.mark.parametrize(
    ("day", "open_utc", "close_utc"),
    [
        (date(2026, 3, 6), "14:30", "21:00"),
        (date(2026, 3, 9), "13:30", "20:00"),
        (date(2026, 10, 30), "13:30", "20:00"),
        (date(2026, 11, 2), "14:30", "21:00"),
        (date(2026, 11, 27), "14:30", "18:00"),
        (date(2026, 12, 24), "14:30", "18:00"),
    ],
)
def test_regular_hours_in_utc(day: date, open_utc: str, close_utc: str) -> None:
    found = trading_day(TABLE, day)
    assert found is not None
    assert (f"{found.open:%H:%M}", f"{found.close:%H:%M}") == (open_utc, close_utc)


def test_overnight_across_the_switch_to_summer_time_lasts_seven_hours() -> None:
    day = trading_day(TABLE, date(2026, 3, 9))
    assert day is not None
    # The switch is at 02:00 on Sunday the 8th, before the overnight session begins at 20:00.
    assert day.pre_open - day.overnight_open == timedelta(hours=8)
    assert day.overnight_open == et("2026-03-08T20:00")


@pytest.mark.parametrize(
    ("at", "opens", "closes"),
    [
        ("2026-11-20T08:00", "2026-11-20T09:30", "2026-11-20T16:00"),
        ("2026-11-20T09:30", "2026-11-23T09:30", "2026-11-20T16:00"),
        ("2026-11-20T16:00", "2026-11-23T09:30", "2026-11-23T16:00"),
        ("2026-11-25T18:00", "2026-11-27T09:30", "2026-11-27T13:00"),
        ("2026-12-24T13:00", "2026-12-28T09:30", "2026-12-28T16:00"),
    ],
)
def test_next_open_and_close(at: str, opens: str, closes: str) -> None:
    now = market_now(TABLE, et(at))
    assert (now.next_open, now.next_close) == (et(opens), et(closes))


def test_outside_the_table_is_closed() -> None:
    beyond = market_now(TABLE, et("2045-01-03T11:00"))
    assert (beyond.session, beyond.next_open) == (Session.CLOSED, None)


@given(st.datetimes(datetime(2011, 1, 1), datetime(2035, 12, 1)))
@settings(max_examples=200, deadline=None)
def test_every_instant_has_one_session_and_an_open_ahead(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC)
    now = market_now(TABLE, at)
    assert now.next_open is not None and now.next_open > at
    assert now.next_close is not None and now.next_close > at
    assert now.is_open == (now.next_close < now.next_open)
    if now.day is not None:
        assert now.day.overnight_open <= at < now.day.after_close


def test_crypto_never_closes() -> None:
    now = crypto_now(et("2026-12-25T03:00"))
    assert now.is_open and now.never_closes and now.minutes_to_close is None


def clock(is_open: bool, next_open: str, next_close: str) -> Clock:
    return Clock(None, is_open, et(next_open), et(next_close))


def test_broker_closed_while_we_say_open_is_closed_and_told() -> None:
    told = clock(False, "2026-11-23T09:30", "2026-11-23T16:00")
    now = agreed_now(TABLE, et("2026-11-20T11:00"), told)
    assert now.session is Session.CLOSED
    assert now.disagreement is not None and "closed" in now.disagreement
    assert now.next_open == et("2026-11-23T09:30")


def test_broker_open_while_we_say_closed_is_closed_and_told() -> None:
    told = clock(True, "2026-11-27T09:30", "2026-11-26T16:00")
    now = agreed_now(TABLE, et("2026-11-26T11:00"), told)
    assert now.session is Session.CLOSED
    assert now.disagreement is not None


def test_broker_agrees_and_nothing_is_told() -> None:
    told = clock(True, "2026-11-23T09:30", "2026-11-20T16:00")
    now = agreed_now(TABLE, et("2026-11-20T11:00"), told)
    assert now.is_open and now.disagreement is None


def test_an_exchange_that_never_closes_is_open_on_a_sunday_night() -> None:
    told = clock(True, "2026-11-23T00:00", "2026-11-23T00:00")
    now = agreed_now(TABLE, et("2026-11-22T23:00"), told)
    assert now.is_open and now.never_closes and now.disagreement is None
    assert now.minutes_to_close is None


def as_broker(day: date, opens: str = "09:30", closes: str = "16:00") -> CalendarDay:
    return CalendarDay(day.isoformat(), opens, closes)


def test_calendar_differences_are_found_and_the_stricter_wins() -> None:
    start, end = date(2026, 11, 23), date(2026, 11, 27)
    broker = [
        as_broker(date(2026, 11, 23)),
        as_broker(date(2026, 11, 24), closes="14:00"),
        # the 25th is missing at the broker, the 26th (Thanksgiving) is open there
        as_broker(date(2026, 11, 26)),
        as_broker(date(2026, 11, 27)),  # no early close there
    ]
    found = compare_calendars(TABLE, broker, start, end)
    assert [(d.date.day, d.ours, d.theirs) for d in found] == [
        (24, "09:30-16:00", "09:30-14:00"),
        (25, "09:30-16:00", "closed"),
        (26, "closed", "09:30-16:00"),
        (27, "09:30-13:00", "09:30-16:00"),
    ]
    narrow = narrowed(TABLE, {d.date: d.theirs for d in found})
    hours = {d.date.day: d.close for d in trading_days(narrow, start, end)}
    assert hours == {
        23: et("2026-11-23T16:00"),
        24: et("2026-11-24T14:00"),
        27: et("2026-11-27T13:00"),
    }


def test_holidays_ahead_lists_closures_and_early_closes() -> None:
    assert holidays_ahead(TABLE, date(2026, 11, 20), 4) == [
        (date(2026, 11, 26), None),
        (date(2026, 11, 27), time(13, 0)),
        (date(2026, 12, 24), time(13, 0)),
        (date(2026, 12, 25), None),
    ]


def test_refreshed_table_wins_where_it_covers_more(tmp_path: Path) -> None:
    refreshed = refresh_table(tmp_path, date(2030, 6, 1))
    assert refreshed.last == date(2040, 12, 31)
    assert load_table(tmp_path).last == refreshed.last
    assert (tmp_path / "us_equity_sessions.json").stat().st_mode & 0o777 == 0o600
    short = SessionTable(date(2020, 1, 1), date(2021, 12, 31), source="short")
    write(tmp_path, short)
    assert load_table(tmp_path).last == TABLE.last


def write(state_dir: Path, table: SessionTable) -> None:
    (state_dir / "us_equity_sessions.json").write_text(table_to_json(table))
    load_table.cache_clear()


@pytest.mark.parametrize(
    ("version", "wins"), [("5.4.9", False), (None, True), ("99.0", True), ("99", True)]
)
def test_table_of_the_same_reach_wins_when_its_library_is_not_older(
    tmp_path: Path, version: str | None, wins: bool
) -> None:
    """Goal: `--refresh` after an update of the library counts, and an old one is outgrown."""
    source = TABLE.source if version is None else f"pandas-market-calendars {version}"
    mourning = replace(TABLE, holidays=TABLE.holidays | {date(2030, 1, 9)}, source=source)
    write(tmp_path, mourning)
    assert (date(2030, 1, 9) in load_table(tmp_path).holidays) is wins


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        (date(2036, 6, 1), date(2010, 1, 1), date(2046, 12, 31)),
        (date(2051, 3, 1), date(2010, 1, 1), date(2061, 12, 31)),
        (date(1999, 12, 31), date(1998, 1, 1), date(2036, 12, 31)),
    ],
)
def test_table_that_covers_too_little_is_made_anew_once_and_kept(
    tmp_path: Path, day: date, first: date, last: date
) -> None:
    found = table_for(tmp_path, day)
    assert (found.first, found.last) == (first, last)
    assert covers_enough(found, day)
    load_table.cache_clear()
    assert load_table(tmp_path) == found
    assert trading_day(found, date(2026, 11, 27)) == trading_day(TABLE, date(2026, 11, 27))


@pytest.mark.parametrize("day", [date(2026, 11, 20), date(2035, 12, 30), date(9999, 1, 1)])
def test_table_that_is_enough_or_a_day_that_cannot_be_makes_none(tmp_path: Path, day: date) -> None:
    assert table_for(tmp_path, day) is load_table(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_there_is_must_do_where_no_table_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(first_year: int, last_year: int) -> SessionTable:
        raise ImportError("numpy is too old")

    table_for.cache_clear()
    monkeypatch.setattr(calendar_cache, "build_table", broken)
    assert table_for(tmp_path, date(2040, 1, 1)) == TABLE
    table_for.cache_clear()


def test_table_that_cannot_be_kept_is_used_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert table_for(tmp_path / "file", date(2040, 1, 1)).covers(date(2041, 1, 1))


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"first": 3}', "\x00"])
def test_broken_cache_file_is_ignored(tmp_path: Path, content: str) -> None:
    (tmp_path / "us_equity_sessions.json").write_text(content)
    load_table.cache_clear()
    assert load_table(tmp_path).source == TABLE.source


def test_reading_the_hour_imports_no_pandas() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from datetime import date;"
        "from execbot.market.calendar_cache import table_for;"
        "table_for(None, date(2026, 11, 20));"
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert PACKAGED.stat().st_size < 20_000
