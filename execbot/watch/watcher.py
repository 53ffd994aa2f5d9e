"""`watch` without threads: the core between the journal and the hands, one call at a time.

`WatchLoop` drives it with real threads and clocks; a simulation drives the very same object under
a virtual clock, and kills it between any two calls.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from execbot.broker.port import TradeUpdate
from execbot.config.schema import TradingSettings
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.rules.actions import Refresh
from execbot.exits.store import (
    OPEN,
    last_plans,
    open_plans,
    plan_by_id,
    save_plan,
    with_families,
)
from execbot.exits.structures.plan import structure_plans
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.journal.records import EventRecord, OrderRecord
from execbot.model.symbols import is_option
from execbot.model.timer import leapt_by, speed_of
from execbot.oms.machine.changes import Change
from execbot.oms.service import OrderManagementSystem
from execbot.oms.sync.adjustments import book_difference, book_split
from execbot.oms.sync.differences import forget_reported, remember_reported, reported_differences
from execbot.oms.sync.late_fills import book_late_fills
from execbot.oms.sync.row_bookings import book_moved, book_succession
from execbot.oms.sync.unread_rows import keep_unread
from execbot.watch.core import inputs
from execbot.watch.core.blindness import stood
from execbot.watch.core.core import WatchCore
from execbot.watch.core.jobs import (
    AccountJob,
    Book,
    Booking,
    BookLateFills,
    BookRows,
    BookSplit,
    BookSuccession,
    Job,
    Note,
    Remember,
    Save,
    SymbolJob,
)
from execbot.watch.core.memory import Hours
from execbot.watch.core.notes import alarm
from execbot.watch.order_news import OrderNews

JOURNAL_TOLD_EVERY = timedelta(minutes=1)
"""How often the trader is told of a journal that goes on failing."""

OutsideJob = SymbolJob | AccountJob

Kept = Save | Booking | Remember
"""What the watcher does itself, in the journal."""


@dataclass
class Watcher:
    """`emit` gets every note in order, after what it tells of is durable.

    While the journal fails nothing is lost and nothing ends: what must be durable first waits with
    all that it leads to, and what could not be read is read by the next look. `load` and
    `take_updates` raise JournalError; the frames can be given again.
    """

    oms: OrderManagementSystem
    settings: TradingSettings
    hours: Hours
    now: Callable[[], datetime]
    emit: Callable[[Note], None] = lambda note: None
    last_seq: int = 0
    plan_marks: dict[str, int] = field(default_factory=dict)
    journal_error: JournalError | None = None
    """Why the journal could not be used last time; None once all is read and written again."""
    waiting: list[Job] = field(default_factory=list)
    """What the journal could not take yet, in order, and the jobs for the hands behind it."""
    results: list[inputs.Input] = field(default_factory=list)
    """What the hands have brought back and nobody was told: the journal could not be read."""
    journal_reported_at: datetime | None = None
    news: OrderNews | None = None
    """What is to be told of orders; None where nobody listens."""

    def __post_init__(self) -> None:
        self.core = WatchCore(self.settings, self.hours)
        self.journal: Journal = self.oms.journal

    # --- beginning -------------------------------------------------------------------------

    def load(self) -> list[OutsideJob]:
        """Read the journal: what works, what is held, what is planned."""
        self.last_seq = self.journal.last_seq()
        self.core.memory.reported = reported_differences(self.journal)
        if structure_plans(self.journal, self.now()):
            # Its contracts may be gone since: then nothing else would make anybody look.
            self.core.memory.contracts_met_at = self.now()
        plans = tuple(open_plans(self.journal))
        records = with_families(self.journal, self.journal.orders("open"), plans)
        if self.news is not None:
            self._tell(self.news.begin(records, self.now()))
            self.news.keep_first_mark()
        # Positions before plans: a plan without its position would look finished.
        positions = tuple(self.journal.positions())
        known = inputs.Orders(records, positions, more_follows=True)
        jobs = self._sort(self._replayed(self.core.handle(known, self.now())))
        plans += last_plans(self.journal, positions, plans)
        self.plan_marks.update((plan.plan_id, plan.version) for plan in plans)
        jobs += self.feed(inputs.Plans(plans))
        self._follow_structures(jobs)
        return jobs

    def _replayed(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """A position that stands as an earlier run has told it says so."""
        for job in jobs:
            if isinstance(job, Note) and job.type == "position" and self.news is not None:
                is_old = self.news.was_reported(job.data["symbol"])
                yield replace(job, data={**job.data, "replayed": is_old})
            else:
                yield job

    def _load_symbol(self, plan: ExitPlan) -> list[OutsideJob]:
        """A plan for a symbol that was of no interest before: read what belongs to it first."""
        working = self.journal.orders("open", symbol=plan.symbol)
        records = with_families(self.journal, working, (plan,))
        position = self.journal.position(plan.symbol)
        positions = (position,) if position is not None else ()
        return self.feed(inputs.Orders(records, positions, more_follows=True))

    # --- taking in -------------------------------------------------------------------------

    def take_updates(self, updates: Sequence[TradeUpdate]) -> list[OutsideJob]:
        """Frames of the stream, in order: durable first, then looked at."""
        changes = self.oms.apply_batch(updates)
        if self.news is not None:
            self._tell(self.news.of_changes(changes, self.now()))
        return self.feed(inputs.Heard(self.now())) + self._take_changes(changes)

    def frame_unread(self, item: inputs.FrameUnread) -> list[OutsideJob]:
        """A frame that could not be read is kept raw; REST is asked what it said."""
        if item.unread is not None:
            keep_unread(self.journal, [item.unread], self.now())
        return self.feed(item)

    def _tell(self, notes: Iterable[Note]) -> None:
        for note in notes:
            self.emit(note)

    def _take_changes(self, changes: Iterable[Change]) -> list[OutsideJob]:
        records: dict[str, OrderRecord] = {}
        symbols: set[str] = set()
        for change in changes:
            records[change.record.client_order_id] = change.record
            if change.fills or change.filled_delta:
                symbols.add(change.record.symbol)
        if not records:
            return []
        positions = self.journal.positions_of(sorted(symbols)) if symbols else {}
        return self.feed(inputs.Orders(tuple(records.values()), tuple(positions.values())))

    def follow(self) -> list[OutsideJob]:
        """What the journal has learned since the last look, whoever wrote it."""
        jobs: list[OutsideJob] = []
        try:
            self._read_on(jobs)
        except JournalError as error:
            self.journal_failed(error)
            return jobs
        if not self.waiting:
            self.journal_error = None
        results, self.results = self.results, []
        for item in results:
            jobs += self._answers(item)
            jobs += self.feed(item)
        return jobs

    def _answers(self, item: inputs.Input) -> list[OutsideJob]:
        """Orders that were asked for, as they stand: what is no news to the journal may be unknown
        here, where an order that has ended is forgotten."""
        if not isinstance(item, inputs.Done):
            return []
        asked = {a.order_id for a, _ in item.results if isinstance(a, Refresh) and a.order_id}
        try:
            names = self.journal.client_ids_of(asked).values() if asked else ()
            records = self.journal.orders_by_client_ids(sorted(names)) if names else ()
        except JournalError as error:
            self.journal_failed(error)
            return []
        return self.feed(inputs.Orders(records)) if records else []

    def _read_on(self, jobs: list[OutsideJob]) -> None:
        """Put what follows into `jobs`, so that it stays when a later read fails."""
        while True:
            last, names = self.journal.touched_since(self.last_seq)
            if last == self.last_seq:
                return self._follow_plans(jobs)
            acts = self.journal.acts_between(self.last_seq, last)
            if self.news is not None:
                self._tell(self.news.read_on(self.now()))
            jobs += self._take_touched(names, acts)
            self.last_seq = last

    def journal_failed(self, error: JournalError) -> None:
        """Remember it, and tell the trader, though not with every attempt."""
        self.journal_error = error
        now = self.now()
        if self.journal_reported_at is None or now - self.journal_reported_at >= JOURNAL_TOLD_EVERY:
            self.journal_reported_at = now
            words = f"journal: {error}"
            states = sorted(self.core.symbols.values(), key=lambda s: s.symbol)
            held = [s for s in states if not s.is_idle]
            if held:
                words += f". What stood last: {'; '.join(stood(state) for state in held)}"
            symbols = [state.symbol for state in held]
            self.emit(alarm("journal", "", words, critical=True, symbols=symbols))

    def _take_touched(self, names: Sequence[str], acts: Sequence[EventRecord]) -> list[OutsideJob]:
        """Orders with news are read as they stand now; of their events only acts matter."""
        records = self.journal.orders_by_client_ids(names)
        # Of an adjustment no order tells: where one is to be expected the position is read.
        differing = {s.symbol for s in self.core.symbols.values() if s.difference is not None}
        positions = self.journal.positions_of({record.symbol for record in records} | differing)
        return self.feed(inputs.Orders(records, tuple(positions.values()), acts))

    def _follow_plans(self, jobs: list[OutsideJob]) -> None:
        if self._has_plan_news():
            self._read_plans(jobs)
        self._follow_structures(jobs)

    def _has_plan_news(self) -> bool:
        """Told by the numbers of the versions: reading plans costs more, and they seldom change."""
        states = self.core.symbols.values()
        known = {plan.plan_id for state in states for plan in state.plans}
        in_force = self.journal.plan_versions(OPEN, known)
        # Of a plan that is over and has a successor nobody asks any more.
        wanted = known | in_force.keys()
        self.plan_marks = {name: v for name, v in self.plan_marks.items() if name in wanted}
        return not known <= in_force.keys() or any(
            self._is_news(name, version) for name, version in in_force.items()
        )

    def _read_plans(self, jobs: list[OutsideJob]) -> None:
        plans = [p for p in open_plans(self.journal) if self._is_news(p.plan_id, p.version)]
        followed = [state.plans for state in self.core.symbols.values()]
        for known in itertools.chain.from_iterable(followed):
            if not any(p.plan_id == known.plan_id for p in plans):
                current = self.journal.plan(known.plan_id)
                if current is not None and self._is_news(current.plan_id, current.version):
                    fresh = plan_by_id(self.journal, known.plan_id)
                    plans += [fresh] if fresh is not None else []
        for plan in plans:
            if plan.symbol not in self.core.symbols:
                jobs += self._load_symbol(plan)
        if plans:
            self.plan_marks.update((plan.plan_id, plan.version) for plan in plans)
            jobs += self.feed(inputs.Plans(tuple(plans)))

    def _follow_structures(self, jobs: list[OutsideJob]) -> None:
        """Exits of structures are of interest once a contract is."""
        memory = self.core.memory
        if not memory.structures and not any(map(is_option, self.core.symbols)):
            return
        plans = tuple(structure_plans(self.journal, self.now()))
        if plans != memory.structures:
            jobs += self.feed(inputs.Structures(plans))

    def _is_news(self, plan_id: str, version: int) -> bool:
        return self.plan_marks.get(plan_id) != version

    def take_results(self, items: Sequence[inputs.Input]) -> list[OutsideJob]:
        """What the hands bring back. The journal is read first: a decision that did not see the
        orders just sent would send them again."""
        self.results.extend(items)
        return self.follow()

    def feed(self, item: inputs.Input) -> list[OutsideJob]:
        """Tell the core; saves and notes are done here, the rest is for the hands."""
        now = self.now()
        self.core.memory.speed = speed_of(self.now)
        self.core.memory.clock_leapt(leapt_by(self.now))
        return self._sort(self.core.handle(item, now))

    def save_marks(self) -> list[OutsideJob]:
        """At the end of a run: what the prices since the last minute were is known nowhere else."""
        return self._sort(self.core.save_marks(self.now()))

    def _sort(self, jobs: Iterable[Job]) -> list[OutsideJob]:
        outside: list[OutsideJob] = []
        waiting, self.waiting = self.waiting, []
        for job in (*waiting, *jobs):
            if isinstance(job, Note):
                self.emit(job)
            elif self.waiting:
                self.waiting.append(job)
            else:
                try:
                    outside += self._pass_on(job)
                except JournalError as error:
                    self.waiting.append(job)
                    self.journal_failed(error)
        return outside

    def _pass_on(self, job: SymbolJob | AccountJob | Kept) -> list[OutsideJob]:
        match job:
            case Save():
                self._save(job)
            case Remember(symbol, None):
                forget_reported(self.journal, symbol)
            case Remember(_, difference) if difference is not None:
                remember_reported(self.journal, difference)
            case Book(difference, reason, price):
                if book_difference(self.journal, difference, reason, price, self.now()):
                    return self._booked(difference.symbol)
            case BookSplit(split, note):
                if book_split(self.journal, split, self.now()):
                    self.emit(note)
                    return self._booked(split.symbol)
            case BookRows(moved, price, note):
                if book_moved(self.journal, moved, price, self.now()):
                    self.emit(note)
                    return self._booked(moved.symbol)
            case BookLateFills(late, note):
                if book_late_fills(self.journal, late, self.now()):
                    self.emit(note)
                    return self._booked(late.symbol)
            case BookSuccession(pair, note):
                if book_succession(self.journal, pair, self.now()):
                    self.emit(note)
                    jobs = [*self._booked(pair.old), *self._booked(pair.new)]
                    self._follow_plans(jobs)
                    return jobs
            case SymbolJob() | AccountJob():
                return [job]
        return []

    def _booked(self, symbol: str) -> list[OutsideJob]:
        return self.feed(inputs.Orders((), tuple(self.journal.positions_of([symbol]).values())))

    def _save(self, job: Save) -> None:
        plan = job.save.plan
        if save_plan(self.journal, plan):
            self.plan_marks[plan.plan_id] = plan.version
            return
        # Another process has changed the plan meanwhile: its version is read and decided on.
        self.plan_marks.pop(plan.plan_id, None)
        state = self.core.symbols.get(plan.symbol)
        fresh = plan_by_id(self.journal, plan.plan_id)
        if state is None or fresh is None or state.plan is None:
            return
        if state.plan.plan_id == fresh.plan_id:
            state.plan, state.is_dirty = fresh, True
