"""Exchanges for the wire tests: in this process under a virtual clock, and behind real sockets."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from execbot.sim.config import SimConfig
from execbot.sim.doors.server import ExchangeServer, memory_door
from execbot.sim.doors.transport import InProcess
from execbot.sim.venue import Venue

KEY, SECRET = "test-key", "test-secret"
HEADERS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}


@dataclass(frozen=True)
class Reply:
    """One answer, with its body read as JSON where it is."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Bench:
    """A venue in this process and the shortest way to talk to it."""

    def __init__(self, config: SimConfig) -> None:
        self.venue = Venue(config)
        self.door = InProcess(self.venue)

    def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        key: str | None = KEY,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Reply:
        sent = dict(headers or {})
        if key is not None:
            sent |= {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": SECRET}
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return Reply(*self.door.request(method, target, sent, raw, timeout))

    def get(self, target: str, **options: Any) -> Any:
        return self.call("GET", target, **options).json

    def post(self, target: str, body: Any = None, **options: Any) -> Any:
        return self.call("POST", target, body, **options).json

    def buy(self, symbol: str = "AAPL", qty: str = "1", **fields: Any) -> Reply:
        order = {"symbol": symbol, "qty": qty, "side": "buy", "type": "market"}
        return self.call("POST", "/v2/orders", {**order, "time_in_force": "day", **fields})

    def step(self, seconds: float) -> None:
        self.post("/sim/clock", {"step": seconds})

    def fault(self, kind: str, **fields: Any) -> Any:
        reply = self.call("POST", "/sim/faults", {"kind": kind, **fields})
        assert reply.status == 200, reply.body
        return reply.json

    def events(self, since: int = 0, key: str = KEY) -> list[dict[str, Any]]:
        frames = self.door.trade_updates_since(key, since)
        return [json.loads(frame)["data"] for _, frame in frames]

    def log(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/sim/log")
        return found


AT = "2026-10-08 10:30"  # a Thursday, in regular hours


@pytest.fixture
def bench() -> Bench:
    """An exchange whose clock stands still until it is stepped."""
    return Bench(SimConfig(at=AT, speed=0))


@pytest.fixture
def make_bench() -> Callable[..., Bench]:
    def make(**settings: Any) -> Bench:
        return Bench(SimConfig.of({"at": AT, "speed": 0, **settings}))

    return make


class Running:
    """A server on a thread of its own with an event loop of its own."""

    def __init__(self, config: SimConfig) -> None:
        self._config = config
        self._started: Future[dict[str, str]] = Future()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.urls = self._started.result(timeout=60)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())
        self._loop.close()

    async def _main(self) -> None:
        try:
            self.server = ExchangeServer(memory_door(self._config))
            await self.server.start()
        except BaseException as error:
            self._started.set_exception(error)
            return
        self._started.set_result(self.server.urls())
        await self._stop.wait()
        await self.server.stop()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=60)

    def __getitem__(self, name: str) -> str:
        return self.urls[name]


@contextmanager
def running(**settings: Any) -> Iterator[Running]:
    """A served exchange with these settings, gone when the block ends."""
    server = Running(SimConfig.of(settings))
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """Starts served exchanges; all are gone when the test ends."""
    open_ones: list[Running] = []

    def start(**settings: Any) -> Running:
        open_ones.append(Running(SimConfig.of(settings)))
        return open_ones[-1]

    yield start
    for server in open_ones:
        server.close()


@pytest.fixture(scope="module")
def exchange() -> Iterator[Running]:
    """One served exchange for a whole module: always open, wall clock."""
    with running(seed=1) as server:
        yield server
