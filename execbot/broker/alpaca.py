"""Alpaca behind the port: paper, live, or any server that speaks its protocol.

It decides nothing about trading, and it never sends a write twice (see `session`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from execbot.broker import paging
from execbot.broker.addresses import check_base_url, trading_url_of
from execbot.broker.budget import RateBudget, RequestPriority
from execbot.broker.bulk import bulk_result
from execbot.broker.errors import BrokerError, NotFound, UnreadRow
from execbot.broker.http import DirectTransport, IsLate, SdkTransport, Transport
from execbot.broker.options import OptionCalls
from execbot.broker.port import (
    BrokerClient,
    BulkResult,
    OrderQuery,
    ReplaceRequest,
    TradeUpdateStream,
)
from execbot.broker.remedy import Remedy
from execbot.broker.session import Call, Exchanged, Host, RestSession
from execbot.model import border
from execbot.model.account import Account, Activity, Asset, CalendarDay, Clock, Position
from execbot.model.numbers import maybe_text, text
from execbot.model.order import Order, OrderRequest
from execbot.model.quote import Bar, Quote, Trade
from execbot.model.symbols import in_path, is_option, is_pair, is_stock, symbol_key
from execbot.model.timer import Timer
from execbot.model.times import iso
from execbot.model.unread import POSITION, Rows, Unread

if TYPE_CHECKING:
    from execbot.broker.clock import BrokerClock
    from execbot.broker.market_stream import MarketDataStream
    from execbot.broker.stream_times import StreamTimes

DATA_URL = "https://data.alpaca.markets"
DATA_STREAM_URL = "wss://stream.data.alpaca.markets"

SYMBOLS_PER_REQUEST = 100
ROOM_SHARE = 0.5
"""So much of a minute\'s requests is left for others by who only wants to know."""

"""Keeps a URL short enough for every gateway."""

StreamKind = Literal["stocks", "crypto"]


