"""The order in which waiting signals are carried out: exits first, never out of turn on a symbol.

An exit overtakes entries of other symbols, so that a rate limit never holds it behind them;
but of one symbol signals stay in the order in which they came, or a `sell` would find nothing to
close and the `buy` before it would then open what was meant to be closed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class SignalQueue(Generic[T]):
    """First in, first out, with exits overtaking entries of other symbols."""

    def __init__(self) -> None:
        self._items: deque[tuple[str, bool, T]] = deque()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def entries(self) -> list[str]:
        """The symbols of the entries that wait."""
        return [symbol for symbol, is_exit, _ in self._items if symbol and not is_exit]

    def put(self, symbol: str, is_exit: bool, item: T) -> None:
        self._items.append((symbol, is_exit, item))

    def take(self, busy: Collection[str] = (), *, exits_only: bool = False) -> T:
        """Remove and return the next item; none of a symbol that is `busy`.

        Raises IndexError when there is none that may go.
        """
        waiting, found = set(busy), None
        for place, (symbol, is_exit, _) in enumerate(self._items):
            if symbol not in waiting and is_exit:
                found = place
                break
            if symbol not in waiting and found is None and not exits_only:
                found = place
            waiting.add(symbol)
        if found is None:
            raise IndexError("nothing may go now")
        item = self._items[found][2]
        del self._items[found]
        return item


class Worker(Generic[T, R]):
    """Carries out items in `SignalQueue` order; each has a future, which may be canceled until it
    is begun.

    Two threads: one for everything, and one for exits alone, so that an entry that sleeps out a
    rate limit holds up no exit of another symbol. Of one symbol, one item at a time.
    """

    def __init__(self, act: Callable[[T], R]) -> None:
        self._act = act
        self._queue: SignalQueue[tuple[str, T, Future[R]]] = SignalQueue()
        self._busy: set[str] = set()
        self._ready = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, args=(exits_only,), name=name, daemon=True)
            for name, exits_only in (("signals", False), ("exits", True))
        ]
        for thread in self._threads:
            thread.start()

    def put(self, symbol: str, is_exit: bool, item: T) -> Future[R]:
        """Hand over one item. Raises RuntimeError after `close`."""
        future: Future[R] = Future()
        with self._ready:
            if self._closing:
                raise RuntimeError("the executor is closed")
            self._queue.put(symbol, is_exit, (symbol, item, future))
            self._ready.notify_all()
        return future

    def close(self, timeout_seconds: float | None) -> None:
        """Finish what was handed over, then end the threads."""
        with self._ready:
            self._closing = True
            self._ready.notify_all()
        until = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))

    def _run(self, exits_only: bool) -> None:
        while (taken := self._next(exits_only)) is not None:
            symbol, item, future = taken
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._act(item))
                except BaseException as error:
                    future.set_exception(error)
            with self._ready:
                self._busy.discard(symbol)
                self._ready.notify_all()

    def _next(self, exits_only: bool) -> tuple[str, T, Future[R]] | None:
        """Wait for the next item and mark its symbol busy; None when all is done."""
        with self._ready:
            while True:
                try:
                    taken = self._queue.take(self._busy, exits_only=exits_only)
                except IndexError:
                    if self._closing and not self._queue:
                        return None
                    self._ready.wait()
                    continue
                self._busy.add(taken[0])
                return taken
