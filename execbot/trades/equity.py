"""Equity by session: from own samples, with flows taken out and gaps marked. Pure.

A session's equity is the sample at its close; where none was taken, what the broker said in the
next session it had been (`last_equity`), marked as the broker's; else it is missing, and the next
known close is measured against the last known one. Of which close `last_equity` is depends on the
hour: the broker turns the page in the evening. So a sample outside of a session tells no close, and
an account read now tells that of its `balance_asof`. Cash and shares that came or went on a day are
no profit: what came counts as there from the beginning of its session, what went as there to the
end, and what came or went on a day without a session belongs to the next one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from msgspec import Struct

from execbot.journal.records import EquitySample
from execbot.market.sessions import TradingDay
from execbot.model.numbers import ZERO
from execbot.model.times import eastern

SAMPLE_EACH = timedelta(minutes=1)
GAP_AFTER = timedelta(seconds=150)
"""Samples further apart than this leave a gap: one was missed for certain."""

CLOSE_WITHIN = timedelta(minutes=5)
"""A sample this near to the close stands for it."""


class Basis(StrEnum):
    """Where a session's closing equity is from."""

    OWN = "own"
    BROKER = "broker"  # its `last_equity`, said in the next session
    RUNNING = "running"  # the session is not over: the last sample
    MISSING = "missing"


class Gap(Struct, frozen=True):
    """Minutes of a session without a sample."""

    day: date
    minutes: int


class EquityDay(Struct, frozen=True):
    """One session. `began` is the last known closing equity before it, `spans` how many sessions
    lie between the two, this one included. `flows` came (plus) or went since. `lows` are the
    lowest and highest equity that was sampled in it. Without `closed` nothing is known of it."""

    day: date
    basis: Basis
    began: Decimal | None
    closed: Decimal | None
    flows: Decimal = ZERO
    came: Decimal = ZERO
    spans: int = 1
    samples: tuple[Decimal, ...] = ()
    gap_minutes: int = 0

    @property
    def profit(self) -> Decimal | None:
        """What trading made, fees taken off: the change of equity less what came and went."""
        if self.began is None or self.closed is None:
            return None
        return self.closed - self.began - self.flows

    @property
    def rate(self) -> float | None:
        """Profit over what was there to make it."""
        if self.profit is None or self.began is None or self.began + self.came <= 0:
            return None
        return float(self.profit / (self.began + self.came))


def equity_days(
    samples: Iterable[EquitySample],
    sessions: Sequence[TradingDay],
    flows: Mapping[date, Sequence[Decimal]],
    opened_on: date | None = None,
    told: Mapping[date, Decimal] | None = None,
) -> tuple[EquityDay, ...]:
    """One for each session from the first with a sample on its own day, to the last with one.
    `sessions` are those of the calendar, ascending, `flows` amounts by day, `told` closes as the
    broker tells them now.

    `opened_on` is the day the account was opened: before its first session there is no close,
    though the broker's `last_equity` may hold the opening cash already, whose row would count
    twice.
    """
    told = told or {}
    found: defaultdict[date, list[EquitySample]] = defaultdict(list)
    by_day = _sessions_of(samples, sessions)
    for day, sample in by_day:
        found[day].append(sample)
    own = {day for day, sample in by_day if eastern(sample.at).date() == day}
    known = [session for session in sessions if session.date in own]
    if not known:
        return ()
    last = max([known[-1].date, *told])
    wanted = [s for s in sessions if known[0].date <= s.date <= last]
    moved = _flows_by_session(flows, [s.date for s in sessions])
    first = wanted[0]
    before = max((s.date for s in sessions if s.date < first.date), default=None)
    began = _opening(first, found[first.date], None if before is None else told.get(before))
    if opened_on is not None and (before is None or before < opened_on) and opened_on <= first.date:
        came = moved.get(first.date, (ZERO, ZERO))[0]
        began = ZERO if began is None or came >= began else began
    return tuple(_days(wanted, found, moved, began, told, running=by_day[-1][0]))


