"""Protective exits while the journal takes no writes: the one exception to I1
(docs/architecture.md).

The journal can be read while another process keeps its write lock, and while its disk is full or
fails to write. So a second watcher works on a copy in memory, takes in the frames that wait, and
sends nothing but stops and targets, under ids that follow from plan, version and step: a repeat
meets its own id at the broker. A symbol that another process had in hand when the copy was made is
left alone; once anybody has written to the file the copy is out of date, and another is made. What
was sent is written as soon as the journal takes it; a process that is killed before finds it among
the broker's orders.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.broker.port import TradeUpdate
from execbot.config.schema import EmergencyAction
from execbot.exits.rules.actions import BrokerAction, Refresh, Submit
from execbot.exits.rules.failures import Outcome
from execbot.journal.errors import JournalUnavailable
from execbot.journal.journal import Journal
from execbot.journal.records import PROTECTIVE_ROLES, OrderRecord, Origin
from execbot.model.enums import FAILED, REOPENABLE, UNSETTLED_STATUSES
from execbot.model.numbers import text
from execbot.model.order import OrderRequest
from execbot.oms.errors import OmsError
from execbot.oms.ledger import recording
from execbot.oms.machine.table import Act
from execbot.oms.send.intent import intent_details
from execbot.watch.core import inputs
from execbot.watch.core.jobs import Note, SymbolJob
from execbot.watch.core.notes import alarm
from execbot.watch.perform import Performer
from execbot.watch.watcher import OutsideJob, Watcher

log = logging.getLogger("execbot.watch")

LOOK_SECONDS = 0.1
AGAIN_SECONDS = 1.0
"""Until a copy is tried again after one could not be had."""

WAITS = Outcome("journal", "the journal takes no writes: it waits")


def emergency_part(plan_id: str, version: int, step: int) -> str:
    """The end of an id: the same for the same plan, version and step, in every process."""
    return hashlib.sha256(f"{plan_id} {version} {step}".encode()).hexdigest()[:24]


def _go_on_counting(watcher: Watcher, before: Watcher | None) -> None:
    """How long shares have had no stop, and whether that was told, does not begin anew."""
    if before is None:
        return
    for symbol, state in watcher.core.symbols.items():
        known = before.core.symbols.get(symbol)
        if known is not None and known.memory.uncovered_since is not None:
            state.memory = replace(
                state.memory,
                uncovered_since=known.memory.uncovered_since,
                exposed_since=known.memory.exposed_since,
                is_alarmed=known.memory.is_alarmed,
                alarmed_at=known.memory.alarmed_at,
            )


@dataclass
class _Sent:
    """An exit that was sent from memory, as the broker answered it."""

    action: Submit
    record: OrderRecord
    at: datetime


@dataclass
class StandIn:
    """`make` builds watcher and hands on a copy of the journal at `path`; `frames` grows while it
    runs. A symbol that `is_under_way` with the ordinary hands is theirs. It goes on with the counts
    of `before`, the ordinary watcher, which decides nothing meanwhile."""

    make: Callable[[], tuple[Watcher, Performer]]
    path: Path
    frames: list[TradeUpdate]
    tell: Callable[[Note], None]
    is_under_way: Callable[[str], bool] = lambda symbol: False
    before: Watcher | None = None
    sent: list[_Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._steps: dict[tuple[str, int], int] = {}
        self._left_alone: set[str] = set()
        self._file: Journal | None = None
        self._thread: threading.Thread | None = None

    def go_on(self) -> None:
        """Begin, also again: a journal that was free for a moment may be locked once more."""
        self._stopping.clear()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="stand-in", daemon=True)
            self._thread.start()

    def has_ended(self, wait_seconds: float = 0.0) -> bool:
        """Ask it to end; a request that is under way is waited for by asking again."""
        self._stopping.set()
        if self._thread is None:
            return True
        self._thread.join(wait_seconds)
        return not self._thread.is_alive()

    def write(self, journal: Journal, now: datetime) -> None:
        """Make durable what was sent: its intent first, then the broker's answer."""
        for sent in self.sent:
            request, record = _request_of(sent), sent.record
            with recording(journal) as ledger:
                if ledger.state(record.client_order_id) is not None:
                    continue
                facts = {
                    "origin": str(Origin.EXIT),
                    "plan_id": sent.action.plan_id,
                    "role": sent.action.role,
                }
                ledger.act(
                    Act.INTENT, record.client_order_id, sent.at, **intent_details(request, facts)
                )
                if record.status in UNSETTLED_STATUSES:
                    ledger.act(Act.DOUBT, record.client_order_id, now, note=record.note)
                else:
                    ledger.snapshot(record.order, now)

    # --- the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self.begin()
            while not self._stopping.is_set():
                self.turn()
                self._stopping.wait(LOOK_SECONDS)
        except Exception:
            log.exception("nobody stands in for the journal")
            self._stopping.wait(AGAIN_SECONDS)

    def begin(self) -> None:
        """Copy the journal, with what was sent since and what the broker has told: nothing is
        decided before."""
        # Looked at first: what is written while the copy is made is seen as a change.
        self._version = self._file_version()
        self._watcher, self._performer = self.make()
        watcher = self._watcher
        if not watcher.journal.is_copy:
            raise JournalUnavailable("the journal cannot be copied", path=self.path)
        watcher.emit = lambda note: self.tell(note) if note.is_alarm else None
        memory = watcher.core.memory
        memory.limits = replace(memory.limits, emergency_action=EmergencyAction.ALERT)
        self.write(watcher.journal, watcher.now())
        fresh = list(self.frames)
        self._seen = len(fresh)
        watcher.oms.apply_batch(fresh)
        try:
            watcher.oms.gap_fill()
        except (BrokerError, OmsError) as error:  # it is asked again, after every failure
            log.warning("who stands in could not read the account: %s", error)
        self._jobs = deque(watcher.load())
        _go_on_counting(watcher, self.before)
        self.before = watcher  # for the next copy
        states = watcher.core.symbols.values()
        self._left_alone = {s.symbol for s in states if s.plan is not None and s.plan.lift}
        self._jobs.extend(watcher.feed(inputs.StreamUp(watcher.now())))

    def turn(self) -> None:
        """Take in what has come, decide, and do what may be done."""
        self._follow_file()
        fresh = list(self.frames[self._seen :])
        self._seen += len(fresh)
        if fresh:
            self._jobs.extend(self._watcher.take_updates(fresh))
        self._jobs.extend(self._watcher.feed(inputs.Tick()))
        while self._jobs and not self._stopping.is_set():
            self._jobs.extend(self._perform(self._watcher, self._performer, self._jobs.popleft()))

    def _follow_file(self) -> None:
        """Another process has written between two locks: it may have a symbol in hand now."""
        if self._file_version() != self._version:
            self._watcher.journal.close()
            self.begin()

    def _file_version(self) -> int:
        """Changes with every commit to the file. Where that cannot be asked nothing is sent."""
        if self._file is None:
            self._file = Journal.open(self.path, read_only=True)
        return self._file.data_version()

    def _perform(self, watcher: Watcher, performer: Performer, job: OutsideJob) -> list[OutsideJob]:
        """Reads, and exits that protect; everything else waits for the journal and is asked for
        again, so that it is in the way of nothing. What another has in hand stays as it is."""
        if not isinstance(job, SymbolJob):
            return watcher.take_results(performer.perform(job))
        if job.symbol in self._left_alone:
            return []
        results: list[tuple[BrokerAction, Outcome]] = []
        waits = self.is_under_way(job.symbol) or not all(map(_may_be_done, job.actions))
        for action in job.actions:
            if self._file_version() != self._version:
                return []  # the next turn begins anew
            results.append((action, WAITS if waits else self._do(job.symbol, action)))
            if not results[-1][1].is_done:
                break
        # One answer to all of it: a decision in between would ask for the rest again.
        return watcher.take_results([inputs.Done(job.symbol, tuple(results))])

    def _do(self, symbol: str, action: BrokerAction) -> Outcome:
        watcher, performer = self._watcher, self._performer
        if isinstance(action, Submit):
            self._name(action, watcher, performer)
        [done] = performer.perform(SymbolJob(symbol, (action,)))
        assert isinstance(done, inputs.Done)
        if isinstance(action, Submit):
            self._keep(action, watcher, performer)
        return done.results[0][1]

    def _name(self, action: Submit, watcher: Watcher, performer: Performer) -> None:
        """The next step whose id the copy does not know: an earlier lock may have had the others,
        under the same version."""
        plan = watcher.core.symbols[action.request.symbol].plan
        key = (action.plan_id or "", plan.version if plan is not None else 0)
        for step in itertools.count(self._steps.get(key, 0) + 1):
            part = emergency_part(*key, step)
            performer.unique = partial(_same, part)
            known = watcher.journal.order_by_client_id(performer.name_of(action))
            if known is None or known.status in REOPENABLE:
                self._steps[key] = step
                return

    def _keep(self, action: Submit, watcher: Watcher, performer: Performer) -> None:
        name = performer.name_of(action)
        record = watcher.journal.order_by_client_id(name)
        if record is None or record.status in FAILED:
            return
        self.sent.append(_Sent(action, record, watcher.now()))
        qty = text(record.order.qty) if record.order.qty is not None else "shares"
        words = f"the journal takes no writes; an exit for {qty} was sent from memory as {name}"
        self.tell(alarm("journal", record.symbol, words, critical=True, symbols=[record.symbol]))


def _same(part: str, now: datetime) -> str:
    return part


def _may_be_done(action: BrokerAction) -> bool:
    protects = isinstance(action, Submit) and action.role in PROTECTIVE_ROLES
    return protects or isinstance(action, Refresh)


def _request_of(sent: _Sent) -> OrderRequest:
    return replace(
        sent.action.request,
        client_order_id=sent.record.client_order_id,
        reason=sent.action.reason,
    )
