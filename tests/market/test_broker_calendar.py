"""The broker's calendar against ours: asked once, remembered, and the stricter holds afterwards.

Method: the exchange's own calendar agrees; a broker that differs is built from its port.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from support.desk import open_desk
from support.signal_trader import open_trader

from execbot.journal.journal import Journal
from execbot.market.broker_calendar import (
    DIFFERENCES_KEY,
    compare_with_broker,
    known_differences,
    narrowed,
)
from execbot.market.calendar_cache import load_table
from execbot.market.sessions import trading_day
from execbot.model.account import CalendarDay
from execbot.model.enums import Outcome
from execbot.model.times import eastern

TABLE = load_table()
START, END = date(2026, 10, 1), date(2027, 1, 31)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path / "journal.db")
    yield opened
    opened.close()


def test_the_exchange_and_our_table_agree(tmp_path: Path) -> None:
    desk = open_desk(tmp_path, calendar="exchange")
    assert compare_with_broker(desk.client, desk.journal, TABLE, START, END) == []
    assert desk.journal.meta_get(DIFFERENCES_KEY) is None
    desk.journal.close()


class Differs:
    """A broker whose calendar lacks a day, shortens one and opens on a holiday."""

    def get_calendar(self, start: date, end: date) -> list[CalendarDay]:
        days = [date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 26), date(2026, 11, 27)]
        hours = {24: ("09:30", "12:00"), 27: ("09:30", "16:00")}
        return [
            CalendarDay(day.isoformat(), *hours.get(day.day, ("09:30", "16:00"))) for day in days
        ]


def test_differences_are_remembered_until_the_broker_agrees_again(journal: Journal) -> None:
    week = (date(2026, 11, 23), date(2026, 11, 27))
    found = compare_with_broker(Differs(), journal, TABLE, *week)  # type: ignore[arg-type]
    assert [d.date.day for d in found] == [24, 25, 26, 27]
    kept = known_differences(journal)
    strict = narrowed(TABLE, kept)
    closes = {
        day: None if found_day is None else f"{eastern(found_day.close):%H:%M}"
        for day in (23, 24, 25, 26, 27)
        for found_day in [trading_day(strict, date(2026, 11, day))]
    }
    assert closes == {23: "16:00", 24: "12:00", 25: None, 26: None, 27: "13:00"}

    class Agrees:
        def get_calendar(self, start: date, end: date) -> list[CalendarDay]:
            return [
                CalendarDay(date(2026, 11, d).isoformat(), "09:30", "13:00" if d == 27 else "16:00")
                for d in (23, 24, 25, 27)
            ]

    assert compare_with_broker(Agrees(), journal, TABLE, *week) == []  # type: ignore[arg-type]
    assert known_differences(journal) == {}


@pytest.mark.parametrize("junk", [None, [], {"soon": "closed"}, "x", {"2026-11-24": "later"}])
def test_unreadable_memory_is_harmless_or_strict(journal: Journal, junk: object) -> None:
    journal.meta_set(DIFFERENCES_KEY, junk)
    strict = narrowed(TABLE, known_differences(journal))
    day = trading_day(strict, date(2026, 11, 24))
    assert (day is None) is (junk == {"2026-11-24": "later"})


def test_orders_keep_to_the_stricter_calendar(tmp_path: Path) -> None:
    """The broker's clock says open, its remembered calendar said closed: the order waits."""
    first = open_trader(tmp_path, sim={"calendar": "exchange", "at": "2026-10-07 10:00"})
    first.desk.journal.meta_set(DIFFERENCES_KEY, {"2026-10-07": "closed"})
    first.desk.journal.close()
    again = open_trader(tmp_path, sim={"calendar": "exchange", "at": "2026-10-07 10:00"})
    result = again.signal()
    assert result.outcome is Outcome.QUEUED
    assert "broker's clock says open" in result.message
