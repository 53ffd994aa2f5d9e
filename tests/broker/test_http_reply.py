"""Goal: a reply is read as `http.client` reads it, and what is cut, endless or no HTTP is an error,
never a shorter answer.

Method: replies put together at random, cut and spoilt; both readers see each of them.
"""

from __future__ import annotations

import io
import random
from http.client import HTTPException, HTTPResponse
from typing import Any

import pytest

from execbot.broker.http_reply import HEADERS_MAX, LINE_BYTES_MAX, ReadReply, read_reply

MOST = 1000
REPLIES = 3000
BODY = b'{"id": "b-1", "status": "accepted"}'


class _Socket:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def by_the_library(data: bytes, method: str) -> tuple[int, dict[str, str], bytes, bool] | None:
    response = HTTPResponse(_Socket(data), method=method)  # type: ignore[arg-type]
    try:
        response.begin()
        body = response.read()
    except (HTTPException, OSError, ValueError):
        return None
    headers = {name.lower(): value for name, value in response.getheaders()}
    return response.status, headers, body, response.will_close


def by_us(data: bytes, method: str) -> ReadReply | None:
    try:
        return read_reply(io.BytesIO(data), method, MOST)
    except ConnectionError:
        return None


def made(dice: random.Random) -> bytes:
    """A reply that is mostly right."""
    status = dice.choice([b"200 OK", b"200", b"422 No", b"204 None", b"304 Same", b"500 Oops"])
    head = [dice.choice([b"HTTP/1.1 ", b"HTTP/1.1 ", b"HTTP/1.0 "]) + status]
    head += dice.sample(
        [
            b"Date: Mon, 30 Nov 2026 10:00:00 GMT",
            b"X-Request-ID:abc",
            b"Connection: close",
            b"Connection: Keep-Alive",
            b"X-Twice: 1",
            b"X-Twice: 2",
            b"X-Long: a\r\n  b",
        ],
        dice.randrange(4),
    )
    kind = dice.randrange(4)
    body = BODY[: dice.randrange(len(BODY) + 1)]
    if kind == 0:
        head.append(b"Content-Length: %d" % len(body))
    elif kind == 1:
        head.append(b"Transfer-Encoding: chunked")
        at = dice.randrange(len(body) + 1)
        parts = [part for part in (body[:at], body[at:]) if part]
        sized = [b"%x%s\r\n%s\r\n" % (len(p), dice.choice([b"", b";x=1"]), p) for p in parts]
        body = b"".join(sized) + b"0\r\n" + dice.choice([b"", b"X-Trailer: 1\r\n"]) + b"\r\n"
    interim = dice.choice([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
    return interim + b"\r\n".join(head) + b"\r\n\r\n" + body


def spoilt(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data))
    return dice.choice(
        [
            data[:at],
            data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :],
            data[:at] + data[at + 1 :],
            data + b"HTTP/1.1 200 OK\r\n\r\n",
        ]
    )


def test_what_is_right_is_read_as_the_library_reads_it() -> None:
    dice = random.Random(7)
    for _ in range(REPLIES):
        data, method = made(dice), dice.choice(["GET", "POST", "HEAD"])
        expected, found = by_the_library(data, method), by_us(data, method)
        assert expected is not None and found is not None, data
        headers = {name: " ".join(value.split()) for name, value in expected[1].items()}
        headers.pop("connection", None), found.headers.pop("connection", None)
        assert (found.status, found.headers, found.body) == (expected[0], headers, expected[2])
        assert found.will_close or not expected[3], data


def test_what_is_spoilt_is_no_more_believed_than_by_the_library() -> None:
    dice, believed, refused = random.Random(8), 0, 0
    for _ in range(REPLIES):
        data = spoilt(made(dice), dice)
        expected, found = by_the_library(data, "POST"), by_us(data, "POST")
        if found is None:
            refused += 1
            continue
        assert expected is not None, data
        if found.headers.keys() != expected[1].keys() or expected[0] < 200:
            continue  # the library ends headers at a byte that it does not like, or at a hint
        believed += 1
        assert (found.status, found.body) == (expected[0], expected[2]), data
    assert believed > REPLIES / 10
    assert refused > REPLIES / 10


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\nX: 1",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MOST + 1),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MOST + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxxyy0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * LINE_BYTES_MAX + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * (HEADERS_MAX + 5) + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    ],
    ids=range(18),
)
def test_what_is_cut_endless_or_no_http_is_an_error(data: bytes) -> None:
    with pytest.raises(ConnectionError):
        read_reply(io.BytesIO(data), "GET", MOST)


def test_an_early_hint_is_no_answer() -> None:
    data = (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n"
    )
    found: Any = by_us(data, "POST")
    assert (found.status, found.headers) == (201, {"content-length": "0"})
