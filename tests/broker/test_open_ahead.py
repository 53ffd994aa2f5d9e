"""Goal: connections opened ahead carry the requests; what fails is told by the request alone.

Method: a small HTTP server on loopback that counts connections and requests; no clock is asked.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest
from support.waiting import PATIENCE_SECONDS, eventually

from execbot.broker.http import DirectTransport, TransportFailure


class Counted(ThreadingTCPServer):
    """Answers every request with `{}`. `drops`: so many connections are closed at once, first."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        self.connections = self.requests = self.drops = 0
        super().__init__(("127.0.0.1", 0), Answering)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answering(StreamRequestHandler):
    server: Counted

    def handle(self) -> None:
        self.server.connections += 1
        if self.server.connections <= self.server.drops:
            return
        while self.rfile.readline().strip():
            while self.rfile.readline().strip():
                pass
            self.server.requests += 1
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


@pytest.fixture
def server() -> Iterator[Counted]:
    made = Counted()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def transport(server: Counted) -> Iterator[DirectTransport]:
    made = DirectTransport(server.url)
    yield made
    made.close()


def test_requests_go_over_the_connections_that_were_opened_ahead(
    server: Counted, transport: DirectTransport
) -> None:
    transport.open_ahead(2)
    for _ in range(4):
        assert transport.send("GET", "/").status == 200
    assert eventually(lambda: server.connections == 2, PATIENCE_SECONDS)
    assert server.requests == 4


def test_requests_at_once_share_what_was_opened_and_open_what_is_missing(
    server: Counted, transport: DirectTransport
) -> None:
    transport.open_ahead(2)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(transport.send("GET", "/").status))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert statuses == [200] * 3
    assert server.connections <= 3


def test_a_connection_that_the_server_has_closed_again_costs_no_request(
    server: Counted, transport: DirectTransport
) -> None:
    server.drops = 2
    transport.open_ahead(2)
    assert eventually(lambda: server.connections == 2, PATIENCE_SECONDS)
    # The end of a connection is on its way for a moment; a read that meets it is tried again above.
    replies: list[Any] = []
    for _ in range(4):
        try:
            replies.append(transport.send("GET", "/").status)
        except TransportFailure as failure:
            assert failure.sent
    assert replies[-1] == 200


def test_a_server_that_is_not_there_is_told_by_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    transport = DirectTransport(f"http://127.0.0.1:{port}")
    transport.open_ahead(3)
    with pytest.raises(TransportFailure) as caught:
        transport.send("POST", "/v2/orders", body=b"{}")
    assert not caught.value.sent
    assert isinstance(caught.value.cause, ConnectionRefusedError)
    transport.close()


def test_certificates_that_cannot_be_read_are_told_by_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ssl

    def unreadable(*_: Any, **__: Any) -> ssl.SSLContext:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(ssl, "create_default_context", unreadable)
    transport = DirectTransport("https://127.0.0.1:1")
    transport.open_ahead(1)
    with pytest.raises(FileNotFoundError):
        transport.send("GET", "/")
    transport.close()


def test_what_was_opened_and_is_not_wanted_is_closed(
    server: Counted, transport: DirectTransport
) -> None:
    transport.open_ahead(2)
    assert eventually(lambda: server.connections == 2, PATIENCE_SECONDS)
    transport.close()
    assert transport.send("GET", "/").status == 200  # the transport opens new ones when used again
