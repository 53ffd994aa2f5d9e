"""Those who look on: what the watch publishes, sent to each by the thread of the door.

Everything is bounded. Of frames that wait for the thread, beyond `FRAMES_WAITING_MAX` the next one
is asked to be whole. Of bytes that wait for a reader, beyond `BYTES_WAITING_MAX` it loses the
frames that it has not begun to read; it gets `Lost`, and a whole frame once it has read on. The
watch never waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from execbot.desk.door.wire import to_line
from execbot.watch.show.frames import Frame, Lost, Picture
from execbot.watch.show.publication import Publication

FRAMES_WAITING_MAX = 256
BYTES_WAITING_MAX = 1024 * 1024
"""Of one reader: some seconds of a busy market, and far more than a socket's own buffer."""

READERS_MAX = 8
"""A page, and perhaps a second one. Browsers read from the page, not from here."""


class Reader:
    """One connection that looks on. `waiting` is what it has not read; its first line may be begun
    with."""

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.waiting_bytes = 0
        self.needs_whole = True
        self.has_lost = False

    def put(self, line: bytes) -> None:
        self.waiting.append(line)
        self.waiting_bytes += len(line)

    def take(self) -> bytes:
        line = self.waiting.popleft()
        self.waiting_bytes -= len(line)
        return line

    def lose(self) -> None:
        self.waiting.clear()
        self.waiting_bytes = 0
        self.has_lost = self.needs_whole = True


class Onlookers:
    """`hand_over` is called by the deciding thread; all else by the door's."""

    def __init__(self, publication: Publication, rouse: Callable[[], None]) -> None:
        self._publication = publication
        self._rouse = rouse
        self._frames: deque[Frame] = deque()
        self._picture = Picture()
        self._is_current = False
        """Whether the picture is what the watch sees now: somebody has looked on all the time."""
        self.readers: set[Reader] = set()
        publication.send = self.hand_over

    def hand_over(self, frame: Frame) -> bool:
        """Take a frame over; whether there was room for it."""
        if len(self._frames) >= FRAMES_WAITING_MAX:
            return False
        self._frames.append(frame)
        self._rouse()
        return True

    def join(self) -> Reader | None:
        """One more; None where there are too many."""
        if len(self.readers) >= READERS_MAX:
            return None
        reader = Reader()
        self.readers.add(reader)
        if not self._publication.is_wanted:
            self._is_current = False
            self._publication.wants_all = True
            self._publication.is_wanted = True
        self._greet(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        self.readers.discard(reader)
        if not self.readers:
            self._publication.is_wanted = False
            self._is_current = False

    def spread(self) -> None:
        """Put what has come into every reader's queue. Each frame becomes text only once."""
        while self._frames:
            frame = self._frames.popleft()
            if not (self._is_current or frame.whole):
                continue  # of before the picture was asked for
            self._picture.take(frame)
            self._is_current = True
            line = to_line(frame)
            for reader in self.readers:
                if reader.needs_whole:
                    continue
                reader.put(line)
                if reader.waiting_bytes > BYTES_WAITING_MAX:
                    reader.lose()
        for reader in self.readers:
            self._greet(reader)

    def _greet(self, reader: Reader) -> None:
        """Send a whole frame, once the reader has read what was sent before."""
        whole = self._picture.whole() if self._is_current else None
        if not reader.needs_whole or reader.waiting or whole is None:
            return
        if reader.has_lost:
            reader.put(to_line(Lost()))
        reader.has_lost = reader.needs_whole = False
        reader.put(to_line(whole))
