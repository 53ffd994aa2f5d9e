"""The heartbeat of a running `watch`: a small file that its decision loop writes anew every few
seconds, so that other processes can tell a watch that decides from one that only exists.

It says nothing that money depends on, and it is not durable: a power cut may lose it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from execbot.model.timer import Mark, Timer, age_seconds
from execbot.model.times import iso, parse_time

NAME = "watch.beat"
EVERY_SECONDS = 5.0
NEWS_SECONDS = 0.5
YOUNG_SECONDS = 30.0
"""Older, the loop is stuck: a journal that is locked or a slow disk holds it for less."""


class Heartbeat(Struct, frozen=True):
    """What the loop said of itself last. `at` is the account's time, `started_at` that of its
    start. `trouble` is why it does not see or record everything, in words; empty when it does."""

    pid: int
    at: datetime
    mark: Mark
    started_at: datetime
    stream_up: bool
    trouble: str = ""
    requests_left: int | None = None
    requests_per_minute: int | None = None
    """Of the rate budget that the watch keeps for the trading host."""

    def age(self, now: datetime, here: Mark) -> float:
        """Seconds since it was written; by the machine's own seconds within one boot."""
        return age_seconds(self.at, self.mark, now, here)


class HeartbeatFile:
    """Written by one process, the one that holds the lock of the account's `watch`."""

    def __init__(self, directory: Path, now: datetime, timer: Timer) -> None:
        self._path = directory / NAME
        self._started_at, self._timer = now, timer
        self._written = float("-inf")
        self._said: tuple[bool, str] | None = None

    def beat(
        self,
        now: datetime,
        *,
        stream_up: bool,
        trouble: str = "",
        requests: Callable[[], tuple[int, int] | None] = lambda: None,
    ) -> None:
        """Write it when it is due, or says something else than before: who asks whether all is well
        must not hear of a trouble that is over. A full disk leaves the old one, which grows old.
        `requests` says how many of a minute's requests are left, and of how many."""
        mark = self._timer.mark()
        is_news = self._said != (stream_up, trouble)
        if mark.seconds - self._written < (NEWS_SECONDS if is_news else EVERY_SECONDS):
            return
        self._written, self._said = mark.seconds, (stream_up, trouble)
        left, most = requests() or (None, None)
        words = {
            "pid": os.getpid(),
            "at": iso(now),
            "mark": mark.to_json(),
            "started_at": iso(self._started_at),
            "stream_up": stream_up,
            "trouble": trouble,
            "requests_left": left,
            "requests_per_minute": most,
        }
        with suppress(OSError):
            staged = self._path.with_name(f"{NAME}.new")
            with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
                json.dump(words, f)
            staged.replace(self._path)

    def end(self) -> None:
        """No heartbeat stands for a watch that has ended in order."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def heartbeat_of(directory: Path) -> Heartbeat | None:
    """The last one written for this account; None where there is none that can be read."""
    try:
        words = json.loads((directory / NAME).read_bytes())
        at, started = parse_time(words["at"]), parse_time(words["started_at"])
        mark = Mark.from_json(words["mark"])
        if at is None or started is None or mark is None:
            return None
        return Heartbeat(
            int(words["pid"]),
            at,
            mark,
            started,
            words["stream_up"] is True,
            str(words["trouble"]),
            _count(words.get("requests_left")),
            _count(words.get("requests_per_minute")),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
