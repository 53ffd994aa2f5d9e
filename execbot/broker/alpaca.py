"""Alpaca behind the port: paper, live, or any server that speaks its protocol.

Nothing here decides what to trade and nothing writes twice. A write is sent once and its failure
says whether it is in doubt; only reads are tried again, and only where nothing can have happened.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

from execbot.broker import paging
from execbot.broker.budget import Priority, RateBudget
from execbot.broker.errors import BrokerError, bad_reply, classify, classify_transport
from execbot.broker.http import (
    DirectTransport,
    HttpReply,
    SdkTransport,
    SecretHeaders,
    Transport,
    TransportFailure,
    check_base_url,
)
from execbot.broker.port import (
    BrokerClient,
    BulkResult,
    MarketDataStream,
    OrderQuery,
    ReplaceRequest,
    TradeUpdateStream,
)
from execbot.broker.symbols import in_path, is_pair, pair_symbol
from execbot.model.account import Account, Activity, Asset, CalendarDay, Clock, Position
from execbot.model.numbers import maybe_text, text
from execbot.model.order import Order, OrderRequest
from execbot.model.quote import Bar, Quote, Trade
from execbot.model.times import iso

PAPER_URL = "https://paper-api.alpaca.markets"
LIVE_URL = "https://api.alpaca.markets"
DATA_URL = "https://data.alpaca.markets"
DATA_STREAM_URL = "wss://stream.data.alpaca.markets"

SYMBOLS_PER_REQUEST = 100
"""Keeps a URL short enough for every gateway."""

BARS_PAGE = 10_000
READ_ATTEMPTS = 3
READ_RETRY_SECONDS_MAX = 5.0
"""A read that would have to wait longer than this for the rate limit is reported instead."""

NOT_FOUND_KINDS = frozenset({"broker.position_not_found"})


class AlpacaClient(BrokerClient):
    """One Alpaca account.

    `trading_url`, `data_url` and the stream URLs default to paper or live by `paper`; the trade
    stream follows `trading_url`. `transport` replaces the way requests leave (`data_transport`
    too, where market data comes from another place); `sdk=True` sends over alpaca-py's session.
    Raises ValueError for an unusable URL or a missing key. Never shows its keys.
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
        requests_per_minute: int = 200,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        trade_stream: Callable[[], TradeUpdateStream] | None = None,
        market_stream: Callable[[str], MarketDataStream] | None = None,
    ) -> None:
        if not api_key or not secret_key:
            raise ValueError("an API key and a secret key are needed")
        self._keys = SecretHeaders({"APCA-API-KEY-ID": api_key, "APCA-API-SECRET-KEY": secret_key})
        self.trading_url = _trading_base(trading_url or (PAPER_URL if paper else LIVE_URL))
        self.data_url = check_base_url(data_url or DATA_URL)
        self.stream_url = stream_url or _stream_base(self.trading_url) + "/stream"
        self.data_stream_url = data_stream_url or _data_stream_base(self.data_url)
        self._timeout_seconds = timeout_seconds
        self._sdk = sdk
        self._transports: dict[str, Transport] = {}
        if transport is not None:
            self._transports = {"trading": transport, "data": data_transport or transport}
        elif data_transport is not None:
            self._transports = {"data": data_transport}
        self.feed = feed
        self._now = now
        self._sleep = sleep
        self._trade_stream = trade_stream
        self._market_stream = market_stream
        self.budgets = {
            "trading": RateBudget(requests_per_minute),
            "data": RateBudget(requests_per_minute),
        }

    def __repr__(self) -> str:
        return f"AlpacaClient(trading_url={self.trading_url!r})"

    def close(self) -> None:
        """Give the connections back. The client opens new ones when used again."""
        for transport in self._transports.values():
            transport.close()

    # Orders

    def place_order(self, request: OrderRequest, *, priority: Priority = Priority.ENTRY) -> Order:
        data = self._trading(
            "POST",
            "/v2/orders",
            body=request.to_wire(),
            priority=priority,
            client_order_id=request.client_order_id or None,
        )
        return Order.from_wire(data)

    def get_order(self, order_id: str, *, nested: bool = True) -> Order:
        query = {"nested": "true"} if nested else None
        return Order.from_wire(self._trading("GET", f"/v2/orders/{in_path(order_id)}", query))

    def get_order_by_client_id(self, client_order_id: str) -> Order:
        data = self._trading(
            "GET", "/v2/orders:by_client_order_id", {"client_order_id": client_order_id}
        )
        return Order.from_wire(data)

    def list_orders(self, query: OrderQuery) -> list[Order]:
        filters = {"status": query.status, "nested": "true" if query.nested else "false"}
        if query.symbols:
            filters["symbols"] = ",".join(query.symbols)
        if query.after is not None:
            filters["after"] = iso(query.after)
        if query.until is not None:
            filters["until"] = iso(query.until)
        rows = paging.all_orders(
            lambda page: self._trading_list("/v2/orders", page), filters, limit=query.limit
        )
        return [Order.from_wire(row) for row in reversed(rows)]

    def replace_order(self, order_id: str, request: ReplaceRequest) -> Order:
        body = {
            name: maybe_text(getattr(request, name))
            for name in ("qty", "limit_price", "stop_price", "trail")
        }
        if request.time_in_force is not None:
            body["time_in_force"] = request.time_in_force.value
        body["client_order_id"] = request.client_order_id
        data = self._trading(
            "PATCH",
            f"/v2/orders/{in_path(order_id)}",
            body={name: value for name, value in body.items() if value is not None},
            priority=Priority.PROTECT,
            client_order_id=request.client_order_id,
        )
        return Order.from_wire(data)

    def cancel_order(self, order_id: str) -> None:
        self._send("trading", "DELETE", f"/v2/orders/{in_path(order_id)}", priority=Priority.EXIT)

    def cancel_all_orders(self) -> list[BulkResult]:
        items = self._trading_list("/v2/orders", method="DELETE")
        return [_bulk_result(item) for item in items]

    # Positions

    def get_positions(self) -> list[Position]:
        return [_position(row) for row in self._trading_list("/v2/positions")]

    def get_position(self, symbol: str) -> Position | None:
        try:
            return _position(self._trading("GET", f"/v2/positions/{in_path(symbol)}"))
        except BrokerError as error:
            if error.kind in NOT_FOUND_KINDS:
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
        path = f"/v2/positions/{in_path(symbol)}"
        return Order.from_wire(self._trading("DELETE", path, query, priority=Priority.EXIT))

    def close_all_positions(self, *, cancel_orders: bool) -> list[BulkResult]:
        query = {"cancel_orders": "true" if cancel_orders else "false"}
        items = self._trading_list("/v2/positions", query, method="DELETE")
        return [_bulk_result(item) for item in items]

    # Account and reference data

    def get_account(self) -> Account:
        return Account.from_wire(self._trading("GET", "/v2/account"))

    def get_clock(self) -> Clock:
        return Clock.from_wire(self._trading("GET", "/v2/clock"))

    def get_calendar(self, start: date, end: date) -> list[CalendarDay]:
        query = {"start": start.isoformat(), "end": end.isoformat()}
        return [CalendarDay.from_wire(row) for row in self._trading_list("/v2/calendar", query)]

    def get_asset(self, symbol: str) -> Asset:
        return Asset.from_wire(self._trading("GET", f"/v2/assets/{in_path(symbol)}"))

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
            lambda page: self._trading_list("/v2/account/activities", page), query
        )
        found = [Activity.from_wire(row) for row in rows]
        if order_id is not None:  # a server older than the filter sends all of them
            found = [activity for activity in found if activity.order_id == order_id]
        return sorted(found, key=lambda activity: (activity.at is None, activity.at or _EPOCH))

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
    ) -> list[Bar]:
        query = {"symbols": symbol, "timeframe": timeframe, "start": iso(start)}
        if end is not None:
            query["end"] = iso(end)
        path = "/v1beta3/crypto/us/bars"
        if not is_pair(symbol):
            path = "/v2/stocks/bars"
            query["adjustment"] = "split"  # a 4:1 split is no crash
        rows: list[Mapping[str, Any]] = []
        for _ in range(paging.PAGES_MAX):
            size = BARS_PAGE if limit is None else min(BARS_PAGE, limit - len(rows))
            page = self._data(path, {**query, "limit": str(size)})
            bars = _mapping(page.get("bars")).get(symbol)
            rows += [bar for bar in bars or () if isinstance(bar, Mapping)]
            token = page.get("next_page_token")
            if not token or (limit is not None and len(rows) >= limit):
                break
            query["page_token"] = str(token)
        return [Bar.from_wire(symbol, row) for row in rows]

    def _latest(self, what: str, symbols: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        pairs = [symbol for symbol in symbols if is_pair(symbol)]
        stocks = [symbol for symbol in symbols if not is_pair(symbol)]
        for path, group in (
            (f"/v2/stocks/{what}/latest", stocks),
            (f"/v1beta3/crypto/us/latest/{what}", pairs),
        ):
            for start in range(0, len(group), SYMBOLS_PER_REQUEST):
                part = group[start : start + SYMBOLS_PER_REQUEST]
                reply = self._data(path, {"symbols": ",".join(part)})
                rows = _mapping(reply.get(what))
                found.update({k: v for k, v in rows.items() if isinstance(v, Mapping)})
        return found

    def _data(self, path: str, query: dict[str, str]) -> Mapping[str, Any]:
        """Read market data; a plan without fresh SIP prices is served from IEX from then on."""
        if self.feed and path.startswith("/v2/stocks"):
            query = {**query, "feed": self.feed}
        try:
            return _object(self._send("data", "GET", path, query), "GET")
        except BrokerError as error:
            if error.kind != "broker.recent_data_not_permitted" or self.feed is not None:
                raise
        self.feed = "iex"
        return self._data(path, query)

    # Streams

    def trade_updates(self) -> TradeUpdateStream:
        if self._trade_stream is not None:
            return self._trade_stream()
        from execbot.broker.stream import TradeStream

        return TradeStream(self.stream_url, *self._key_pair(), now=self._now)

    def market_data(self, kind: Literal["stocks", "crypto"] = "stocks") -> MarketDataStream:
        if self._market_stream is not None:
            return self._market_stream(kind)
        from execbot.broker.data_stream import DataStream

        feed = f"v2/{self.feed or 'iex'}" if kind == "stocks" else "v1beta3/crypto/us"
        return DataStream(f"{self.data_stream_url}/{feed}", *self._key_pair(), now=self._now)

    # Requests

    def _key_pair(self) -> tuple[str, str]:
        return self._keys["APCA-API-KEY-ID"], self._keys["APCA-API-SECRET-KEY"]

    def _trading(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        priority: Priority = Priority.READ,
        client_order_id: str | None = None,
    ) -> Mapping[str, Any]:
        reply = self._send(
            "trading",
            method,
            path,
            query,
            body=body,
            priority=priority,
            client_order_id=client_order_id,
        )
        return _object(reply, method, client_order_id)

    def _trading_list(
        self, path: str, query: Mapping[str, str] | None = None, *, method: str = "GET"
    ) -> list[Mapping[str, Any]]:
        priority = Priority.EXIT if method == "DELETE" else Priority.READ
        reply = self._send("trading", method, path, query, priority=priority)
        if method == "DELETE" and not reply.text.strip():
            return []
        data = _parse(reply, method)
        if not isinstance(data, list):
            raise _unreadable(reply, method, "a list was expected")
        return [row for row in data if isinstance(row, Mapping)]

    def _send(
        self,
        host: Literal["trading", "data"],
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        priority: Priority = Priority.READ,
        client_order_id: str | None = None,
    ) -> HttpReply:
        """Send once; a read that failed harmlessly is tried again a few times."""
        attempts = READ_ATTEMPTS if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._send_once(host, method, path, query, body, priority, client_order_id)
            except BrokerError as error:
                wait = _wait_before_read(error, attempt)
                if attempt == attempts or wait is None:
                    raise
                self._sleep(wait)
        raise AssertionError("unreachable")

    def _send_once(
        self,
        host: Literal["trading", "data"],
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        priority: Priority,
        client_order_id: str | None,
    ) -> HttpReply:
        transport = self._transport(host)
        budget = self.budgets[host]
        budget.acquire(priority)
        headers = SecretHeaders(self._keys)
        headers["Accept"] = "application/json"
        payload = None
        if body is not None:
            payload = json.dumps(body, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        try:
            reply = transport.send(
                method,
                path,
                query=query,
                body=payload,
                headers=headers,
                timeout_seconds=self._timeout_seconds,
            )
        except TransportFailure as failure:
            raise classify_transport(
                failure.cause, method=method, sent=failure.sent, client_order_id=client_order_id
            ) from None
        except OSError as exc:  # a transport of somebody else's: assume the worse
            raise classify_transport(
                exc, method=method, sent=True, client_order_id=client_order_id
            ) from None
        budget.observe(reply.status, reply.headers)
        if 200 <= reply.status < 300:
            return reply
        raise classify(
            reply.status,
            self._without_keys(reply.text),
            reply.headers,
            method=method,
            path=path,
            now=self._now(),
            client_order_id=client_order_id,
        )

    def _transport(self, host: Literal["trading", "data"]) -> Transport:
        found = self._transports.get(host)
        if found is None:
            url = self.trading_url if host == "trading" else self.data_url
            found = (
                SdkTransport(url, *self._key_pair(), timeout_seconds=self._timeout_seconds)
                if self._sdk
                else DirectTransport(url)
            )
            self._transports[host] = found
        return found

    def _without_keys(self, body_text: str) -> str:
        """A server that echoes what it was sent must not make our errors show the keys."""
        for secret in self._keys.values():
            body_text = body_text.replace(secret, "***")
        return body_text


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _trading_base(url: str) -> str:
    """People copy the URL with or without `/v2` at its end; both are meant."""
    return check_base_url(url.rstrip("/").removesuffix("/v2"))


def _stream_base(url: str) -> str:
    return "ws" + url.removeprefix("http")


def _data_stream_base(data_url: str) -> str:
    return DATA_STREAM_URL if data_url == DATA_URL else _stream_base(data_url)


def _wait_before_read(error: BrokerError, attempt: int) -> float | None:
    """Seconds until a failed read is tried again; None when it is not worth it.

    Refused, unknown and silent servers are reported at once: a person waits for the answer.
    """
    if error.kind == "broker.rate_limited":
        wait = error.retry_after_seconds or 1.0
        return wait if wait <= READ_RETRY_SECONDS_MAX else None
    if error.kind == "network.reset":
        return 0.0 if attempt == 1 else 0.25
    if error.status is not None and error.status >= 500:
        return 0.25 * 2.0 ** (attempt - 1)
    return None


def _parse(reply: HttpReply, method: str, client_order_id: str | None = None) -> Any:
    """JSON with numbers as Decimal: market data sends prices as JSON numbers."""
    try:
        return json.loads(reply.text, parse_float=Decimal)
    except ValueError:
        reason = "it was empty" if not reply.text.strip() else "it was not JSON"
        raise _unreadable(reply, method, reason, client_order_id) from None


def _object(reply: HttpReply, method: str, client_order_id: str | None = None) -> Mapping[str, Any]:
    data = _parse(reply, method, client_order_id)
    if not isinstance(data, Mapping):
        raise _unreadable(reply, method, "an object was expected", client_order_id)
    return data


def _unreadable(
    reply: HttpReply, method: str, reason: str, client_order_id: str | None = None
) -> BrokerError:
    return bad_reply(
        reason,
        method=method,
        status=reply.status,
        body_text=reply.text,
        headers=reply.headers,
        client_order_id=client_order_id,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _position(row: Mapping[str, Any]) -> Position:
    """Positions spell a pair without its slash; inside, a pair has one name."""
    if row.get("asset_class") == "crypto":
        row = {**row, "symbol": pair_symbol(str(row.get("symbol") or ""))}
    return Position.from_wire(row)


def _bulk_result(item: Mapping[str, Any]) -> BulkResult:
    """One item of a 207 reply.

    For the leg of a bracket the body is its parent, so the order meant is looked for inside. In a
    close-all reply a canceled order has its id where the symbol of a position would be.
    """
    status = int(item.get("status") or 0)
    body = _mapping(item.get("body"))
    name = str(item.get("id") or item.get("symbol") or "")
    if 200 <= status < 300:
        order = Order.from_wire(body) if body.get("id") else None
        if order is None:
            return BulkResult(id=name, status=status, symbol=item.get("symbol"))
        order = next((leg for leg in order.legs if leg.id == name), order)
        named = item.get("id") or (name if name == order.id else order.id)
        return BulkResult(id=str(named), status=status, order=order, symbol=order.symbol or None)
    failure = classify(status, json.dumps(body, default=str), {}, method="DELETE", path="")
    symbol = str(body.get("symbol") or item.get("symbol") or "") or None
    return BulkResult(id=name, status=status, symbol=symbol, error=failure.message, failure=failure)
