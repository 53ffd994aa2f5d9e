"""UTC-aware inside, New York on screen; RFC 3339 on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo


@cache
def new_york() -> ZoneInfo:
    """Loaded at first use: reading the zone table costs a few milliseconds."""
    return ZoneInfo("America/New_York")


def parse_time(value: object) -> datetime | None:
    """Read Alpaca's RFC 3339 (up to nanoseconds, `Z` or an offset) as UTC; None stays None.

    Digits beyond microseconds are dropped. Unreadable text is None: a report with a strange
    time stamp is still a report.
    """
    if not isinstance(value, str) or not value:
        return None
    stamp = value.replace("Z", "+00:00") if value.endswith("Z") else value
    dot = stamp.find(".")
    if dot != -1:
        end = dot + 1
        while end < len(stamp) and stamp[end].isdigit():
            end += 1
        stamp = stamp[: dot + 1] + stamp[dot + 1 : end][:6].ljust(6, "0") + stamp[end:]
    try:
        parsed = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return parsed.astimezone(UTC)


def iso(moment: datetime) -> str:
    """UTC with microseconds and `Z`: sorts as text in time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def maybe_iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


def eastern(moment: datetime) -> datetime:
    return moment.astimezone(new_york())


def show_eastern(moment: datetime | None, *, seconds: bool = True) -> str:
    """How a time is printed for people: `2026-11-20 15:59:58 ET`."""
    if moment is None:
        return "-"
    pattern = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return eastern(moment).strftime(pattern) + " ET"
