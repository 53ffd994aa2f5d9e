"""The order in which waiting signals are carried out: exits first, never out of turn on a symbol.

Pure. An exit overtakes entries of other symbols, so that a rate limit never holds it behind them;
but of one symbol signals stay in the order in which they came, or a `sell` would find nothing to
close and the `buy` before it would then open what was meant to be closed.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


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
