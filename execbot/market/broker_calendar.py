"""Compares our session table with the broker's calendar. Where they differ the stricter one wins.

`execbot market` and the start of `watch` ask the broker. The journal keeps what they find, so every
other command follows it without asking again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Any

from execbot.broker.port import BrokerClient
from execbot.journal.journal import Journal
from execbot.market.sessions import (
    REGULAR_CLOSE,
    REGULAR_OPEN,
    CalendarDifference,
    SessionTable,
    compare_calendars,
)

DIFFERENCES_KEY = "calendar_differences"


def compare_with_broker(
    client: BrokerClient, journal: Journal, table: SessionTable, start: date, end: date
) -> list[CalendarDifference]:
    """Ask the broker for a range; store and return the dates that differ. Raises BrokerError."""
    found = compare_calendars(table, client.get_calendar(start, end), start, end)
    kept = {d.date.isoformat(): d.theirs for d in found}
    if kept or journal.meta_get(DIFFERENCES_KEY):
        journal.meta_set(DIFFERENCES_KEY, kept)
    return found


def known_differences(journal: Journal) -> Mapping[date, str]:
    """The stored differences: date to `closed` or `09:30-13:00`. Skips unreadable entries."""
    data: Any = journal.meta_get(DIFFERENCES_KEY)
    found: dict[date, str] = {}
    for day, words in (data if isinstance(data, dict) else {}).items():
        try:
            found[date.fromisoformat(day)] = str(words)
        except ValueError:
            continue
    return found


def narrowed(table: SessionTable, theirs: Mapping[date, str]) -> SessionTable:
    """Our table, closed or shortened on each date on which the broker trades less."""
    if not theirs:
        return table
    holidays = set(table.holidays)
    odd_hours = dict(table.odd_hours)
    for day, words in theirs.items():
        if not table.is_trading_day(day):
            continue
        opens, closes = odd_hours.get(day, (REGULAR_OPEN, REGULAR_CLOSE))
        told = _hours(words)
        if told is None:
            holidays.add(day)
            continue
        odd_hours[day] = (max(opens, told[0]), min(closes, told[1]))
    return SessionTable(
        table.first, table.last, frozenset(holidays), odd_hours, f"{table.source}, broker"
    )


def _hours(words: str) -> tuple[time, time] | None:
    opens, _, closes = words.partition("-")
    try:
        return time.fromisoformat(opens), time.fromisoformat(closes)
    except ValueError:
        return None
