"""Messages as bytes: one line of JSON each, of a bounded length."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

import msgspec

from execbot.desk.door.relayed import carried, restored

REQUEST_BYTES_MAX = 64 * 1024
"""Ids, reasons and levels of one order; what is longer is no request."""

REPLY_BYTES_MAX = 1024 * 1024
"""One result. An order keeps what the broker sent of it, its legs included."""

T = TypeVar("T")


class Garbled(Exception):
    """What came is no message."""


def to_line(message: msgspec.Struct) -> bytes:
    return to_bytes(message) + b"\n"


def to_bytes(value: object) -> bytes:
    """A value as JSON; an error as `carried` writes it."""
    return _ENCODER.encode(value)


def read(line: bytes, kind: type[T] | Any) -> T:
    """The value of a line. Raises Garbled."""
    try:
        found: T = msgspec.json.decode(line, type=kind, dec_hook=_from_json)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise Garbled(str(error)) from error
    return found


def split_lines(buffer: bytearray, most: int) -> list[bytes]:
    """Take the whole lines out of what has come. Raises Garbled where one is too long."""
    lines = []
    while (end := buffer.find(b"\n")) >= 0:
        lines.append(bytes(buffer[:end]))
        del buffer[: end + 1]
    if len(buffer) > most or any(len(line) > most for line in lines):
        raise Garbled(f"a message is longer than {most} bytes")
    return lines


def _to_json(value: object) -> Any:
    if isinstance(value, BaseException):
        return carried(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Enum | Decimal):
        return str(value)
    return str(value)


def _from_json(kind: type, value: Any) -> Any:
    if kind is BaseException and isinstance(value, Mapping):
        return restored(value)
    raise TypeError(f"{kind} is not sent")


_ENCODER = msgspec.json.Encoder(enc_hook=_to_json)
