"""Compares our session table with pandas-market-calendars and with the broker's calendar."""

from __future__ import annotations

from datetime import date, timedelta

from msgspec import Struct

from execbot.broker.port import BrokerClient
from execbot.market.calendar_cache import build_table
from execbot.market.sessions import (
    CalendarDifference,
    SessionTable,
    compare_calendars,
    compare_tables,
    never_closes,
)

DAYS_COMPARED = 365


class CalendarCheck(Struct, frozen=True):
    """The differences between three calendars for the year after `start`.

    `library` names pandas-market-calendars with its version, or why it could not be asked.
    `broker` is None where the broker's market never closes and keeps no calendar.
    """

    table: SessionTable
    start: date
    end: date
    library_name: str
    library: tuple[CalendarDifference, ...] | None
    broker: tuple[CalendarDifference, ...] | None

    @property
    def agrees(self) -> bool:
        return self.library == () and not self.broker


def check_calendar(table: SessionTable, client: BrokerClient, today: date) -> CalendarCheck:
    """Compare regular hours for a year from today. Raises BrokerError."""
    end = today + timedelta(days=DAYS_COMPARED)
    name, library = _library(table, today, end)
    broker = None
    if not never_closes(client.get_clock()):
        broker = tuple(compare_calendars(table, client.get_calendar(today, end), today, end))
    return CalendarCheck(table, today, end, name, library, broker)


def _library(
    table: SessionTable, start: date, end: date
) -> tuple[str, tuple[CalendarDifference, ...] | None]:
    try:
        theirs = build_table(start.year, end.year)
    except Exception as error:  # a broken installation is a finding, not the end of the check
        return f"pandas-market-calendars cannot be asked: {type(error).__name__}: {error}", None
    return theirs.source, tuple(compare_tables(table, theirs, start, end))
