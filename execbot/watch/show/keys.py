"""Single keys of the terminal, those that move included."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import threading
import tty
from collections import deque
from collections.abc import Mapping
from typing import Any

AT_ONCE = termios.TCSANOW
"""The terminal's mode changes without waiting for what it still has to show: it may stand still."""

UP, DOWN, PAGE_UP, PAGE_DOWN, HOME, END = "up", "down", "page up", "page down", "home", "end"

_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])|.", re.DOTALL)
_NAMED: Mapping[str, str] = {
    "\x1b[A": UP,
    "\x1bOA": UP,
    "\x1b[B": DOWN,
    "\x1bOB": DOWN,
    "\x1b[5~": PAGE_UP,
    "\x1b[6~": PAGE_DOWN,
    "\x1b[H": HOME,
    "\x1b[1~": HOME,
    "\x1bOH": HOME,
    "\x1b[F": END,
    "\x1b[4~": END,
    "\x1bOF": END,
}
"""As xterm and those like it send them, in both of their modes."""


def keys_of(typed: str) -> list[str]:
    """One entry a key; sequences of keys that mean nothing here are left out. Pure."""
    found = _SEQUENCE.findall(typed)
    named = [_NAMED.get(key, key) for key in found]
    return [key for key in named if len(key) == 1 or key in _NAMED.values()]


class Keys:
    """Single keys of the terminal, read by a thread; nothing happens where stdin is none."""

    def __init__(self) -> None:
        self._pressed: deque[str] = deque(maxlen=100)
        self._stopping = threading.Event()
        self._saved: list[Any] | None = None

    def start(self) -> None:
        if not sys.stdin.isatty():
            return
        self._saved = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin, AT_ONCE)
        threading.Thread(target=self._read, name="keys", daemon=True).start()

    def take(self) -> list[str]:
        keys: list[str] = []
        while self._pressed:
            keys.append(self._pressed.popleft())
        return keys

    def stop(self) -> None:
        self._stopping.set()
        if self._saved is not None:
            termios.tcsetattr(sys.stdin, AT_ONCE, self._saved)
            self._saved = None

    def _read(self) -> None:
        while not self._stopping.is_set():
            ready, _, _ = select.select([sys.stdin], [], [], 0.2)
            if not ready:
                continue
            data = os.read(sys.stdin.fileno(), 64)
            if not data:
                return
            self._pressed.extend(keys_of(data.decode("utf-8", "ignore")))
