"""Browsers that look on: each gets the same text, at its own pace, within bounds.

A browser that does not read loses what waits for it, gets a snapshot that says `lost`, and goes on
from there. Nobody waits for anybody.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

MESSAGES_WAITING_MAX = 200
"""Ten seconds of a busy day."""

SOCKETS_MAX = 64
ASKED_SECONDS = 60.0
"""So long whoever has asked once is counted as looking on: the next answer is then a fresh one."""

SEND_SECONDS = 30.0
"""A browser that takes nothing for so long is gone, or asleep: it comes again by itself."""


class Looker:
    """One browser."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._come = asyncio.Event()
        self._has_lost = False

    def begin(self) -> None:
        """Begin with a snapshot: what came before is in it."""
        self._waiting.clear()
        self._has_lost = False

    def put(self, text: str) -> None:
        if len(self._waiting) >= MESSAGES_WAITING_MAX:
            self._waiting.clear()
            self._has_lost = True
        if not self._has_lost:
            self._waiting.append(text)
        self._come.set()

    async def take(self, snapshot: Callable[[], str]) -> str:
        """The next text; after a loss the snapshot instead of what is missing."""
        while not self._waiting and not self._has_lost:
            self._come.clear()
            await self._come.wait()
        if self._has_lost:
            self._has_lost = False
            return snapshot()
        return self._waiting.popleft()


class Hub:
    """`snapshot(lost)` is all that there is, as text. Used by the thread of the event loop."""

    def __init__(self) -> None:
        self.snapshot: Callable[[bool], str] = lambda lost: ""
        self._lookers: set[Looker] = set()
        self._asked_at = float("-inf")

    @property
    def is_watched(self) -> bool:
        """Whether somebody looks on, or has asked a moment ago."""
        return bool(self._lookers) or time.monotonic() - self._asked_at < ASKED_SECONDS

    def was_asked(self) -> None:
        """Note that a program has asked for the board."""
        self._asked_at = time.monotonic()

    def join(self) -> Looker | None:
        """Take one more browser in; None where there is no room."""
        if len(self._lookers) >= SOCKETS_MAX:
            return None
        looker = Looker()
        self._lookers.add(looker)
        return looker

    def leave(self, looker: Looker) -> None:
        self._lookers.discard(looker)

    def publish(self, text: str) -> None:
        for looker in self._lookers:
            looker.put(text)

    async def feed(
        self, looker: Looker, send: Callable[[str], Awaitable[None]], goes_on: Callable[[], bool]
    ) -> None:
        """Send to one browser until it is gone, or `goes_on` says no."""
        text = self.snapshot(False)
        looker.begin()
        while goes_on():
            async with asyncio.timeout(SEND_SECONDS):
                await send(text)
            text = await looker.take(lambda: self.snapshot(True))
