"""The port: what execbot needs of a broker, small enough to implement in an afternoon.

Every method may raise `BrokerError` (see `execbot.broker.errors`), which says whether the outcome
is known. Methods are synchronous; times are UTC-aware; quantities and prices are Decimal.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from execbot.model.account import Account, Activity, Asset, CalendarDay, Clock, Position
from execbot.model.enums import TimeInForce
from execbot.model.order import Order, OrderRequest
from execbot.model.quote import Bar, Quote, Trade


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """Which orders to list. `after` is exclusive and compares submission time."""

    status: Literal["open", "closed", "all"] = "open"
    symbols: Sequence[str] = ()
    after: datetime | None = None
    until: datetime | None = None
    nested: bool = True
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class ReplaceRequest:
    """Only what changes; None leaves a field alone. `qty` is the chain's total."""

    qty: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class BulkResult:
    """One item of a 207 reply: HTTP `status` per item, `order` where the body was one."""

    id: str
    status: int
    order: Order | None = None
    symbol: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TradeUpdate:
    """One `trade_updates` frame. `event` stays text: Alpaca adds events over time.

    `price`, `qty`, `execution_id` belong to this execution only; `order` is the order after it.
    """

    event: str
    order: Order
    at: datetime | None
    execution_id: str | None = None
    price: Decimal | None = None
    qty: Decimal | None = None
    position_qty: Decimal | None = None
    reason: str | None = None
    event_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class BrokerClient(ABC):
    """A broker account."""

    @abstractmethod
    def place_order(self, request: OrderRequest) -> Order:
        """Send one order. Never retried inside: the submit pipeline owns that."""

    @abstractmethod
    def get_order(self, order_id: str, *, nested: bool = True) -> Order: ...

    @abstractmethod
    def get_order_by_client_id(self, client_order_id: str) -> Order:
        """Raises BrokerError of kind `broker.order_not_found` when it does not exist."""

    @abstractmethod
    def list_orders(self, query: OrderQuery) -> list[Order]:
        """All matching orders, oldest first, however many pages that takes."""

    @abstractmethod
    def replace_order(self, order_id: str, request: ReplaceRequest) -> Order: ...

    @abstractmethod
    def cancel_order(self, order_id: str) -> None:
        """Ask for a cancel. Returning means the request was taken, not that it is canceled."""

    @abstractmethod
    def cancel_all_orders(self) -> list[BulkResult]: ...

    @abstractmethod
    def get_positions(self) -> list[Position]: ...

    @abstractmethod
    def get_position(self, symbol: str) -> Position | None:
        """The position, or None when there is none."""

    @abstractmethod
    def close_position(
        self, symbol: str, *, qty: Decimal | None = None, percentage: Decimal | None = None
    ) -> Order: ...

    @abstractmethod
    def close_all_positions(self, *, cancel_orders: bool) -> list[BulkResult]: ...

    @abstractmethod
    def get_account(self) -> Account: ...

    @abstractmethod
    def get_clock(self) -> Clock: ...

    @abstractmethod
    def get_calendar(self, start: date, end: date) -> list[CalendarDay]: ...

    @abstractmethod
    def get_asset(self, symbol: str) -> Asset: ...

    @abstractmethod
    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Symbols without a quote are absent. Equities and crypto pairs may be mixed."""

    @abstractmethod
    def latest_trades(self, symbols: Sequence[str]) -> dict[str, Trade]: ...

    @abstractmethod
    def get_bars(
        self,
        symbol: str,
        timeframe: str,
        *,
        start: datetime,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> list[Bar]:
        """Bars ascending; `timeframe` in Alpaca's words (`1Min`, `1Hour`, `1Day`)."""

    @abstractmethod
    def get_activities(
        self,
        types: Sequence[str] = ("FILL",),
        *,
        after: datetime | None = None,
        until: datetime | None = None,
        order_id: str | None = None,
    ) -> list[Activity]:
        """Account activities, oldest first, all pages."""

    @abstractmethod
    def trade_updates(self) -> TradeUpdateStream: ...

    def latest_quote(self, symbol: str) -> Quote | None:
        return self.latest_quotes([symbol]).get(symbol)

    def latest_trade(self, symbol: str) -> Trade | None:
        return self.latest_trades([symbol]).get(symbol)


class StreamState(ABC):  # noqa: B024 - a closed family of plain messages
    """What a stream yields besides updates."""


@dataclass(frozen=True, slots=True)
class Connected(StreamState):
    """Authorized and listening. Everything before this moment must be gap-filled from REST."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Disconnected(StreamState):
    at: datetime
    reason: str
    retry_in_seconds: float


class TradeUpdateStream(ABC):
    """Trade updates of one account, reconnecting by itself."""

    @abstractmethod
    def messages(self) -> Iterator[TradeUpdate | StreamState]:
        """Block and yield until `close` is called from any thread."""

    @abstractmethod
    def close(self) -> None: ...
