"""UTC-aware inside, New York on screen; RFC 3339 on the wire."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

YEARS = range(1970, 2200)


@cache
def new_york() -> ZoneInfo:
    """Loaded at first use: reading the zone table costs a few milliseconds."""
    from zoneinfo import ZoneInfo

    return ZoneInfo("America/New_York")


def parse_time(value: object) -> datetime | None:
    """Read Alpaca's RFC 3339 (up to nanoseconds, `Z` or an offset) as UTC; None stays None.

    Digits beyond microseconds are dropped. Unreadable text is None, and so is a year that cannot
    be (a clock that was never set says 0001): a report with a strange time stamp is still a report.
    """
    return _parse(value) if isinstance(value, str) and value else None


@lru_cache(maxsize=4096)
def _parse(stamp: str) -> datetime | None:
    """Cached: an order carries the same times in each of its reports."""
    try:
        parsed = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    if parsed.year not in YEARS:
        return None  # nor could one reckon with it
    return parsed.astimezone(UTC)


@lru_cache(maxsize=4096)
def iso(moment: datetime) -> str:
    """UTC with microseconds and `Z`: sorts as text in time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def maybe_iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


def eastern(moment: datetime) -> datetime:
    return moment.astimezone(new_york())


def day_begins(day: date) -> datetime:
    """Midnight in New York, in UTC: the day that trading, limits and reports count by."""
    return datetime.combine(day, time.min, tzinfo=new_york()).astimezone(UTC)


def show_age(seconds: int | None) -> str:
    """How long something has lasted, for people: `45s`, `12m`, `3h05m`, `2d04h`; `-` unknown."""
    if seconds is None:
        return "-"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return f"{days}d{hours % 24:02d}h"
    if hours:
        return f"{hours}h{minutes % 60:02d}m"
    return f"{minutes}m" if minutes else f"{seconds}s"


def show_eastern(moment: datetime | None, *, seconds: bool = True) -> str:
    """How a time is printed for people: `2026-11-20 15:59:58 ET`."""
    if moment is None:
        return "-"
    pattern = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return eastern(moment).strftime(pattern) + " ET"
