"""The order in which waiting signals are carried out: exits first, never out of turn on a symbol.

An exit overtakes entries of other symbols, so that a rate limit never holds it behind them;
but of one symbol signals stay in the order in which they came, or a `sell` would find nothing to
close and the `buy` before it would then open what was meant to be closed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
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

    def put(self, symbol: str, is_exit: bool, item: T) -> None:
        self._items.append((symbol, is_exit, item))

    def take(self) -> T:
        """Remove and return the next item. Raises IndexError when empty."""
        waiting: set[str] = set()
        for place, (symbol, is_exit, item) in enumerate(self._items):
            if is_exit and symbol not in waiting:
                del self._items[place]
                return item
            waiting.add(symbol)
        return self._items.popleft()[2]


class Worker(Generic[T, R]):
    """One thread that carries out items in `SignalQueue` order; each has a future."""

    def __init__(self, act: Callable[[T], R]) -> None:
        self._act = act
        self._queue: SignalQueue[tuple[T, Future[R]]] = SignalQueue()
        self._ready = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="signals", daemon=True)
        self._thread.start()

    def put(self, symbol: str, is_exit: bool, item: T) -> Future[R]:
        """Hand over one item. Raises RuntimeError after `close`."""
        future: Future[R] = Future()
        with self._ready:
            if self._closing:
                raise RuntimeError("the executor is closed")
            self._queue.put(symbol, is_exit, (item, future))
            self._ready.notify()
        return future

    def close(self, timeout_seconds: float | None) -> None:
        """Finish what was handed over, then end the thread."""
        with self._ready:
            self._closing = True
            self._ready.notify()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while True:
            with self._ready:
                while not self._queue and not self._closing:
                    self._ready.wait()
                if not self._queue:
                    return
                item, future = self._queue.take()
            try:
                future.set_result(self._act(item))
            except BaseException as error:
                future.set_exception(error)
