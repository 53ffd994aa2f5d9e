"""What a running `watch` feeds so that others see whether it lives: its heartbeat file, the service
manager, a dead man's switch, and a watchdog in its own process.

The loop that decides feeds all of them, after its decisions, and none can hold it up."""

from __future__ import annotations

import faulthandler
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from execbot.alerts import Alert
from execbot.alerts.pings import Event, Ping, Pinger
from execbot.desk.account import Desk
from execbot.journal.errors import JournalError
from execbot.model.timer import Timer
from execbot.model.times import maybe_iso
from execbot.report.operation import UNWATCHED
from execbot.watch.core.jobs import Note
from execbot.watch.core.notes import alarm
from execbot.watch.heartbeat import YOUNG_SECONDS, HeartbeatFile
from execbot.watch.loop import WatchLoop
from execbot.watch.service_manager import ServiceManager
from execbot.watch.unwatched import Left, gap_words, held_here, keep, left_of, stops

EVERY_SECONDS = 5.0
PING_SECONDS = 60.0
GOODBYE_SECONDS = 0.5
SETTLED_SECONDS = 180.0
SETTLED = "it did not come again since this watch began"
"""After this time the alarms of an earlier watch that this one has not raised are over: those that
go on come each minute."""

START_SECONDS = 300.0
"""How long the first reconciliation may take before the watchdog calls it hung."""

ENDED = "watch.ended"
RESUMED = "watch.resumed"


class Attendance:
    """Of one run of the watch. `beat` is called by the loop after each turn."""

    def __init__(
        self,
        desk: Desk,
        loop: WatchLoop,
        timer: Timer | None = None,
        watchdog_seconds: float | None = None,
        requests: Callable[[], tuple[int, int] | None] = lambda: None,
    ) -> None:
        """`requests` says how many of a minute's requests are left, and of how many."""
        self._desk, self._loop, self._timer = desk, loop, timer or Timer()
        self._requests = requests
        self._file = HeartbeatFile(desk.directory, desk.now(), self._timer)
        self._manager = ServiceManager()
        url = desk.settings.trading.ping.watch
        self._pinger = Pinger(url) if url else None
        self._watchdog = watchdog_seconds
        self._began, self._is_settled = self._timer.monotonic(), False
        self._beaten = self._pinged = self._well = float("-inf")
        self._guard(START_SECONDS)

    def begin(self) -> Note | None:
        """For how long nobody watched; None where nobody ever did."""
        left = left_of(self._desk.directory)
        if left is None:
            self._book("nobody watched before", None)
            return None
        words, is_alarm = gap_words(left, self._desk.now(), self._timer.mark())
        self._book(words, left.at)
        if is_alarm:
            return alarm(RESUMED, "", words, critical=True, symbols=left.held_here)
        return Note("resumed", words, {"held_here": list(left.held_here)})

    def beat(self, stream_up: bool, trouble: str) -> None:
        self._file.beat(
            self._desk.now(), stream_up=stream_up, trouble=trouble, requests=self._requests
        )
        seconds = self._timer.monotonic()
        self._manager.following()
        if not trouble:
            self._well = seconds
        if seconds - self._beaten >= EVERY_SECONDS:
            self._beaten = seconds
            self._manager.deciding(trouble or ("following" if stream_up else "stream down"))
            if self._watchdog is not None:
                self._guard(self._watchdog)
            self._keep()
            self._desk.keep_clock()
            if seconds - self._began >= SETTLED_SECONDS and not trouble and not self._is_settled:
                self._is_settled = True
                self._desk.alerter.end_left_over(SETTLED)
        if self._pinger is not None and seconds - self._pinged >= PING_SECONDS:
            self._pinged = seconds
            lasts = seconds - self._well > YOUNG_SECONDS
            words = trouble or f"deciding; stream {'up' if stream_up else 'down'}"
            self._pinger.tell(Ping(Event.FAIL if lasts else Event.ALIVE, words))

    def end(self) -> list[str]:
        """What stays unwatched, in words; a person is told too."""
        self._manager.ending()
        if self._watchdog is not None:
            faulthandler.cancel_dump_traceback_later()
        symbols = self._keep()
        if self._pinger is not None:
            self._pinger.close(GOODBYE_SECONDS)
        self._file.end()
        if not symbols:
            return []
        words = f"nobody watches {stops(symbols)} now: held here, not at the broker"
        self._desk.alerter.alert(Alert(ENDED, f"{words}. Start it again: execbot watch"))
        return [words]

    def _book(self, words: str, since: datetime | None) -> None:
        """The time without a watch, for reports. Nothing but a report rests on it."""
        facts = {"state": UNWATCHED, "since": maybe_iso(since)}
        with suppress(JournalError):
            self._desk.journal.audit("stream", "watch", "watch", facts, words, self._desk.now())

    def _keep(self) -> list[str]:
        symbols = held_here(list(self._loop.watcher.core.symbols.values()))
        keep(self._desk.directory, Left(self._desk.now(), self._timer.mark(), symbols))
        return symbols

    def _guard(self, seconds: float) -> None:
        """End this process once nothing is decided for so long, with a word on where it hangs: by a
        thread of the interpreter that needs nothing of Python's. A container has no other
        watchdog."""
        if self._watchdog is not None:
            faulthandler.dump_traceback_later(
                max(seconds, self._watchdog), exit=True, file=sys.__stderr__ or sys.stderr
            )
