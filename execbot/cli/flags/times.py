"""Times as people type them: `2026-11-20`, `2026-11-20 15:30` (New York), RFC 3339, `2h`, `3d`."""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from typing import NoReturn

from execbot.cli.errors import usage
from execbot.model.times import new_york

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


_YEARS = range(MINYEAR + 1, MAXYEAR)
"""Days before and after these can still be reckoned with."""

_TIME_HINT = "A time looks like 2026-11-20, 2026-11-20 15:30, or 2h for two hours ago."
_DATE_HINT = "A date looks like 2026-11-20."


def read_time(flag: str, word: str, now: datetime) -> datetime:
    """UTC-aware. A time without an offset is New York's, as everything shown is."""
    match = _AGO.fullmatch(word.strip().lower())
    try:
        if match is not None:
            moment = now - timedelta(**{_UNITS[match[2]]: int(match[1])})
        else:
            moment = datetime.fromisoformat(word.strip().replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        _refuse(flag, word, _TIME_HINT)
    if moment.year not in _YEARS:
        _refuse(flag, word, _TIME_HINT)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=new_york())
    return moment.astimezone(UTC)


def read_date(flag: str, word: str) -> date:
    try:
        day = date.fromisoformat(word.strip())
    except ValueError:
        _refuse(flag, word, _DATE_HINT)
    if day.year not in _YEARS:
        _refuse(flag, word, _DATE_HINT)
    return day


def read_day(flag: str, word: str, now: datetime) -> date:
    """A date, or New York's so long ago: `90d`."""
    if _AGO.fullmatch(word.strip().lower()) is None:
        return read_date(flag, word)
    return read_time(flag, word, now).astimezone(new_york()).date()


def _refuse(flag: str, word: str, hint: str) -> NoReturn:
    raise usage(f"{flag} was {word!r}", hint=hint, kind="usage.time") from None
