"""A few words to systemd (sd_notify(3)): following, still deciding, ending.

A datagram to the socket that it names in NOTIFY_SOCKET; elsewhere nothing is sent. The watchdog is
fed by the loop that decides, so that one which hangs is killed and started again."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

VARIABLE = "NOTIFY_SOCKET"


class ServiceManager:
    """Whoever started this process and wants to hear of it. No method raises."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self._address = (os.environ if env is None else env).get(VARIABLE, "")
        self._status = ""
        self._is_reported = False

    def following(self) -> None:
        """Started, as far as others wait for it."""
        if not self._is_reported:
            self._is_reported = self._say("READY=1")

    def deciding(self, status: str) -> None:
        """The loop has decided. `status` is one line, shown by `systemctl status`."""
        self._say("WATCHDOG=1" + (f"\nSTATUS={status}" if status != self._status else ""))
        self._status = status

    def ending(self) -> None:
        self._say("STOPPING=1")

    def _say(self, words: str) -> bool:
        if not self._address:
            return False
        # `@` stands for the zero byte of an abstract address.
        address = self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.connect(address)
            sender.send(words.encode())
            return True
        return False
