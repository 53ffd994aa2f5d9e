"""The prices that `watch` follows, kept as minute bars while they pass.

The deciding loop only puts them into memory; a thread of its own writes, and leaves what is left of
an almost full disk to the journal. A disk that fails loses bars and stops nobody; it is told once,
until writing works again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from execbot.config.errors import ConfigError
from execbot.model.quote import Bar
from execbot.watch.bars.files import append, has_room
from execbot.watch.bars.minutes import MinuteBars
from execbot.watch.core.inputs import Input, Price
from execbot.watch.core.jobs import Note
from execbot.watch.core.notes import alarm
from execbot.watch.feed import PriceFeed

log = logging.getLogger("execbot.watch")

WRITE_SECONDS = 5.0
GOODBYE_SECONDS = 1.0


class KeptFeed:
    """Another feed, whose prices are kept while they pass."""

    def __init__(
        self, feed: PriceFeed, directory: Path, now: Callable[[], datetime], keep_days: int
    ) -> None:
        self._feed, self._directory, self._now = feed, directory, now
        self._keep_days = keep_days
        self._bars = MinuteBars()
        self._lock = threading.Lock()
        self._notes: list[Note] = []
        self._fails = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bars", daemon=True)

    def want(self, symbols: frozenset[str]) -> None:
        self._feed.want(symbols)

    def follow_halts(self, symbols: frozenset[str]) -> None:
        self._feed.follow_halts(symbols)

    def halts_followed(self) -> frozenset[str]:
        return self._feed.halts_followed()

    def drain(self) -> list[Input | Note]:
        items = self._feed.drain()
        if items or self._notes:
            now = self._now()
            with self._lock:
                for item in items:
                    if isinstance(item, Price):
                        self._bars.take(item, now)
                notes, self._notes = self._notes, []
            items = [*items, *notes]
        return items

    def start(self) -> None:
        self._feed.start()
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._feed.close()
        if self._thread.is_alive():
            self._thread.join(timeout=GOODBYE_SECONDS)

    def _run(self) -> None:
        while not self._closed.wait(WRITE_SECONDS):
            with self._lock:
                bars = self._bars.finished(self._now())
            self._write(bars)
        with self._lock:
            bars = self._bars.rest()
        self._write(bars)

    def _write(self, bars: list[Bar]) -> None:
        if not bars:
            return
        try:
            if not has_room(self._directory):
                log.warning("bars are not kept: what is left of the disk is the journal's")
                return
            append(self._directory, bars, self._keep_days)
            self._fails = False
        except (OSError, ConfigError) as error:
            log.warning("bars are not kept: %s", error)
            if not self._fails:
                words = f"bars of what is held are not kept: {error}"
                with self._lock:
                    self._notes.append(alarm("bars", "", words))
            self._fails = True
