"""The lines of `execbot signal -`: read ahead, and handed out in the order in which they may go.

A thread reads a bounded number of lines ahead; when we are slow it stops reading and the producer's
pipe fills up. Exits overtake entries of other symbols, and are handed out beside an entry that is
under way: two threads may ask for lines.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import IO

from msgspec import Struct

from execbot.desk.errors import BadInput
from execbot.model.signal import Signal, SignalError, lines
from execbot.oms.signals.turns import SignalQueue

READ_AHEAD_MAX = 64
"""Lines read before they are acted on: enough for exits to overtake, few enough that a producer
feels at once when we are slow (its pipe fills up)."""


class Line(Struct, frozen=True):
    """One line of input: a signal, or why it is none."""

    number: int
    signal: Signal | None
    error: SignalError | None = None

    @property
    def symbol(self) -> str:
        return self.signal.symbol if self.signal is not None else ""

    @property
    def is_exit(self) -> bool:
        return self.signal is not None and not self.signal.side.opens


class Lines:
    """The lines of one stream. Whoever takes one says `done` before the next of its symbol goes."""

    def __init__(self, stream: IO[bytes], read: Callable[[int, bytes], Line]) -> None:
        self._stream = stream
        self._read = read
        self._queue: SignalQueue[Line] = SignalQueue()
        self._busy: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._unread: Exception | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._read_ahead, name="lines", daemon=True).start()

    def take(self, *, exits_only: bool = False) -> Line | None:
        """Wait for the next line; None when the input has ended and every line is done.

        Raises BadInput when the input cannot be read, and what `fail` was given.
        """
        with self._changed:
            while True:
                if self._error is not None:
                    raise self._error
                try:
                    line = self._queue.take(self._busy, exits_only=exits_only)
                except IndexError:
                    if self._ended and not self._queue and not self._busy:
                        break
                    self._changed.wait()
                    continue
                self._busy.append(line.symbol)
                self._changed.notify_all()
                return line
        if self._unread is not None:
            raise BadInput(f"the input could not be read: {self._unread}")
        return None

    def entries_ahead(self) -> list[str]:
        """The symbols of the entries that were read and wait for their turn."""
        with self._changed:
            return self._queue.entries

    def done(self, line: Line) -> None:
        """Note that the line has been carried out."""
        with self._changed:
            self._busy.remove(line.symbol)
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Have the next `take` raise this error: so one thread ends the other."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def _read_ahead(self) -> None:
        try:
            for number, content in lines(self._stream):
                line = self._read(number, content)
                with self._changed:
                    while len(self._queue) >= READ_AHEAD_MAX:
                        self._changed.wait()
                    self._queue.put(line.symbol, line.is_exit, line)
                    self._changed.notify_all()
        except (OSError, ValueError) as error:
            self._unread = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()
