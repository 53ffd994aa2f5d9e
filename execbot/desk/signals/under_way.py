"""Lines whose orders are on their way at once, each on a connection of its own.

They are begun in turn, the next one when the order of the last has left or none will. So entries
are decided in the order of their lines, and what one takes of a limit the next finds taken.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from execbot.broker.beside import Beside
from execbot.model.timer import Timer

T = TypeVar("T")

AT_ONCE = 2
"""A second order hides the round trip of the first behind our own work; a third would hide little
more, and be one more in doubt should the network go."""


class UnderWay(Generic[T]):
    """Used by one thread. Calls `end` with each result, in the order in which the lines were
    begun."""

    def __init__(self, end: Callable[[T], None], *, timer: Timer = Timer()) -> None:
        self._end = end
        self._timer = timer
        self._begun: deque[Beside[T]] = deque()

    def __len__(self) -> int:
        return len(self._begun)

    def begin(self, act: Callable[[Callable[[], None]], T]) -> None:
        """Begin a line. Returns when it has called what it is given, or is over."""
        left = threading.Event()

        def run() -> T:
            try:
                return act(left.set)
            finally:
                left.set()

        self._begun.append(Beside(run, name="entry"))
        left.wait()

    def make_room(self) -> None:
        """Wait until another may be begun. Raises what an `act` or `end` raised."""
        while len(self._begun) >= AT_ONCE:
            self._end_oldest()

    def end_all(self) -> None:
        """Wait for all of them. Raises what an `act` or `end` raised."""
        while self._begun:
            self._end_oldest()

    def end_what_ends(self, seconds: float) -> None:
        """Of a run that fails: wait so long for all of them; what fails besides changes nothing."""
        until = self._timer.monotonic() + seconds
        while self._begun:
            self._begun[0].wait(max(0.0, until - self._timer.monotonic()))
            if not self._begun[0].is_done:
                self._begun.popleft()
                continue
            with suppress(Exception):
                self._end_oldest()

    def _end_oldest(self) -> None:
        self._end(self._begun.popleft().result())
