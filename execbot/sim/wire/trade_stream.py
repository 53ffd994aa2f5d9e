"""The trade-updates stream of one connection as a state machine without I/O.

A connection is greeted with nothing. It authenticates (both published forms are taken), then
names the streams it wants; only then do events pass. Paper sends binary frames that hold JSON
text, live sends text, and a client that asks for msgpack gets msgpack.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from execbot.sim.wire.http import encode

# Says which account a pair of keys belongs to, or None when it is refused.
Authenticate = Callable[[str, str], str | None]

_STREAMS = ("trade_updates",)


class Encoding(StrEnum):
    TEXT = "text"
    BINARY = "binary"
    MSGPACK = "msgpack"


class TradeStream:
    """One connection. Give it what the client sends; send what it returns."""

    def __init__(self, authenticate: Authenticate, encoding: Encoding = Encoding.BINARY) -> None:
        self._authenticate = authenticate
        self.encoding = encoding
        self.account_id: str | None = None
        self.key = ""
        self.listening: tuple[str, ...] = ()

    def receive(self, data: str | bytes) -> list[str | bytes]:
        """Handles one message of the client; returns the frames to send back."""
        message = self._read(data)
        if message is None:
            return [self.write({"action": "error", "data": {"error_message": "invalid syntax"}})]
        action = message.get("action")
        if action in ("auth", "authenticate"):
            return [self._auth(message)]
        if action == "listen":
            return [self._listen(message)]
        error = {"error_message": "invalid action"}
        return [self.write({"action": "error", "data": error})]

    def frame(self, payload: bytes) -> str | bytes | None:
        """An event (JSON text) in the form this client gets it; None while it does not listen."""
        if "trade_updates" not in self.listening:
            return None
        return self._pack(payload)

    def write(self, value: Any) -> str | bytes:
        return self._pack(encode(value))

    def _pack(self, payload: bytes) -> str | bytes:
        if self.encoding is Encoding.TEXT:
            return payload.decode(errors="replace")
        if self.encoding is Encoding.BINARY:
            return payload
        import msgpack

        try:
            packed: bytes = msgpack.packb(json.loads(payload))
        except (ValueError, OverflowError, UnicodeEncodeError):
            return payload  # a fault spoilt it: no reader is to understand it
        return packed

    def _read(self, data: str | bytes) -> dict[str, Any] | None:
        try:
            value = json.loads(data)
        except ValueError:
            value = self._unpack(data)
        return value if isinstance(value, dict) else None

    def _unpack(self, data: str | bytes) -> Any:
        if isinstance(data, str) or self.encoding is not Encoding.MSGPACK:
            return None
        import msgpack

        try:
            return msgpack.unpackb(data)
        except (ValueError, msgpack.UnpackException):
            return None

    def _auth(self, message: dict[str, Any]) -> str | bytes:
        nested = message.get("data")
        fields: dict[str, Any] = nested if isinstance(nested, dict) else message
        key = str(fields.get("key_id") or fields.get("key") or "")
        secret = str(fields.get("secret_key") or fields.get("secret") or "")
        account_id = self._authenticate(key, secret) if key else None
        status = "unauthorized"
        if account_id is not None:
            self.account_id, self.key, status = account_id, key, "authorized"
        data = {"status": status, "action": "authenticate"}
        return self.write({"stream": "authorization", "data": data})

    def _listen(self, message: dict[str, Any]) -> str | bytes:
        if self.account_id is None:
            data: dict[str, Any] = {"status": "unauthorized", "action": "listen"}
            return self.write({"stream": "authorization", "data": data})
        nested = message.get("data")
        wanted = nested.get("streams") if isinstance(nested, dict) else None
        names = wanted if isinstance(wanted, list) else []
        self.listening = tuple(name for name in _STREAMS if name in names)
        return self.write({"stream": "listening", "data": {"streams": list(self.listening)}})
