"""A proxy of the tests' own: it opens ways by CONNECT and knows names that nobody else knows."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any


class ConnectProxy:
    """`names` are the ports on this machine behind the hosts that it reaches; the rest is a 502.

    `login` is `user:password`, asked for with 407. `opened` are the ways that were asked for.
    """

    def __init__(self, names: dict[str, int], *, login: str | None = None) -> None:
        self.names = names
        self.login = login
        self.opened: list[str] = []
        self.first_lines: list[bytes] = []
        """What went through the way first: the begin of TLS, never a readable request."""
        proxy = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                proxy._serve(self)

        class Server(ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def url(self, login: str = "") -> str:
        return f"http://{login + '@' if login else ''}127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _serve(self, handler: Any) -> None:
        line = handler.rfile.readline().decode("latin-1").split()
        headers = {}
        while (row := handler.rfile.readline().decode("latin-1").strip()) != "":
            name, _, value = row.partition(":")
            headers[name.lower()] = value.strip()
        method, target = line[0], line[1]
        self.opened.append(f"{method} {target}")
        if self.login is not None and headers.get("proxy-authorization") != _basic(self.login):
            handler.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return
        port = self.names.get(target.rpartition(":")[0])
        if method != "CONNECT" or port is None:
            handler.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", port)) as far:
            handler.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(far, handler.connection), daemon=True)
            back.start()
            first = handler.connection.recv(65536)
            self.first_lines.append(first[:16])
            with suppress(OSError):
                far.sendall(first)
            _pump(handler.connection, far)
            back.join(5)


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


def _basic(login: str) -> str:
    return f"Basic {base64.b64encode(login.encode()).decode()}"
