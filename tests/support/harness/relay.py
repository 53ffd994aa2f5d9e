"""A relay before a server on this machine that makes a network of loopback: every way takes time.

A connection costs a round trip and each message half of one, as on a line between two cities. What
is lost on a real line beside that (bandwidth, slow start) is not here.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

METHODS = (b"GET ", b"POST ", b"PATCH ", b"DELETE ")
CHUNK = 65536


@dataclass
class Line:
    """One way to a server. `requests` counts what went through it readably; `connections` too."""

    port: int
    round_trip_seconds: float
    port_there: int
    requests: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Relay:
    """Lines to servers, served by one thread; ended with `stop`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []

    def line(self, port: int, round_trip_seconds: float) -> Line:
        """A new line to a port on this machine."""
        return self._open(Line(0, round_trip_seconds, port), None, None)

    def tls(self, port: int, context: ssl.SSLContext, *, host: str = "127.0.0.1") -> int:
        """The port of a TLS endpoint before a plain server: what stands behind a line with TLS."""
        return self._open(Line(0, 0.0, port), context, host).port

    def stop(self) -> None:
        async def close() -> None:
            for server in self._servers:
                server.close()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _open(self, line: Line, context: ssl.SSLContext | None, host: str | None) -> Line:
        async def serve() -> int:
            server = await asyncio.start_server(
                lambda reader, writer: self._carry(line, reader, writer),
                host or "127.0.0.1",
                0,
                ssl=context,
            )
            self._servers.append(server)
            return int(server.sockets[0].getsockname()[1])

        line.port = asyncio.run_coroutine_threadsafe(serve(), self._loop).result(10)
        return line

    async def _carry(
        self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """On loopback a connection stands at once; here nothing that is sent on it counts as sent
        before the round trip that it costs is over."""
        line.connections += 1
        stands_at = self._loop.time() + line.round_trip_seconds
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", line.port_there)
        half = line.round_trip_seconds / 2
        await asyncio.gather(
            self._pump(reader, there_writer, half, stands_at, line),
            self._pump(there_reader, writer, half, stands_at, None),
        )

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        delay: float,
        stands_at: float,
        line: Line | None,
    ) -> None:
        """Reads on while what was read before is still on its way."""
        on_its_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await on_its_way.get()
                await asyncio.sleep(max(due - self._loop.time(), 0.0))
                if not data:
                    break
                sink.write(data)
                await sink.drain()
            sink.close()

        delivering = asyncio.ensure_future(deliver())
        with suppress(OSError):
            while data := await source.read(CHUNK):
                if line is not None and data.startswith(METHODS):
                    line.requests.append(_request(data))
                left_at = max(self._loop.time(), stands_at)
                on_its_way.put_nowait((left_at + delay, data))
        on_its_way.put_nowait((self._loop.time() + delay, b""))
        with suppress(OSError):
            await delivering


def _request(data: bytes) -> str:
    method, path, _ = data.split(b" ", 2)
    return f"{method.decode()} {path.partition(b'?')[0].decode()}"


@contextmanager
def relay() -> Iterator[Relay]:
    made = Relay()
    try:
        yield made
    finally:
        made.stop()


def make_certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """Key and certificate for 127.0.0.1 and `names`, made by openssl. Raises FileNotFoundError
    where that is not installed."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    known = ",".join(["IP:127.0.0.1", *(f"DNS:{name}" for name in ("localhost", *names))])
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command += f" -addext subjectAltName={known} -keyout {key} -out {cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return key, cert
