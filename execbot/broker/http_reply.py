"""An HTTP/1.1 reply, read off a stream: its status, headers and body (RFC 9112).

`http.client` reads the same, and loads the email package for it: a tenth of the processor time of a
`submit`. That both read alike is tested.
"""

from __future__ import annotations

from typing import BinaryIO, NoReturn

from msgspec import Struct

LINE_BYTES_MAX = 65536
HEADERS_MAX = 100
INTERIM_MAX = 10
"""Replies before the reply (100 Continue, 103 Early Hints)."""

BLANKS = " \t"
CONTROLS = frozenset(map(chr, (*range(9), *range(10, 32), 127)))
HEX = frozenset(b"0123456789abcdefABCDEF")


class ReadReply(Struct, frozen=True):
    """`headers` has lower-case names; of one that is given twice the last value."""

    status: int
    headers: dict[str, str]
    body: bytes
    will_close: bool


def read_reply(stream: BinaryIO, method: str, body_bytes_max: int) -> ReadReply:
    """Raises OSError: that of the stream, or ConnectionError for what is cut, too large or no
    HTTP."""
    status, is_old = _status(stream)
    for _ in range(INTERIM_MAX):
        if not 100 <= status < 200:
            break
        _headers(stream)
        status, is_old = _status(stream)
    else:
        _garbled("nothing but interim replies")
    headers = _headers(stream)
    will_close = _will_close(headers, is_old=is_old)
    if method == "HEAD":
        return ReadReply(status, headers, b"", will_close)
    coding = headers.get("transfer-encoding", "identity").lower()
    if coding not in ("chunked", "identity"):
        _garbled("its transfer coding is unknown")
    if coding == "chunked":
        return ReadReply(status, headers, _chunks(stream, body_bytes_max), will_close)
    if status in (204, 304):
        return ReadReply(status, headers, b"", will_close)
    length = _length(headers)
    if length is None:
        return ReadReply(status, headers, _rest(stream, body_bytes_max), True)
    if length > body_bytes_max:
        raise ConnectionError("the reply is too large")
    body = stream.read(length)
    if len(body) < length:
        raise ConnectionError("the reply ended early")
    return ReadReply(status, headers, body, will_close)


def _status(stream: BinaryIO) -> tuple[int, bool]:
    """The number, and whether it is HTTP/1.0."""
    line = stream.readline(LINE_BYTES_MAX + 1)
    if not line:
        _garbled("the other side closed the connection without a reply")
    words = line.decode("latin-1").rstrip("\r\n").split(" ", 2)
    version, number = (*words, "", "")[:2]
    is_known = version in ("HTTP/0.9", "HTTP/1.0") or version.startswith("HTTP/1.")
    is_number = len(number) == 3 and number.isascii() and number.isdigit()
    if not is_known or not is_number or number < "100":
        _garbled("it does not begin like a reply")
    return int(number), version in ("HTTP/0.9", "HTTP/1.0")


def _headers(stream: BinaryIO) -> dict[str, str]:
    """By lower-case names. What is said of the connection is kept together: one `close` counts."""
    found: dict[str, str] = {}
    lengths: set[str] = set()
    name = ""
    for _ in range(HEADERS_MAX + 1):
        line = stream.readline(LINE_BYTES_MAX + 1)
        if len(line) > LINE_BYTES_MAX:
            _garbled("a header is too long")
        if not line.endswith(b"\n"):
            _garbled("it ended within its headers")
        text = line.decode("latin-1").rstrip("\r\n")
        if not text:
            return found
        if not CONTROLS.isdisjoint(text):
            _garbled("a header has a control character")
        if text[0] in BLANKS:  # goes on with the one before
            found[name] = f"{found.get(name, '')} {text.strip(BLANKS)}".strip(BLANKS)
            continue
        name, _, value = text.partition(":")
        name = name.strip(BLANKS).lower()
        before = f"{found[name]}, " if name == "connection" and name in found else ""
        found[name] = before + value.strip(BLANKS)
        if name == "content-length":
            lengths.add(found[name])
            if len(lengths) > 1:
                _garbled("it has two lengths")
    _garbled("it has too many headers")


def _will_close(headers: dict[str, str], *, is_old: bool) -> bool:
    words = headers.get("connection", "").lower()
    return "close" in words or (is_old and "keep-alive" not in words)


def _length(headers: dict[str, str]) -> int | None:
    """None where it goes on until the connection is closed."""
    said = headers.get("content-length")
    if said is None:
        return None
    if not (said.isascii() and said.isdigit() and len(said) <= 15):
        _garbled("its length is no number")
    return int(said)


def _chunks(stream: BinaryIO, most: int) -> bytes:
    parts: list[bytes] = []
    left = most
    while size := _chunk_size(stream):
        left -= size
        if left < 0:
            raise ConnectionError("the reply is too large")
        part = stream.read(size)
        if len(part) < size or stream.read(2) != b"\r\n":
            _garbled("it ended within a chunk")
        parts.append(part)
    for _ in range(HEADERS_MAX + 1):
        line = stream.readline(LINE_BYTES_MAX + 1)
        if line in (b"\r\n", b"\n", b""):
            return b"".join(parts)
    _garbled("it has too many trailers")


def _chunk_size(stream: BinaryIO) -> int:
    line = stream.readline(LINE_BYTES_MAX + 1)
    digits = line.partition(b";")[0].strip()
    if not line.endswith(b"\n") or not digits or len(digits) > 15 or not HEX.issuperset(digits):
        _garbled("a chunk has no length")
    return int(digits, 16)


def _rest(stream: BinaryIO, most: int) -> bytes:
    body = bytearray()
    while part := stream.read(LINE_BYTES_MAX):
        body += part
        if len(body) > most:
            raise ConnectionError("the reply is too large")
    return bytes(body)


def _garbled(why: str) -> NoReturn:
    raise ConnectionResetError(f"no HTTP reply: {why}")
