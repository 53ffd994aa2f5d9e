"""`execbot watch` without its threads: the same deciding and doing parts, one turn at a time.

The watch of the command waits for a real clock. This one is told when to look, so it lives in the
exchange's time, and it does everything in one order, so a month is the same each time it is played.
"""

from __future__ import annotations

import itertools
from collections import deque
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace
from virtual import Exchange, Told

from execbot.desk.account import Desk
from execbot.desk.executions import build_confirmer
from execbot.exits.level_facts import LevelReader
from execbot.oms.release_queue import release_due
from execbot.oms.service import OrderManagementSystem
from execbot.oms.signals.executor import Executor
from execbot.quality.cash_check import CashCheck
from execbot.watch.core import inputs
from execbot.watch.core.jobs import Note, SymbolJob
from execbot.watch.feed import PolledFeed
from execbot.watch.lock import WatchLock
from execbot.watch.loop import AUDITED
from execbot.watch.order_news import OrderNews
from execbot.watch.perform import Performer
from execbot.watch.watcher import OutsideJob, Watcher

LOOKS_A_TURN = 4


class SteppedWatch:
    """The watch of one account, from `begin` to `end`; begin it again as one starts a command."""

    def __init__(self, desk: Desk, exchange: Exchange, executor: Executor, told: Told) -> None:
        self._desk, self._exchange, self._told = desk, exchange, told
        self._executor = executor
        self._names = itertools.count(1)
        self._lock = WatchLock(desk.directory)
        self._jobs: deque[OutsideJob] = deque()
        self._to_audit: list[Note] = []
        self._confirmer = build_confirmer(desk)
        self._cash = CashCheck(desk.journal, desk.client, desk.now)
        self._watcher: Watcher | None = None
        self.acted_at: datetime | None = None
        """When it has done something at the broker last."""

    def begin(self) -> None:
        """Reconcile, read the journal, protect."""
        desk, trading = self._desk, self._desk.settings.trading
        self._lock.acquire()
        quick = replace(trading.order_management, retry_delay_seconds=Decimal("0.2"))
        oms = OrderManagementSystem(
            desk.client, desk.journal, settings=quick, now=desk.now, timer=self._exchange.timer
        )
        desk.hours.refresh(desk.client, desk.now())
        self._hands = Performer(
            oms,
            desk.now,
            unique=lambda at: f"{next(self._names):08d}",
            release_queue=lambda: [str(done.reason) for done in release_due(self._executor)],
            hours=desk.hours,
            levels=LevelReader(desk.client, trading),
        )
        self._watcher = Watcher(oms, trading, desk.hours, desk.now, self._hear)
        self._watcher.news = OrderNews(desk.journal)
        self._prices = PolledFeed(desk.client, 1.0)
        oms.reconcile()
        self._jobs.extend(self._watcher.load())
        self._jobs.extend(self._watcher.feed(inputs.StreamUp(desk.now())))
        self.turn()

    def end(self) -> None:
        """As by a kill: what it has not written is gone."""
        self._watcher = None
        self._jobs.clear()
        self._lock.release()

    def wakes_at(self) -> datetime | None:
        """When it wants to look at something again."""
        if self._watcher is None:
            return None
        times = (state.wake_at for state in self._watcher.core.symbols.values())
        return min((at for at in times if at is not None), default=None)

    def turn(self) -> None:
        """Frames, prices, timers, and whatever they lead to, until nothing is left to do."""
        watcher = self._watcher
        if watcher is None:
            return
        self._jobs.extend(watcher.follow())
        self._take_frames(watcher)
        self._look_at_prices(watcher)
        self._jobs.extend(watcher.feed(inputs.Tick()))
        while self._jobs:
            job = min(self._jobs, key=lambda job: job.priority)
            self._jobs.remove(job)
            if isinstance(job, SymbolJob):
                self.acted_at = self._desk.now()
            self._jobs.extend(watcher.take_results(self._hands.perform(job)))
            self._take_frames(watcher)
        self._keep_notes(watcher)
        self._confirmer.take_in()
        self._confirmer.look_up(LOOKS_A_TURN)
        self._cash.turn()

    def _take_frames(self, watcher: Watcher) -> None:
        frames = self._exchange.frames()
        if frames:
            self._jobs.extend(watcher.take_updates(frames))

    def _look_at_prices(self, watcher: Watcher) -> None:
        states = watcher.core.symbols.values()
        symbols = sorted(state.symbol for state in states if state.qty)
        if symbols and self._desk.hours(self._desk.now()).is_open:
            self._prices.ask(symbols)
        for item in self._prices.drain():
            if not isinstance(item, Note):
                self._jobs.extend(watcher.feed(item))

    def _hear(self, note: Note) -> None:
        if note.type in AUDITED:
            self._to_audit.append(note)
        if note.is_alarm or note.type in ("action", "stop_moved"):
            self._told(f"watch: {note.text}")

    def _keep_notes(self, watcher: Watcher) -> None:
        """For the report: how positions were guarded, what was alarming."""
        journal, news, now = self._desk.journal, watcher.news, self._desk.now()
        if news is None or not (self._to_audit or news.is_unsaved):
            return
        with journal.transaction():
            mark = news.save()
            for note in self._to_audit:
                subject = str(note.data.get("symbol") or note.data.get("subject") or "watch")
                journal.audit(note.type, subject, "watch", note.data, note.text, now)
        news.saved(mark)
        self._to_audit.clear()
