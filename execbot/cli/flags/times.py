"""Times as people type them: `2026-11-20`, `2026-11-20 15:30` (New York), RFC 3339, `2h`, `3d`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from execbot.cli.errors import usage
from execbot.model.times import new_york

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_time(flag: str, word: str, now: datetime) -> datetime:
    """UTC-aware. A time without an offset is New York's, as everything shown is."""
    match = _AGO.fullmatch(word.strip().lower())
    if match is not None:
        return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.fromisoformat(word.strip().replace("Z", "+00:00"))
    except ValueError:
        raise usage(
            f"{flag} was {word!r}",
            hint="A time looks like 2026-11-20, 2026-11-20 15:30, or 2h for two hours ago.",
            kind="usage.time",
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=new_york())
    return moment.astimezone(UTC)


def read_date(flag: str, word: str) -> date:
    try:
        return date.fromisoformat(word.strip())
    except ValueError:
        raise usage(
            f"{flag} was {word!r}", hint="A date looks like 2026-11-20.", kind="usage.time"
        ) from None
