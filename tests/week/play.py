"""Plays weeks: the machine is set up once, and from then on nobody touches it.

One clock, the exchange's. The driver fires what the set-up says at its time, brings about what the
seed has drawn, steps through the nights, and keeps what there is to judge.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from support.harness.small_disk import SmallDisk
from week import journal_side
from week.acting import Acting
from week.course import EVENING, Course
from week.machine import Machine, kill
from week.phone import Phone
from week.service import Service
from week.set_ups import Entry, crontab_entries, systemd_entries
from week.strategy import Strategy
from week.troubles import Trouble
from week.venue import Venue
from week.wanted import Wanted

TURN_SECONDS = 0.05
SETTLE_SECONDS = 45.0
"""How long the driver waits before a step until all is at rest, in seconds of this machine."""

CATCH_UP_SECONDS = 1.5

LEAP = timedelta(minutes=10)

NEVER = datetime.max.replace(tzinfo=UTC)

Evening = Callable[["Week", date], None]


@dataclass
class Samples:
    """Of the running `watch`, once at each close."""

    memory_kb: dict[date, int] = field(default_factory=dict)
    process: dict[date, int] = field(default_factory=dict)
    state_bytes: dict[date, int] = field(default_factory=dict)
    orders: dict[date, int] = field(default_factory=dict)
    equity: dict[date, float] = field(default_factory=dict)
    """Ours at the close less the exchange's."""

    def by_process(self) -> dict[int, list[int]]:
        """Memory at the closes of each process that was `watch`."""
        found: dict[int, list[int]] = {}
        for day, kb in self.memory_kb.items():
            found.setdefault(self.process[day], []).append(kb)
        return found


