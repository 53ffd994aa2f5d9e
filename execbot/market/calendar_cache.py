"""Where the session table comes from: pandas-market-calendars, once, then a small JSON file.

Importing pandas costs a third of a second, so no command does it to know the hour. The package
ships a table written by `build_table` + `table_to_json`; `execbot market --refresh` writes a newer
one into the state directory, and `load_table` prefers whichever reaches further into the future.
A test keeps the shipped table equal to pandas-market-calendars.
"""

from __future__ import annotations

import json
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Any

from execbot.market.sessions import REGULAR_CLOSE, REGULAR_OPEN, SessionTable

PACKAGED = Path(__file__).parent / "data" / "us_equity_sessions.json"
CACHE_NAME = "us_equity_sessions.json"
FIRST_YEAR = 2010
"""Recorded data is replayed from 2013 on; older odd hours have no use here."""
YEARS_AHEAD = 10


def build_table(first_year: int, last_year: int) -> SessionTable:
    """Ask pandas-market-calendars for NYSE's regular hours of whole years.

    Raises ImportError when the `calendar` extra is not installed.
    """
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
    """The shipped table, or the refreshed one where that reaches further.

    An unreadable refreshed file is ignored: the shipped one is always there.
    """
    shipped = table_from_json(PACKAGED.read_text(encoding="utf-8"))
    if state_dir is None:
        return shipped
    try:
        refreshed = table_from_json((state_dir / CACHE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return shipped
    return refreshed if refreshed.last > shipped.last else shipped


def refresh_table(state_dir: Path, today: date) -> SessionTable:
    """Write a table that reaches `YEARS_AHEAD` years beyond today into the state directory."""
    table = build_table(FIRST_YEAR, today.year + YEARS_AHEAD)
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = state_dir / CACHE_NAME
    partial = target.with_suffix(".partial")
    partial.write_text(table_to_json(table), encoding="utf-8")
    partial.chmod(0o600)
    partial.replace(target)
    load_table.cache_clear()
    return table


def _hours(words: str) -> tuple[time, time]:
    opens, _, closes = words.partition("-")
    return time.fromisoformat(opens), time.fromisoformat(closes)
