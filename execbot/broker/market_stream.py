"""The port of live market data: what a data stream yields, and how it is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from execbot.broker.stream_states import StreamState
from execbot.model.quote import Quote, Trade


class TradingStatus(Struct, frozen=True):
    """A halt or a resumption. The meaning of the codes depends on the `tape`."""

    symbol: str
    at: datetime | None
    status_code: str
    status_message: str
    reason_code: str
    reason_message: str
    tape: str


class LimitBand(Struct, frozen=True):
    """Limit up, limit down: no trade outside of `down` and `up`."""

    symbol: str
    at: datetime | None
    up: Decimal
    down: Decimal
    indicator: str
    tape: str


class DataWarning(StreamState, frozen=True):
    """The data server refused something and the stream goes on, for instance too many symbols."""

    at: datetime
    code: int
    message: str


MarketDataMessage = Quote | Trade | TradingStatus | LimitBand | StreamState


class MarketDataStream(ABC):
    """Live market data, reconnecting and subscribing again by itself."""

    @abstractmethod
    def subscribe(
        self,
        *,
        quotes: Iterable[str] = (),
        trades: Iterable[str] = (),
        statuses: Iterable[str] = (),
        lulds: Iterable[str] = (),
    ) -> None:
        """Add to what is wanted; any thread, before or while messages are read."""

    @abstractmethod
    def unsubscribe(
        self,
        *,
        quotes: Iterable[str] = (),
        trades: Iterable[str] = (),
        statuses: Iterable[str] = (),
        lulds: Iterable[str] = (),
    ) -> None: ...

    @abstractmethod
    def messages(self) -> Iterator[MarketDataMessage]:
        """Block and yield every message until `close`. A slow reader is cut off by the server.

        Raises BrokerError when reconnecting cannot help: wrong keys, a plan without this feed.
        """

    @abstractmethod
    def close(self) -> None: ...

    def renew(self, reason: str) -> None:  # noqa: B027
        """Connect anew: it is open and tells nothing. Any thread; a stream that cannot be deaf
        does nothing."""
