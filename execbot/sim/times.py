"""Writes and reads moments as text: the exchange's form and people's."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from execbot.sim.types import LATEST, SECOND, Ns, within_time

FIRST_YEAR, LAST_YEAR = 1970, 2100


@lru_cache(maxsize=4096)
def format_ns(at: Ns) -> str:
    """RFC 3339 in UTC, nanoseconds with trailing zeros cut: `2026-10-08T15:10:18.0952164Z`."""
    seconds, nanos = divmod(at, SECOND)
    if not nanos:
        return _second(seconds) + "Z"
    return f"{_second(seconds)}.{nanos:09d}".rstrip("0") + "Z"


@lru_cache(maxsize=512)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def http_date(at: Ns) -> str:
    """The form of the HTTP `Date` header: `Tue, 08 Oct 2013 13:30:00 GMT`."""
    return _http_date(at // SECOND)


@lru_cache(maxsize=8)
def _http_date(seconds: int) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds))


def parse_time(text: str) -> Ns:
    """An instant as people write it. Without an offset it is New York time.

    What lies before 1970 or after 2100 is the nearest instant between.
    Takes `2013-10-08 09:30`, `2013-10-08T09:30:00.5Z`, `2013-10-08`, with a space or a `T`.
    Raises `ValueError` when it is none of these.
    """
    head, dot, rest = text.strip().partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    fraction, tail = rest[:digits], rest[digits:]
    if len(fraction) > 9 or (dot and not fraction):
        raise ValueError(f"time was not understood: {text!r}")
    try:
        moment = datetime.fromisoformat(head + tail)
    except ValueError:
        raise ValueError(
            f"time was not understood: {text!r} (write 2013-10-08 09:30, New York)"
        ) from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return 0 if moment.year < FIRST_YEAR else LATEST
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo("America/New_York"))
    return within_time(int(moment.timestamp()) * SECOND + int(fraction.ljust(9, "0") or "0"))
