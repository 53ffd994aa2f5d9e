"""A server that answers as told, at the level of sockets, so that every kind of failure is real."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.paths import alpaca_facts
from support.streams import Serve, StreamServer

from execbot.broker.alpaca import AlpacaClient


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[socket.socket, Asked], bool]
"""Answers on the socket; True keeps the connection."""


def reply(status: int = 200, body: Any = None, **headers: str) -> Answer:
    """A whole answer: `body` is bytes as they are, or an object sent as JSON."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    payload = b"" if body is None else payload

    def answer(conn: socket.socket, asked: Asked) -> bool:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(payload)}"]
        if status == 204:
            lines.pop()
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        conn.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)
        return headers.get("Connection") != "close"

    return answer


def hang(conn: socket.socket, asked: Asked) -> bool:
    """Never answers; ends when the client gives up."""
    with suppress(OSError):
        conn.recv(1)
    return False


def reset(conn: socket.socket, asked: Asked) -> bool:
    """Reads the request and tears the connection down."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang_up(conn: socket.socket, asked: Asked) -> bool:
    """Reads the request and closes politely without a word."""
    return False


def raw(data: bytes) -> Answer:
    """Sends these bytes and closes."""

    def answer(conn: socket.socket, asked: Asked) -> bool:
        conn.sendall(data)
        return False

    return answer


def dribble(conn: socket.socket, asked: Asked) -> bool:
    """One byte at a time for ever: each recv succeeds, the reply never ends."""
    with suppress(OSError):
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        gone = threading.Event()
        while not gone.wait(0.02):
            conn.sendall(b" ")
    return False


@dataclass
class WireServer:
    """Answers each request with the next of `answers`; the last one is repeated."""

    answers: list[Answer] = field(default_factory=lambda: [reply(body={})])
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def script(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for conn in self._open:
            with suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                conn, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(conn)
            thread = threading.Thread(target=self._serve, args=(conn,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, conn: socket.socket) -> None:
        with conn, suppress(OSError):
            while (asked := _read_request(conn)) is not None:
                self.asked.append(asked)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if not answer(conn, asked):
                    return


def _read_request(conn: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = conn.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    while len(body) < int(headers.get("content-length", "0")):
        body += conn.recv(65536)
    method, target, _ = first.split(" ", 2)
    return Asked(method, target, headers, body)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts stream servers; all are gone when the test ends."""
    servers: list[StreamServer] = []

    def start(*sessions: Any, **options: Any) -> StreamServer:
        server = StreamServer(*sessions, **options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def wire() -> Iterator[WireServer]:
    server = WireServer()
    yield server
    server.close()


KEY, SECRET = "PKTESTKEY00000000001", "s3cr3t-that-must-never-show"


@pytest.fixture(params=["direct", "sdk"])
def make_client(request: pytest.FixtureRequest) -> Iterator[Callable[..., AlpacaClient]]:
    """Makes clients over each transport in turn; a test that uses it runs twice."""
    made: list[AlpacaClient] = []

    def make(url: str, **options: Any) -> AlpacaClient:
        options = {"trading_url": url, "data_url": url, "timeout_seconds": 5.0, **options}
        client = AlpacaClient(KEY, SECRET, sdk=request.param == "sdk", **options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture(scope="session")
def payloads() -> Path:
    folder = alpaca_facts() / "payloads"
    if not folder.is_dir():
        pytest.skip(f"no published payloads at {folder}")
    return folder


@pytest.fixture
def kit() -> Any:
    """The answers a test scripts a server with."""
    import types

    return types.SimpleNamespace(
        reply=reply,
        hang=hang,
        reset=reset,
        hang_up=hang_up,
        raw=raw,
        dribble=dribble,
        key=KEY,
        secret=SECRET,
    )
