"""Raising alerts: rate limited, never in the way, and not lost while nobody takes them.

URLs come from EXECBOT_ALERT_URLS (separated by spaces or commas), never from a file. Sending
happens on a thread of its own with a bounded queue: an alert is dropped before it delays an order.
The same kind is sent at most once in `min_interval_seconds`; what was held back is counted and
told with the next one. What no receiver took is kept and sent again (`execbot.alerts.waiting`).
Without URLs, or without the `alerts` extra, nothing is sent and nothing fails: every alert is also
in the journal or on stderr of the command that raised it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

from msgspec import Struct

from execbot.alerts.receivers import (
    URLS_VARIABLE,
    AlertsUnavailable,
    Send,
    sender_from,
)
from execbot.alerts.waiting import JournalWaiting, Parcel, WaitingAlerts
from execbot.journal.errors import JournalError
from execbot.model.times import show_eastern

QUEUE_LENGTH_MAX = 100
CLOSE_SECONDS = 5.0
"""How long a command waits at its end for alerts on their way."""

LOOK_SECONDS = 15.0
"""How often a program that goes on looks for alerts to be sent again, other processes' too."""


class Alert(Struct, frozen=True):
    """`kind` is a stable slug; alerts of one kind and subject are rate limited together."""

    kind: str
    message: str
    subject: str = ""
    critical: bool = True

    @property
    def key(self) -> str:
        return f"{self.kind}|{self.subject}"

    @property
    def title(self) -> str:
        return f"execbot: {self.kind}" + (f" {self.subject}" if self.subject else "")


class Alerter:
    """Alerts on a thread of their own. `close` lets what is queued go out, or wait."""

    def __init__(
        self,
        send: Send | None,
        *,
        min_interval_seconds: float,
        now: Callable[[], datetime],
        recall: Callable[[str], datetime | None] = lambda key: None,
        remember: Callable[[str, datetime], None] = lambda key, at: None,
        waiting: WaitingAlerts | None = None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """`recall` and `remember` share the last times between processes (the journal); `waiting`
        keeps what nobody took, in memory where none is given."""
        self._send = send
        self._interval = min_interval_seconds
        self._now = now
        self._recall = recall
        self._remember = remember
        self._waiting: WaitingAlerts = waiting or JournalWaiting(lambda: None)
        self._look_seconds = look_seconds
        self._last: dict[str, datetime] = {}
        self._held_back: dict[str, int] = {}
        self._queue: queue.Queue[Parcel | None] = queue.Queue(QUEUE_LENGTH_MAX)
        self._thread: threading.Thread | None = None
        self.sent = 0
        self.failed = 0
        self.dropped = 0

    @classmethod
    def from_environment(
        cls,
        env: Mapping[str, str] | None = None,
        *,
        min_interval_seconds: float,
        now: Callable[[], datetime],
        recall: Callable[[str], datetime | None] = lambda key: None,
        remember: Callable[[str, datetime], None] = lambda key, at: None,
        waiting: WaitingAlerts | None = None,
    ) -> Alerter:
        return cls(
            sender_from(env),
            min_interval_seconds=min_interval_seconds,
            now=now,
            recall=recall,
            remember=remember,
            waiting=waiting,
        )

    def alert(self, alert: Alert) -> bool:
        """Queue an alert; False when it was held back, dropped, or nobody receives alerts.

        Never waits for a receiver and never raises.
        """
        if self._send is None:
            return False
        now = self._now()
        last = self._last.get(alert.key) or self._last_of_others(alert.key)
        if last is not None and 0 <= (now - last).total_seconds() < self._interval:
            self._held_back[alert.key] = self._held_back.get(alert.key, 0) + 1
            return False
        held_back = self._held_back.pop(alert.key, 0)
        body = alert.message + (f" ({held_back} more like it before)" if held_back else "")
        try:
            self._queue.put_nowait(Parcel(alert.title, body, now))
        except queue.Full:
            self.dropped += 1
            return False
        self._last[alert.key] = now
        with suppress(JournalError):
            self._remember(alert.key, now)
        self._start()
        return True

    def resend(self) -> None:
        """Send again what nobody took before, where its time has come. Costs one look if not."""
        if self._send is not None and self._waiting.has_due():
            self._start()

    def keep_sending(self) -> None:
        """For a program that goes on: look now and then for what is to be sent again."""
        if self._send is not None:
            self._start()

    def test(self) -> None:
        """Send one alert now and wait for it. Raises AlertsUnavailable unless everybody took it."""
        if self._send is None:
            raise AlertsUnavailable(f"{URLS_VARIABLE} is not set")
        told = self._send("execbot: test", "This is a test alert of execbot.")
        if told.refused:
            of = told.taken + told.refused
            raise AlertsUnavailable(f"{told.refused} of {of} receivers did not take the test alert")

    def close(self, timeout_seconds: float = CLOSE_SECONDS) -> None:
        """Let queued alerts go out, at most this long; what is left is sent by a later process."""
        if self._thread is None:
            return
        with suppress(queue.Full):
            self._queue.put(None, timeout=timeout_seconds)
            self._thread.join(timeout_seconds)
        with suppress(queue.Empty):
            while True:
                left = self._queue.get_nowait()
                if left is not None:
                    self._waiting.keep(left, claimed=False)

    # --- the thread ------------------------------------------------------------------------

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        if self._queue.empty():  # else what is new goes first
            self._send_again()
        while True:
            try:
                parcel = self._queue.get(timeout=self._look_seconds)
            except queue.Empty:
                self._send_again()
                continue
            if parcel is None:
                return
            if self._deliver(self._waiting.keep(parcel, claimed=True)):
                self._send_again(at_once=True)  # the way is open again

    def _send_again(self, *, at_once: bool = False) -> None:
        """Everything that waits, oldest first, until one is refused again."""
        while (parcel := self._waiting.claim(at_once=at_once)) is not None:
            late = f"[raised {show_eastern(parcel.raised_at)}, not taken until now] {parcel.body}"
            if not self._deliver(parcel, late):
                return

    def _deliver(self, parcel: Parcel, body: str = "") -> bool:
        """Whether somebody took it. Whatever a receiver does wrong stays here."""
        try:
            taken = (
                self._send is not None and self._send(parcel.title, body or parcel.body).is_taken
            )
        except Exception:
            taken = False
        self.sent += taken
        self.failed += not taken
        if taken:
            self._waiting.strike(parcel.id)
        else:
            self._waiting.put_back(parcel.id)
        return taken

    def _last_of_others(self, key: str) -> datetime | None:
        try:
            return self._recall(key)
        except JournalError:
            return None
