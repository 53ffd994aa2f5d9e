"""`GET /v2/calendar`: trading days with their hours and settlement, decades of them at once."""

from __future__ import annotations

from datetime import date, timedelta

from execbot.sim.calendar import days_to_settle
from execbot.sim.engine.render import wall_time
from execbot.sim.types import Calendar, Ns, TradingDay

BEYOND_DAYS = 17  # enough calendar days to hold three trading days after any other


def calendar_rows(calendar: Calendar, start: str, end: str) -> list[dict[str, str]]:
    """Rows of the trading days from `start` to `end`. Raises `ValueError` for what is no date."""
    last = (date.fromisoformat(end) + timedelta(days=BEYOND_DAYS)).isoformat()
    days = calendar.days(date.fromisoformat(start).isoformat(), last)
    rows = []
    usual: dict[str, str] = {}
    for index, day in enumerate(days):
        if day.date > end:
            break
        hours = usual if usual and not day.early_close else _hours(day)
        if not day.early_close:
            usual = hours
        settles = days[index + days_to_settle(day.date)].date
        rows.append({"date": day.date, **hours, "settlement_date": settles})
    return rows


def _hours(day: TradingDay) -> dict[str, str]:
    """All but early closes have the same wall times."""
    return {
        "open": _minute(day.open, day.date),
        "close": _minute(day.close, day.date),
        "session_open": _minute(day.pre_open, day.date).replace(":", ""),
        "session_close": _minute(day.after_close, day.date).replace(":", ""),
    }


def _minute(at: Ns, day: str) -> str:
    """HH:MM in New York; midnight at the end of the day is written 23:59."""
    local = wall_time(at)
    if local.date().isoformat() > day:
        return "23:59"
    return f"{local.hour:02d}:{local.minute:02d}"
