"""WebSocket servers that behave as a test tells them to."""

from __future__ import annotations

import base64
import hashlib
import http
import json
import queue
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

Session = Callable[[ServerConnection], None]


class StreamServer:
    """Each connection runs the next of `sessions`; the last one is repeated.

    `upgrades` holds HTTP statuses to refuse the next upgrades with; None lets one through.
    """

    def __init__(
        self,
        *sessions: Session,
        upgrades: tuple[int | None, ...] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.sessions = list(sessions)
        self.upgrades = list(upgrades)
        self.heard: list[Any] = []
        self._closed: queue.Queue[int | None] = queue.Queue()
        self.connections = 0
        self._server: Server = serve(
            self._handle, "127.0.0.1", 0, process_request=self._process, compression=None, ssl=tls
        )
        self.port = self._server.socket.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/stream"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(5)

    def _process(self, conn: ServerConnection, request: Request) -> Response | None:
        status = self.upgrades.pop(0) if self.upgrades else None
        return None if status is None else conn.respond(http.HTTPStatus(status), "no\n")

    def _handle(self, conn: ServerConnection) -> None:
        self.connections += 1
        session = self.sessions.pop(0) if len(self.sessions) > 1 else self.sessions[0]
        with suppress(ConnectionClosed):
            session(conn)
        goodbye = conn.protocol.close_rcvd
        self._closed.put(goodbye.code if goodbye else None)

    def goodbyes(self, count: int) -> list[int | None]:
        """The close codes of the next `count` connections that end; None for one without."""
        return [self._closed.get(timeout=60) for _ in range(count)]

    def hear(self, conn: ServerConnection) -> Any:
        message = json.loads(conn.recv(timeout=60))
        self.heard.append(message)
        return message


def say(conn: ServerConnection, value: Any, *, binary: bool = False) -> None:
    text = json.dumps(value)
    conn.send(text.encode() if binary else text)


def authorization(status: str = "authorized", action: str = "authenticate") -> dict[str, Any]:
    return {"stream": "authorization", "data": {"status": status, "action": action}}


def listening(*streams: str) -> dict[str, Any]:
    return {"stream": "listening", "data": {"streams": list(streams)}}


def update(number: int, event: str = "new", **fields: Any) -> dict[str, Any]:
    order = {
        "id": f"order-{number}",
        "client_order_id": f"mine-{number}",
        "symbol": "AAPL",
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
        "status": event,
        "qty": "3",
        "filled_qty": fields.get("qty", "0"),
    }
    data = {"event": event, "order": order, "timestamp": "2026-11-20T15:00:00.5Z", **fields}
    return {"stream": "trade_updates", "data": data}


def log_in(server: StreamServer, conn: ServerConnection) -> None:
    server.hear(conn)
    say(conn, authorization())
    server.hear(conn)
    say(conn, listening("trade_updates"))


def wait_for_goodbye(conn: ServerConnection) -> None:
    """Stays until the client closes."""
    for _ in conn:
        pass


class DeafServer:
    """Completes the handshake and the log-in, then neither speaks nor answers pings."""

    def __init__(self, *replies: Any) -> None:
        self._replies = replies
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/stream"
        self.connections = 0
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._gone.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        kept = []
        with suppress(OSError):
            while not self._gone.is_set():
                conn, _ = self._listener.accept()
                kept.append(conn)
                self.connections += 1
                self._greet(conn)
        for conn in kept:
            conn.close()

    def _greet(self, conn: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += conn.recv(4096)
        key = data.lower().partition(b"sec-websocket-key:")[2]
        key = data[len(data) - len(key) :].split(b"\r\n", 1)[0].strip()
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        conn.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        for reply in self._replies:
            payload = json.dumps(reply).encode()
            conn.sendall(bytes([0x81, len(payload)]) + payload)


Serve = Callable[..., StreamServer]
"""Starts a server that plays these sessions, one after the other."""
