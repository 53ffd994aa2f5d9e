"""Our table against the library and the broker: each difference is named, and nobody is believed.

Method: the library itself and the built-in exchange's calendar; our table spoilt by a day.
"""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.desk import open_desk

from execbot.market import calendar_check
from execbot.market.calendar_cache import load_table
from execbot.market.calendar_check import check_calendar
from execbot.market.sessions import CalendarDifference

TABLE = load_table()
TODAY = date(2026, 10, 7)
THANKSGIVING, AFTER = date(2026, 11, 26), date(2026, 11, 27)
SPOILT = replace(
    TABLE,
    holidays=TABLE.holidays - {THANKSGIVING},
    odd_hours={**TABLE.odd_hours, AFTER: (time(9, 30), time(12, 0))},
)
FOUND = (
    CalendarDifference(THANKSGIVING, "09:30-16:00", "closed"),
    CalendarDifference(AFTER, "09:30-12:00", "09:30-13:00"),
)


def test_table_library_and_exchange_agree_for_a_year(tmp_path: Path) -> None:
    found = check_calendar(TABLE, open_desk(tmp_path, calendar="exchange").client, TODAY)
    assert found.agrees
    assert (found.library, found.broker) == ((), ())
    assert found.library_name.startswith("pandas-market-calendars ")
    assert found.end == date(2027, 10, 7)


def test_days_on_which_the_table_is_wrong_are_named_by_both(tmp_path: Path) -> None:
    found = check_calendar(SPOILT, open_desk(tmp_path, calendar="exchange").client, TODAY)
    assert not found.agrees
    assert found.library == found.broker == FOUND


def test_exchange_that_never_closes_is_not_compared(tmp_path: Path) -> None:
    found = check_calendar(SPOILT, open_desk(tmp_path).client, TODAY)
    assert found.broker is None
    assert found.library == FOUND


def test_library_that_cannot_be_asked_is_a_finding_and_the_broker_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(first_year: int, last_year: int) -> None:
        raise ImportError("numpy is too old")

    monkeypatch.setattr(calendar_check, "build_table", broken)
    found = check_calendar(TABLE, open_desk(tmp_path, calendar="exchange").client, TODAY)
    assert found.library is None and "numpy is too old" in found.library_name
    assert found.broker == ()
    assert not found.agrees
