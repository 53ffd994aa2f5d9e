"""What a person hears, by the exchange's time: alerts by apprise's JSON, and the pings."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Heard:
    at: datetime
    title: str
    body: str

    @property
    def kind(self) -> str:
        """`execbot: stream_lost AAPL` is of the kind `stream_lost`."""
        return self.title.removeprefix("execbot: ").partition(" ")[0]


@dataclass(frozen=True)
class Beat:
    at: datetime
    job: str
    event: str


class Phone:
    """Listens until `close`; `now` is the exchange's time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.heard: list[Heard] = []
        self.beats: list[Beat] = []
        phone = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                phone.take(self.path, body, now())
                self.send_response(200)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *args: object) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def _where(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def alert_url(self) -> str:
        return f"json://{self._where}/alert?redirect=no"

    def ping_url(self, job: str) -> str:
        return f"http://{self._where}/ping/{job}/{{event}}"

    def take(self, path: str, body: bytes, at: datetime) -> None:
        parts = path.partition("?")[0].strip("/").split("/")
        if parts[0] == "ping" and len(parts) > 2:
            self.beats.append(Beat(at, parts[1], parts[2]))
        elif parts[0] == "alert":
            with suppress(ValueError):
                said = json.loads(body)
                self.heard.append(Heard(at, str(said.get("title")), str(said.get("message"))))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
