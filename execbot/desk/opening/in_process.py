"""Sim mode: the built-in exchange in this process, behind the same client as Alpaca.

The adapter's requests go to the exchange as bytes, and its trade updates come back as the frames
that its socket would send. Prices are asked for like any others. No request lists halts and price
bands: they are read from the exchange's own state and come in the form of its data stream. Nothing
here knows an order.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from execbot.broker.http import HttpReply, IsLate, TransportFailure, refuse_late, with_query
from execbot.broker.market_stream import (
    LimitBand,
    MarketDataMessage,
    MarketDataStream,
    TradingStatus,
)
from execbot.broker.port import TradeUpdate, TradeUpdateStream
from execbot.broker.stream_states import Connected, StreamState

if TYPE_CHECKING:
    from execbot.config.schema import SimSettings
    from execbot.sim.doors.transport import InProcess, SharedVenue
    from execbot.sim.venue import Venue

KEY = "sim"
"""The one account of sim mode: any pair is good, and a pair is an account."""

POLL_SECONDS = 0.1
"""How often the stream asks the exchange for news: no socket wakes us inside one process."""

STATUS_SECONDS = 0.5
"""How often the exchange is asked for halts and bands."""

BAND_SECONDS = 30
"""How often a band that moves with the market is sent; the tapes do the same."""


def open_exchange(directory: Path, settings: SimSettings) -> SharedVenue:
    """The exchange of sim mode, shared by all processes that use the same state directory."""
    from execbot.sim.doors.transport import open_shared

    return open_shared(
        directory,
        seed=settings.seed,
        calendar=settings.calendar.value,
        exchange={"starting_cash": str(settings.starting_cash)},
    )


class InProcessTransport:
    """The broker adapter's `Transport` over the in-process door."""

    def __init__(self, exchange: InProcess | SharedVenue) -> None:
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
        is_late: IsLate | None = None,
    ) -> HttpReply:
        """One request. A lost or late answer is a TransportFailure after the request was sent."""
        refuse_late(is_late)
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
        read: Callable[[bytes, datetime], Iterable[TradeUpdate | StreamState]],
        now: Callable[[], datetime],
    ) -> None:
        self._exchange = exchange
        self._read = read
        self._now = now
        self._closed = threading.Event()

    def messages(self) -> Iterator[TradeUpdate | StreamState]:
        """Connected first, then every update from that moment on, until `close`."""
        seq = self._exchange.last_seq(KEY)
        yield Connected(self._now())
        while not self._closed.is_set():
            for number, frame in self._exchange.trade_updates_since(KEY, seq):
                seq = number
                yield from self._read(frame, self._now())
            self._closed.wait(POLL_SECONDS)

    def close(self) -> None:
        self._closed.set()


class InProcessMarketData(MarketDataStream):
    """Trading statuses and price bands of the wanted symbols. It carries no quotes and trades:
    prices are asked for."""

    def __init__(self, exchange: SharedVenue, parse: Callable[[bytes], Iterable[object]]) -> None:
        self._exchange = exchange
        self._parse = parse
        self._lock = threading.Lock()
        self._statuses: frozenset[str] = frozenset()
        self._lulds: frozenset[str] = frozenset()
        self._halted: set[str] = set()
        self._bands: dict[str, tuple[Decimal, Decimal]] = {}
        self._shown_at: dict[str, int] = {}
        self._closed = threading.Event()

    def subscribe(
        self,
        *,
        quotes: Iterable[str] = (),
        trades: Iterable[str] = (),
        statuses: Iterable[str] = (),
        lulds: Iterable[str] = (),
    ) -> None:
        with self._lock:
            self._statuses |= frozenset(statuses)
            self._lulds |= frozenset(lulds)

    def unsubscribe(
        self,
        *,
        quotes: Iterable[str] = (),
        trades: Iterable[str] = (),
        statuses: Iterable[str] = (),
        lulds: Iterable[str] = (),
    ) -> None:
        with self._lock:
            self._statuses -= frozenset(statuses)
            self._lulds -= frozenset(lulds)

    def messages(self) -> Iterator[MarketDataMessage]:
        """What changed, until `close`. A halt that was in force before comes first."""
        while not self._closed.is_set():
            with self._lock:
                statuses, lulds = self._statuses, self._lulds
            rows: list[Mapping[str, object]] = []
            if statuses or lulds:
                with self._exchange.turn() as venue:
                    venue.advance()
                    rows = [*self._new_statuses(venue, statuses), *self._new_bands(venue, lulds)]
            for message in self._parse(json.dumps(rows).encode()) if rows else ():
                if isinstance(message, TradingStatus | LimitBand):
                    yield message
            self._closed.wait(STATUS_SECONDS)

    def close(self) -> None:
        self._closed.set()

    def _new_statuses(self, venue: Venue, wanted: frozenset[str]) -> Iterator[Mapping[str, object]]:
        from execbot.sim.wire.data_feed import status_message

        halted, now = venue.exchange.halted(), venue.clock.now()
        for symbol in sorted(wanted):
            is_halted = symbol in halted
            if is_halted == (symbol in self._halted):
                continue
            self._halted ^= {symbol}
            asset = venue.market.assets.get(symbol)
            reason = halted.get(symbol, "T3")
            yield status_message(symbol, asset, now, halted=is_halted, reason=reason)

    def _new_bands(self, venue: Venue, wanted: frozenset[str]) -> Iterator[Mapping[str, object]]:
        """A band that the control plane has set comes at once, one that follows the market twice a
        minute."""
        from execbot.sim.types import SECOND
        from execbot.sim.wire.data_feed import luld_message

        now = venue.clock.now()
        for symbol in sorted(wanted):
            due = now - self._shown_at.get(symbol, 0) >= BAND_SECONDS * SECOND
            fixed = venue.exchange.core.bands.get(symbol)
            if fixed == self._bands.get(symbol) and not due:
                continue
            trade = venue.market.prices.last_trade(symbol, now)
            if trade is None:
                continue
            self._shown_at[symbol] = now
            message = luld_message(symbol, venue.market.assets.get(symbol), now, trade.price)
            if fixed is None:
                self._bands.pop(symbol, None)
                yield message
            else:
                self._bands[symbol] = fixed
                yield {**message, "d": float(fixed[0]), "u": float(fixed[1])}
