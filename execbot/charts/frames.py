"""Which part of time a chart shows, and in bars of which length."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from execbot.trades.model import RoundTrip

FRAMES = ("1Min", "5Min", "15Min", "1Hour", "1Day", "1Week")

LENGTHS = {
    "1Min": timedelta(minutes=1),
    "5Min": timedelta(minutes=5),
    "15Min": timedelta(minutes=15),
    "1Hour": timedelta(hours=1),
    "1Day": timedelta(days=1),
    "1Week": timedelta(days=7),
}

_UP_TO = (
    (timedelta(hours=8), "1Min"),
    (timedelta(days=2), "5Min"),
    (timedelta(days=6), "15Min"),
    (timedelta(days=30), "1Hour"),
    (timedelta(days=3 * 366), "1Day"),
)
"""Some hundred bars at most: more than that no screen can tell apart."""

LOOK_BACK = timedelta(days=5)
"""What is shown of a symbol that was never traded."""

ROOM_BEFORE = timedelta(minutes=30)
ROOM_SHARE = 8
"""A trade has an eighth of its time before and after it, and half an hour at least."""


def frame_for(since: datetime, until: datetime) -> str:
    """The shortest bars that still can be told apart."""
    return next((frame for most, frame in _UP_TO if until - since <= most), "1Week")


def room_around(trips: Iterable[RoundTrip], now: datetime) -> tuple[datetime, datetime]:
    """From before the first of these trades to after the last, never after `now`."""
    trips = list(trips)
    if not trips:
        return now - LOOK_BACK, now
    first = min(trip.opened_at for trip in trips)
    last = max(trip.closed_at or now for trip in trips)
    room = max(ROOM_BEFORE, (last - first) / ROOM_SHARE)
    return first - room, min(now, last + room)
