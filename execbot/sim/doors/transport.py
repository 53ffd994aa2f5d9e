"""The in-process doors: the exchange without sockets.

`open_shared` opens the exchange that lives in a directory, for many processes at once;
`InProcess` wraps a `Venue` in memory, for simulations under a virtual clock. Both take a request
and return `(status, headers, body)`, and both misbehave as a socket would when a fault says so:
`ConnectionResetError` for a lost connection, `TimeoutError` for an answer that came too late.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from execbot.sim.config import SimConfig
from execbot.sim.faults.faults import Rule
from execbot.sim.records import Delivery
from execbot.sim.requests import Requests
from execbot.sim.store import SqliteArchive, SqliteRecords, Store
from execbot.sim.types import SECOND, Request, Response
from execbot.sim.venue import Venue
from execbot.sim.wire.http import make_request

Answer = tuple[int, dict[str, str], bytes]
DEFAULT_TIMEOUT_SECONDS = 10.0
FILE_NAME = "exchange.db"


def _delivered(
    response: Response,
    timeout: float,
    wait: Callable[[float], None],
    redeem: Callable[[int], Response | None],
) -> Answer:
    """The answer as the client gets it, after `wait`ing where a fault delays it."""
    fault = response.fault
    if fault is not None:
        seconds = float(fault.get("seconds", 0))
        if fault["do"] in ("abort", "cut"):
            raise ConnectionResetError("connection reset by the exchange")
        if seconds >= timeout or fault["do"] == "hang":
            wait(min(seconds, timeout))
            if seconds >= timeout:
                raise TimeoutError(f"no answer within {timeout:g} seconds")
            raise ConnectionResetError("connection closed without an answer")
        wait(seconds)
        if fault["do"] == "later":
            late = redeem(int(fault["ticket"]))
            if late is None:
                raise ConnectionResetError("connection closed without an answer")
            response = late
    headers = {"Content-Type": response.content_type, **response.headers}
    return response.status, headers, response.body


def _for(method: str, answer: Answer) -> Answer:
    """The answer, without its body where only the head was asked for."""
    status, headers, body = answer
    return status, headers, b"" if method.upper() == "HEAD" else body


class InProcess:
    """A venue in this process. Where a fault makes the client wait, virtual time passes."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self._requests = Requests(venue)

    def request(
        self,
        method: str,
        path_with_query: str,
        headers: dict[str, str],
        body: bytes | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Answers one request. Raises `ConnectionResetError` or `TimeoutError` as faults say."""
        response = self._requests.handle(make_request(method, path_with_query, headers, body))
        limit = DEFAULT_TIMEOUT_SECONDS if timeout is None else timeout
        return _for(method, _delivered(response, limit, self._wait, self.venue.redeem))

    def trade_updates_since(self, key: str, seq: int) -> list[tuple[int, bytes]]:
        """Frames of the trade-updates stream of this key after `seq`, with their numbers."""
        self.venue.advance()
        account_id = self.venue.account_of(key)
        if account_id is None:
            return []
        rows = self.venue.records.deliveries(account_id, seq)
        return [(row.seq, row.frame) for row in rows if row.what == "event"]

    def last_seq(self, key: str) -> int:
        """The number of the newest frame; following from here misses nothing new."""
        self.venue.advance()
        return self.venue.outbox.seq

    def close(self) -> None:
        """Nothing to do: it holds only memory."""

    def _wait(self, seconds: float) -> None:
        clock = self.venue.clock
        if clock.speed == 0:
            clock.step(int(seconds * SECOND))
        else:
            time.sleep(seconds)


class SharedVenue:
    """The exchange in a directory. Each call is one turn, alone with the file."""

    def __init__(self, path: Path, config: SimConfig) -> None:
        self.store = Store(path)
        self._lock = threading.RLock()
        self._wanted = config
        self._requests: Requests | None = None
        self._version = -1

    def request(
        self,
        method: str,
        path_with_query: str,
        headers: dict[str, str],
        body: bytes | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Answers one request. Raises `ConnectionResetError` or `TimeoutError` as faults say."""
        response = self.handle(make_request(method, path_with_query, headers, body))
        limit = DEFAULT_TIMEOUT_SECONDS if timeout is None else timeout
        return _for(method, _delivered(response, limit, time.sleep, self.redeem))

    def trade_updates_since(self, key: str, seq: int) -> list[tuple[int, bytes]]:
        """Frames of the trade-updates stream of this key after `seq`, with their numbers."""
        with self.turn() as venue:
            venue.advance()
            account_id = venue.account_of(key)
            if account_id is None:
                return []
            rows = venue.records.deliveries(account_id, seq)
            return [(row.seq, row.frame) for row in rows if row.what == "event"]

    def last_seq(self, key: str) -> int:
        """The number of the newest frame; following from here misses nothing new."""
        with self.turn() as venue:
            venue.advance()
            return venue.outbox.seq

    # --- what the server's door needs -----------------------------------------------------

    def handle(self, request: Request) -> Response:
        with self._open() as requests:
            return requests.handle(request)

    def redeem(self, ticket: int) -> Response | None:
        with self.turn() as venue:
            venue.changed = True
            return venue.redeem(ticket)

    def deliveries(self, since: int) -> Sequence[Delivery]:
        with self.turn() as venue:
            venue.advance()
            return venue.records.deliveries(None, since)

    def connect(self, path: str, key: str) -> Rule | None:
        with self.turn() as venue:
            return venue.connect(path, key)

    def data_frames(self, feed: str, key: str, frames: Sequence[str | bytes]) -> list[str | bytes]:
        with self.turn() as venue:
            return venue.data_frames(feed, key, frames)

    def account_of(self, key: str, secret: str) -> str | None:
        with self.turn() as venue:
            return venue.account_of(key, secret)

    @contextmanager
    def turn(self) -> Iterator[Venue]:
        """The venue, up to date and locked against other processes; saved if it changed."""
        with self._open() as requests:
            yield requests.venue

    @contextmanager
    def _open(self) -> Iterator[Requests]:
        with self._lock, self.store.turn():
            try:
                requests = self._fresh()
                yield requests
                venue = requests.venue
                if venue.changed:
                    self._version = self.store.write(venue.config.plain(), venue.dump())
                    venue.changed = False
            except BaseException:
                # What is in memory may be ahead of the file that is rolled back.
                self._requests, self._version = None, -1
                raise

    def _fresh(self) -> Requests:
        """Reads what another process wrote since this one's last turn."""
        version = self.store.version()
        known = self._requests
        if known is not None and version == self._version:
            return known
        found = self.store.read()
        config = SimConfig.of(found[0]) if found else self._wanted
        if known is not None and found and known.venue.config == config:
            known.venue.load(found[1])
        else:
            venue = Venue(
                config,
                archive=SqliteArchive(self.store.db),
                records=SqliteRecords(self.store.db, config.log_size),
                state=found[1] if found else None,
            )
            known = self._requests = Requests(venue)
        self._version = version
        return known

    def close(self) -> None:
        self.store.close()


def open_shared(state_dir: Path, *, seed: int = 0, **options: Any) -> SharedVenue:
    """Opens the exchange in `state_dir`, creating it with these settings if it is not there.

    Options are those of `SimConfig`. An exchange that exists keeps its own settings. Raises
    `StoreError` when its file cannot be used, `ConfigError` for an unknown option.
    """
    config = SimConfig.of({"seed": seed, **options})
    return SharedVenue(Path(state_dir) / FILE_NAME, config)
