"""The time of day at the broker.

Alpaca keeps the time that we keep. A server of one's own may not: an exchange that replays a
recorded day lives in that day, and quote ages, sessions and today's report must be reckoned there.
The time is read off the `Date` header of its replies, which every answer carries anyway.

Our own wall clock is read once. From then on time is carried on by seconds that neither step nor
stop in suspend, so that setting the wall clock ages nothing here: what `now` says is a difference
of two moments is that much time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from execbot.model.timer import boot_seconds

TOLERANCE = timedelta(seconds=1.5)
"""A Date header is cut to whole seconds; within this much the clocks count as agreeing."""

LEAP = timedelta(days=1)
"""A server of one's own may go to another day, but a single reply that says so may be damaged."""

YEARS = range(1970, 2200)
"""A Date header of any other year is damaged."""

SPEED_MAX = 1_000_000.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class _Reading(NamedTuple):
    """It was `at` when the monotonic clock said `seconds`; since then it has run at `speed`."""

    at: datetime
    seconds: float
    speed: float = 1.0

    def now(self, seconds: float) -> datetime:
        try:
            return self.at + timedelta(seconds=max(seconds - self.seconds, 0.0) * self.speed)
        except OverflowError:  # years a second, for days
            return self.at


class BrokerClock:
    """Calling it gives the broker's time. Safe to use from several threads.

    A server of one's own is believed `at_once`. Alpaca's replies, and any leap of more than a day
    once time was told, are believed where two in a row agree that our time is wrong. `probe`, if
    set, asks the broker once, when the time is wanted before any reply was seen; its failure
    leaves our own time in force.
    """

    def __init__(
        self,
        wall: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = boot_seconds,
        *,
        at_once: bool = True,
    ) -> None:
        self._monotonic = monotonic
        self._at_once = at_once
        self._reading = _Reading(wall(), monotonic())
        self._doubt: timedelta | None = None
        self._is_known = False
        self.was_told = False
        """A reply has said what time it is."""
        self.leapt = timedelta(0)
        """How far replies have set it, all together: whoever reckons with an age takes that off."""
        self.probe: Callable[[], None] | None = None

    def __call__(self) -> datetime:
        if not self._is_known and self.probe is not None:
            self._is_known = True
            self.probe()
        return self._reading.now(self._monotonic())

    @property
    def is_doubted(self) -> bool:
        """True after a reply with another time, until a second reply agrees with it."""
        return self._doubt is not None

    @property
    def speed(self) -> float:
        """How many of the broker's seconds pass in one of this machine's."""
        return self._reading.speed

    def seconds_here(self, seconds: float) -> float:
        """How many of this machine's seconds pass in so many of the broker's. Where its clock
        stands still, as many."""
        return seconds / (self._reading.speed or 1.0)

    def so_far(self) -> datetime:
        """The time without asking anybody: our own until the first reply."""
        return self._reading.now(self._monotonic())

    def carry_on(self, at: datetime, age: float, speed: float) -> None:
        """Go on from the time that another process read off a reply, `age` of this machine's
        seconds ago, until the first reply here."""
        seconds = self._monotonic()
        self._reading = _Reading(_Reading(at, seconds - age, speed).now(seconds), seconds, speed)

    def observe(self, date_header: str | None, speed_header: str | None = None) -> None:
        """Follow a reply's Date header; one that cannot be read is passed over.

        `speed_header` is how many seconds pass there in one of ours, from an exchange that runs
        faster or slower and says so.
        """
        theirs = read_date(date_header)
        if theirs is None:
            return
        self._is_known = True
        seconds = self._monotonic()
        reading = self._reading
        speed = _read_speed(speed_header) if self._at_once else 1.0
        off = theirs - reading.now(seconds)
        was_told, self.was_told = self.was_told, True
        if not -TOLERANCE <= off <= TOLERANCE:
            if self._is_believed(off, is_leap=was_told and abs(off) > LEAP):
                self._reading = _Reading(theirs, seconds, speed)
                self.leapt += off
            return
        self._doubt = None
        if speed != reading.speed:
            self._reading = _Reading(reading.now(seconds), seconds, speed)

    def _is_believed(self, off: timedelta, *, is_leap: bool) -> bool:
        before, self._doubt = self._doubt, off
        agrees = before is not None and abs(off - before) <= TOLERANCE
        if agrees or (self._at_once and not is_leap):
            self._doubt = None
            return True
        return False


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def read_date(header: str | None) -> datetime | None:
    """`Tue, 08 Oct 2013 13:30:00 GMT`, the one form that a server may send (RFC 9110, 5.6.7).

    The standard library's reader takes many more, and ten modules to do it.
    """
    try:
        _, day, month, year, clock, zone = (header or "").split(" ")
        hour, minute, second = map(int, clock.split(":"))
        read = datetime(
            int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC
        )
    except ValueError:
        return None
    return read if zone == "GMT" and read.year in YEARS else None


def _read_speed(header: str | None) -> float:
    """1 if the header is missing or impossible."""
    try:
        speed = float(header or "1")
    except ValueError:
        return 1.0
    return speed if 0 <= speed <= SPEED_MAX else 1.0
