"""The exchanges a server can stand in front of: one in memory, or the one of a directory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from execbot.sim.doors.transport import SharedVenue
from execbot.sim.faults.faults import Rule
from execbot.sim.records import Delivery
from execbot.sim.requests import Requests
from execbot.sim.types import SECOND, Request, Response
from execbot.sim.venue import Venue

# Longest sleep between two looks at the exchange. Another process can act on a shared one.
_IDLE_SECONDS, _SHARED_IDLE_SECONDS = 1.0, 0.1


class Door(Protocol):
    """What the server needs of an exchange, be it in memory or in a directory."""

    idle_seconds: float

    def handle(self, request: Request) -> Response: ...
    def redeem(self, ticket: int) -> Response | None: ...
    def pump(self, since: int) -> Sequence[Delivery]: ...
    def seconds_to_next(self) -> float: ...
    def connect(self, path: str, key: str) -> Rule | None: ...
    def data_frames(
        self, feed: str, key: str, frames: Sequence[str | bytes]
    ) -> list[str | bytes]: ...
    def account_of(self, key: str, secret: str) -> str | None: ...
    def venue(self) -> Venue: ...


class MemoryDoor:
    """An exchange that lives and dies with the server."""

    idle_seconds = _IDLE_SECONDS

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.handle = Requests(venue).handle
        self.redeem = venue.redeem
        self.connect = venue.connect
        self.data_frames = venue.data_frames
        self.account_of = venue.account_of

    def venue(self) -> Venue:
        return self._venue

    def pump(self, since: int) -> Sequence[Delivery]:
        self._venue.advance()
        if self._venue.outbox.seq == since:
            return ()
        return self._venue.records.deliveries(None, since)

    def seconds_to_next(self) -> float:
        return _seconds_to_next(self._venue, self.idle_seconds)


class SharedDoor:
    """An exchange in a directory, which other processes use at the same time."""

    idle_seconds = _SHARED_IDLE_SECONDS

    def __init__(self, shared: SharedVenue) -> None:
        self._shared = shared
        self.handle = shared.handle
        self.redeem = shared.redeem
        self.connect = shared.connect
        self.data_frames = shared.data_frames
        self.account_of = shared.account_of

    def venue(self) -> Venue:
        with self._shared.turn() as venue:
            return venue

    def pump(self, since: int) -> Sequence[Delivery]:
        return self._shared.deliveries(since)

    def seconds_to_next(self) -> float:
        with self._shared.turn() as venue:
            return _seconds_to_next(venue, self.idle_seconds)


def _seconds_to_next(venue: Venue, idle: float) -> float:
    # Looking ahead costs; beyond the next look nothing needs to be known.
    horizon = venue.exchange.now + int(idle * max(venue.clock.speed, 1.0) * SECOND) + SECOND
    at = venue.next_event_at(horizon)
    seconds = None if at is None else venue.clock.wall_seconds_until(at)
    return idle if seconds is None else min(seconds, idle)
