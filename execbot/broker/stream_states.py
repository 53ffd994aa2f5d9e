"""Messages of a stream about itself: connected, disconnected, a gap."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from execbot.model.unread import Unread


class StreamState(Struct, frozen=True):
    """The base of what a stream yields besides updates and prices."""


class Connected(StreamState, frozen=True):
    """Authorized and listening. Everything before this moment must be gap-filled from REST."""

    at: datetime


class Disconnected(StreamState, frozen=True):
    """The connection ended; the next one is tried after `retry_in_seconds`."""

    at: datetime
    reason: str
    retry_in_seconds: float


class Gap(StreamState, frozen=True):
    """Something came that could not be read: it may have been a fill, so ask REST.

    `unread` is what came, where it was at least JSON.
    """

    at: datetime
    reason: str
    unread: Unread | None = None
