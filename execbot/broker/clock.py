"""What time it is at the broker.

Alpaca keeps the time that we keep. A server of one's own may not: an exchange that replays a
recorded day lives in that day, and quote ages, sessions and today's report must be reckoned there.
The time is read off the `Date` header of its replies, which every answer carries anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

TOLERANCE = timedelta(seconds=1.5)
"""A Date header is cut to whole seconds; within this much the clocks count as agreeing."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class BrokerClock:
    """Calling it gives the broker's time. `probe`, if set, asks the broker once, when the time is
    wanted before any reply was seen; its failure leaves our own time in force."""

    def __init__(self, wall: Callable[[], datetime] = utc_now) -> None:
        self._wall = wall
        self._ahead = timedelta(0)
        self._is_known = False
        self.probe: Callable[[], None] | None = None

    def __call__(self) -> datetime:
        if not self._is_known and self.probe is not None:
            self._is_known = True
            self.probe()
        return self._wall() + self._ahead

    def observe(self, date_header: str | None) -> None:
        """Follow a reply's Date header; one that cannot be read is passed over."""
        if not date_header:
            return
        from email.utils import parsedate_to_datetime  # loaded by http.client anyway, where used

        try:
            theirs = parsedate_to_datetime(date_header).astimezone(UTC)
        except (TypeError, ValueError):
            return
        self._is_known = True
        ours = self._wall() + self._ahead
        if not -TOLERANCE <= theirs - ours <= TOLERANCE:
            self._ahead = theirs - self._wall()
