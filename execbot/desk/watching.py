"""The account followed in the foreground: what `execbot watch` runs, and any program may.

    with WatchSession(desk, lambda act: JsonSink(desk.now)) as session:
        session.run()

The session holds the account's lock: there is one watch for an account.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.alerts import Alert
from execbot.broker.errors import BrokerError
from execbot.desk.cancelling import cancel_one
from execbot.desk.context import Context
from execbot.desk.emergency import close_position
from execbot.desk.halting import halt
from execbot.desk.in_process import InProcessMarketData
from execbot.desk.protect import build_watcher
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.model.symbols import is_pair, is_stock
from execbot.oms.release_queue import release_due
from execbot.oms.signals.executor import Executor
from execbot.risk.halting import current, raise_switch
from execbot.risk.kill_switch import Level, Trip
from execbot.watch.core.jobs import Note
from execbot.watch.core.notes import alarm
from execbot.watch.feed import ManyFeeds, PolledFeed, PriceFeed, StreamedFeed
from execbot.watch.lock import WatchLock
from execbot.watch.loop import WatchLoop
from execbot.watch.show.sinks import Sink, open_log
from execbot.watch.told_breaks import break_id, told_before

if TYPE_CHECKING:
    from execbot.broker.market_stream import MarketDataStream

__all__ = ["Act", "Farewell", "WatchLoop", "WatchSession", "build_loop"]

IN_PROCESS_POLL_SECONDS = 1.0
FALLBACK_POLL_SECONDS = 5.0
"""How often prices are asked for while no stream brings them: two requests, of 200 a minute."""

CANCEL_WAIT_SECONDS = 5.0
EVENTS_SCHEMA = 1
"""The version of the events that `watch --json` prints."""

Act = Callable[[str, str], None]
"""What a key does: (name, subject). `quit` ends the watch; the others run in threads."""

TRIPS: Mapping[str, Trip] = {"unprotected": Trip.UNPROTECTED, "stream_lost": Trip.STREAM_LOST}
"""Critical notes that stop new entries."""


class Farewell(Struct, frozen=True):
    """`working_orders` is None where the journal cannot say."""

    message: str
    working_orders: int | None


class WatchSession:
    """One run of the watch. Enter it to hold the lock; raises AlreadyWatching."""

    def __init__(self, desk: Context, make_sink: Callable[[Act], Sink]) -> None:
        """`make_sink` is handed what the keys of a screen do."""
        self._desk = desk
        self._make_sink = make_sink
        self._lock = WatchLock(desk.directory)
        self.loop: WatchLoop
        self.farewell: Farewell | None = None
        self.was_unread = False
        """Whether nobody read the output any more when it ended."""

    def __enter__(self) -> WatchSession:
        self._lock.acquire()
        try:
            open_log(self._desk.directory)
            self._desk.alerter.keep_sending()
            sink = self._make_sink(self._act)
            self.loop = build_loop(self._desk, sink)
            if hasattr(sink, "loop"):
                sink.loop = self.loop
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def run(self) -> None:
        """Reconcile, then follow until `loop.stop`. Raises BrokerError without a stream."""
        desk, sink = self._desk, self.loop.sink
        sink.begin(
            {
                "mode": desk.mode.value,
                "account": desk.account,
                "pid": os.getpid(),
                "schema": EVENTS_SCHEMA,
            }
        )
        try:
            reconcile_first(desk, self.loop)
            self.loop.run()
        finally:
            self.farewell = farewell(desk)
            self.was_unread = bool(getattr(sink, "is_unread", False))
            sink.end(
                {
                    "message": self.farewell.message,
                    "working_orders": self.farewell.working_orders,
                }
            )

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


def _cancel(desk: Context, what: str) -> str:
    record, _ = cancel_one(desk, what, CANCEL_WAIT_SECONDS)
    return f"cancel {what}: {record.status}"


def _close(desk: Context, symbol: str) -> str:
    record = close_position(desk, symbol, reason="closed on the screen").record
    return f"close {symbol}: {record.status if record is not None else 'nothing to close'}"


def _halt(desk: Context, _: str) -> str:
    halt(desk, "halted on the screen")
    return "entries are halted: `execbot resume` lifts it"


KEYS: Mapping[str, Callable[[Context, str], str]] = {
    "cancel": _cancel,
    "close": _close,
    "halt": _halt,
}
"""What came of it, in words, by the name of the key."""


# --- the loop ----------------------------------------------------------------------------------


def build_loop(desk: Context, sink: Sink) -> WatchLoop:
    """The loop of this account, put together and not yet running."""
    # A journal of its own: what keys and the queue write is then seen as from any other process.
    journal = Journal.open(desk.journal.path)
    desk.on_close(journal.close)
    watcher, hands = build_watcher(replace(desk, journal=journal))
    # Without a `protect` of its own: the watch itself protects what an addition leaves.
    executor = Executor(desk.oms, desk.risk, alerter=desk.alerter)
    hands.release_queue = lambda: [
        f"{done.record.symbol} {done.action}: {done.reason}" for done in release_due(executor)
    ]
    loop = WatchLoop(watcher, hands, desk.client, _feed(desk), sink, desk.now)
    loop.on_critical = lambda note: stop_entries(desk, note)
    loop.halted_words = lambda: _halted_words(desk)
    return loop


def _halted_words(desk: Context) -> str:
    try:
        switch = current(desk.journal)
    except JournalError:
        return "JOURNAL FAILS"
    return switch.level.value.upper() if switch.stops_entries else ""


def _feed(desk: Context) -> PriceFeed:
    """Prices and halts: by stream where there is one, asked for in process and meanwhile."""
    stocks = desk.client.market_data("stocks")
    if isinstance(stocks, InProcessMarketData):
        prices = PolledFeed(desk.client, IN_PROCESS_POLL_SECONDS)
        halts = StreamedFeed(stocks, desk.now)
        return ManyFeeds(((lambda symbol: True, prices), (is_stock, halts)))

    def streamed(stream: MarketDataStream) -> StreamedFeed:
        return StreamedFeed(
            stream,
            desk.now,
            instead=PolledFeed(desk.client, FALLBACK_POLL_SECONDS),
            lost_after=timedelta(seconds=float(desk.settings.trading.stream.lost_alarm_seconds)),
        )

    crypto = desk.client.market_data("crypto")
    return ManyFeeds(((is_stock, streamed(stocks)), (is_pair, streamed(crypto))))


def stop_entries(desk: Context, note: Note) -> None:
    """Alert the trader; an unprotected position or a lost stream stops new entries too."""
    kind = str(note.data.get("kind") or note.type)
    desk.alerter.alert(Alert(kind, note.text, str(note.data.get("symbol") or "")))
    if kind in TRIPS:
        raise_switch(desk.journal, Level.HALTED, note.text, TRIPS[kind], desk.now())


def reconcile_first(desk: Context, loop: WatchLoop) -> None:
    """Start from the truth: every break is shown, and following begins all the same."""
    try:
        result = loop.watcher.oms.reconcile()
    except BrokerError as error:
        words = f"could not reconcile at the start: {error}"
        loop.sink.note(alarm("reconcile", "", words), desk.now())
        return
    told = told_before(loop.watcher.journal, result.breaks)
    for found in result.breaks:
        data = {
            "event_id": break_id(found),
            "replayed": break_id(found) in told,
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
    words = f"reconciled: {len(result.breaks)} breaks"
    loop.sink.note(Note("reconciled", words, {"breaks": len(result.breaks)}), desk.now())


def farewell(desk: Context) -> Farewell:
    """What stays at the broker when nobody watches any more."""
    try:
        count = sum(record.order.is_working for record in desk.journal.orders("open"))
    except JournalError as error:
        return Farewell(f"stopped watching; journal: {error}", None)
    if not count:
        return Farewell("stopped watching; no order is working", 0)
    noun = "order stays" if count == 1 else "orders stay"
    return Farewell(f"stopped watching; {count} {noun} working at the broker", count)
