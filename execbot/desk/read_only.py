"""`--dry-run`: an adapter that reads as usual and cannot write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NoReturn

from execbot.broker.budget import RequestPriority
from execbot.broker.http import IsLate
from execbot.broker.market_stream import MarketDataStream
from execbot.broker.port import (
    BrokerClient,
    BulkResult,
    OrderQuery,
    ReplaceRequest,
    TradeUpdateStream,
)
from execbot.model.account import Account, Activity, Asset, CalendarDay, Clock, Position
from execbot.model.order import Order, OrderRequest
from execbot.model.quote import Bar, Quote, Trade


class WriteRefused(RuntimeError):
    """A dry run tried to write: a bug, stopped here before it could reach the broker."""


class ReadOnlyClient(BrokerClient):
    """Wraps a client; every reading method is passed on, every writing one raises."""

    def __init__(self, client: BrokerClient) -> None:
        self._client = client

    def place_order(
        self,
        request: OrderRequest,
        *,
        priority: RequestPriority = RequestPriority.ENTRY,
        is_late: IsLate | None = None,
    ) -> Order:
        _refuse("place_order")

    def replace_order(
        self, order_id: str, request: ReplaceRequest, *, is_late: IsLate | None = None
    ) -> Order:
        _refuse("replace_order")

    def cancel_order(self, order_id: str) -> None:
        _refuse("cancel_order")

    def cancel_all_orders(self) -> list[BulkResult]:
        _refuse("cancel_all_orders")

    def close_position(
        self, symbol: str, *, qty: Decimal | None = None, percentage: Decimal | None = None
    ) -> Order:
        _refuse("close_position")

    def close_all_positions(self, *, cancel_orders: bool) -> list[BulkResult]:
        _refuse("close_all_positions")

    def get_order(self, order_id: str, *, nested: bool = True) -> Order:
        return self._client.get_order(order_id, nested=nested)

    def get_order_by_client_id(self, client_order_id: str) -> Order:
        return self._client.get_order_by_client_id(client_order_id)

    def list_orders(self, query: OrderQuery) -> list[Order]:
        return self._client.list_orders(query)

    def get_positions(self) -> list[Position]:
        return self._client.get_positions()

    def get_position(self, symbol: str) -> Position | None:
        return self._client.get_position(symbol)

    def get_account(self) -> Account:
        return self._client.get_account()

    def get_clock(self) -> Clock:
        return self._client.get_clock()

    def get_calendar(self, start: date, end: date) -> list[CalendarDay]:
        return self._client.get_calendar(start, end)

    def get_asset(self, symbol: str) -> Asset:
        return self._client.get_asset(symbol)

    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        return self._client.latest_quotes(symbols)

    def latest_trades(self, symbols: Sequence[str]) -> dict[str, Trade]:
        return self._client.latest_trades(symbols)

    def get_bars(
        self,
        symbol: str,
        timeframe: str,
        *,
        start: datetime,
        end: datetime | None = None,
        limit: int | None = None,
        newest: bool = False,
    ) -> list[Bar]:
        return self._client.get_bars(
            symbol, timeframe, start=start, end=end, limit=limit, newest=newest
        )

    def get_activities(
        self,
        types: Sequence[str] = ("FILL",),
        *,
        after: datetime | None = None,
        until: datetime | None = None,
        order_id: str | None = None,
    ) -> list[Activity]:
        return self._client.get_activities(types, after=after, until=until, order_id=order_id)

    def trade_updates(self) -> TradeUpdateStream:
        return self._client.trade_updates()

    def market_data(self, kind: Literal["stocks", "crypto"] = "stocks") -> MarketDataStream:
        return self._client.market_data(kind)


def _refuse(method: str) -> NoReturn:
    raise WriteRefused(f"{method} was called in a dry run")
