"""The exchange behind sockets: REST and WebSockets on one port, with aiohttp.

Everything is decided in `Venue`; this file moves bytes, waits where a fault says so, and wakes
the exchange when its next event is due.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aiohttp import web

from execbot.sim.config import SimConfig
from execbot.sim.doors import cors
from execbot.sim.doors.exchanges import Door, MemoryDoor
from execbot.sim.doors.guard import Guard, is_control
from execbot.sim.doors.sockets import DataConnection, TradeConnection, abort, trade_encoding
from execbot.sim.faults.kinds import Kind
from execbot.sim.records import ALL_DATA, Delivery
from execbot.sim.store import SqliteArchive
from execbot.sim.types import Response
from execbot.sim.venue import Venue
from execbot.sim.wire.data_feed import OLD_CRYPTO, DataFeed, feed_of
from execbot.sim.wire.data_stream import DataStream
from execbot.sim.wire.http import credentials, encode, make_request, parse_query, reply, tidy
from execbot.sim.wire.trade_stream import TradeStream

# How often data streams are fed: the market ticks about once a second.
_DATA_SECONDS = 0.1
# Trades and quotes that the free plan may subscribe to.
BASIC_SYMBOLS = 30
# Quotes of contracts, by plan.
OPTION_QUOTES, BASIC_OPTION_QUOTES = 1000, 200
_MAX_WS_MESSAGE = 1 << 20


class ExchangeServer:
    """One listening socket in front of one exchange."""

    def __init__(
        self,
        door: Door,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        public: bool = False,
        names: Collection[str] = (),
        tls: ssl.SSLContext | None = None,
        cors: bool = False,
    ) -> None:
        """`public`: other machines may call it, `names`: by which it is known (see `Guard`).
        `cors`: pages of other origins may use Alpaca's paths.
        """
        self.door, self.host, self.port = door, host, port
        self._tls, self._cors = tls, cors
        allowed = (host.lower(), *names, *door.venue().config.allowed_hosts)
        self._guard = Guard(public, allowed, cors)
        self._trades: set[TradeConnection] = set()
        self._datas: set[DataConnection] = set()
        self._lingering: list[tuple[float, str]] = []
        self._nudge = asyncio.Event()
        self._sent = door.venue().outbox.seq
        self._generation = door.venue().generation
        self._runner: web.ServerRunner | None = None
        self._heart: asyncio.Task[None] | None = None
        self._stopping = False
        door.venue().stream_status = self._stream_status

    @property
    def config(self) -> SimConfig:
        return self.door.venue().config

    async def start(self) -> None:
        """Binds the port (0 takes a free one) and begins to serve."""
        server = web.Server(self._serve, access_log=None)
        # A reply that a fault holds back must not hold up the end.
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.3)
        await self._runner.setup()
        self.port = await self.listen(self.host, self.port, self._tls)
        self._heart = asyncio.create_task(self._beat())

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Serves on one more address (port 0 takes a free one); its port. Raises `OSError`."""
        assert self._runner is not None, "start() comes first"
        site = web.TCPSite(self._runner, host, port, backlog=1024, ssl_context=tls)
        await site.start()
        return int(self._runner.addresses[-1][1])

    async def stop(self) -> None:
        if self._heart is not None:
            # A flag, and no cancellation: before Python 3.12 `wait_for` can swallow one.
            self._stopping = True
            self._nudge.set()
            await self._heart
        for connection in [*self._trades, *self._datas]:
            await connection.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def urls(self) -> dict[str, str]:
        """Where everything is, as `sim serve --json` prints it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.host in ("0.0.0.0", "::"):
            host = "127.0.0.1"
        s = "" if self._tls is None else "s"
        at = f"{host}:{self.port}"
        return {
            "rest": f"http{s}://{at}",
            "stream": f"ws{s}://{at}/stream",
            "data": f"http{s}://{at}",
            "data_stream": f"ws{s}://{at}/v2/iex",
            "crypto_stream": f"ws{s}://{at}/v1beta3/crypto/us",
            "option_stream": f"ws{s}://{at}/v1beta1/opra",
            "control": f"http{s}://{at}/sim",
        }

    # --- time ------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Wakes the exchange when something is due and hands out what happened."""
        while not self._stopping:
            self._nudge.clear()
            wait = self.door.seconds_to_next()
            if any(connection.stream.active for connection in self._datas):
                wait = min(wait, _DATA_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudge.wait(), wait)
            self._hand_out()
            self._feed()

    def _hand_out(self) -> None:
        for row in self.door.pump(self._sent):
            self._sent = row.seq
            if row.account_id == ALL_DATA:
                self._tell_data(row)
                continue
            for connection in self._trades:
                if connection.alive and connection.stream.account_id == row.account_id:
                    _tell(connection, row)
        generation = self.door.venue().generation
        if generation != self._generation:
            self._generation = generation
            for other in [*self._trades, *self._datas]:
                other.kill()

    def _tell_data(self, row: Delivery) -> None:
        for connection in self._datas:
            if row.what == "cut":
                connection.kill()
            elif connection.alive:
                self._send(connection, connection.stream.publish(json.loads(row.frame)))

    def _feed(self) -> None:
        """Market data up to now, to every data stream."""
        if not self._datas:
            return
        now = self.door.venue().clock.now()
        for connection in self._datas:
            if connection.alive:
                self._send(connection, connection.stream.advance(now))

    def _send(self, connection: DataConnection, frames: Sequence[str | bytes]) -> None:
        stream = connection.stream
        if frames and stream.key is not None:
            frames = self.door.data_frames(stream.feed.name, stream.key, frames)
        connection.send(frames)

    # --- HTTP ------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        refusal = self._guard.refusal(tidy(request.path), headers)
        if refusal is not None:
            return _http(reply({"message": refusal}, 403))
        if headers.get("upgrade", "").lower() == "websocket":
            return await self._socket(request)
        if self._cors and not is_control(tidy(request.path)):
            return cors.allowing(await self._answered(request), headers)
        return await self._answered(request)

    async def _answered(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._cors and request.method == "OPTIONS":
            return web.Response(status=204)
        try:
            body = await request.read() if request.body_exists else None
        except (web.HTTPException, web.RequestPayloadError) as error:
            status = error.status if isinstance(error, web.HTTPException) else 400
            refused = _http(reply({"message": "the body could not be read"}, status))
            refused.force_close()
            return refused
        wanted = make_request(request.method, request.raw_path, request.headers, body)
        response = self.door.handle(wanted)
        self._nudge.set()  # what it set off goes out after the reply
        if response.fault is not None:
            return await self._misbehave(request, response, response.fault)
        return _http(response)

    async def _misbehave(
        self, request: web.BaseRequest, response: Response, fault: Any
    ) -> web.StreamResponse:
        seconds = float(fault.get("seconds", 0))
        match fault["do"]:
            case "abort":
                abort(request)
            case "hang":
                await asyncio.sleep(seconds)
                abort(request)
            case "delay":
                await asyncio.sleep(seconds)
                return _http(response)
            case "cut":
                await _half(request, response)
                abort(request)
            case "later":
                await asyncio.sleep(seconds)
                late = self.door.redeem(int(fault["ticket"]))
                self._nudge.set()
                if late is not None:
                    return _http(late)
                abort(request)
        return web.Response(status=500)  # the connection is gone; nobody reads this

    # --- WebSockets ------------------------------------------------------------------------

    async def _socket(self, request: web.BaseRequest) -> web.StreamResponse:
        path = tidy(request.path).rstrip("/")
        headers = {name.lower(): value for name, value in request.headers.items()}
        found = credentials(headers, parse_query(request.query_string))
        fault = self.door.connect(path, found[0] if found else "")
        if fault is not None and fault.kind is Kind.STREAM_REFUSED:
            return _http(Response(int(fault.params["status"]), b"too many connections\n"))
        refused = fault is not None and fault.kind is Kind.STREAM_UNAUTHORIZED
        feed = _feed(path)
        if feed is not None and feed.name == OLD_CRYPTO and not self.config.old_crypto_stream:
            feed = None
        if feed is not None:
            return await self._data_socket(request, feed, headers, refused)
        if not path.endswith("/stream"):
            return _http(Response(404, encode({"code": 40410000, "message": "endpoint not found"})))
        if self.config.single_stream and self._occupied(found[0] if found else ""):
            return _http(Response(429, encode({"message": "too many requests."})))
        return await self._trade_socket(request, headers, refused)

    async def _trade_socket(
        self, request: web.BaseRequest, headers: Mapping[str, str], refused: bool
    ) -> web.StreamResponse:
        stream = TradeStream(
            (lambda key, secret: None) if refused else self.door.account_of,
            trade_encoding(headers, self.config.frames),
        )
        ws = web.WebSocketResponse(compress=False, max_msg_size=_MAX_WS_MESSAGE)
        await ws.prepare(request)
        connection = TradeConnection(ws, request, stream)
        self._trades.add(connection)
        try:
            await connection.read()
        finally:
            self._trades.discard(connection)
            linger = self.config.stream_linger_seconds
            if linger and ws.close_code != 1000:
                self._lingering.append((time.monotonic() + linger, stream.key))
            await connection.close()
        return ws

    async def _data_socket(
        self, request: web.BaseRequest, feed: DataFeed, headers: Mapping[str, str], refused: bool
    ) -> web.StreamResponse:
        ws = web.WebSocketResponse(max_msg_size=_MAX_WS_MESSAGE)
        await ws.prepare(request)
        venue = self.door.venue()
        basic = self.config.plan == "basic"

        def authorize(key: str, secret: str) -> int | None:
            if refused or self.door.account_of(key, secret) is None:
                return 402
            if basic and feed.name in ("sip", "opra"):
                return 409
            return 406 if self.config.single_stream and self._feed_taken(feed, key) else None

        stream = DataStream(
            feed,
            venue.market,
            venue.clock.now(),
            headers=headers,
            authorize=authorize,
            symbol_limit=_symbol_limit(feed, basic),
        )
        connection = DataConnection(ws, request, stream)
        self._datas.add(connection)
        self._nudge.set()
        try:
            await connection.read(venue.clock.now)
        finally:
            self._datas.discard(connection)
            await connection.close()
        return ws

    def _feed_taken(self, feed: DataFeed, key: str) -> bool:
        return any(c.alive and c.stream.feed == feed and c.stream.key == key for c in self._datas)

    def _occupied(self, key: str) -> bool:
        """Whether the one allowed connection is taken. The key is unknown before it is sent."""
        now = time.monotonic()
        self._lingering = [(until, k) for until, k in self._lingering if until > now]
        taken = [c.stream.key for c in self._trades if c.alive] + [k for _, k in self._lingering]
        return any(not key or not other or other == key for other in taken)

    def _stream_status(self) -> list[dict[str, Any]]:
        trades = [
            {"key": c.stream.key, "listening": list(c.stream.listening), "sent": c.sent}
            for c in self._trades
            if c.alive
        ]
        datas = [
            {
                "key": c.stream.key,
                "feed": c.stream.feed.name,
                "subscribed": {n: sorted(s) for n, s in c.stream.subscriptions.items() if s},
                "sent": c.sent,
            }
            for c in self._datas
            if c.alive
        ]
        return trades + datas


def _symbol_limit(feed: DataFeed, basic: bool) -> int | None:
    if feed.options:
        return BASIC_OPTION_QUOTES if basic else OPTION_QUOTES
    return BASIC_SYMBOLS if basic else None


def _feed(path: str) -> DataFeed | None:
    """The feed of a path. Some clients add the path to a URL that has it already: that is taken
    too.
    """
    parts = path.split("/")
    tails = ("/".join(parts[-count:]) for count in (len(parts), 3, 2))
    return next((feed for feed in map(feed_of, tails) if feed is not None), None)


def _tell(connection: TradeConnection, row: Delivery) -> None:
    if row.what == "cut":
        connection.kill()
        return
    frame = connection.stream.frame(row.frame)
    if frame is not None:
        connection.put(frame)
        if row.what == "error":
            connection.finish()


def _http(response: Response) -> web.Response:
    headers = {"Content-Type": response.content_type, **response.headers}
    if not response.body:
        headers.pop("Content-Type")
    return web.Response(status=response.status, body=response.body or None, headers=headers)


async def _half(request: web.BaseRequest, response: Response) -> None:
    """Promises the whole body and sends half of it."""
    headers = {"Content-Type": response.content_type, "Content-Length": str(len(response.body))}
    stream = web.StreamResponse(status=response.status, headers={**headers, **response.headers})
    await stream.prepare(request)
    await stream.write(response.body[: len(response.body) // 2])
    await asyncio.sleep(0.05)


def memory_door(config: SimConfig) -> MemoryDoor:
    """A fresh exchange whose finished orders go to a temporary file, so memory stays flat."""
    return MemoryDoor(Venue(config, archive=SqliteArchive.temporary()))
