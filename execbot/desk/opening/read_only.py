"""Adapters around the broker: one cannot write (`--dry-run`), one notes each write."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NoReturn

from execbot.broker.budget import RateBudget, RequestPriority
from execbot.broker.http import IsLate
from execbot.broker.market_stream import MarketDataStream
from execbot.broker.port import (
    BrokerClient,
    BulkResult,
    OrderQuery,
    ReplaceRequest,
    TradeUpdateStream,
)
from execbot.desk.opening.deeds import What, doing, seen
from execbot.model.account import Account, Activity, Asset, CalendarDay, Clock, Position
from execbot.model.order import Order, OrderRequest
from execbot.model.quote import Bar, Quote, Trade

if TYPE_CHECKING:
    from execbot.model.options.contract import Contract, ContractQuery
    from execbot.model.options.snapshot import Snapshot


class WriteRefused(RuntimeError):
    """A dry run tried to write: a bug, stopped here before it could reach the broker."""


class ReadOnlyClient(BrokerClient):
    """Wraps a client; every reading method is passed on, every writing one raises."""

    def __init__(self, client: BrokerClient) -> None:
        self._client = client

    @property
    def budgets(self) -> Mapping[str, RateBudget]:
        """The rate budgets by host, of a client that keeps some."""
        found: Mapping[str, RateBudget] = getattr(self._client, "budgets", {})
        return found

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

    def get_assets(self, symbols: Collection[str]) -> dict[str, Asset]:
        return self._client.get_assets(symbols)

    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        return self._client.latest_quotes(symbols)

    def latest_trades(self, symbols: Sequence[str]) -> dict[str, Trade]:
        return self._client.latest_trades(symbols)

    def quote_at(self, symbol: str, at: datetime, *, within: timedelta) -> Quote | None:
        return self._client.quote_at(symbol, at, within=within)

    def has_room(self) -> bool:
        return self._client.has_room()

    def get_contract(self, symbol: str) -> Contract:
        return self._client.get_contract(symbol)

    def get_contracts(self, query: ContractQuery) -> list[Contract]:
        return self._client.get_contracts(query)

    def option_snapshots(self, symbols: Sequence[str]) -> dict[str, Snapshot]:
        return self._client.option_snapshots(symbols)

    def option_chain(self, query: ContractQuery) -> dict[str, Snapshot]:
        return self._client.option_chain(query)

    def cash_dividends(self, symbols: Sequence[str], start: date, end: date) -> dict[str, Decimal]:
        return self._client.cash_dividends(symbols, start, end)

    def exercise(self, symbol: str) -> None:
        _refuse("exercise")

    def do_not_exercise(self, symbol: str) -> None:
        _refuse("do_not_exercise")

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


class NotingClient(ReadOnlyClient):
    """Wraps a client. Notes whatever may change something at the broker among the deeds of the
    running command: before its first byte leaves, and again when the answer was read."""

    def place_order(
        self,
        request: OrderRequest,
        *,
        priority: RequestPriority = RequestPriority.ENTRY,
        is_late: IsLate | None = None,
    ) -> Order:
        with doing(What.ORDER, request.client_order_id, request.symbol) as deed:
            order = self._client.place_order(request, priority=priority, is_late=is_late)
            deed.is_done(order)
        return order

    def replace_order(
        self, order_id: str, request: ReplaceRequest, *, is_late: IsLate | None = None
    ) -> Order:
        with doing(What.ORDER, request.client_order_id or order_id) as deed:
            order = self._client.replace_order(order_id, request, is_late=is_late)
            deed.is_done(order)
        return order

    def cancel_order(self, order_id: str) -> None:
        with doing(What.CANCEL, order_id) as deed:
            self._client.cancel_order(order_id)
            deed.is_done()

    def cancel_all_orders(self) -> list[BulkResult]:
        with doing(What.CANCEL_ALL, "") as deed:
            results = self._client.cancel_all_orders()
            deed.is_undone()
            for item in results:
                if item.ok and item.id:
                    with doing(What.CANCEL, item.id) as one:
                        one.is_done()
        return results

    def close_position(
        self, symbol: str, *, qty: Decimal | None = None, percentage: Decimal | None = None
    ) -> Order:
        with doing(What.ORDER, "", symbol) as deed:
            order = self._client.close_position(symbol, qty=qty, percentage=percentage)
            deed.is_done(order)
        return order

    def close_all_positions(self, *, cancel_orders: bool) -> list[BulkResult]:
        with doing(What.ORDER, "") as deed:
            results = self._client.close_all_positions(cancel_orders=cancel_orders)
            deed.is_done()
        return results

    def exercise(self, symbol: str) -> None:
        with doing(What.EXERCISE, "", symbol) as deed:
            self._client.exercise(symbol)
            deed.is_done()

    def do_not_exercise(self, symbol: str) -> None:
        with doing(What.DO_NOT_EXERCISE, "", symbol) as deed:
            self._client.do_not_exercise(symbol)
            deed.is_done()

    def get_order(self, order_id: str, *, nested: bool = True) -> Order:
        return seen(self._client.get_order(order_id, nested=nested))

    def get_order_by_client_id(self, client_order_id: str) -> Order:
        return seen(self._client.get_order_by_client_id(client_order_id))


def _refuse(method: str) -> NoReturn:
    raise WriteRefused(f"{method} was called in a dry run")
