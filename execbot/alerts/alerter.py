"""Sends alerts: rate limited, never in the way of an order, and kept until a receiver takes them.

URLs come from EXECBOT_ALERT_URLS (separated by spaces or commas), never from a file. Sending
happens on a thread of its own with a bounded queue: an alert is dropped before it delays an order.
The same kind is sent at most once in `min_interval_seconds`; the next one says how many were held
back. An alert that no receiver took is kept and sent again (`execbot.alerts.waiting`). Without
URLs, or without the `alerts` extra, nothing is sent and nothing fails: every alert is also in the
journal or on stderr of the command that raised it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from msgspec import Struct

from execbot.alerts.alert import Alert, Severity
from execbot.alerts.receivers import (
    URLS_VARIABLE,
    AlertsUnavailable,
    Delivery,
    Send,
    sender_from,
)
from execbot.alerts.standing import StandingAlarms
from execbot.alerts.waiting import JournalWaiting, Parcel, WaitingAlerts
from execbot.config.quiet_hours import QuietHours
from execbot.journal.errors import JournalError
from execbot.model.times import show_eastern

T = TypeVar("T")

QUEUE_LENGTH_MAX = 100
CLOSE_SECONDS = 5.0
"""How long a command waits at its end for alerts on their way."""

DELIVER_SECONDS = 60.0
"""How long whoever was asked to send something waits for it."""

LOOK_SECONDS = 15.0
"""How often a program that goes on looks for alerts to be sent again, other processes' too."""


KEYS_MAX = 1000
"""So many kinds and subjects are remembered; what was told longest ago is forgotten first. The
times of the others are in the journal."""

RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class Policy(Struct, frozen=True):
    """Which alerts go out, and when. `min_severity` filters alarms; INFO always goes out, since
    somebody asked for it."""

    min_interval_seconds: float
    min_severity: Severity = Severity.WARNING
    quiet: QuietHours | None = None
    tells_ends: bool = True

    def lets_out(self, alert: Alert) -> bool:
        return alert.severity is Severity.INFO or RANK[alert.severity] >= RANK[self.min_severity]

    def quiet_until(self, alert: Alert, at: datetime) -> datetime | None:
        if self.quiet is None or alert.severity is Severity.CRITICAL:
            return None
        return self.quiet.until(at)


class Alerter:
    """Alerts on a thread of their own. `close` lets what is queued go out, or wait."""

    def __init__(
        self,
        send: Send | None,
        *,
        min_interval_seconds: float = 0.0,
        policy: Policy | None = None,
        now: Callable[[], datetime],
        recall: Callable[[str], datetime | None] = lambda key: None,
        remember: Callable[[str, datetime], None] = lambda key, at: None,
        waiting: WaitingAlerts | None = None,
        standing: StandingAlarms | None = None,
        look_seconds: float = LOOK_SECONDS,
        delivered: Callable[[Delivery], None] = lambda delivery: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`recall` and `remember` share the last times between processes (the journal); `waiting`
        keeps what nobody took, `standing` what was told and lasts; both in memory where none is
        given. `delivered` is told what became of each. `clock` is the machine's own: people sleep
        by it."""
        self._send = send
        self._policy = policy or Policy(min_interval_seconds)
        self._standing = standing or StandingAlarms()
        self._delivered, self._clock = delivered, clock
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
        **given: Any,
    ) -> Alerter:
        """`given` as the constructor takes it."""
        return cls(sender_from(env), **given)

    @property
    def has_receivers(self) -> bool:
        return self._send is not None

    def alert(self, alert: Alert) -> bool:
        """Queue an alert. False if it was held back or dropped, or if no receiver is set.

        Never waits for a receiver and never raises.
        """
        if self._send is None or not self._policy.lets_out(alert):
            return False
        now = self._now()
        if self._standing.is_reported(alert, now):
            return False
        last = self._last.get(alert.key) or self._last_of_others(alert.key)
        interval = self._policy.min_interval_seconds
        if last is not None and 0 <= (now - last).total_seconds() < interval:
            _keep(self._held_back, alert.key, self._held_back.get(alert.key, 0) + 1)
            return False
        held_back = self._held_back.pop(alert.key, 0)
        body = alert.message + (f" ({held_back} more like it before)" if held_back else "")
        if alert.lasts:
            body += self._standing.tell(alert, now)
        quiet_until = self._policy.quiet_until(alert, self._clock())
        try:
            self._queue.put_nowait(Parcel(alert.title, body, now, quiet_until=quiet_until))
        except queue.Full:
            self.dropped += 1
            return False
        _keep(self._last, alert.key, now)
        with suppress(JournalError):
            self._remember(alert.key, now)
        self._start()
        return True

    def resolve(self, kind: str, words: str, subject: str = "") -> bool:
        """An alarm that lasted is over. True where that is told: it had been told itself."""
        ended = self._standing.end(kind, subject, words, self._now())
        if ended is None or not self._policy.tells_ends:
            return False
        return self.alert(ended)

    def end_left_over(self, words: str) -> None:
        """Ends the alarms that an earlier process told and this one has not raised. Otherwise their
        end would never be told, and the next alarm of that kind would count as a repeat."""
        if self._send is None:
            return
        for kind, subject in self._standing.left_over():
            self.resolve(kind, words, subject)

    def resend(self) -> None:
        """Send untaken alerts again once they are due. Costs one look if none is."""
        if self._send is not None and self._waiting.has_due():
            self._start()

    def keep_sending(self) -> None:
        """For a program that keeps running: look now and then for alerts to send again."""
        if self._send is not None:
            self._start()

    def test(self) -> None:
        """Send one alert now and wait. Raises AlertsUnavailable unless every receiver took it."""
        if self._send is None:
            raise AlertsUnavailable(f"{URLS_VARIABLE} is not set")
        result = self._send("execbot: test", "This is a test alert of execbot.")
        if result.refused:
            of = result.taken + result.refused
            raise AlertsUnavailable(
                f"{result.refused} of {of} receivers did not take the test alert: "
                f"{', '.join(result.who) or 'no word on which'}"
            )

    def close(self, timeout_seconds: float = CLOSE_SECONDS) -> None:
        """Send queued alerts for at most this long; a later process sends the rest."""
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
        self._thread = None

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
            if parcel.quiet_until is not None:
                self._waiting.keep(parcel, claimed=False)
            elif self._deliver(self._waiting.keep(parcel, claimed=True)):
                self._send_again(at_once=True)  # the way is open again

    def _send_again(self, *, at_once: bool = False) -> None:
        """Send all waiting alerts, oldest first, until a receiver refuses one again."""
        while (parcel := self._waiting.claim(at_once=at_once)) is not None:
            why = "kept for quiet hours" if parcel.was_quiet else "not taken until now"
            late = f"[raised {show_eastern(parcel.raised_at)}, {why}] {parcel.body}"
            if not self._deliver(parcel, late):
                return

    def _deliver(self, parcel: Parcel, body: str = "") -> bool:
        """True if a receiver took it. An error of a receiver goes no further."""
        try:
            assert self._send is not None
            delivery = self._send(parcel.title, body or parcel.body)
        except Exception as error:
            delivery = Delivery(0, 1, (str(error),))
        with suppress(Exception):
            self._delivered(delivery)
        taken = delivery.is_taken
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


def _keep(kept: dict[str, T], key: str, value: T) -> None:
    """As the newest one."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > KEYS_MAX:
        del kept[next(iter(kept))]
