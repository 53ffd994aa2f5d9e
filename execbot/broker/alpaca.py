"""Alpaca behind the port: paper, live, or any server that speaks its protocol.

Nothing here decides what to trade and nothing is written twice (see `session`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from execbot.broker import paging
from execbot.broker.budget import RateBudget, RequestPriority
from execbot.broker.bulk import bulk_result
from execbot.broker.errors import BrokerError, NotFound
from execbot.broker.http import DirectTransport, IsLate, SdkTransport, Transport, check_base_url
from execbot.broker.port import (
    BrokerClient,
    BulkResult,
    OrderQuery,
    ReplaceRequest,
    TradeUpdateStream,
)
from execbot.broker.remedy import Remedy
from execbot.broker.session import Call, Exchanged, Host, RestSession
from execbot.model.account import Account, Activity, Asset, CalendarDay, Clock, Position
from execbot.model.numbers import maybe_text, text
from execbot.model.order import Order, OrderRequest
from execbot.model.quote import Bar, Quote, Trade
from execbot.model.symbols import in_path, is_option, is_pair, is_stock, pair_symbol
from execbot.model.timer import Timer
from execbot.model.times import iso

if TYPE_CHECKING:
    from execbot.broker.clock import BrokerClock
    from execbot.broker.market_stream import MarketDataStream
    from execbot.broker.stream_times import StreamTimes

PAPER_URL = "https://paper-api.alpaca.markets"
LIVE_URL = "https://api.alpaca.markets"
DATA_URL = "https://data.alpaca.markets"
DATA_STREAM_URL = "wss://stream.data.alpaca.markets"

SYMBOLS_PER_REQUEST = 100
"""Keeps a URL short enough for every gateway."""

StreamKind = Literal["stocks", "crypto"]


class AlpacaClient(BrokerClient):
    """One Alpaca account.

    `trading_url`, `data_url` and the stream URLs default to paper or live by `paper`; the trade
    stream follows `trading_url`. `transport` replaces the way requests leave (`data_transport`
    too, where market data comes from another place); `sdk=True` sends over alpaca-py's session.
    `requests_per_minute=None` keeps no rate budget. `trade_stream` and `market_stream` replace the
    WebSockets, `stream_times` sets their back-off and patience. `observer` is told of every
    exchange, with Alpaca's request id; `clock` follows the time of the replies. Raises ValueError
    for an unusable URL or key. Never shows its keys. Safe to use from several threads.
    """

    def __init__(
        self,
        api_key: str,
        secret_key: str,
        *,
        paper: bool = True,
        trading_url: str | None = None,
        data_url: str | None = None,
        stream_url: str | None = None,
        data_stream_url: str | None = None,
        timeout_seconds: float = 10.0,
        transport: Transport | None = None,
        data_transport: Transport | None = None,
        sdk: bool = False,
        feed: str | None = None,
        requests_per_minute: int | None = 200,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timer: Timer = Timer(),
        trade_stream: Callable[[], TradeUpdateStream] | None = None,
        market_stream: Callable[[StreamKind], MarketDataStream] | None = None,
        stream_times: StreamTimes | None = None,
        observer: Callable[[Exchanged], None] | None = None,
        clock: BrokerClock | None = None,
    ) -> None:
        _check_keys(api_key, secret_key)
        self.trading_url = _trading_base(trading_url or (PAPER_URL if paper else LIVE_URL))
        self.data_url = check_base_url(data_url or DATA_URL)
        self.stream_url = stream_url or _stream_base(self.trading_url) + "/stream"
        self.data_stream_url, stream_feed = _split_feed(
            data_stream_url or _data_stream_base(self.data_url)
        )
        self.feed = feed
        self._stream_feed = stream_feed or "iex"
        self._timeout_seconds = timeout_seconds
        self._sdk = sdk
        self._given: dict[Host, Transport | None] = {
            "trading": transport,
            "data": data_transport or transport,
        }
        self._now = now
        self._trade_stream = trade_stream
        self._market_stream = market_stream
        self._stream_times = stream_times
        self._session = RestSession(
            api_key,
            secret_key,
            open_transport=self._open_transport,
            url_of=self._url_of,
            timeout_seconds=timeout_seconds,
            requests_per_minute=requests_per_minute,
            now=now,
            timer=timer,
            observer=observer,
            clock=clock,
        )

    def __repr__(self) -> str:
        return f"AlpacaClient(trading_url={self.trading_url!r})"

    @property
    def budgets(self) -> Mapping[Host, RateBudget]:
        """The rate budgets of the trading and the market data host."""
        return self._session.budgets

    def close(self) -> None:
        """Give the connections back. The client opens new ones when used again."""
        self._session.close()

    # Orders

    def place_order(
        self,
        request: OrderRequest,
        *,
        priority: RequestPriority = RequestPriority.ENTRY,
        is_late: IsLate | None = None,
    ) -> Order:
        call = Call(
            "trading",
            "POST",
            "/v2/orders",
            body=request.to_wire(),
            priority=priority,
            client_order_id=request.client_order_id or None,
            is_late=is_late,
        )
        return self._order(call)

    def get_order(self, order_id: str, *, nested: bool = True) -> Order:
        query = {"nested": "true"} if nested else None
        return self._order(Call("trading", "GET", _order_path(order_id), query))

    def get_order_by_client_id(self, client_order_id: str) -> Order:
        query = {"client_order_id": client_order_id}
        return self._order(Call("trading", "GET", "/v2/orders:by_client_order_id", query))

    def list_orders(self, query: OrderQuery) -> list[Order]:
        filters = {"status": query.status, "nested": "true" if query.nested else "false"}
        if query.symbols:
            filters["symbols"] = ",".join(query.symbols)
        if query.after is not None:
            filters["after"] = iso(query.after)
        if query.until is not None:
            filters["until"] = iso(query.until)
        rows = paging.all_orders(
            lambda page: self._read_list("/v2/orders", page), filters, limit=query.limit
        )
        return [Order.from_wire(row) for row in reversed(rows)]

    def replace_order(
        self, order_id: str, request: ReplaceRequest, *, is_late: IsLate | None = None
    ) -> Order:
        body = {
            name: maybe_text(getattr(request, name))
            for name in ("qty", "limit_price", "stop_price", "trail")
        }
        if request.time_in_force is not None:
            body["time_in_force"] = request.time_in_force.value
        body["client_order_id"] = request.client_order_id
        call = Call(
            "trading",
            "PATCH",
            _order_path(order_id),
            body={name: value for name, value in body.items() if value is not None},
            priority=RequestPriority.PROTECT,
            client_order_id=request.client_order_id,
            is_late=is_late,
        )
        return self._order(call)

    def cancel_order(self, order_id: str) -> None:
        path = _order_path(order_id)
        self._session.send(Call("trading", "DELETE", path, priority=RequestPriority.EXIT))

    def cancel_all_orders(self) -> list[BulkResult]:
        call = Call("trading", "DELETE", "/v2/orders", priority=RequestPriority.EXIT)
        return [bulk_result(item) for item in self._session.get_list(call)]

    # Positions

    def get_positions(self) -> list[Position]:
        return [_position(row) for row in self._read_list("/v2/positions")]

    def get_position(self, symbol: str) -> Position | None:
        try:
            return _position(self._read(_position_path(symbol)))
        except BrokerError as error:
            if error.kind == "broker.position_not_found":
                return None
            raise

    def close_position(
        self, symbol: str, *, qty: Decimal | None = None, percentage: Decimal | None = None
    ) -> Order:
        query: dict[str, str] = {}
        if qty is not None:
            query["qty"] = text(qty)
        if percentage is not None:
            query["percentage"] = text(percentage)
        call = Call(
            "trading", "DELETE", _position_path(symbol), query, priority=RequestPriority.EXIT
        )
        return self._order(call)

    def close_all_positions(self, *, cancel_orders: bool) -> list[BulkResult]:
        query = {"cancel_orders": "true" if cancel_orders else "false"}
        call = Call("trading", "DELETE", "/v2/positions", query, priority=RequestPriority.EXIT)
        return [bulk_result(item) for item in self._session.get_list(call)]

    # Account and reference data

    def get_account(self) -> Account:
        return Account.from_wire(self._read("/v2/account"))

    def get_clock(self) -> Clock:
        return Clock.from_wire(self._read("/v2/clock"))

    def get_calendar(self, start: date, end: date) -> list[CalendarDay]:
        query = {"start": start.isoformat(), "end": end.isoformat()}
        return [CalendarDay.from_wire(row) for row in self._read_list("/v2/calendar", query)]

    def get_asset(self, symbol: str) -> Asset:
        return Asset.from_wire(self._read(f"/v2/assets/{in_path(symbol)}"))

    def get_activities(
        self,
        types: Sequence[str] = ("FILL",),
        *,
        after: datetime | None = None,
        until: datetime | None = None,
        order_id: str | None = None,
    ) -> list[Activity]:
        query = {"activity_types": ",".join(types)} if types else {}
        if after is not None:
            query["after"] = iso(after)
        if until is not None:
            query["until"] = iso(until)
        if order_id is not None:
            query["order_id"] = order_id
        rows = paging.all_activities(
            lambda page: self._read_list("/v2/account/activities", page), query
        )
        found = [Activity.from_wire(row) for row in rows]
        if order_id is not None:  # a server older than the filter sends all of them
            found = [activity for activity in found if activity.order_id == order_id]
        return sorted(found, key=lambda activity: activity.at or _EPOCH)

    # Market data

    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        rows = self._latest("quotes", symbols)
        return {symbol: Quote.from_wire(symbol, row) for symbol, row in rows.items()}

    def latest_trades(self, symbols: Sequence[str]) -> dict[str, Trade]:
        rows = self._latest("trades", symbols)
        return {symbol: Trade.from_wire(symbol, row) for symbol, row in rows.items()}

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
        if is_option(symbol):
            return []
        query = {"symbols": symbol, "timeframe": timeframe, "start": iso(start)}
        if newest:
            query["sort"] = "desc"
        if end is not None:
            query["end"] = iso(end)
        path = "/v1beta3/crypto/us/bars"
        if not is_pair(symbol):
            path = "/v2/stocks/bars"
            query["adjustment"] = "split"  # a 4:1 split is no crash
        rows = paging.all_bars(lambda page: self._read_data(path, page), symbol, query, limit=limit)
        return [Bar.from_wire(symbol, row) for row in (reversed(rows) if newest else rows)]

    def _latest(self, what: str, symbols: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        pairs = [symbol for symbol in symbols if is_pair(symbol)]
        # Options have feeds of their own, which execbot does not read.
        stocks = [symbol for symbol in symbols if is_stock(symbol)]
        for path, group in (
            (f"/v2/stocks/{what}/latest", stocks),
            (f"/v1beta3/crypto/us/latest/{what}", pairs),
        ):
            for start in range(0, len(group), SYMBOLS_PER_REQUEST):
                part = group[start : start + SYMBOLS_PER_REQUEST]
                rows = self._read_data(path, {"symbols": ",".join(part)}).get(what)
                if isinstance(rows, Mapping):
                    found.update({k: v for k, v in rows.items() if isinstance(v, Mapping)})
        return found

    # Streams

    def trade_updates(self) -> TradeUpdateStream:
        if self._trade_stream is not None:
            return self._trade_stream()
        from execbot.broker.stream import TradeStream

        return TradeStream(
            self.stream_url, *self._session.keys, now=self._now, times=self._stream_times
        )

    def market_data(self, kind: StreamKind = "stocks") -> MarketDataStream:
        if self._market_stream is not None:
            return self._market_stream(kind)
        from execbot.broker.data_stream import CHANNELS, CRYPTO_CHANNELS, DataStream

        crypto = kind == "crypto"
        endpoint = "v1beta3/crypto/us" if crypto else f"v2/{self.feed or self._stream_feed}"
        return DataStream(
            f"{self.data_stream_url}/{endpoint}",
            *self._session.keys,
            channels=CRYPTO_CHANNELS if crypto else CHANNELS,
            now=self._now,
            times=self._stream_times,
        )

    # Requests

    def _order(self, call: Call) -> Order:
        """Send and read one order; an object without an id (a page of a proxy, say) is none."""
        return Order.from_wire(self._session.get_object(call, key="id"))

    def _read(self, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        return self._session.get_object(Call("trading", "GET", path, query))

    def _read_list(
        self, path: str, query: Mapping[str, str] | None = None
    ) -> list[Mapping[str, Any]]:
        return self._session.get_list(Call("trading", "GET", path, query))

    def _read_data(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        """Read market data; a plan without fresh SIP prices is served from IEX from then on."""
        is_stocks = path.startswith("/v2/stocks")
        asked = {**query, "feed": self.feed} if self.feed and is_stocks else query
        try:
            return self._session.get_object(Call("data", "GET", path, asked))
        except BrokerError as error:
            if error.kind != "broker.recent_data_not_permitted" or self.feed or not is_stocks:
                raise
        self.feed = "iex"
        return self._read_data(path, query)

    def _open_transport(self, host: Host) -> Transport:
        given = self._given[host]
        if given is not None:
            return given
        url = self._url_of(host)
        if self._sdk:
            return SdkTransport(url, *self._session.keys, timeout_seconds=self._timeout_seconds)
        return DirectTransport(url)

    def _url_of(self, host: Host) -> str:
        """Which server a request goes to; "" where a transport was given that needs none."""
        if self._given[host] is not None:
            return ""
        return self.trading_url if host == "trading" else self.data_url


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _order_path(order_id: str) -> str:
    """Raises NotFound for an empty id: the path without one means every order."""
    if not order_id:
        raise _nameless("broker.order_not_found", "An order without an id is not at the broker")
    return f"/v2/orders/{in_path(order_id)}"


def _position_path(symbol: str) -> str:
    """Raises NotFound for an empty symbol: the path without one means every position."""
    if not symbol:
        raise _nameless("broker.position_not_found", "There is no position without a symbol")
    return f"/v2/positions/{in_path(symbol)}"


def _nameless(kind: str, message: str) -> NotFound:
    return NotFound(
        kind=kind,
        message=message,
        hint="Nothing was sent.",
        next_step="check the id with `execbot orders --status all`",
        remedy=Remedy.NOT_FOUND,
    )


def _check_keys(*keys: str) -> None:
    """Keys travel in headers. The error does not repeat them."""
    if not all(keys):
        raise ValueError("an API key and a secret key are needed")
    if not all(key.isascii() and key.isprintable() and " " not in key for key in keys):
        raise ValueError("an API key has characters that no key has; was it copied whole?")


def _trading_base(url: str) -> str:
    """People copy the URL with or without `/v2` at its end; both are meant."""
    return check_base_url(url.rstrip("/").removesuffix("/v2"))


def _stream_base(url: str) -> str:
    return "ws" + url.removeprefix("http")


def _data_stream_base(data_url: str) -> str:
    return DATA_STREAM_URL if data_url == DATA_URL else _stream_base(data_url)


def _split_feed(url: str) -> tuple[str, str]:
    """`wss://host/v2/sip` to `wss://host` and `sip`: both the host and an endpoint may be given."""
    base, separator, feed = url.rstrip("/").rpartition("/v2/")
    return (base, feed) if separator else (url.rstrip("/"), "")


def _position(row: Mapping[str, Any]) -> Position:
    """Positions spell a pair without its slash; inside, a pair has one name."""
    if row.get("asset_class") == "crypto":
        row = {**row, "symbol": pair_symbol(str(row.get("symbol") or ""))}
    return Position.from_wire(row)
