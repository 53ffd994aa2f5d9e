"""The watch's side of the door: one thread that reads and writes its sockets, nothing else.

    door = Door(directory, same, workbench(desk, Ahead()))
    door.open()
    ...
    door.close()

Everything is bounded: connections, the length and the time of a request, the queue behind it. What
goes wrong with one connection ends that connection. A connection whose request is being worked on
is closed by its answer, or by the end of this process: so a command that sees it closed without one
knows that nobody works on it any more.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import Raw

from execbot.desk.door.address import announce, socket_path, withdraw
from execbot.desk.door.lanes import Job, Lanes, Work
from execbot.desk.door.messages import (
    Answer,
    AtWork,
    Coming,
    Declined,
    Greeting,
    Knock,
    LookOn,
    Request,
)
from execbot.desk.door.onlookers import Onlookers, Reader
from execbot.desk.door.peer import PROTOCOL, is_own_user
from execbot.desk.door.rules import SIGN_SECONDS, SILENCE_SECONDS, Stage, Turn
from execbot.desk.door.wire import (
    REQUEST_BYTES_MAX,
    Garbled,
    read,
    split_lines,
    to_line,
)
from execbot.model.timer import boot_seconds
from execbot.version import __version__
from execbot.watch.show.publication import Publication

log = logging.getLogger("execbot.watch")

CONNECTIONS_MAX = 64
UNREAD_BYTES_MAX = 2 * 1024 * 1024
"""A reader that lets more than this lie is cut off; its request is carried out all the same."""

READ_BYTES = 65536


@dataclass(eq=False)
class _Visitor:
    """One connection: until its request is whole (`job` None), and then until it is answered. One
    that looks on is a `reader`."""

    connection: socket.socket
    since: float
    come: bytearray = field(default_factory=bytearray)
    to_send: bytearray = field(default_factory=bytearray)
    job: Job | None = None
    reader: Reader | None = None
    is_answered: bool = False
    has_left: bool = False


class Door:
    """Opened and closed by the watch of the account, which holds its lock."""

    def __init__(
        self,
        directory: Path,
        same: str,
        make_work: Callable[[], Work],
        *,
        env: Mapping[str, str] | None = None,
        publication: Publication | None = None,
        hear_coming: Callable[[Coming], None] = lambda coming: None,
    ) -> None:
        """`same` is the hash that a command must send to be understood (`sameness`); `publication`
        feeds those who look on. `hear_coming` is called with each request that is to come, and must
        not wait."""
        self._directory = directory
        self._same = same
        self._env = os.environ if env is None else env
        self._hear_coming = hear_coming
        self._lanes = Lanes(make_work)
        self._visitors: set[_Visitor] = set()
        self._answers: deque[tuple[_Visitor, bytes | None]] = deque()
        self._is_closing = threading.Event()
        self._path: Path | None = None
        self._listening: socket.socket | None = None
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._onlookers = None if publication is None else Onlookers(publication, self._rouse)

    def open(self) -> None:
        """Listen, and say where. Raises OSError or ConfigError: the watch does without."""
        path = socket_path(self._directory, self._env)
        with suppress(FileNotFoundError):
            path.unlink()  # of a watch that was killed: this one holds the account's lock
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(str(path))
            os.chmod(path, 0o600)
            listening.listen(CONNECTIONS_MAX)
            listening.setblocking(False)
            announce(self._directory, path)
        except BaseException:
            listening.close()
            raise
        self._path, self._listening = path, listening
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(listening, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._lanes.start()
        threading.Thread(target=self._serve, name="door", daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more. Requests being worked on are answered as long as the process
        lasts."""
        if self._path is None:
            return
        withdraw(self._directory)
        with suppress(OSError):
            self._path.unlink()
        self._is_closing.set()
        self._lanes.end()
        self._rouse()

    # --- the thread ------------------------------------------------------------------------

    def _serve(self) -> None:
        signed_at = boot_seconds()
        while True:
            # Nobody there: it sleeps until somebody knocks.
            timeout = SIGN_SECONDS if self._visitors else None
            for key, events in self._selector.select(timeout):
                self._attend(key, events)
            self._hand_out_answers()
            self._tell_onlookers()
            if self._is_closing.is_set():
                self._stop_listening()
            if boot_seconds() - signed_at >= SIGN_SECONDS:
                signed_at = boot_seconds()
                self._give_signs()
                self._send_slow_ones_away()

    def _attend(self, key: selectors.SelectorKey, events: int) -> None:
        if key.fileobj is self._listening:
            self._let_in()
        elif key.fileobj is self._wake:
            with suppress(OSError):
                self._wake.recv(READ_BYTES)
        else:
            visitor: _Visitor = key.data
            if events & selectors.EVENT_READ:
                self._hear(visitor)
            if events & selectors.EVENT_WRITE and visitor in self._visitors:
                self._write(visitor)

    def _let_in(self) -> None:
        assert self._listening is not None
        try:
            connection, _ = self._listening.accept()
        except OSError:
            return
        connection.setblocking(False)
        try:
            is_own = is_own_user(connection)
        except OSError:
            is_own = False
        if not is_own or len(self._visitors) >= CONNECTIONS_MAX:
            if not is_own:
                log.warning("door: another user knocked")
            connection.close()
            return
        visitor = _Visitor(connection, boot_seconds())
        self._visitors.add(visitor)
        self._selector.register(connection, selectors.EVENT_READ, visitor)

    def _hear(self, visitor: _Visitor) -> None:
        try:
            come = visitor.connection.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            come = b""
        if not come:
            self._gone(visitor)
            return
        if visitor.job is not None or visitor.reader is not None:
            return  # nothing more is expected
        visitor.come += come
        try:
            lines = split_lines(visitor.come, REQUEST_BYTES_MAX)
            if lines:
                self._take(visitor, lines[0])
        except Garbled as error:
            log.warning("door: %s", error)
            self._say(visitor, Declined("garbled"))

    def _take(self, visitor: _Visitor, line: bytes) -> None:
        """Queue the request, or say why not. Raises Garbled."""
        greeting: Greeting = read(line, Greeting)
        if (greeting.protocol, greeting.version) != (PROTOCOL, __version__):
            words = f"The watch that runs is {__version__}, this is {greeting.version}"
            self._say(visitor, Declined("version", f"{words}: restart it."))
            return
        request: Request | Coming = read(line, Request | Coming)
        if isinstance(request, Coming):
            self._hear_coming(request)
            return self._gone(visitor)  # nobody waits for an answer
        if isinstance(request.wanted, LookOn):
            return self._let_look_on(visitor)
        if request.same != self._same:
            words = "The watch that runs was started with other settings: restart it."
            self._say(visitor, Declined("settings", words))
            return
        if isinstance(request.wanted, Knock):
            self._say(visitor, Answer(Raw(b"null")))
            return
        visitor.job = Job(request, lambda answer: self._answered(visitor, answer))
        if not self._lanes.put(visitor.job):
            visitor.job.turn(Turn.ENDING)
            self._say(visitor, Declined("full"))

    def _let_look_on(self, visitor: _Visitor) -> None:
        visitor.reader = self._onlookers.join() if self._onlookers is not None else None
        if visitor.reader is None:
            self._say(visitor, Declined("full", "Too many look on already."))

    def _tell_onlookers(self) -> None:
        """Send each as much as it takes; the rest waits, within bounds."""
        if self._onlookers is None or not self._onlookers.readers:
            return
        self._onlookers.spread()
        for visitor in list(self._visitors):
            if visitor.reader is not None:
                self._feed(visitor, visitor.reader)

    def _feed(self, visitor: _Visitor, reader: Reader) -> None:
        while reader.waiting and not visitor.to_send and visitor in self._visitors:
            visitor.to_send += reader.take()
            self._write(visitor)

    def _answered(self, visitor: _Visitor, line: bytes | None) -> None:
        """Take the answer over. The worker calls this."""
        self._answers.append((visitor, line))
        self._rouse()

    def _rouse(self) -> None:
        with suppress(OSError):
            self._waker.send(b"\0")

    def _hand_out_answers(self) -> None:
        while self._answers:
            visitor, line = self._answers.popleft()
            if visitor in self._visitors:
                visitor.is_answered = True
                visitor.to_send += line or to_line(Declined("handed_back"))
                self._write(visitor)

    def _say(self, visitor: _Visitor, last: Declined | Answer) -> None:
        visitor.is_answered = True
        visitor.to_send += to_line(last)
        self._write(visitor)

    def _write(self, visitor: _Visitor) -> None:
        """Send what can be sent; close after the last byte of an answer."""
        try:
            while visitor.to_send:
                sent = visitor.connection.send(visitor.to_send)
                del visitor.to_send[:sent]
        except (BlockingIOError, InterruptedError):
            self._selector.modify(
                visitor.connection, selectors.EVENT_READ | selectors.EVENT_WRITE, visitor
            )
            if len(visitor.to_send) > UNREAD_BYTES_MAX:
                self._gone(visitor)
            return
        except OSError:
            self._gone(visitor)
            return
        if visitor.is_answered:
            self._gone(visitor)
            return
        self._selector.modify(visitor.connection, selectors.EVENT_READ, visitor)

    def _gone(self, visitor: _Visitor) -> None:
        """The connection is over. A request that nobody has begun with is dropped."""
        if visitor.job is not None:
            visitor.job.turn(Turn.LEFT)
        if visitor.reader is not None and self._onlookers is not None:
            self._onlookers.leave(visitor.reader)
        self._visitors.discard(visitor)
        with suppress(KeyError, ValueError):
            self._selector.unregister(visitor.connection)
        visitor.connection.close()

    def _give_signs(self) -> None:
        for visitor in list(self._visitors):
            job = visitor.job
            is_worked_on = job is not None and job.stage is Stage.WORKING
            if is_worked_on and not visitor.is_answered and not visitor.to_send:
                visitor.to_send += to_line(AtWork())
                self._write(visitor)

    def _send_slow_ones_away(self) -> None:
        for visitor in list(self._visitors):
            is_silent = visitor.job is None and visitor.reader is None
            if is_silent and boot_seconds() - visitor.since > SILENCE_SECONDS:
                self._gone(visitor)

    def _stop_listening(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            self._selector.unregister(listening)
            listening.close()