class AlpacaClient(OptionCalls, BrokerClient):
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
        self.trading_url = trading_url_of(trading_url, paper)
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

    def open_ahead(self, *, trading: int, data: int) -> None:
        """Start to open connections to each host for the requests that come in a moment."""
        self._session.open_ahead("trading", trading)
        self._session.open_ahead("data", data)

    @property
    def answers_beside(self) -> bool:
        """True if several requests may run at once: over the network with our own transport."""
        return not self._sdk and self._given["trading"] is None

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
        return self._order(call, client_order_id=request.client_order_id)

    def get_order(self, order_id: str, *, nested: bool = True) -> Order:
        query = {"nested": "true"} if nested else None
        return self._order(Call("trading", "GET", _order_path(order_id), query), id=order_id)

    def get_order_by_client_id(self, client_order_id: str) -> Order:
        query = {"client_order_id": client_order_id}
        call = Call("trading", "GET", "/v2/orders:by_client_order_id", query)
        return self._order(call, client_order_id=client_order_id)

    def list_orders(self, query: OrderQuery) -> Rows[Order]:
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
        return border.read_orders(reversed(rows), self._now())

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
        return self._order(call, client_order_id=request.client_order_id or "")

    def cancel_order(self, order_id: str) -> None:
        path = _order_path(order_id)
        self._session.send(Call("trading", "DELETE", path, priority=RequestPriority.EXIT))

    def cancel_all_orders(self) -> list[BulkResult]:
        call = Call("trading", "DELETE", "/v2/orders", priority=RequestPriority.EXIT)
        return [bulk_result(item, self._now()) for item in self._session.get_list(call)]

    # Positions

    def get_positions(self) -> Rows[Position]:
        return border.read_positions(self._read_list("/v2/positions"))

    def get_position(self, symbol: str) -> Position | None:
        try:
            row = self._read(_position_path(symbol))
        except BrokerError as error:
            if error.kind == "broker.position_not_found":
                return None
            raise
        found = border.read_position(row)
        if isinstance(found, Position) and symbol_key(found.symbol) != symbol_key(symbol):
            found = border.unread(POSITION, row, "it is another one")
        if isinstance(found, Unread):
            raise UnreadRow.of(found, "GET")
        return found

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
        return [bulk_result(item, self._now()) for item in self._session.get_list(call)]

    # Account and reference data

    def get_account(self) -> Account:
        return Account.from_wire(self._read("/v2/account"))

    def get_clock(self) -> Clock:
        row = self._read("/v2/clock")
        return Clock.from_wire(row, self._now())

    def get_calendar(self, start: date, end: date) -> list[CalendarDay]:
        query = {"start": start.isoformat(), "end": end.isoformat()}
        return [CalendarDay.from_wire(row) for row in self._read_list("/v2/calendar", query)]

    def get_asset(self, symbol: str) -> Asset:
        return Asset.from_wire(self._read(f"/v2/assets/{in_path(symbol)}"))

    def get_assets(self, symbols: Collection[str]) -> dict[str, Asset]:
        query = {"status": "active", "asset_class": "us_equity"}
        rows = self._read_list("/v2/assets", query)
        found = (Asset.from_wire(row) for row in rows if row.get("symbol") in symbols)
        return {asset.symbol: asset for asset in found}

    def get_activities(
        self,
        types: Sequence[str] = ("FILL",),
        *,
        after: datetime | None = None,
        until: datetime | None = None,
        order_id: str | None = None,
    ) -> Rows[Activity]:
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
        read = border.read_activities(rows, self._now())
        found: list[Activity] = read
        if order_id is not None:  # a server older than the filter sends all of them
            found = [activity for activity in found if activity.order_id == order_id]
        return Rows(sorted(found, key=lambda activity: activity.at or _EPOCH), read.unread)

    # Market data

    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        rows = self._latest("quotes", symbols)
        return {symbol: self._quote(symbol, row) for symbol, row in rows.items()}

    def quote_at(self, symbol: str, at: datetime, *, within: timedelta) -> Quote | None:
        if is_option(symbol):
            return None
        path = "/v1beta3/crypto/us/quotes" if is_pair(symbol) else "/v2/stocks/quotes"
        span = {"start": iso(at - within), "end": iso(at), "sort": "desc", "limit": "1"}
        found = self._read_data(path, {"symbols": symbol, **span}).get("quotes")
        rows = found.get(symbol) if isinstance(found, Mapping) else None
        if not isinstance(rows, list) or not rows or not isinstance(rows[0], Mapping):
            return None
        return self._quote(symbol, rows[0])

    def has_room(self) -> bool:
        return all(
            level.tokens >= level.capacity * ROOM_SHARE
            for level in (budget.level for budget in self.budgets.values())
        )

    def _quote(self, symbol: str, row: Mapping[str, Any]) -> Quote:
        return Quote.from_wire(symbol, row, self._now(), feed=self._feed_of(symbol, row))

    def _feed_of(self, symbol: str, row: Mapping[str, Any]) -> str:
        """Where nobody chose a feed, Alpaca takes the best that the plan has: on the free one both
        sides are IEX's own (`V`)."""
        if is_pair(symbol):
            return "crypto"
        if is_option(symbol):
            return self.option_feed.value
        is_iex = row.get("ax") == row.get("bx") == "V"
        return self.feed or ("iex" if is_iex else "sip")

    def latest_trades(self, symbols: Sequence[str]) -> dict[str, Trade]:
        rows = self._latest("trades", symbols)
        found = {symbol: Trade.from_wire(symbol, row, self._now()) for symbol, row in rows.items()}
        return {symbol: trade for symbol, trade in found.items() if trade.price > 0}

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
        bars = [Bar.from_wire(symbol, row) for row in (reversed(rows) if newest else rows)]
        if not all(bar.is_whole for bar in bars):
            raise UnreadRow.of(Unread("bar", symbol, "an impossible price"), "GET")
        return bars

    def _latest(self, what: str, symbols: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        pairs = [symbol for symbol in symbols if is_pair(symbol)]
        options = [symbol for symbol in symbols if is_option(symbol)]
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
        return found | self._latest_options(what, options)

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

    def _order(self, call: Call, *, id: str = "", client_order_id: str = "") -> Order:
        """Send, and read one order. Checks its values, and that it is the order asked for.

        An object without an id (a proxy's page, say) is not an order.
        """
        row = self._session.get_object(call, key="id")
        found = border.read_order(row, self._now())
        if isinstance(found, Order) and not (
            id in ("", found.id) and client_order_id in ("", found.client_order_id)
        ):
            found = border.unread("order", row, "it is another one")
        if isinstance(found, Unread):
            raise UnreadRow.of(found, call.method, call.client_order_id)
        return found

    def _read(self, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        return self._session.get_object(Call("trading", "GET", path, query))

    def _read_list(
        self, path: str, query: Mapping[str, str] | None = None
    ) -> list[Mapping[str, Any]]:
        return self._session.get_list(Call("trading", "GET", path, query))

    def _read_data(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        """Read market data. If the plan has no fresh SIP prices, use IEX from then on."""
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
        """The server that a request goes to; "" if the given transport needs none."""
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


def _stream_base(url: str) -> str:
    return "ws" + url.removeprefix("http")


def _data_stream_base(data_url: str) -> str:
    return DATA_STREAM_URL if data_url == DATA_URL else _stream_base(data_url)


def _split_feed(url: str) -> tuple[str, str]:
    """`wss://host/v2/sip` to `wss://host` and `sip`: both the host and an endpoint may be given."""
    base, separator, feed = url.rstrip("/").rpartition("/v2/")
    return (base, feed) if separator else (url.rstrip("/"), "")
