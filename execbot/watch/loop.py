"""The threads of `watch`: one reads the stream, one decides, a few do.

The reading thread only puts frames into the inbox, so nothing that REST does can delay it. The
deciding thread makes batches durable and decides; it never waits for the broker. The doing
threads carry out what was decided, most urgent first, and put what came of it into the inbox.
"""

from __future__ import annotations

import gc
import itertools
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
from execbot.broker.stream_states import Connected, Disconnected, StreamState
from execbot.journal.checkpoint import Checkpointer
from execbot.journal.errors import JournalError
from execbot.risk.reading import HALTS_KEY
from execbot.watch.core import inputs
from execbot.watch.core.jobs import Note, SymbolJob
from execbot.watch.feed import PriceFeed
from execbot.watch.health import Health
from execbot.watch.order_news import OrderNews
from execbot.watch.perform import Hands
from execbot.watch.show.sinks import Sink
from execbot.watch.watcher import HandJob, Watcher

log = logging.getLogger("execbot.watch")

LOOK_SECONDS = 0.1
"""How long the loop sleeps at most: how soon it sees other processes and its own timers."""

BATCH_MAX = 500
"""Frames made durable in one transaction."""

AUDITED = frozenset({"alarm", "action", "guard", "stop_moved", "target_moved", "moved_at_broker"})
"""Types of notes that are kept in the journal."""

SYMBOL_THREADS = 2
JOURNAL_RETRY_SECONDS = 0.5


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
    hands: Hands
    client: BrokerClient
    feed: PriceFeed
    sink: Sink
    now: Callable[[], datetime]
    on_critical: Callable[[Note], None] = lambda note: None
    halted_words: Callable[[], str] = lambda: ""
    """What the kill switch says, in a few words; empty when it is off."""
    health: Health = field(default_factory=Health)

    def __post_init__(self) -> None:
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._symbol_jobs: queue.PriorityQueue[Any] = queue.PriorityQueue()
        self._account_jobs: queue.PriorityQueue[Any] = queue.PriorityQueue()
        self._count = itertools.count()
        self._stopping = threading.Event()
        self._stream: TradeUpdateStream | None = None
        self._threads: list[threading.Thread] = []
        self._pending: list[TradeUpdate] = []
        self._data_version = -1
        self._ticked_at = 0.0
        self._failure: BrokerError | None = None
        self._checkpointer = Checkpointer(self.watcher.journal.path)
        self._to_audit: list[tuple[Note, datetime]] = []
        self.watcher.emit = self._emit
        self._news = self.watcher.news = OrderNews(self.watcher.journal)

    def stop(self) -> None:
        """From any thread or a signal handler. Orders stay as they are."""
        self._stopping.set()

    def run(self) -> None:
        """Reconcile, protect, follow. Raises BrokerError when the stream cannot be had at all."""
        self._start_threads()
        try:
            self._dispatch(self.watcher.load())
            # What is there now stays: the collector need not look through it again and again.
            gc.freeze()
            while not self._stopping.is_set():
                self._turn()
                self.sink.beat()
        finally:
            self._shut_down()
        if self._failure is not None:
            raise self._failure

    def _turn(self) -> None:
        items = self._collect()
        # What another process has written comes first: it said what it was about to do.
        self._dispatch(self._follow())
        self._dispatch(self._take(items))
        for item in self.feed.drain():
            if isinstance(item, Note):
                self._emit(item)
                continue
            if isinstance(item, inputs.Halts):
                self._keep_halts(item)
            self._dispatch(self.watcher.feed(item))
        if time.monotonic() - self._ticked_at >= LOOK_SECONDS:
            self._ticked_at = time.monotonic()
            self._dispatch(self.watcher.feed(inputs.Tick()))
            symbols = self.watcher.core.symbols.values()
            # An entry that waits must learn of a halt too: its clock stops for it.
            self.feed.want(frozenset(s.symbol for s in symbols if s.qty != 0 or s.living))
        self._audit()
        self.health.waiting = self._symbol_jobs.qsize() + self._account_jobs.qsize()

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

    def _take(self, items: list[Any]) -> list[HandJob]:
        jobs: list[HandJob] = []
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

    def _take_pending(self) -> list[HandJob]:
        """Make the frames durable; when the journal cannot, they wait and nothing is lost."""
        if not self._pending:
            return []
        try:
            jobs = self.watcher.take_updates(self._pending)
        except JournalError as error:
            self.watcher.journal_failed(error)
            self._stopping.wait(JOURNAL_RETRY_SECONDS)
            return []
        self._checkpointer.wrote(len(self._pending))
        self.health.frames += len(self._pending)
        self.health.last_frame_at = self.now()
        self._pending.clear()
        return jobs

    def _take_other(self, item: Any) -> list[HandJob]:
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
            case StreamState():
                # A gap: frames that could not be read. REST tells what they said.
                return self.watcher.feed(inputs.StreamUp(self.now()))
            case _:
                return self.watcher.feed(item)

    def _follow(self) -> list[HandJob]:
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

    # --- the hands -------------------------------------------------------------------------

    def _dispatch(self, jobs: list[HandJob]) -> None:
        for job in jobs:
            line = self._symbol_jobs if isinstance(job, SymbolJob) else self._account_jobs
            line.put((int(job.priority), next(self._count), job))

    def _work(self, line: queue.PriorityQueue[Any]) -> None:
        while True:
            _, _, job = line.get()
            if job is None:
                return
            if self._stopping.is_set():
                continue
            self._inbox.put(_Results(self.hands.perform(job)))

    def _read(self) -> None:
        assert self._stream is not None
        try:
            for message in self._stream.messages():
                self._inbox.put(message)
        except BrokerError as error:
            self._inbox.put(_Failed(error))

    def _start_threads(self) -> None:
        self._stream = self.client.trade_updates()
        lines = [self._symbol_jobs] * SYMBOL_THREADS + [self._account_jobs]
        for number, line in enumerate(lines):
            thread = threading.Thread(
                target=self._work, args=(line,), name=f"hands-{number}", daemon=True
            )
            self._threads.append(thread)
        self._reader = threading.Thread(target=self._read, name="trade-updates", daemon=True)
        for thread in (*self._threads, self._reader):
            thread.start()
        self._checkpointer.start()
        self.feed.start()

    def _shut_down(self) -> None:
        """Say goodbye to the streams and let actions that are under way finish."""
        self._stopping.set()
        self.feed.close()
        if self._stream is not None:
            self._stream.close()
        for line in (*[self._symbol_jobs] * SYMBOL_THREADS, self._account_jobs):
            line.put((99, next(self._count), None))
        until = time.monotonic() + 5
        for thread in (*self._threads, self._reader):
            thread.join(timeout=max(until - time.monotonic(), 0.1))
        leftover: list[Any] = []
        while not self._inbox.empty():
            leftover.append(self._inbox.get_nowait())
        self._take([item for item in leftover if isinstance(item, TradeUpdate)])
        self.watcher.save_marks()
        self._audit()
        self._checkpointer.close()

    # --- notes -----------------------------------------------------------------------------

    def _emit(self, note: Note) -> None:
        at = self.now()
        level = logging.WARNING if note.is_alarm else logging.INFO
        log.log(level, "%s %s", note.type, note.text)
        if note.type in AUDITED:
            self._to_audit.append((note, at))
        self.sink.note(note, at)
        if note.is_critical:
            self._tell_critical(note)

    def _tell_critical(self, note: Note) -> None:
        """Whatever fails at telling: the watching goes on."""
        try:
            self.on_critical(note)
        except Exception:
            log.exception("a critical alarm was not passed on: %s", note.text)

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
