"""`execbot watch`: follow the account in the foreground and keep its positions protected."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import Failure
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.output import is_terminal, muffle
from execbot.desk.protect import build_watcher
from execbot.model.symbols import is_pair, is_stock

if TYPE_CHECKING:
    from execbot.broker.market_stream import MarketDataStream
    from execbot.desk.context import Context
    from execbot.watch.core.jobs import Note
    from execbot.watch.feed import PriceFeed
    from execbot.watch.loop import WatchLoop
    from execbot.watch.show.sinks import Sink

IN_PROCESS_POLL_SECONDS = 1.0
FALLBACK_POLL_SECONDS = 5.0
"""How often prices are asked for while no stream brings them: two requests, of 200 a minute."""


@command
def watch(
    cli: Cli,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of the screen.")] = False,
    seconds: Annotated[
        float | None, typer.Option(help="End by itself after this long.", metavar="SECONDS")
    ] = None,
) -> None:
    """Follow orders and positions, and keep every position protected.

    Reconciles at the start, then follows the account's trade updates: fills are recorded, entries
    that do not fill in time are canceled, stops and targets are kept at the broker. One instance
    an account; a second one ends with exit 9. The first Ctrl-C ends it, and so does the end of the
    program that reads its output; orders stay working.

    \b
    Examples:
      execbot watch
      execbot watch --plain >> watch.txt
      execbot watch --json | jq 'select(.type == "alarm")'
    """
    from execbot.watch.lock import AlreadyWatching, WatchLock

    with cli.open() as desk:
        lock = WatchLock(desk.directory)
        try:
            lock.acquire()
        except AlreadyWatching as error:
            raise Failure(
                "watch.already_running",
                f"This account is watched already, by process {error.pid}",
                ExitCode.LOCKED,
                outcome="not_sent",
                hint="One watch an account: two would act on the same events.",
                next_step=f"Look at it, or end it: kill {error.pid}",
                extra={"pid": error.pid},
            ) from error
        try:
            _run(cli, desk, plain=plain, seconds=seconds)
        finally:
            lock.release()


def _run(cli: Cli, desk: Context, *, plain: bool, seconds: float | None) -> None:
    from execbot.watch.show.sinks import open_log

    open_log(desk.directory)
    desk.alerter.keep_sending()
    sink = _sink(cli, desk, plain=plain)
    loop = build_loop(desk, sink)
    _ACTIVE[:] = [loop]
    if hasattr(sink, "loop"):
        sink.loop = loop
    with _signals(loop, seconds):
        loop.sink.begin(
            {"mode": desk.mode.value, "account": desk.account, "pid": os.getpid(), "schema": 1}
        )
        try:
            _reconcile(loop, desk)
            loop.run()
        finally:
            goodbye = _farewell(desk)
            unread = getattr(sink, "is_unread", False)
            loop.sink.end(goodbye)
            if unread:
                muffle(1)
                cli.note(f"nobody reads the output any more: {goodbye['message']}")


def build_loop(desk: Context, sink: Sink) -> WatchLoop:
    """Put the loop together from what the context offers."""
    from dataclasses import replace

    from execbot.journal.errors import JournalError
    from execbot.journal.journal import Journal
    from execbot.oms.release_queue import release_due
    from execbot.oms.signals.executor import Executor
    from execbot.risk.halting import current
    from execbot.watch.loop import WatchLoop

    # A journal of its own: what keys and the queue write is then seen as from any other process.
    journal = Journal.open(desk.journal.path)
    desk.on_close(journal.close)
    watcher, hands = build_watcher(replace(desk, journal=journal))
    executor = Executor(desk.oms, desk.risk, alerter=desk.alerter)
    hands.release_queue = lambda: [
        f"{done.record.symbol} {done.action}: {done.reason}" for done in release_due(executor)
    ]
    loop = WatchLoop(watcher, hands, desk.client, _feed(desk), sink, desk.now)
    loop.on_critical = _on_critical(desk)

    def halted_words() -> str:
        try:
            switch = current(desk.journal)
        except JournalError:
            return "JOURNAL FAILS"
        return switch.level.value.upper() if switch.stops_entries else ""

    loop.halted_words = halted_words
    return loop


def _feed(desk: Context) -> PriceFeed:
    from datetime import timedelta

    from execbot.desk.in_process import InProcessMarketData
    from execbot.watch.feed import ManyFeeds, PolledFeed, StreamedFeed

    stocks = desk.client.market_data("stocks")
    if isinstance(stocks, InProcessMarketData):
        prices = PolledFeed(desk.client, IN_PROCESS_POLL_SECONDS)
        halts = StreamedFeed(stocks, desk.now)
        return ManyFeeds(
            ((lambda symbol: True, prices), (lambda symbol: not is_pair(symbol), halts))
        )

    def streamed(stream: MarketDataStream) -> StreamedFeed:
        return StreamedFeed(
            stream,
            desk.now,
            instead=PolledFeed(desk.client, FALLBACK_POLL_SECONDS),
            lost_after=timedelta(seconds=float(desk.settings.trading.stream.lost_alarm_seconds)),
        )

    crypto = desk.client.market_data("crypto")
    return ManyFeeds(((is_stock, streamed(stocks)), (is_pair, streamed(crypto))))


def _sink(cli: Cli, desk: Context, *, plain: bool) -> Sink:
    from execbot.watch.show.sinks import JsonSink, PlainSink

    if cli.json:
        return JsonSink(desk.now)
    if plain or not is_terminal():
        return PlainSink(desk.now)
    from execbot.watch.show.screen import ScreenSink

    return ScreenSink(desk.now, _actions(desk), color=cli.style.color)


def _actions(desk: Context) -> Callable[[str, str], None]:
    """What the keys do. Each runs in a thread of its own and reports by a note."""
    import threading

    from execbot.exits.store import suspend_plans
    from execbot.risk.halting import raise_switch
    from execbot.risk.kill_switch import Level
    from execbot.watch.core.jobs import Note

    def cancel(what: str) -> str:
        record = desk.journal.order_by_client_id(what)
        if record is not None and record.role in ("stop", "target"):
            suspend_plans(desk.journal, desk.now(), "an exit was canceled by hand", record.symbol)
        return f"cancel {what}: {desk.oms.cancel(what, wait_seconds=5).status}"

    def close(symbol: str) -> str:
        closed = desk.oms.close(symbol, reason="closed on the screen").record
        return f"close {symbol}: {closed.status if closed is not None else 'nothing to close'}"

    def halt(_: str) -> str:
        raise_switch(desk.journal, Level.HALTED, "halted on the screen", "trader", desk.now())
        return "entries are halted: `execbot resume` lifts it"

    table = {"cancel": cancel, "close": close, "halt": halt}

    def run(name: str, what: str) -> None:
        try:
            words = table[name](what)
        except Exception as error:
            words = f"{name} {what} failed: {error}"
        _ACTIVE[0].tell(Note("command", words, {"command": name, "subject": what}))

    def act(name: str, what: str) -> None:
        if name == "quit":
            _ACTIVE[0].stop()
            return
        threading.Thread(target=run, args=(name, what), daemon=True).start()

    return act


_ACTIVE: list[WatchLoop] = []
"""The loop that runs: there is one in a process."""


def _on_critical(desk: Context) -> Callable[[Note], None]:
    """An unprotected position or a lost stream stops new entries, and the trader is alerted."""
    from execbot.alerts import Alert
    from execbot.risk.halting import raise_switch
    from execbot.risk.kill_switch import Level, Trip

    trips = {"unprotected": Trip.UNPROTECTED, "stream_lost": Trip.STREAM_LOST}

    def tell(note: Note) -> None:
        kind = str(note.data.get("kind") or note.type)
        desk.alerter.alert(Alert(kind, note.text, str(note.data.get("symbol") or "")))
        if kind in trips:
            raise_switch(desk.journal, Level.HALTED, note.text, trips[kind], desk.now())

    return tell


def _reconcile(loop: WatchLoop, desk: Context) -> None:
    """Start from the truth: every break is shown, and following begins all the same."""
    from execbot.broker.errors import BrokerError
    from execbot.watch.core.jobs import Note
    from execbot.watch.core.notes import alarm
    from execbot.watch.told_breaks import break_id, told_before

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


class _signals:
    """The first SIGINT or SIGTERM ends the loop cleanly, the second one at once."""

    def __init__(self, loop: WatchLoop, seconds: float | None) -> None:
        self._loop = loop
        self._seconds = seconds
        self._old: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._old[number] = signal.signal(number, self._ask)
        if self._seconds is not None:
            import threading

            timer = threading.Timer(self._seconds, self._loop.stop)
            timer.daemon = True
            timer.start()

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        self._loop.stop()
        signal.signal(number, signal.SIG_DFL)


def _farewell(desk: Context) -> dict[str, Any]:
    from execbot.journal.errors import JournalError

    try:
        working = [r for r in desk.journal.orders("open") if r.order.is_working]
    except JournalError as error:
        return {"message": f"stopped watching; journal: {error}", "working_orders": None}
    count = len(working)
    noun = "order stays" if count == 1 else "orders stay"
    message = (
        f"stopped watching; {count} {noun} working at the broker"
        if count
        else ("stopped watching; no order is working")
    )
    return {"message": message, "working_orders": count}
