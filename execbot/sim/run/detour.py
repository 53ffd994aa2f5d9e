"""The proxy of an unsealed run: Alpaca's names lead to the exchange, all others where they lead.

It speaks what clients speak to a proxy: CONNECT, and whole addresses in the request line, which
some clients use for https as well and so hand the proxy what was to be encrypted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from urllib.parse import urlsplit

from execbot.sim.run.names import is_alpaca

_HEAD_MAX = 1 << 16
_REFUSED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def proxy_before(env: Mapping[str, str]) -> tuple[str, int] | None:
    """The proxy that this system goes through itself: host and port."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        url = urlsplit(env.get(name, ""))
        if url.scheme == "http" and url.hostname:
            return url.hostname, url.port or 80
    return None


class Detour:
    """A proxy on a free port of this machine. `tls` and `plain` are the exchange's ports."""

    def __init__(self, tls: int, plain: int, upstream: tuple[str, int] | None = None) -> None:
        self._tls, self._plain, self._upstream = tls, plain, upstream
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Its URL."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_HEAD_MAX)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            other, first, answer = await self._lead(method, target, head)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.write(_REFUSED)
            await _end(writer)
            return
        writer.write(answer)
        other[1].write(first)
        await asyncio.gather(_pour(reader, other[1]), _pour(other[0], writer))

    async def _lead(self, method: str, target: str, head: bytes) -> tuple[Streams, bytes, bytes]:
        """Where a request goes, what is sent there first, and what the client gets as an answer."""
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            return await self._open(host.strip("[]"), int(port)), b"", _OPEN
        url = urlsplit(target)
        if url.hostname is None:
            raise ValueError("no address")
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        # One request a connection: the next one may be for somebody else.
        line, _, rest = head.partition(b"\r\n")
        first = f"{method} {path} {line.split()[-1].decode()}\r\n".encode("latin-1")
        rest = b"\r\n".join(
            field
            for field in rest.split(b"\r\n")
            if not field.lower().startswith((b"connection:", b"proxy-"))
        )
        first += b"Connection: close\r\n" + rest
        if is_alpaca(url.hostname):
            return await asyncio.open_connection("127.0.0.1", self._plain), first, b""
        if url.scheme != "http":
            raise ValueError("https is asked for by CONNECT")
        return await asyncio.open_connection(url.hostname, url.port or 80), first, b""

    async def _open(self, host: str, port: int) -> Streams:
        if is_alpaca(host):
            return await asyncio.open_connection("127.0.0.1", self._tls)
        if self._upstream is None:
            return await asyncio.open_connection(host, port)
        reader, writer = await asyncio.open_connection(*self._upstream)
        writer.write(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        said = await reader.readuntil(b"\r\n\r\n")
        if b" 200" not in said.split(b"\r\n", 1)[0]:
            writer.close()
            raise OSError("the proxy before this one refused")
        return reader, writer


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    await _end(writer)


async def _end(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await writer.drain()
        writer.close()
