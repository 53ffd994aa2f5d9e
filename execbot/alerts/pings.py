"""A dead man's ping: a service elsewhere is told that all goes on, and raises the alarm when it is
told nothing any more. The one alarm that reaches you when this machine has died.

Three kinds of URL, told apart by their form:

* healthchecks (`hc-ping.com`, or a path with `/ping/`): `/start`, `/<exit code>`, `/fail`, and the
  plain URL for life; the body is kept as a log (healthchecks.io/docs/http_api).
* Uptime Kuma (`/api/push/` in the path): `status=up|down&msg=...`; it knows no start.
* any other URL: asked only when all is well, with the body. With `{event}` or `{code}` in it, it is
  asked each time: `start`, `end`, `alive`, `fail`; the code is the exit code, -1 where there is
  none.

A ping never raises, never follows a redirect (which would lose the body), and never holds up
anybody: who watches hands it to a thread."""

from __future__ import annotations

import logging
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from msgspec import Struct

from execbot.model.retrying import Attempts, Schedule, retried

log = logging.getLogger("execbot.pings")

TIMEOUT_SECONDS = 5.0
TRIES = 3
PAUSE_SECONDS = 1.0
BODY_MAX = 10_000
"""healthchecks keeps so many bytes of a body, by default."""

KUMA_WORDS_MAX = 250
NO_CODE = -1


class Event(StrEnum):
    START = "start"
    END = "end"
    ALIVE = "alive"
    FAIL = "fail"


class Ping(Struct, frozen=True):
    """One message to the service: `code` is the exit code of a job that has ended. `run` pairs
    start and end."""

    event: Event
    body: str = ""
    code: int = NO_CODE
    run: str = ""

    @property
    def is_well(self) -> bool:
        return self.event is Event.ALIVE or (self.event is Event.END and self.code == 0)


class Request(Struct, frozen=True):
    url: str
    body: bytes | None = None


def request_of(url: str, ping: Ping) -> Request | None:
    """The request for this ping; None if this kind of service takes no such event. Pure."""
    parts = urllib.parse.urlsplit(url)
    body = ping.body.encode()[:BODY_MAX]
    if "{event}" in url or "{code}" in url:
        filled = url.replace("{event}", ping.event.value).replace("{code}", str(ping.code))
        return Request(filled, body)
    if "/api/push/" in parts.path:
        if ping.event is Event.START:
            return None
        words = {"status": "up" if ping.is_well else "down", "msg": ping.body[:KUMA_WORDS_MAX]}
        kept = [
            (k, v) for k, v in urllib.parse.parse_qsl(parts.query) if k not in ("status", "msg")
        ]
        query = urllib.parse.urlencode([*kept, *words.items()])
        return Request(parts._replace(query=query).geturl())
    if parts.hostname == "hc-ping.com" or "/ping/" in parts.path:
        end = {Event.START: "/start", Event.FAIL: "/fail", Event.END: f"/{ping.code & 255}"}
        path = parts.path.rstrip("/") + end.get(ping.event, "")
        query = "&".join(part for part in (parts.query, f"rid={ping.run}" * bool(ping.run)) if part)
        return Request(parts._replace(path=path, query=query).geturl(), body)
    return Request(url, body) if ping.is_well else None


def send(url: str, ping: Ping, sleep: Callable[[float], None] = time.sleep) -> bool:
    """True if the service took it, or is not told of such an event. Never raises."""
    wanted = request_of(url, ping)
    if wanted is None:
        return True
    try:
        retried(
            lambda: _ask(wanted),
            may_retry=_may_pass,
            wait=Schedule((PAUSE_SECONDS,)),
            stop=Attempts(TRIES),
            sleep=sleep,
        )
    except (OSError, ValueError) as error:
        code = f"{error.code} " if isinstance(error, urllib.error.HTTPError) else ""
        why = f"{code}{getattr(error, 'reason', error)}"
        # The path of a URL is its secret.
        log.warning("ping %s to %s failed: %s", ping.event, _host(wanted.url), why)
        return False
    return True


def _ask(wanted: Request) -> None:
    request = urllib.request.Request(wanted.url, wanted.body)
    _opener().open(request, timeout=TIMEOUT_SECONDS).close()


def _may_pass(error: Exception) -> bool:
    """The service is overloaded or cannot be reached; what it refuses, it refuses again."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= 500 or error.code == 429
    return isinstance(error, OSError | ValueError)


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).hostname or ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirect)


class Pinger:
    """Pings from a thread of its own: `tell` returns at once. While one is on its way the next one
    waits, and of several that wait only the last is sent."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._next: Ping | None = None
        self._wake = threading.Condition()
        self._is_open = True
        self._thread: threading.Thread | None = None

    def tell(self, ping: Ping) -> None:
        with self._wake:
            self._next = ping
            self._wake.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="ping", daemon=True)
            self._thread.start()

    def close(self, timeout_seconds: float) -> None:
        """Wait for what is on its way, for at most so long."""
        with self._wake:
            self._is_open = False
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while True:
            with self._wake:
                while self._next is None:
                    if not self._is_open:
                        return
                    self._wake.wait()
                ping, self._next = self._next, None
            send(self._url, ping)
