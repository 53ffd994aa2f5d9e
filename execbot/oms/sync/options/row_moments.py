"""When contracts ended that rows tell of, and shares were delivered. Pure.

Rows carry a date and no hour, and may be written a day late or over a weekend. An end belongs to
the close of its own day: so the report of that day has it once the row is there. A contract that
has expired ended on its last day, whatever date its row bears.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from execbot.journal.records import Execution
from execbot.market.sessions import SessionTable, trading_day
from execbot.model.account import Activity
from execbot.model.symbols import option_contract
from execbot.model.times import day_begins, eastern
from execbot.oms.machine.positions import ONE_AFTER

DAYS_BACK_MAX = 10
"""The trading day before is never further away."""


def moment_of(
    row: Activity, executions: Iterable[Execution], table: SessionTable, now: datetime
) -> datetime:
    """The close of the day on which it happened, or just after the symbol's last execution of that
    day, if that is later; never after `now`."""
    if row.at is None:
        return now
    day = _trading_date(_day_of(row), table)
    hours = trading_day(table, day)
    close = day_begins(day + timedelta(days=1)) - ONE_AFTER if hours is None else hours.close
    last = [item.at + ONE_AFTER for item in executions if eastern(item.at).date() == day]
    return min(max([close, *last]), now)


def _day_of(row: Activity) -> date:
    assert row.at is not None
    contract = option_contract(row.symbol or "")
    day = row.at.date()
    return day if contract is None else min(day, contract.expires)


def _trading_date(day: date, table: SessionTable) -> date:
    """The day itself, or the last one before it on which anything was traded."""
    for back in range(DAYS_BACK_MAX):
        found = day - timedelta(days=back)
        if trading_day(table, found) is not None:
            return found
    return day
