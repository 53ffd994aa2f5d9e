"""What a stream says about itself, between the messages that it carries."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class StreamState(Struct, frozen=True):
    """What a stream yields besides updates and prices."""


class Connected(StreamState, frozen=True):
    """Authorized and listening. Everything before this moment must be gap-filled from REST."""

    at: datetime


class Disconnected(StreamState, frozen=True):
    """The connection ended; the next one is tried after `retry_in_seconds`."""

    at: datetime
    reason: str
    retry_in_seconds: float


class Gap(StreamState, frozen=True):
    """Something came that could not be read: it may have been a fill, so ask REST."""

    at: datetime
    reason: str