@dataclass
class Week:
    """What is there while one is played."""

    wanted: Wanted
    venue: Venue
    machine: Machine
    phone: Phone
    disk: SmallDisk | None
    course: Course
    troubles: Sequence[Trouble]
    tell: Callable[[str], None]
    evening: Evening
    before_the_end: Callable[[Week], None] = lambda week: None
    """What is done at the end of each week while all still runs."""
    entries: Sequence[Entry] = ()
    service: Service | None = None
    strategy: Strategy | None = None
    samples: Samples = field(default_factory=Samples)
    problems: list[str] = field(default_factory=list)
    off: list[tuple[datetime, datetime]] = field(default_factory=list)
    """When the machine had no power."""
    bounds: tuple[datetime, datetime] | None = None
    """Of the one week; by the sessions where it is not given."""
    began_at: datetime = NEVER
    judged: set[date] = field(default_factory=set)
    halted: dict[str, date] = field(default_factory=dict)
    """Why entries were halted in an evening, and in which first: a person would have to resume."""
    _fired_until: datetime | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.wanted.zone)

    @property
    def unit(self) -> Entry:
        """The unit of `watch`: what a strategy beside it is run with."""
        folder = self.machine.outside / ".config" / "systemd" / "user"
        return next(entry for entry in systemd_entries(folder) if entry.keeping is not None)

    def watch_pid(self) -> int | None:
        """Of the process itself: a unit's becomes it, above a crontab's stands its shell."""
        if self.service is not None:
            return self.service.pid
        lasting = [run for run in self.machine.running if run.entry.is_lasting]
        return _deepest(lasting[0].process.pid) if lasting else None

    # --- power -----------------------------------------------------------------------------------

    def boot(self, now: datetime, sockets: Path) -> None:
        """All that the set-up starts at boot; timers that make up for it look back."""
        for entry in self.entries:
            if entry.keeping is not None:
                self.service = Service(self.machine, entry, sockets)
                self.service.boot()
            elif entry.is_made_up_for and self._has_missed(entry, now):
                self.machine.start(entry, now)
        self._fired_until = now
        assert self.strategy is not None
        self.strategy.boot()

    def _has_missed(self, entry: Entry, now: datetime) -> bool:
        if entry.when is None or self._fired_until is None:
            return False
        return any(True for _ in entry.when.times(self._fired_until, now, self.zone))

    def lose_power(self, now: datetime) -> None:
        assert self.strategy is not None
        self.strategy.lose_power()
        if self.service is not None:
            self.service.lose_power(now)
            self.service.close()
            self.service = None
        self.machine.lose_power(now)

    def shut_down(self, now: datetime) -> None:
        """In order: what a `shutdown` does."""
        assert self.strategy is not None
        self.strategy.close()
        if self.service is not None:
            self.service.stop(now)
            self.service.close()
            self.service = None
        for run in self.machine.running:
            kill(run.process, signal.SIGTERM)  # a crontab's shell and what it has started
        until = time.monotonic() + 20
        while self.machine.running and time.monotonic() < until:
            self.machine.reap(now)
            time.sleep(TURN_SECONDS)
        self.machine.lose_power(now)

    # --- time -------------------------------------------------------------------------------------

    def fire(self, now: datetime, *, is_stepped: bool) -> None:
        """What has become due since the last time, each once where hours were stepped over."""
        since = self._fired_until or now
        is_stepped = is_stepped or now - since > LEAP  # the first look after a step
        for entry in self.entries:
            if entry.when is None:
                continue
            due = list(entry.when.times(since, now, self.zone))
            for _ in due[-1:] if is_stepped else due:
                self.machine.start(entry, now, may_overlap=self.service is None)
        self._fired_until = now

    def turn(self, now: datetime) -> None:
        self.machine.reap(now)
        if self.service is not None:
            self.service.poll(now)
            if self.service.gave_up and self.service.gave_up not in self.problems:
                self.problems.append(self.service.gave_up)

    def rest(self) -> None:
        """Until no job is going on, every signal is answered, `watch` has no trouble (the broker is
        back, and it has heard of that), no share lacks its stop and no order is in doubt (that is
        known after some seconds of this machine), or for a while: a real night has hours for
        that."""
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            now = self.venue.now()
            self.turn(now)
            is_ready = self.service is None or self.service.is_ready
            if self.strategy is not None:
                self.strategy.read()
                is_ready = is_ready and not self.strategy.unanswered()
            if not self.machine.is_busy and is_ready and not journal_side.trouble(self):
                with suppress(OSError, ValueError):  # the broker may be away just now
                    record = self.venue.record()
                    bare = any(spell.end == record.at for spell in record.spells())
                    if not bare and not journal_side.is_in_doubt(self):
                        return
            time.sleep(TURN_SECONDS * 4)

    # --- a week -----------------------------------------------------------------------------------

    def play(self, number: int, acting: Acting, sockets: Path) -> None:
        """One week from its beginning to its end."""
        start, end = self.bounds or self._bounds(number)
        self.venue.step_to(start)
        self._set_up(number)
        now = self.began_at = self.venue.now()
        acting.skip(now)
        self.boot(now, sockets)
        self.tell(f"week {number + 1}, {self.wanted.manager_of(number)}: from {shown(now)}")
        while now < end:
            now = self.venue.now()
            acting.turn(now)
            if acting.power_is_off:
                self._pass(now, min(acting.back_at, end), steps=not self.course.played_at(now))
                continue
            self.turn(now)
            is_played = self.course.played_at(now)
            is_stepped = self.venue.can_step and not is_played
            self.fire(now, is_stepped=is_stepped)
            if is_played:
                assert self.strategy is not None
                self.strategy.turn(now)
            self._judge_evening(now)
            if is_stepped:
                self._step(now, end, acting)
            else:
                time.sleep(self.venue.turn_seconds)
        self.before_the_end(self)
        self.shut_down(self.venue.now())
        self._fired_until = None

    def _bounds(self, number: int) -> tuple[datetime, datetime]:
        days = [day for day in self.course.sessions if self.wanted.is_in(number, day)]
        sessions = [self.course.sessions[day] for day in days]
        starts = [span.start for span in self.course.played if span.start < sessions[0].open]
        near = [at for at in starts if sessions[0].open - at < timedelta(hours=1)]
        return min(near), sessions[-1].close + EVENING + timedelta(minutes=2)

    def _set_up(self, number: int) -> None:
        home = self.machine.outside
        if self.wanted.manager_of(number) == "systemd":
            self.entries = systemd_entries(home / ".config" / "systemd" / "user")
        else:
            [path] = (home / ".config" / "execbot").glob("*.crontab")
            self.entries = crontab_entries(path.read_text())

    def _step(self, now: datetime, end: datetime, acting: Acting) -> None:
        """On to the next thing that happens, a stride at most."""
        self.rest()
        stops = [now + timedelta(minutes=self.wanted.stride_minutes), end]
        stops += [at for at in (self.course.next_played(now), acting.next_at(now)) if at]
        stops += [at for at in (self._next_evening(now),) if at]
        self.venue.step_to(min(stops))
        self._catch_up()

    def _catch_up(self) -> None:
        """A program learns of a step by the next answer that it asks for."""
        until = time.monotonic() + CATCH_UP_SECONDS
        while time.monotonic() < until:
            self.turn(self.venue.now())
            time.sleep(TURN_SECONDS)

    def _pass(self, now: datetime, until: datetime, *, steps: bool) -> None:
        """The machine is off: the exchange goes on without it."""
        if steps:
            self.venue.step_to(until)
        else:
            time.sleep(TURN_SECONDS)

    def _next_evening(self, now: datetime) -> datetime | None:
        ends = [
            s.close + EVENING for day, s in self.course.sessions.items() if day not in self.judged
        ]
        return min((at for at in ends if at > now), default=None)

    def _judge_evening(self, now: datetime) -> None:
        for day, session in self.course.sessions.items():
            is_over = session.close + EVENING <= now and session.close > self.began_at
            if day not in self.judged and is_over:
                self.judged.add(day)
                self.rest()
                self.evening(self, day)


def _deepest(pid: int) -> int:
    """The last of a chain of processes each of which waits for the next."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return _deepest(int(children[0])) if children else pid


def shown(at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo('America/New_York')):%a %m-%d %H:%M}"
