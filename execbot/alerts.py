"""Alerts for people: Slack, Telegram, e-mail, desktop and so on, by apprise.

URLs come from EXECBOT_ALERT_URLS (separated by spaces or commas), never from a file. Sending
happens on a thread of its own with a bounded queue: an alert is dropped before it delays an order.
The same kind is sent at most once in `min_interval_seconds`; what was held back is counted and
told with the next one. Without URLs, or without the `alerts` extra, nothing is sent and nothing
fails: every alert is also in the journal or on stderr of the command that raised it.
"""

from __future__ import annotations

import os
import queue
import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import Struct

from execbot.model.enums import ErrorCategory
from execbot.model.errors import ExecbotError

URLS_VARIABLE = "EXECBOT_ALERT_URLS"
QUEUE_LENGTH_MAX = 100
CLOSE_SECONDS = 5.0
"""How long a command waits at its end for alerts on their way."""

Send = Callable[[str, str], bool]
"""(title, body) -> whether every receiver took it."""


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


class AlertsUnavailable(ExecbotError):
    """No URL is set, or apprise is not installed."""

    kind = "config.alerts"
    category = ErrorCategory.ADJUSTABLE
    next_step = "Set EXECBOT_ALERT_URLS to apprise URLs."


def urls_of(env: Mapping[str, str]) -> list[str]:
    return [url for url in re.split(r"[\s,]+", env.get(URLS_VARIABLE, "").strip()) if url]


def apprise_sender(urls: list[str]) -> Send:
    """Send through apprise. Raises AlertsUnavailable when it is missing or a URL is not one."""
    try:
        import apprise
    except ImportError:
        raise AlertsUnavailable("apprise is not installed: pip install 'execbot[alerts]'") from None
    receiver = apprise.Apprise()
    for number, url in enumerate(urls, 1):
        if not receiver.add(url):
            # The URL itself holds secrets: only its place and scheme are told.
            raise AlertsUnavailable(
                f"alert URL number {number} ({url.partition('://')[0]}://...) is not understood"
            )

    def send(title: str, body: str) -> bool:
        return bool(receiver.notify(title=title, body=body))

    return send


class Alerter:
    """Rate-limited alerts on a thread of their own. `close` lets what is queued go out."""

    def __init__(
        self,
        send: Send | None,
        *,
        min_interval_seconds: float,
        now: Callable[[], datetime],
        recall: Callable[[str], datetime | None] = lambda key: None,
        remember: Callable[[str, datetime], None] = lambda key, at: None,
    ) -> None:
        """`recall` and `remember` share the last times between processes (the journal)."""
        self._send = send
        self._interval = min_interval_seconds
        self._now = now
        self._recall = recall
        self._remember = remember
        self._last: dict[str, datetime] = {}
        self._held_back: dict[str, int] = {}
        self._queue: queue.Queue[tuple[str, str] | None] = queue.Queue(QUEUE_LENGTH_MAX)
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
    ) -> Alerter:
        """apprise is imported only when the first alert is sent."""
        urls = urls_of(os.environ if env is None else env)
        made: list[Send] = []

        def send(title: str, body: str) -> bool:
            if not made:
                made.append(apprise_sender(urls))
            return made[0](title, body)

        return cls(
            send if urls else None,
            min_interval_seconds=min_interval_seconds,
            now=now,
            recall=recall,
            remember=remember,
        )

    @property
    def is_on(self) -> bool:
        return self._send is not None

    def alert(self, alert: Alert) -> bool:
        """Queue an alert; False when it was held back, dropped, or nobody receives alerts.

        Never blocks and never raises.
        """
        if self._send is None:
            return False
        now = self._now()
        last = self._last.get(alert.key) or self._recall(alert.key)
        if last is not None and 0 <= (now - last).total_seconds() < self._interval:
            self._held_back[alert.key] = self._held_back.get(alert.key, 0) + 1
            return False
        held_back = self._held_back.pop(alert.key, 0)
        body = alert.message + (f" ({held_back} more like it before)" if held_back else "")
        try:
            self._queue.put_nowait((alert.title, body))
        except queue.Full:
            self.dropped += 1
            return False
        self._last[alert.key] = now
        self._remember(alert.key, now)
        self._start()
        return True

    def test(self) -> None:
        """Send one alert now and wait for it. Raises AlertsUnavailable when it did not go out."""
        if self._send is None:
            raise AlertsUnavailable(f"{URLS_VARIABLE} is not set")
        if not self._send("execbot: test", "This is a test alert of execbot."):
            raise AlertsUnavailable("a receiver did not take the test alert")

    def close(self, timeout_seconds: float = CLOSE_SECONDS) -> None:
        """Let queued alerts go out, at most this long."""
        if self._thread is None:
            return
        try:
            self._queue.put(None, timeout=timeout_seconds)
        except queue.Full:
            return
        self._thread.join(timeout_seconds)

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                taken = self._send is not None and self._send(*item)
            except Exception:
                taken = False  # whatever a receiver does wrong stays here
            self.sent += taken
            self.failed += not taken
