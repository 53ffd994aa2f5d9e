"""The account followed in the foreground: what `execbot watch` runs, and any program may.

    with WatchSession(desk, lambda act: JsonSink(desk.now)) as session:
        session.run()

The session holds the account's lock: there is one watch for an account.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.budget import requests_left
from execbot.broker.errors import BrokerError
from execbot.config.errors import ConfigError
from execbot.desk.account import Desk
from execbot.desk.cancelling import cancel_one
from execbot.desk.door.ahead import Ahead
from execbot.desk.door.doing import workbench
from execbot.desk.door.serving import Door
from execbot.desk.emergency import close_position
from execbot.desk.executions import build_confirmer
from execbot.desk.halting import halt
from execbot.desk.opening.in_process import InProcessMarketData
from execbot.desk.operate.attending import Attendance
from execbot.desk.operate.telling import tell
from execbot.desk.protect import build_watcher
from execbot.desk.queue_care import release_was_run
from execbot.desk.signals.unfinished import unfinished_closes
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.journal.stand_in_journal import stand_in_journal
from execbot.market.halts import HALTS_KEY, HaltBook, book_from_json
from execbot.model.symbols import is_option, is_pair, is_stock
from execbot.oms.place.after_rejection import follow_up
from execbot.oms.release_queue import release_due
from execbot.oms.signals.executor import Executor
from execbot.risk.halting import current, raise_switch
from execbot.risk.kill_switch import Level, Trip
from execbot.watch.bars.keeping import KeptFeed
from execbot.watch.confirming import Confirming
from execbot.watch.core.jobs import Note
from execbot.watch.core.notes import alarm
from execbot.watch.feed import ManyFeeds, PolledFeed, PriceFeed, StreamedFeed
from execbot.watch.lock import WatchLock
from execbot.watch.loop import WatchLoop
from execbot.watch.options.care import OptionCare
from execbot.watch.options.dividends import dividends_of
from execbot.watch.reported_breaks import break_id, reported_before
from execbot.watch.show.publication import Publication
from execbot.watch.show.sinks import Sink, open_log

if TYPE_CHECKING:
    from execbot.broker.market_stream import MarketDataStream

__all__ = ["Act", "Farewell", "WatchLoop", "WatchSession", "build_loop"]

log = logging.getLogger("execbot.watch")

IN_PROCESS_POLL_SECONDS = 1.0
FALLBACK_POLL_SECONDS = 5.0
"""How often prices are asked for while no stream brings them: two requests, of 200 a minute."""

LOCK_SECONDS = 2.0
"""How long `watch` waits for another writer of the journal; then exits are sent from memory."""

ALERTS_SECONDS = 0.5
"""How long the end of a `watch` waits for an alert that is on its way."""

CANCEL_WAIT_SECONDS = 5.0
EVENTS_SCHEMA = 1
"""The version of the events that `watch --json` prints."""

Act = Callable[[str, str], None]
"""What a key of the screen does: (name, subject). `quit` ends the watch; the others run in
threads."""

TRIPS: Mapping[str, Trip] = {"unprotected": Trip.UNPROTECTED, "stream_lost": Trip.STREAM_LOST}
"""Critical notes that stop new entries."""


class Farewell(Struct, frozen=True):
    """`working_orders` is None where the journal cannot say."""

    message: str
    working_orders: int | None


class WatchSession:
    """One run of the watch. Enter it to hold the lock; raises AlreadyWatching."""

    def __init__(
        self,
        desk: Desk,
        make_sink: Callable[[Act], Sink],
        *,
        watchdog_seconds: float | None = None,
    ) -> None:
        """`make_sink` is handed what the keys of a screen do. `watchdog_seconds`: the process ends
        itself when its loop decides nothing for so long."""
        self._desk = desk
        self._make_sink = make_sink
        self._watchdog = watchdog_seconds
        self._lock = WatchLock(desk.directory)
        self.loop: WatchLoop
        self.farewell: Farewell | None = None
        self._door: Door | None = None
        self._publication: Publication
        self.was_unread = False
        """Whether nobody read the output any more when it ended."""

    def __enter__(self) -> WatchSession:
        self._lock.acquire()
        try:
            open_log(self._desk.directory, self._desk.settings.trading.logs)
            self._desk.alerter.keep_sending()
            sink = self._publication = Publication(self._make_sink(self._act), self._desk.now)
            self.loop = build_loop(self._desk, sink)
            self._attendance = Attendance(
                self._desk,
                self.loop,
                watchdog_seconds=self._watchdog,
                requests=lambda: requests_left(self._desk.client),
            )
            self.loop.on_beat = self._attendance.beat
            sink.follow(self.loop)
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close_door()
        self._lock.release()

    def run(self) -> None:
        """Reconcile, then follow until `loop.stop`. Raises BrokerError without a stream."""
        desk, sink = self._desk, self.loop.sink
        sink.begin(
            {
                "mode": desk.mode.value,
                "account": desk.account,
                **({"profile": desk.profile} if desk.profile else {}),
                "pid": os.getpid(),
                "schema": EVENTS_SCHEMA,
            }
        )
        try:
            if resumed := self._attendance.begin():
                self.loop.tell(resumed)
            reconcile_first(desk, self.loop)
            with suppress(JournalError):
                # It holds the lock: no `watch` of an earlier version reads the file any more.
                desk.journal.pack_newly()
            self._open_door()
            self.loop.run()
        finally:
            self._close_door()
            self.farewell = farewell(desk, self._attendance.end())
            sink.end(
                {
                    "message": self.farewell.message,
                    "working_orders": self.farewell.working_orders,
                }
            )
            # It ends in its own time whatever a receiver does; what is left goes out later.
            desk.alerter.close(ALERTS_SECONDS)
            self.was_unread = bool(getattr(sink, "is_unread", False))

    def _open_door(self) -> None:
        """Open the door: commands may hand their orders over from now on. Without a door they send
        themselves."""
        desk = self._desk
        if desk.same is None or not desk.settings.trading.order_management.through_watch:
            return
        ahead = Ahead()
        door = Door(
            desk.directory,
            desk.same,
            workbench(desk, ahead),
            publication=self._publication,
            hear_coming=ahead.hear,
        )
        try:
            door.open()
        except (OSError, ConfigError) as error:
            log.warning("the door stays closed: %s", error)
            return
        self._door = door

    def _close_door(self) -> None:
        door, self._door = self._door, None
        if door is not None:
            door.close()

    def tell_of_page(self, words: str) -> None:
        """Show what the page beside this watch has to say. Any thread may call it."""
        self.loop.tell(Note("command", words, {"command": "page", "subject": ""}))

    def _act(self, name: str, what: str) -> None:
        if name == "quit":
            self.loop.stop()
            return
        threading.Thread(target=self._carry_out, args=(name, what), daemon=True).start()

    def _carry_out(self, name: str, what: str) -> None:
        try:
            words = KEYS[name](self._desk, what)
        except Exception as error:
            words = f"{name} {what} failed: {error}"
        self.loop.tell(Note("command", words, {"command": name, "subject": what}))


# --- the keys ----------------------------------------------------------------------------------


def _cancel(desk: Desk, what: str) -> str:
    record, _ = cancel_one(desk, what, CANCEL_WAIT_SECONDS)
    return f"cancel {what}: {record.status}"


def _close(desk: Desk, symbol: str) -> str:
    record = close_position(desk, symbol, reason="closed on the screen").record
    return f"close {symbol}: {record.status if record is not None else 'nothing to close'}"


def _halt(desk: Desk, _: str) -> str:
    halt(desk, "halted on the screen")
    return "entries are halted: `execbot resume` lifts it"


KEYS: Mapping[str, Callable[[Desk, str], str]] = {
    "cancel": _cancel,
    "close": _close,
    "halt": _halt,
}
"""What came of it, in words, by the name of the key."""


# --- the loop ----------------------------------------------------------------------------------


def build_loop(desk: Desk, sink: Sink) -> WatchLoop:
    """The loop of this account, put together and not yet running."""
    # A journal of its own: what keys and the queue write is then seen as from any other process.
    path = desk.journal.path
    journal = Journal.open(path, busy_timeout_seconds=LOCK_SECONDS)
    desk.on_close(journal.close)
    watcher, hands = build_watcher(replace(desk, journal=journal))
    # Without a `protect` of its own: the watch itself protects what an addition leaves.
    executor = Executor(desk.oms, desk.risk, alerter=desk.alerter)
    hands.release_queue = partial(_release_queue, executor, desk.now)
    hands.follow_rejections = lambda: [str(done) for done in follow_up(executor.placer)]
    care = OptionCare(
        watcher.oms, desk.settings.trading, watcher.hours, desk.now, dividends_of(desk.client)
    )
    hands.care_for_options = care.warned
    watcher.core.memory.cares_for_options = True
    quality = Journal.open(path, busy_timeout_seconds=LOCK_SECONDS)
    desk.on_close(quality.close)
    confirmer = build_confirmer(replace(desk, journal=quality))
    loop = WatchLoop(
        watcher,
        hands,
        desk.client,
        KeptFeed(_feed(desk), desk.directory, desk.now, int(desk.settings.trading.logs.keep_days)),
        sink,
        desk.now,
        make_confirming=partial(Confirming, confirmer),
    )
    loop.make_stand_in = lambda: build_watcher(replace(desk, journal=stand_in_journal(path)))
    loop.on_note = partial(tell, desk)
    loop.on_critical = partial(stop_entries, desk)
    loop.halted_words = lambda: _halted_words(desk)
    return loop


def _release_queue(executor: Executor, now: Callable[[], datetime]) -> list[str]:
    """Release what is due; what was done, a line each."""
    released = release_due(executor)
    release_was_run(executor.oms.journal, now())
    return [f"{done.record.symbol} {done.action}: {done.reason}" for done in released]


def _halted_words(desk: Desk) -> str:
    try:
        switch = current(desk.journal)
    except JournalError:
        return "JOURNAL FAILS"
    return switch.level.value.upper() if switch.stops_entries else ""


def _feed(desk: Desk) -> PriceFeed:
    """Prices and halts: by stream where there is one, asked for in process and meanwhile."""
    stocks = desk.client.market_data("stocks")
    book = book_from_json(desk.journal.meta_get(HALTS_KEY))
    if isinstance(stocks, InProcessMarketData):
        prices = PolledFeed(desk.client, IN_PROCESS_POLL_SECONDS)
        halts = StreamedFeed(stocks, desk.now, book=book, is_up=True)
        return ManyFeeds(((lambda symbol: True, prices), (is_stock, halts)))

    stream_settings = desk.settings.trading.stream

    def streamed(stream: MarketDataStream, book: HaltBook = HaltBook()) -> StreamedFeed:
        return StreamedFeed(
            stream,
            desk.now,
            instead=PolledFeed(desk.client, FALLBACK_POLL_SECONDS),
            lost_after=timedelta(seconds=float(stream_settings.lost_alarm_seconds)),
            silence=timedelta(seconds=float(stream_settings.silence_probe_seconds)),
            book=book,
        )

    crypto = desk.client.market_data("crypto")
    # Alpaca's stream of options is msgpack, and of the modelled feed on most plans: REST is asked.
    contracts = PolledFeed(desk.client, float(stream_settings.poll_seconds))
    return ManyFeeds(
        ((is_stock, streamed(stocks, book)), (is_pair, streamed(crypto)), (is_option, contracts))
    )


def stop_entries(desk: Desk, note: Note) -> None:
    """An unprotected position or a lost stream stops new entries."""
    kind = str(note.data.get("kind") or note.type)
    if kind in TRIPS:
        raise_switch(desk.journal, Level.HALTED, note.text, TRIPS[kind], desk.now())


def reconcile_first(desk: Desk, loop: WatchLoop) -> None:
    """Start from the truth: every break is shown, and following begins all the same."""
    try:
        result = loop.watcher.oms.reconcile()
    except BrokerError as error:
        words = f"could not reconcile at the start: {error}"
        loop.sink.note(alarm("reconcile", "", words), desk.now())
        return
    except JournalError as error:
        if not error.leaves_what_was_read:
            raise
        loop.watcher.journal_failed(error)
        return
    reported = reported_before(loop.watcher.journal, result.breaks)
    for found in result.breaks:
        data = {
            "event_id": break_id(found),
            "replayed": break_id(found) in reported,
            "kind": found.kind,
            "subject": found.subject,
            "ours": found.ours,
            "theirs": found.theirs,
            "cause": found.cause,
        }
        words = f"break {found.kind} {found.subject}: ours {found.ours}, theirs {found.theirs}"
        loop.sink.note(Note("break", f"{words}; {found.cause}", data), desk.now())
    for words in result.notes:
        loop.sink.note(Note("booked", words), desk.now())
    for words in unfinished_closes(desk):
        loop.sink.note(alarm("unfinished", "", words), desk.now())
    words = f"reconciled: {len(result.breaks)} breaks"
    loop.sink.note(Note("reconciled", words, {"breaks": len(result.breaks)}), desk.now())


def farewell(desk: Desk, unwatched: Sequence[str] = ()) -> Farewell:
    """What stays at the broker when nobody watches any more, and what does not."""
    known = _farewell(desk)
    return Farewell("; ".join([known.message, *unwatched]), known.working_orders)


def _farewell(desk: Desk) -> Farewell:
    try:
        count = sum(record.order.is_working for record in desk.journal.orders("open"))
    except JournalError as error:
        return Farewell(f"stopped watching; journal: {error}", None)
    if not count:
        return Farewell("stopped watching; no order is working", 0)
    noun = "order stays" if count == 1 else "orders stay"
    return Farewell(f"stopped watching; {count} {noun} working at the broker", count)
