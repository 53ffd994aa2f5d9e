"""Gets the session table: from pandas-market-calendars once, then from a small JSON file.

Importing pandas costs a third of a second, so no command does it to know the hour. The package
ships a table written by `build_table` + `table_to_json`. When that covers too little of what is
needed, or for `execbot market --refresh`, a newer one is written into the state directory. A test
keeps the shipped table equal to pandas-market-calendars, and `execbot doctor` compares both.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import date, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from execbot.market.sessions import REGULAR_CLOSE, REGULAR_OPEN, SessionTable

PACKAGED = Path(__file__).parent / "data" / "us_equity_sessions.json"
CACHE_NAME = "us_equity_sessions.json"
FIRST_YEAR = 2010
"""Recorded data is replayed from 2013 on; older odd hours have no use here."""
YEARS_AHEAD = 10
DAYS_AHEAD = timedelta(days=366)
"""A table covers a day when it reaches this much further: orders live for months, and holidays are
announced in time for the next release."""
YEARS_KNOWN = range(1950, 2200)
"""A clock that says any other year is wrong; no table is built for it."""

Tables = Callable[[date], SessionTable]
"""Gives the table that holds on a date."""


def build_table(first_year: int, last_year: int) -> SessionTable:
    """Ask pandas-market-calendars for NYSE's regular hours of whole years."""
    import pandas_market_calendars

    first, last = date(first_year, 1, 1), date(last_year, 12, 31)
    schedule = pandas_market_calendars.get_calendar("NYSE").schedule(
        first.isoformat(), last.isoformat(), tz="America/New_York"
    )
    hours: dict[date, tuple[time, time]] = {
        label.date(): (row.market_open.time(), row.market_close.time())
        for label, row in schedule.iterrows()
    }
    weekdays = (date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1))
    return SessionTable(
        first=first,
        last=last,
        holidays=frozenset(d for d in weekdays if d.weekday() < 5 and d not in hours),
        odd_hours={d: h for d, h in hours.items() if h != (REGULAR_OPEN, REGULAR_CLOSE)},
        source=f"pandas-market-calendars {pandas_market_calendars.__version__}",
    )


def table_to_json(table: SessionTable) -> str:
    """The file format: dates ascending, one entry a line, so that a refresh reads as a diff."""
    data = {
        "market": "US equities (NYSE)",
        "timezone": "America/New_York",
        "source": table.source,
        "first": table.first.isoformat(),
        "last": table.last.isoformat(),
        "holidays": sorted(day.isoformat() for day in table.holidays),
        "odd_hours": {
            day.isoformat(): f"{opens:%H:%M}-{closes:%H:%M}"
            for day, (opens, closes) in sorted(table.odd_hours.items())
        },
    }
    return json.dumps(data, indent=1) + "\n"


def table_from_json(content: str) -> SessionTable:
    """Read what `table_to_json` wrote. Raises ValueError for anything else."""
    data: dict[str, Any] = json.loads(content)
    try:
        return SessionTable(
            first=date.fromisoformat(data["first"]),
            last=date.fromisoformat(data["last"]),
            holidays=frozenset(map(date.fromisoformat, data["holidays"])),
            odd_hours={
                date.fromisoformat(day): _hours(words) for day, words in data["odd_hours"].items()
            },
            source=str(data["source"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a session table: {error!r}") from None


@cache
def load_table(state_dir: Path | None = None) -> SessionTable:
    """The shipped table, or the refreshed one where that is better.

    An unreadable refreshed file is ignored: the shipped one is always there.
    """
    shipped = table_from_json(PACKAGED.read_text(encoding="utf-8"))
    if state_dir is None:
        return shipped
    try:
        refreshed = table_from_json((state_dir / CACHE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return shipped
    return refreshed if _is_better(refreshed, shipped) else shipped


@cache
def table_for(state_dir: Path | None, day: date) -> SessionTable:
    """The table that covers `day` and the year after it. Builds a new one where none does.

    If that fails, or the year is absurd, returns the table that it has. Outside of its range the
    market counts as closed.
    """
    known = load_table(state_dir)
    if covers_enough(known, day) or day.year not in YEARS_KNOWN:
        return known
    try:
        return refresh_table(state_dir, day)
    except Exception as error:  # a broken library must not stop what can do without it
        _warn(f"the session table could not be made anew for {day}: {error}")
        return known


def covers_enough(table: SessionTable, day: date) -> bool:
    return table.covers(day) and table.covers(day + DAYS_AHEAD)


def refresh_table(state_dir: Path | None, today: date) -> SessionTable:
    """Build a table that reaches `YEARS_AHEAD` years beyond today; store it in the state directory.

    Returns the table even if it cannot be stored.
    """
    shipped = load_table(None)
    first = min(FIRST_YEAR, today.year - 1)
    last = max(shipped.last.year, today.year + YEARS_AHEAD)
    table = build_table(first, last)
    if state_dir is not None:
        try:
            _keep(table, state_dir)
        except OSError as error:
            _warn(f"the session table could not be kept in {state_dir}: {error}")
    load_table.cache_clear()
    table_for.cache_clear()
    return table


def _warn(words: str) -> None:
    import logging

    logging.getLogger("execbot.market").warning(words)


def _keep(table: SessionTable, state_dir: Path) -> None:
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = state_dir / CACHE_NAME
    partial = target.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(table_to_json(table), encoding="utf-8")
    partial.chmod(0o600)
    partial.replace(target)


def _is_better(refreshed: SessionTable, shipped: SessionTable) -> bool:
    """It covers all of the shipped one and more, or the same by a library that is not older."""
    if refreshed.first > shipped.first or refreshed.last < shipped.last:
        return False
    is_wider = (refreshed.first, refreshed.last) != (shipped.first, shipped.last)
    return is_wider or _version(refreshed) >= _version(shipped)


def _version(table: SessionTable) -> tuple[int, ...]:
    """`pandas-market-calendars 5.5.0` is (5, 5, 0)."""
    return tuple(int(part) for part in re.findall(r"\d+", table.source.partition(" ")[2]))


def _hours(words: str) -> tuple[time, time]:
    opens, _, closes = words.partition("-")
    return time.fromisoformat(opens), time.fromisoformat(closes)
