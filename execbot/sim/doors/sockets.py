"""WebSocket connections of the server: one writer each, bounded, and killed when too slow."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterable, Mapping

from aiohttp import WSMsgType, web

from execbot.sim.types import Ns
from execbot.sim.wire.data_stream import DataStream
from execbot.sim.wire.trade_stream import Encoding, TradeStream

# What may wait for a reader; beyond this it is too slow and is cut, as at Alpaca.
WAITING_BYTES_MAX = 8_000_000
# How long a reader that is too slow has to take the message that says so.
SLOW_READER_SECONDS = 1.0


def abort(request: web.BaseRequest) -> None:
    """Kills a connection so that the peer sees a reset rather than an orderly end."""
    transport = request.transport
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Connection:
    """One WebSocket: what is put is written in order by a task of its own."""

    def __init__(self, ws: web.WebSocketResponse, request: web.BaseRequest) -> None:
        self.ws, self._request = ws, request
        self._queue: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._waiting_bytes = 0
        self._writer = asyncio.ensure_future(self._write())
        self.alive = True
        self.sent = 0

    def put(self, frame: str | bytes) -> None:
        if self._waiting_bytes > WAITING_BYTES_MAX:
            self.too_slow()
            return
        self._waiting_bytes += len(frame)
        self._queue.put_nowait(frame)

    def too_slow(self) -> None:
        self.kill()

    def drop_waiting(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()
        self._waiting_bytes = 0

    def finish(self) -> None:
        """Closes in an orderly way after what is waiting has been written."""
        self._queue.put_nowait(None)

    def kill(self) -> None:
        """Cuts the connection without a close frame."""
        self.alive = False
        abort(self._request)

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            while (frame := await self._queue.get()) is not None:
                self._waiting_bytes = max(0, self._waiting_bytes - len(frame))
                if isinstance(frame, str):
                    await self.ws.send_str(frame)
                else:
                    await self.ws.send_bytes(frame)
                self.sent += 1
            await self.ws.close()

    async def close(self) -> None:
        self.alive = False
        self._writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._writer
        with contextlib.suppress(ConnectionError, RuntimeError):
            await asyncio.wait_for(self.ws.close(), 1)


class TradeConnection(Connection):
    """A connection to `/stream`."""

    def __init__(
        self, ws: web.WebSocketResponse, request: web.BaseRequest, stream: TradeStream
    ) -> None:
        super().__init__(ws, request)
        self.stream = stream

    async def read(self) -> None:
        """Serves the client until it goes."""
        async for message in self.ws:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            for frame in self.stream.receive(message.data):
                self.put(frame)


class DataConnection(Connection):
    """A connection to a data stream."""

    def __init__(
        self, ws: web.WebSocketResponse, request: web.BaseRequest, stream: DataStream
    ) -> None:
        super().__init__(ws, request)
        self.stream = stream

    def send(self, frames: Iterable[str | bytes]) -> None:
        for frame in frames:
            self.put(frame)
        if self.stream.closed:
            self.finish()

    def too_slow(self) -> None:
        """Tells a reader that it does not keep up, if it still reads, and cuts it."""
        if self.alive:
            self.alive = False
            self.drop_waiting()
            self.send(self.stream.fail(407))
            asyncio.get_running_loop().call_later(SLOW_READER_SECONDS, self.kill)

    async def read(self, now: Callable[[], Ns]) -> None:
        """Serves the client until it goes."""
        self.send(self.stream.open())
        async for message in self.ws:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            self.send(self.stream.receive(message.data, now()))


def trade_encoding(headers: Mapping[str, str], frames: str) -> Encoding:
    """Frames as configured, or msgpack for a client whose upgrade asks for it."""
    if "msgpack" in headers.get("content-type", ""):
        return Encoding.MSGPACK
    return Encoding(frames)
