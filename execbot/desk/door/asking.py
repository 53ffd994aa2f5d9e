"""The command's side, until it knows or gives up: no journal is opened here, and no broker asked.

asked = ask(mode_flag, config_path, wanted, name)
asked.place      # ANSWERED: `asked.result()` returns or raises; ASKING: nothing was handed over
"""

from __future__ import annotations

import os
import select
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from execbot.config.errors import ConfigError
from execbot.config.paths import account_directory
from execbot.config.schema import Mode
from execbot.desk.door.address import announced
from execbot.desk.door.messages import (
    Answer,
    AtWork,
    Close,
    Declined,
    Failed,
    Reply,
    Request,
    Submit,
    Wanted,
)
from execbot.desk.door.peer import PROTOCOL, is_own_user
from execbot.desk.door.relayed import restored
from execbot.desk.door.rules import (
    SILENCE_SECONDS,
    WAITS,
    WORK_SECONDS_MAX,
    Heard,
    Place,
    after,
)
from execbot.desk.door.sameness import sameness
from execbot.desk.door.wire import (
    REPLY_BYTES_MAX,
    REQUEST_BYTES_MAX,
    Garbled,
    read,
    split_lines,
    to_line,
)
from execbot.desk.opening.setup import Setup, read_setup, remembered_account
from execbot.model.enums import Outcome
from execbot.model.timer import boot_seconds
from execbot.version import __version__

CONNECT_SECONDS = 0.5
"""A socket of this machine answers at once, or its queue is full."""

READ_BYTES = 65536


class Line:
    """The connection to the watch, after the request went out."""

    def __init__(self, connection: socket.socket, patience_seconds: float) -> None:
        """`patience_seconds`: so long signs of life are believed."""
        self._connection = connection
        self._come = bytearray()
        self._lines: deque[bytes] = deque()
        self._until = boot_seconds() + patience_seconds
        self._is_over = False
        self.reply: Answer | Failed | Declined | None = None
        """What was heard last that is more than a sign of life."""

    def hear(self) -> Heard:
        """Wait for the next thing that the watch says, or does not say."""
        silent_at = min(boot_seconds() + SILENCE_SECONDS, self._until)
        while not self._lines:
            # What lies there is read first: this process may have been suspended meanwhile.
            wait = max(0.0, silent_at - boot_seconds())
            if self._is_over or not select.select([self._connection], [], [], wait)[0]:
                return Heard.HUNG_UP if self._is_over else Heard.SILENCE
            self._read()
        return self._understood(self._lines.popleft())

    def close(self) -> None:
        self._connection.close()

    def _read(self) -> None:
        try:
            come = self._connection.recv(READ_BYTES)
        except OSError:
            come = b""
        self._come += come
        self._is_over = not come
        try:
            self._lines.extend(split_lines(self._come, REPLY_BYTES_MAX))
        except Garbled:
            self._is_over = True

    def _understood(self, line: bytes) -> Heard:
        try:
            said: Reply = read(line, Reply)
        except Garbled:
            self._is_over = True
            return Heard.HUNG_UP  # what it did can be looked up
        if isinstance(said, AtWork):
            return Heard.AT_WORK
        self.reply = said
        return Heard.DECLINED if isinstance(said, Declined) else Heard.ANSWER


