"""Where notes go: plain lines or NDJSON on stdout, and always the rotated log file."""

from __future__ import annotations

import logging
import secrets
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TextIO

from execbot.config.schema import LogSettings
from execbot.model.printable import harmless_line, json_text
from execbot.model.times import iso, show_eastern
from execbot.watch.core.jobs import Note
from execbot.watch.health import Watched
from execbot.watch.show.log_files import LogFile

LOG_NAME = "watch.log"
LINES_WAITING_MAX = 100_000
CLOSE_SECONDS = 1.0
"""How long the end waits for a reader that does not read."""

_GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL


class Sink(Protocol):
    """Shows notes. `begin` and `end` frame a run; `beat` is called a few times a second."""

    def begin(self, facts: dict[str, Any]) -> None: ...

    def note(self, note: Note, at: datetime) -> None: ...

    def beat(self) -> None: ...

    def end(self, facts: dict[str, Any]) -> None: ...


class Writer:
    """Writes lines from a thread of its own: a reader that stops reading stops nobody else.

    Lines wait in memory up to `LINES_WAITING_MAX`; beyond it the oldest are dropped, which shows
    as a gap in `seq`.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: deque[str] = deque(maxlen=LINES_WAITING_MAX)
        self._wake = threading.Condition()
        self._is_open = True
        self._failed = self._is_stuck = False
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        with self._wake:
            self._lines.append(line)
            self._wake.notify()

    def is_unread(self) -> bool:
        """The other end of the pipe is closed; also known while there is nothing to write. In the
        end also: what is there does not read."""
        if self._failed or self._is_stuck:
            return True
        try:
            poll = select.poll()
            poll.register(self._stream.fileno(), 0)
            return any(events & _GONE for _, events in poll.poll(0))
        except (OSError, ValueError):  # no descriptor to ask: an object in memory
            return False

    def close(self) -> None:
        """Write what waits, for as long as somebody reads."""
        with self._wake:
            self._is_open = False
            self._wake.notify()
        self._thread.join(timeout=CLOSE_SECONDS)
        self._is_stuck = self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._lines and self._is_open:
                    self._wake.wait()
                lines = list(self._lines)
                self._lines.clear()
                if not lines:
                    return
            try:
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()
            except (OSError, ValueError):
                self._failed = True  # nobody reads any more; the log has everything
                return


class _LineSink:
    """Lines for a file, a pipe or a terminal. When the reader of a pipe goes, `loop` is stopped."""

    def __init__(self, now: Callable[[], datetime], stream: TextIO | None = None) -> None:
        self._now = now
        self._writer = Writer(stream or sys.stdout)
        self.loop: Watched | None = None

    @property
    def is_unread(self) -> bool:
        return self._writer.is_unread()

    def beat(self) -> None:
        """Nothing changes by itself on paper, but `watch | head -1` ends when `head` does."""
        if self.loop is not None and self.is_unread:
            self.loop.stop()


class PlainSink(_LineSink):
    """One line a note, with the time in Eastern."""

    def begin(self, facts: dict[str, Any]) -> None:
        self._write(f"watching {facts['mode']} {facts['account']} (process {facts['pid']})")

    def note(self, note: Note, at: datetime) -> None:
        word = "ALARM" if note.is_alarm else note.type.upper()
        self._line(at, word, note.text)

    def end(self, facts: dict[str, Any]) -> None:
        self._write(str(facts["message"]))
        self._writer.close()

    def _write(self, words: str) -> None:
        self._line(self._now(), "WATCH", words)

    def _line(self, at: datetime, word: str, words: str) -> None:
        self._writer.put(f"{show_eastern(at)}\t{word}\t{harmless_line(words)}")


class JsonSink(_LineSink):
    """One JSON object a line, numbered by `seq` from 1 without gaps, with a stable `type`.

    `event_id` is the same whenever the same fact is told. What has no id of its own happened in
    this run only, whose id (`run`) and line number it has.
    """

    _seq = 0
    _run = ""

    def begin(self, facts: dict[str, Any]) -> None:
        self._run = secrets.token_hex(4)
        self._put("started", self._now(), {**facts, "run": self._run})

    def note(self, note: Note, at: datetime) -> None:
        self._put(note.type, at, {**note.data, "text": note.text})

    def end(self, facts: dict[str, Any]) -> None:
        self._put("stopped", self._now(), facts)
        self._writer.close()

    def _put(self, kind: str, at: datetime, facts: dict[str, Any]) -> None:
        self._seq += 1
        own_id = f"{self._run}:{self._seq}"
        head = {"seq": self._seq, "type": kind, "at": iso(at), "event_id": own_id}
        self._writer.put(json_text({**head, **facts}))


def open_log(directory: Path, settings: LogSettings = LogSettings()) -> logging.Logger:
    """The rotated log of this account, and of --log-file where there is one; errors of the disk
    never stop the watching."""
    logger = logging.getLogger("execbot.watch")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        handler: logging.Handler = LogFile(directory / LOG_NAME, settings)
    except OSError:
        handler = logging.NullHandler()
    chosen = logging.getLogger("execbot").handlers
    logger.handlers = [handler, *(other for other in chosen if isinstance(other, LogFile))]
    logging.raiseExceptions = False
    return logger
