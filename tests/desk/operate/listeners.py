"""Who hears what is sent: a web server and a service manager's socket, both real."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from msgspec import Struct


class Heard(Struct, frozen=True):
    method: str
    path: str
    body: str


@dataclass
class Listener:
    """`answer` gives the status for a path; 301 says where else it is, too."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=dict)

    def paths(self) -> list[str]:
        return [item.path for item in self.heard]


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            listener.heard.append(Heard(self.command, self.path, body))
            status = listener.status.get(self.path.partition("?")[0], 200)
            self.send_response(status)
            if status == 301:
                self.send_header("Location", f"{listener.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = _answer

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def service_manager(path: Path) -> Iterator[list[str]]:
    """What systemd would have been told, in order."""
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.settimeout(0.2)
        ends = threading.Event()

        def read() -> None:
            while not ends.is_set():
                try:
                    heard.extend(receiver.recv(4096).decode().splitlines())
                except TimeoutError:
                    continue

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            yield heard
        finally:
            ends.set()
            thread.join()