class Asked(Struct):
    """How far a command came with its request. `line` is open as long as the watch may answer;
    `asked_at` is in the machine's own seconds."""

    wanted: Wanted
    name: str
    place: Place = Place.ASKING
    line: Line | None = None
    setup: Setup | None = None
    account: str = ""
    asked_at: float = 0.0
    was_interrupted: bool = False
    _result: Any = None

    @property
    def was_handed_over(self) -> bool:
        """Whether the watch may have the request."""
        return self.line is not None

    @property
    def is_reported(self) -> bool:
        """Whether the watch has said what became of it."""
        return self.place is Place.ANSWERED

    @property
    def notices(self) -> tuple[str, ...]:
        reply = self.line.reply if self.line is not None else None
        return reply.notices if isinstance(reply, Answer | Failed) else ()

    @property
    def why_not(self) -> str:
        """Why the watch did not do it, for the person who waits; empty where it did not say."""
        reply = self.line.reply if self.line is not None else None
        return reply.words if isinstance(reply, Declined) else ""

    def result(self) -> Any:
        """What the desk's function returned in the watch; raises what it raised there."""
        assert self.line is not None
        if isinstance(self.line.reply, Failed):
            raise restored(self.line.reply.error)
        return self._result

    def hear(self) -> None:
        """Wait for one thing, and go where it leads."""
        assert self.line is not None
        heard = self.line.hear()
        if heard is Heard.ANSWER and not self._understands(self.line.reply):
            heard = Heard.HUNG_UP  # what was done can be looked up
        self.place = after(self.place, heard)

    def _understands(self, reply: Reply | None) -> bool:
        from execbot.desk.door.results import result_type

        if isinstance(reply, Answer):
            try:
                self._result = read(bytes(reply.result), result_type(self.wanted))
            except Garbled:
                return False
        return True


def ask(
    mode_flag: str | None,
    config_path: Path | None,
    wanted: Wanted,
    name: str,
    may_ask: Callable[[Mode], bool] = lambda mode: True,
) -> Asked:
    """Hand the request over, if a watch is there, and wait for its answer or its silence.

    `may_ask`: whether the command needs nobody's consent in that mode. An error in the
    configuration is left to the command, which meets it itself. An interrupt is only noted once the
    request was handed over: the request must be taken back first.
    """
    asked = Asked(wanted, name)
    try:
        _hand_over(asked, mode_flag, config_path, may_ask)
        while asked.line is not None and asked.place in WAITS:
            asked.hear()
    except KeyboardInterrupt as error:
        if not asked.was_handed_over:
            error.after = Outcome.NOT_SENT.value  # type: ignore[attr-defined]
            raise
        asked.was_interrupted, asked.place = True, Place.TAKING_BACK
    return asked


def _hand_over(
    asked: Asked,
    mode_flag: str | None,
    config_path: Path | None,
    may_ask: Callable[[Mode], bool],
) -> None:
    """Leaves `line` None where nothing was handed over."""
    try:
        setup = asked.setup = read_setup(mode_flag, config_path)
    except ConfigError:
        return
    if not setup.settings.trading.order_management.through_watch or not may_ask(setup.mode):
        return
    with suppress(ConfigError, ValueError, OSError):
        account = remembered_account(setup)
        if account is None:
            return
        asked.account = account
        connection = knock(account_directory(setup.root, setup.mode.value, account))
        if connection is not None:
            hand_to(asked, connection, setup)


def knock(directory: Path) -> socket.socket | None:
    """A connection to this account's watch; None where there is none, or none of this user's."""
    path = announced(directory)
    if path is None:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.lstat().st_uid != os.getuid():
            raise PermissionError(path)
        connection.settimeout(CONNECT_SECONDS)
        connection.connect(str(path))
        if not is_own_user(connection):
            raise PermissionError(path)
    except OSError:
        connection.close()
        return None
    return connection


def hand_to(asked: Asked, connection: socket.socket, setup: Setup) -> None:
    """Send the request; `line` is None where it is too long to be one."""
    asked.asked_at = boot_seconds()
    same = sameness(setup)
    request = Request(PROTOCOL, __version__, same, asked.name, asked.asked_at, asked.wanted)
    line = to_line(request)
    if len(line) > REQUEST_BYTES_MAX:
        connection.close()
        return
    # From here on the watch may have it, whatever becomes of the sending.
    asked.line = Line(connection, _patience(asked.wanted))
    try:
        connection.sendall(line)
    except OSError:
        asked.place = after(asked.place, Heard.HUNG_UP)
    connection.setblocking(False)


def _patience(wanted: Wanted) -> float:
    follows = wanted.wait_seconds if isinstance(wanted, Submit | Close) else None
    return WORK_SECONDS_MAX + (follows or 0.0)
