"""How `watch` did: uptime in market hours, losses of the stream, its pace, alarms. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct

from execbot.journal.records import AuditRow, SignalTimes
from execbot.market.sessions import TradingDay
from execbot.model.times import parse_time
from execbot.trades.equity import GAP_AFTER, SAMPLE_EACH

_ZERO = timedelta(0)

UNWATCHED = "unwatched"
"""State of the row that a beginning `watch` writes: nobody watched from `since` (None: from the
journal's beginning) to the row's own time."""

Gap = tuple[datetime, datetime]


class Loss(Struct, frozen=True):
    """The stream of trade updates was lost; `until` None: not back in this span."""

    since: datetime
    until: datetime | None
    reason: str


class Pace(Struct, frozen=True):
    """How long `watch` took for stream messages, from the frame to the durable state: how many took
    at most so many milliseconds. `bounds` ascend, `counts` has one more for what took longer."""

    bounds: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    worst_ms: Decimal | None = None

    @property
    def n(self) -> int:
        return sum(self.counts)

    def within(self, milliseconds: int) -> int:
        """How many took at most so long, by a bound of the table."""
        return sum(
            count
            for bound, count in zip(self.bounds, self.counts, strict=False)
            if bound <= milliseconds
        )


class Operation(Struct, frozen=True):
    """`open_for` is how long the sessions of the span have lasted until now, `watched` how much of
    it `watch` was there and reached the broker: by what each run said of the time before it (to
    five seconds), and by its samples of equity (each minute). `gaps` are the times without.
    `sampled` False: no sample at all."""

    open_for: timedelta
    watched: timedelta
    sampled: bool
    gaps: Sequence[Gap]
    losses: Sequence[Loss]
    alarms: Mapping[str, int]
    critical: int
    pace: Pace
    signals: int
    busiest_minute: int
    halted: timedelta = _ZERO

    @property
    def uptime(self) -> Decimal | None:
        """A fraction of the sessions; None where no session has begun, or no `watch` ever ran."""
        if not self.open_for or not self.sampled:
            return None
        return Decimal(self.watched // _TICK) / Decimal(self.open_for // _TICK)


_TICK = timedelta.resolution
"""A session may have begun less than a second ago."""


def operation_of(
    rows: Sequence[AuditRow],
    sampled_at: Sequence[datetime],
    sessions: Iterable[TradingDay],
    signals: Sequence[SignalTimes],
    start: datetime,
    now: datetime,
    left_at: datetime | None = None,
) -> Operation:
    """`start` is when there was something to watch over: sessions are counted from then on. `rows`
    may begin before it; `sampled_at` are moments of equity samples, ascending. `left_at`: when the
    last run ended, None while one runs."""
    begun = [(max(day.open, start), min(day.close, now)) for day in sessions]
    begun = [(opened, closed) for opened, closed in begun if opened < closed]
    open_for = sum((closed - opened for opened, closed in begun), _ZERO)
    unwatched = unwatched_of(rows, start, now, left_at)
    gaps = [
        gap
        for opened, closed in begun
        for gap in joined(
            [*gaps_of(opened, closed, sampled_at), *within(unwatched, opened, closed)]
        )
    ]
    told = [row for row in rows if row.at >= start]
    alarms = [row for row in told if row.kind == "alarm"]
    return Operation(
        open_for=open_for,
        watched=open_for - sum((end - begin for begin, end in gaps), _ZERO),
        sampled=bool(sampled_at),
        gaps=gaps,
        losses=losses_of(told),
        alarms=Counter(str(row.facts.get("kind")) for row in alarms),
        critical=sum(1 for row in alarms if row.facts.get("critical")),
        pace=pace_of(told),
        signals=len(signals),
        busiest_minute=busiest_minute([one.received_at for one in signals]),
    )


def unwatched_of(
    rows: Iterable[AuditRow], start: datetime, now: datetime, left_at: datetime | None
) -> list[Gap]:
    """Times in which no `watch` ran, as each run tells of the time before it."""
    gaps = [
        (parse_time(row.facts.get("since")) or start, row.at)
        for row in rows
        if row.kind == "stream" and row.facts.get("state") == UNWATCHED
    ]
    return gaps if left_at is None else [*gaps, (left_at, now)]


def within(gaps: Iterable[Gap], opened: datetime, closed: datetime) -> list[Gap]:
    """What of them falls into a session."""
    cut = [(max(begin, opened), min(end, closed)) for begin, end in gaps]
    return [(begin, end) for begin, end in cut if begin < end]


def joined(gaps: Iterable[Gap]) -> list[Gap]:
    """In their order, those that overlap made one."""
    found: list[Gap] = []
    for begin, end in sorted(gaps):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def gaps_of(opened: datetime, closed: datetime, sampled_at: Sequence[datetime]) -> list[Gap]:
    """Times of a session in which a sample was missed: as `trades.equity` counts them, with their
    ends. Each sample stands for the minute after it."""
    seen = [at for at in sampled_at if opened <= at <= closed]
    found = []
    for number, (one, other) in enumerate(pairwise([opened, *seen, closed])):
        if other - one > GAP_AFTER:
            found.append((one + (SAMPLE_EACH if number else _ZERO), other))
    return found


def losses_of(rows: Iterable[AuditRow]) -> list[Loss]:
    found: list[Loss] = []
    for row in rows:
        if row.kind != "stream":
            continue
        is_lost = bool(found) and found[-1].until is None
        if row.facts.get("state") == "down" and not is_lost:
            found.append(Loss(row.at, None, str(row.facts.get("reason") or "")))
        elif row.facts.get("state") == "up" and is_lost:
            found[-1] = Loss(found[-1].since, row.at, found[-1].reason)
    return found


def pace_of(rows: Iterable[AuditRow]) -> Pace:
    """Added up; rows with other bounds than the first one's are left out."""
    total = Pace()
    for row in rows:
        if row.kind != "pace":
            continue
        bounds = tuple(int(bound) for bound in row.facts.get("bounds", ()))
        counts = tuple(int(count) for count in row.facts.get("counts", ()))
        if len(counts) != len(bounds) + 1 or (total.bounds and bounds != total.bounds):
            continue
        worst = Decimal(str(row.facts.get("worst_ms", 0)))
        before = total.counts or (0,) * len(counts)
        summed = tuple(a + b for a, b in zip(before, counts, strict=True))
        total = Pace(bounds, summed, max(total.worst_ms or worst, worst))
    return total


def busiest_minute(moments: Sequence[datetime]) -> int:
    """The most of these moments that lie within any 60 seconds. `moments` ascend."""
    most = first = 0
    for last, at in enumerate(moments):
        while at - moments[first] >= timedelta(minutes=1):
            first += 1
        most = max(most, last - first + 1)
    return most
