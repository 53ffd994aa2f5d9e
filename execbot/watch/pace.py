"""How long stream messages take in `watch`, from the frame to the durable state, by classes.

Kept for the report once an hour and at the end, as a row of the audit trail: counts that can be
added up, since percentiles cannot.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any

from execbot.watch.core.jobs import Note

BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
KEPT_EACH_SECONDS = 3600.0


class Pace:
    """`arrived` is told by the reader's thread, the rest by the loop."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._arrived: dict[int, float] = {}
        self._counts = [0] * (len(BOUNDS_MS) + 1)
        self._worst_ms = 0.0
        self._kept_at = monotonic()

    def arrived(self, message: object) -> None:
        """A frame was read; the message is alive until it was `taken`."""
        self._arrived[id(message)] = self._monotonic()

    def taken(self, messages: Iterable[object]) -> None:
        """These are in the journal now."""
        now = self._monotonic()
        for message in messages:
            since = self._arrived.pop(id(message), None)
            if since is None:
                continue
            milliseconds = (now - since) * 1000
            self._counts[bisect_left(BOUNDS_MS, milliseconds)] += 1
            self._worst_ms = max(self._worst_ms, milliseconds)

    def note(self, *, is_over: bool = False) -> Note | None:
        """What is to be kept, if it is time; counted is what came since the last one."""
        n = sum(self._counts)
        if not n or not (is_over or self._monotonic() - self._kept_at >= KEPT_EACH_SECONDS):
            return None
        data: dict[str, Any] = {
            "bounds": list(BOUNDS_MS),
            "counts": self._counts,
            "worst_ms": f"{self._worst_ms:.3f}",
        }
        self._counts, self._worst_ms = [0] * (len(BOUNDS_MS) + 1), 0.0
        self._kept_at = self._monotonic()
        return Note("pace", f"{n} stream messages, the slowest in {data['worst_ms']} ms", data)
