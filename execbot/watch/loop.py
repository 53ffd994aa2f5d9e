"""The threads of `watch`: one reads the stream, one decides, a few do.

The reading thread only puts frames into the inbox, so nothing that REST does can delay it. The
deciding thread makes batches durable and decides; it never waits for the broker. The doing
threads carry out what was decided, most urgent first, and put what came of it into the inbox.
"""

from __future__ import annotations

import gc
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient, TradeUpdate, TradeUpdateStream
from execbot.broker.stream_states import Connected, Disconnected, Gap, StreamState
from execbot.journal.checkpoint import Checkpointer
from execbot.journal.errors import JournalError
from execbot.market.halts import HALTS_KEY
from execbot.model.times import iso
from execbot.watch.confirming import Confirming
from execbot.watch.core import inputs
from execbot.watch.core.jobs import Note
from execbot.watch.feed import PriceFeed
from execbot.watch.halt_interest import HaltInterest
from execbot.watch.health import Health
from execbot.watch.order_news import OrderNews
from execbot.watch.pace import Pace
from execbot.watch.perform import Performer
from execbot.watch.show.log_files import log_line
from execbot.watch.show.sinks import Sink
from execbot.watch.stand_in import StandIn
from execbot.watch.watcher import OutsideJob, Watcher
from execbot.watch.workers import Workers

log = logging.getLogger("execbot.watch")

LOOK_SECONDS = 0.1
"""How long the loop sleeps at most: how soon it sees other processes and its own timers."""

BATCH_MAX = 500
"""Frames made durable in one transaction."""

AUDITED = frozenset(
    {"alarm", "action", "guard", "stop_moved", "stream", "target_moved", "moved_at_broker"}
)
"""Types of notes that are kept in the journal."""

GOODBYE_SECONDS = 2.0
"""How long the end waits for actions under way and for the streams' goodbyes. What is cut off is
repaired by the next run, as after a kill."""

JOURNAL_RETRY_SECONDS = 0.5
TRIED_KEY = "watch_tried_at"
"""In the journal: when `watch` found last, after a failure, that it takes writes again."""

READER_PAUSE_SECONDS = 1.0


@dataclass
class _Results:
    """What one job brought back."""

    items: list[inputs.Input]


@dataclass
class _Failed:
    """The stream ended for good."""

    error: BrokerError


