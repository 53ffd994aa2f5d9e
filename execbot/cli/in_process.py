"""Sim mode: the built-in exchange in this process, behind the same client as Alpaca.

The adapter's requests go to the exchange as bytes, and its trade updates come back as the frames
that its socket would send. Nothing here knows an order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from execbot.broker.http import HttpReply, TransportFailure, with_query
from execbot.broker.port import Connected, StreamState, TradeUpdate, TradeUpdateStream

if TYPE_CHECKING:
    from execbot.config.schema import SimSettings
    from execbot.sim.transport import SharedVenue

KEY = "sim"
"""The one account of sim mode: any pair is good, and a pair is an account."""

POLL_SECONDS = 0.1
"""How often the stream asks the exchange for news: no socket wakes us inside one process."""


def open_exchange(directory: Path, settings: SimSettings) -> SharedVenue:
    """The exchange of sim mode, shared by all processes that use the same state directory."""
    from execbot.sim.transport import open_shared

    return open_shared(
        directory,
        seed=settings.seed,
        calendar=settings.calendar.value,
        exchange={"starting_cash": str(settings.starting_cash)},
    )


class InProcessTransport:
    """The broker adapter's `Transport` over the in-process door."""

    def __init__(self, exchange: SharedVenue) -> None:
        self._exchange = exchange

    def send(
        self,
        method: str,
        url_path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
    ) -> HttpReply:
        """One request. A lost or late answer is a TransportFailure after the request was sent."""
        try:
            status, reply_headers, reply = self._exchange.request(
                method, with_query(url_path, query), dict(headers or {}), body, timeout_seconds
            )
        except (ConnectionError, TimeoutError) as error:
            raise TransportFailure(error, sent=True) from error
        lowered = {name.lower(): value for name, value in reply_headers.items()}
        return HttpReply(status, lowered, reply.decode("utf-8", "replace"))

    def close(self) -> None:
        self._exchange.close()


class InProcessTradeUpdates(TradeUpdateStream):
    """The trade updates of the account, read from the exchange's record of what it sent."""

    def __init__(
        self,
        exchange: SharedVenue,
        parse: Callable[[bytes], object],
        now: Callable[[], datetime],
    ) -> None:
        self._exchange = exchange
        self._parse = parse
        self._now = now
        self._closed = threading.Event()

    def messages(self) -> Iterator[TradeUpdate | StreamState]:
        """Connected first, then every update from that moment on, until `close`."""
        seq = self._exchange.last_seq(KEY)
        yield Connected(self._now())
        while not self._closed.is_set():
            for number, frame in self._exchange.trade_updates_since(KEY, seq):
                seq = number
                message = self._parse(frame)
                if isinstance(message, TradeUpdate):
                    yield message
            self._closed.wait(POLL_SECONDS)

    def close(self) -> None:
        self._closed.set()