def _sessions_of(
    samples: Iterable[EquitySample], sessions: Sequence[TradingDay]
) -> list[tuple[date, EquitySample]]:
    """Each sample with the session it is of: from its open on, until the next one opens."""
    ordered = sorted(samples, key=lambda sample: sample.at)
    found, number = [], 0
    for sample in ordered:
        while number + 1 < len(sessions) and sessions[number + 1].open <= sample.at:
            number += 1
        if number < len(sessions) and sessions[number].open <= sample.at:
            found.append((sessions[number].date, sample))
    return found


def _flows_by_session(
    flows: Mapping[date, Sequence[Decimal]], days: Sequence[date]
) -> dict[date, tuple[Decimal, Decimal]]:
    """All that moved, and what came of it, by the session that it belongs to."""
    found: dict[date, tuple[Decimal, Decimal]] = {}
    for day, amounts in flows.items():
        session = next((s for s in days if s >= day), None)
        if session is None:
            continue
        total, came = found.get(session, (ZERO, ZERO))
        came += sum((amount for amount in amounts if amount > 0), ZERO)
        found[session] = (total + sum(amounts, ZERO), came)
    return found


def _days(
    wanted: Sequence[TradingDay],
    found: Mapping[date, Sequence[EquitySample]],
    moved: Mapping[date, tuple[Decimal, Decimal]],
    opening: Decimal | None,
    told: Mapping[date, Decimal],
    running: date,
) -> Iterable[EquityDay]:
    """`running` is the session since whose open the last sample was taken."""
    began = opening
    flows, came, spans = ZERO, ZERO, 0
    for number, session in enumerate(wanted):
        samples = found.get(session.date, ())
        following = wanted[number + 1] if number + 1 < len(wanted) else None
        before = _told_within(following, found.get(following.date, ())) if following else None
        is_running = session.date == running
        closed, basis = _closing(session, samples, told.get(session.date, before), is_running)
        total, new = moved.get(session.date, (ZERO, ZERO))
        flows, came, spans = flows + total, came + new, spans + 1
        in_session = [s for s in samples if s.at <= session.close + CLOSE_WITHIN]
        yield EquityDay(
            day=session.date,
            basis=basis,
            began=began,
            closed=closed,
            flows=flows,
            came=came,
            spans=spans,
            samples=tuple(s.equity for s in in_session),
            gap_minutes=_gap_minutes(session, in_session, is_running=basis is Basis.RUNNING),
        )
        if closed is not None:
            began, flows, came, spans = closed, ZERO, ZERO, 0


def _told_within(session: TradingDay, samples: Sequence[EquitySample]) -> Decimal | None:
    """The close before a session as the broker told it: only what it says within the session is of
    that close for certain."""
    said = (s.last_equity for s in samples if session.open <= s.at <= session.close + CLOSE_WITHIN)
    return next((last for last in said if last is not None and last > 0), None)


def _opening(
    session: TradingDay, samples: Sequence[EquitySample], told: Decimal | None
) -> Decimal | None:
    """What there was before the first session: the broker's last close, else the first sample."""
    said = told if told is not None and told > 0 else _told_within(session, samples)
    if said is not None:
        return said
    return next((s.equity for s in samples if s.at <= session.close), None)


def _closing(
    session: TradingDay, samples: Sequence[EquitySample], told: Decimal | None, is_running: bool
) -> tuple[Decimal | None, Basis]:
    near = [s for s in samples if abs(s.at - session.close) <= CLOSE_WITHIN]
    if near:
        return min(near, key=lambda s: (s.at < session.close, abs(s.at - session.close))).equity, (
            Basis.OWN
        )
    if told is not None and told > 0:
        return told, Basis.BROKER
    if is_running and samples:  # or was over, and is only seen after hours
        return samples[-1].equity, Basis.RUNNING
    return None, Basis.MISSING


def _gap_minutes(session: TradingDay, samples: Sequence[EquitySample], *, is_running: bool) -> int:
    """Minutes of the session in which nothing was sampled."""
    end = samples[-1].at if is_running and samples else session.close
    seen = [s.at for s in samples if session.open <= s.at <= end]
    missed = timedelta(0)
    for number, (one, other) in enumerate(pairwise([session.open, *seen, end])):
        if other - one > GAP_AFTER:
            missed += other - one - (SAMPLE_EACH if number else timedelta(0))
    return int(missed.total_seconds() // 60)