@dataclass
class WatchLoop:
    """Runs until `stop`. `sink` shows; `on_critical` is told of critical alarms."""

    watcher: Watcher
    performer: Performer
    client: BrokerClient
    feed: PriceFeed
    sink: Sink
    now: Callable[[], datetime]
    on_critical: Callable[[Note], None] = lambda note: None
    on_note: Callable[[Note], None] = lambda note: None
    """Told of everything; like `on_critical` it must not wait."""
    halted_words: Callable[[], str] = lambda: ""
    """What the kill switch says, in a few words; empty when it is off."""
    health: Health = field(default_factory=Health)
    on_beat: Callable[[bool, str], None] = lambda stream_up, trouble: None
    """Called after each turn: whether the stream is up, and what keeps the loop from its work."""
    make_stand_in: Callable[[], tuple[Watcher, Performer]] | None = None
    """Watcher and performer on a copy of the journal, for as long as it takes no writes."""
    make_confirming: Callable[[Callable[[Note], None]], Confirming] | None = None
    """Who confirms executions meanwhile; handed how to tell."""

    def __post_init__(self) -> None:
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._workers = Workers(
            self.performer.perform,
            lambda items: self._inbox.put(_Results(items)),
            self._stopping,
        )
        self._stream: TradeUpdateStream | None = None
        self._pending: list[TradeUpdate] = []
        self._data_version = -1
        self._ticked_at = 0.0
        self._failure: BrokerError | None = None
        self._checkpointer = Checkpointer(self.watcher.journal.path)
        self._pace = Pace()
        self._halts = HaltInterest(self.watcher.journal)
        self._to_audit: list[tuple[Note, datetime]] = []
        self._stand_in: StandIn | None = None
        self._confirming = self.make_confirming(self.tell) if self.make_confirming else None
        self._kept: list[Any] = []
        """What came while another one stood in, but for frames."""
        self.watcher.emit = self._emit
        self._news = self.watcher.news = OrderNews(self.watcher.journal)

    def stop(self) -> None:
        """From any thread or a signal handler. Orders stay as they are."""
        self._stopping.set()

    def run(self) -> None:
        """Reconcile, protect, follow. Raises BrokerError when the stream cannot be had at all."""
        self._start_threads()
        try:
            self._workers.give(self.watcher.load())
            self._audit()  # killed from now on, the next run knows that this one has begun
            # What is there now stays: the collector need not look through it again and again.
            gc.freeze()
            while not self._stopping.is_set():
                self._turn()
                self.on_beat(self.health.stream_up, self._trouble())
                self.sink.beat()
        finally:
            self._shut_down()
        if self._failure is not None:
            raise self._failure

    def _turn(self) -> None:
        items = self._collect()
        self._mind_the_journal()
        if self._stand_in is not None:
            self._keep_waiting(items)
            return
        kept, self._kept = self._kept, []
        items = [*kept, *items]
        # What another process has written comes first: it said what it was about to do.
        self._workers.give(self._follow())
        self._workers.give(self._take(items))
        for item in self.feed.drain():
            if isinstance(item, Note):
                self._emit(item)
                continue
            if isinstance(item, inputs.Halts):
                self._keep_halts(item)
            self._workers.give(self.watcher.feed(item))
        if time.monotonic() - self._ticked_at >= LOOK_SECONDS:
            self._ticked_at = time.monotonic()
            self._workers.give(self.watcher.feed(inputs.Tick()))
            symbols = self.watcher.core.symbols.values()
            # An entry that waits must learn of a halt too: its clock stops for it.
            self.feed.want(frozenset(s.symbol for s in symbols if s.qty != 0 or s.living))
            self.feed.follow_halts(self._halts.look(self.now()))
            self._halts.tell(self.feed.halts_followed())
            self._keep_pace()
        self._audit()
        self.health.waiting = self._workers.waiting

    def _trouble(self) -> str:
        if self._stand_in is not None:
            return "the journal is locked by another process: exits are sent from memory"
        error = self.watcher.journal_error or self.performer.journal_error
        if error is not None:
            return f"the journal fails: {error.message}"
        if self.watcher.core.is_blind:
            return "blind: the broker does not answer"
        return ""

    # --- the inbox -------------------------------------------------------------------------

    def _collect(self) -> list[Any]:
        """Wait a moment for the first item, then take all that is there."""
        try:
            items = [self._inbox.get(timeout=LOOK_SECONDS)]
        except queue.Empty:
            return []
        while len(items) < BATCH_MAX:
            try:
                items.append(self._inbox.get_nowait())
            except queue.Empty:
                break
        return items

    def _take(self, items: list[Any]) -> list[OutsideJob]:
        jobs: list[OutsideJob] = []
        began = time.monotonic()
        for item in items:
            if isinstance(item, TradeUpdate):
                self._pending.append(item)
                continue
            jobs += self._take_pending()
            jobs += self._take_other(item)
        jobs += self._take_pending()
        if items:
            self.health.lag_ms = (time.monotonic() - began) * 1000
        return jobs

    def _take_pending(self) -> list[OutsideJob]:
        """Make the frames durable; when the journal cannot, they wait and nothing is lost."""
        if not self._pending or self._stand_in is not None:
            return []
        try:
            jobs = self.watcher.take_updates(self._pending)
        except JournalError as error:
            self.watcher.journal_failed(error)
            self._stopping.wait(JOURNAL_RETRY_SECONDS)
            return []
        self._pace.taken(self._pending)
        self._checkpointer.wrote(len(self._pending))
        self.health.frames += len(self._pending)
        self.health.last_frame_at = self.now()
        self._pending.clear()
        return jobs

    def _mind_the_journal(self) -> None:
        """While the journal is locked, its disk full or failing, exits are sent from memory; when
        it can be written again they are the first that is, and what waits is looked at together."""
        if self._stand_in is None:
            failed = self.watcher.journal_error or self.performer.journal_error
            lasts = failed is not None and failed.leaves_what_was_read
            if lasts and self.make_stand_in is not None:
                self.performer.hold(True)
                self._stand_in = StandIn(
                    self.make_stand_in,
                    self.watcher.journal.path,
                    self._pending,
                    self._inbox.put,
                    self.performer.is_under_way,
                    self.watcher,
                )
                self._stand_in.go_on()
            return
        try:
            # A full disk shows only when something is written.
            self.watcher.journal.meta_set(TRIED_KEY, iso(self.now()))
            if not self._stand_in.has_ended():
                return
            self._stand_in.write(self.watcher.journal, self.now())
            if self._pending:
                self.watcher.oms.apply_batch(self._pending)
                self._pace.taken(self._pending)
                self._pending.clear()
        except JournalError as error:
            # It may have been free for a moment, long enough to ask the one who stands in to end.
            if not self._stopping.is_set():
                self._stand_in.go_on()
            self.watcher.journal_failed(error)
            return
        self._stand_in, self.performer.journal_error = None, None
        self.performer.hold(False)
        self._emit(Note("journal", "the journal takes writes again", {"state": "writes"}))
        self._workers.give(self.watcher.feed(inputs.Heard(self.now())) + self.watcher.follow())

    def _keep_waiting(self, items: list[Any]) -> None:
        """Nothing is decided here while another one stands in: it knows what was sent meanwhile."""
        for item in items:
            if isinstance(item, TradeUpdate):
                self._pending.append(item)
            elif isinstance(item, Note):
                self._emit(item)
            else:
                self._kept.append(item)

    def _take_other(self, item: Any) -> list[OutsideJob]:
        match item:
            case Connected():
                self.health.stream_up = True
                return self.watcher.feed(inputs.StreamUp(item.at))
            case Disconnected():
                self.health.stream_up = False
                return self.watcher.feed(inputs.StreamDown(item.at, item.reason))
            case _Results():
                return self.watcher.take_results(item.items)
            case Note():
                self._emit(item)
                return []
            case _Failed():
                self._failure = item.error
                self._stopping.set()
                return []
            case Gap():
                return self.watcher.frame_unread(inputs.FrameUnread(item.reason, item.unread))
            case StreamState():
                return self.watcher.feed(inputs.StreamUp(self.now()))
            case _:
                return self.watcher.feed(item)

    def _follow(self) -> list[OutsideJob]:
        """Look into the journal when another process has written to it, or a look has failed."""
        try:
            version = self.watcher.journal.data_version()
        except JournalError as error:
            self.watcher.journal_failed(error)
            return []
        if version == self._data_version and self.watcher.journal_error is None:
            return []
        self._data_version = version
        return self.watcher.follow()

    def _keep_halts(self, item: inputs.Halts) -> None:
        """Other processes learn of halts from the journal: there is no REST endpoint for them."""
        if item.book is not None:
            try:
                self.watcher.journal.meta_set(HALTS_KEY, item.book)
            except JournalError as error:
                log.error("journal: %s", error)

    def tell(self, item: inputs.Input | Note) -> None:
        """Put something into the inbox, from any thread."""
        self._inbox.put(item)

    # --- threads ---------------------------------------------------------------------------

    def _read(self) -> None:
        """Whatever a frame does to the reader: it is told, and the reader begins again."""
        assert self._stream is not None
        while not self._stopping.is_set():
            try:
                for message in self._stream.messages():
                    if isinstance(message, TradeUpdate):
                        self._pace.arrived(message)
                    self._inbox.put(message)
                return
            except BrokerError as error:
                return self._inbox.put(_Failed(error))
            except Exception as error:
                log.exception("the stream of trade updates could not be read")
                reason = f"{type(error).__name__}: {error}"
                self._inbox.put(Disconnected(self.now(), reason, READER_PAUSE_SECONDS))
            self._stopping.wait(READER_PAUSE_SECONDS)

    def _start_threads(self) -> None:
        self._stream = self.client.trade_updates()
        self._workers.start()
        self._reader = threading.Thread(target=self._read, name="trade-updates", daemon=True)
        self._reader.start()
        self._checkpointer.start()
        self.feed.start()
        if self._confirming is not None:
            self._confirming.start()

    def _shut_down(self) -> None:
        """Say goodbye to the streams and let actions that are under way finish."""
        self._stopping.set()
        closers = [self.feed.close, *([self._stream.close] if self._stream is not None else [])]
        closers += [self._confirming.close] if self._confirming is not None else []
        goodbyes = [threading.Thread(target=close, daemon=True) for close in closers]
        for goodbye in goodbyes:
            goodbye.start()
        self._workers.end()
        until = time.monotonic() + GOODBYE_SECONDS
        for thread in (*goodbyes, *self._workers.threads, self._reader):
            thread.join(timeout=max(until - time.monotonic(), 0.01))
        # Whoever runs this in a program lives on: nobody may send exits for a watch that has ended.
        if self._stand_in is not None and self._stand_in.has_ended(
            max(until - time.monotonic(), 0.01)
        ):
            self._mind_the_journal()
        leftover: list[Any] = []
        while not self._inbox.empty():
            leftover.append(self._inbox.get_nowait())
        self._take([item for item in leftover if isinstance(item, TradeUpdate)])
        self.watcher.save_marks()
        self._keep_pace(is_over=True)
        self._audit()
        self._halts.tell(frozenset())
        self._checkpointer.close()

    # --- notes -----------------------------------------------------------------------------

    def _emit(self, note: Note) -> None:
        at = self.now()
        level = logging.WARNING if note.is_alarm else logging.INFO
        log_line(level, log.name, note.type, f"{note.type} {note.text}", note.data)
        if note.type in AUDITED:
            self._to_audit.append((note, at))
        self.sink.note(note, at)
        self._pass_on(note, self.on_note)
        if note.is_critical:
            self._pass_on(note, self.on_critical)

    def _pass_on(self, note: Note, to: Callable[[Note], None]) -> None:
        """Whatever fails at telling: the watching goes on."""
        try:
            to(note)
        except Exception:
            log.exception("not passed on: %s", note.text)

    def _keep_pace(self, *, is_over: bool = False) -> None:
        """For the report; nobody is told."""
        note = self._pace.note(is_over=is_over)
        if note is not None:
            self._to_audit.append((note, self.now()))

    def _audit(self) -> None:
        """Keep what a turn has told, in one commit, after what it led to was handed over.

        The mark of what was told of orders alone need not be on the disk: a power cut may have it
        told again.
        """
        if not self._to_audit and not self._news.is_unsaved:
            return
        journal = self.watcher.journal
        try:
            with journal.transaction(recoverable=not self._to_audit):
                mark = self._news.save()
                for note, at in self._to_audit:
                    subject = str(note.data.get("symbol") or note.data.get("subject") or "watch")
                    journal.audit(note.type, subject, "watch", note.data, note.text, at)
            self._news.saved(mark)
        except JournalError as error:
            log.error("audit: %s", error)
        self._to_audit.clear()
