"""Goal: alpaca-py, unchanged, cannot tell. Method: its real clients over real sockets."""

from __future__ import annotations

import json
import threading
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.live import CryptoDataStream, StockDataStream
from alpaca.data.requests import (
    CryptoLatestQuoteRequest,
    StockBarsRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetOrdersRequest,
    GetPortfolioHistoryRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
)
from alpaca.trading.stream import TradingStream

WAIT_SECONDS = 60


def client(exchange: Any, key: str | None = None) -> TradingClient:
    return TradingClient(
        key or uuid.uuid4().hex, "secret", paper=True, url_override=exchange["rest"]
    )


def eventually(check: Callable[[], Any]) -> Any:
    """Asks until the answer is true, for a bounded time."""
    deadline = datetime.now(UTC) + timedelta(seconds=WAIT_SECONDS)
    while datetime.now(UTC) < deadline:
        found = check()
        if found:
            return found
        threading.Event().wait(0.02)
    raise AssertionError(f"did not come about within {WAIT_SECONDS} s")


@contextmanager
def listening(stream: Any, subscribe: Callable[[], None]) -> Iterator[None]:
    """Runs an SDK stream on a thread of its own."""
    subscribe()
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stream.stop()
        thread.join(timeout=60)


def filled(trading: TradingClient, order_id: Any) -> Any:
    def check() -> Any:
        order = trading.get_order_by_id(order_id)
        return order if order.status == OrderStatus.FILLED else None

    return eventually(check)


def buy(trading: TradingClient, symbol: str = "AAPL", qty: float = 1, **more: Any) -> Any:
    return trading.submit_order(
        MarketOrderRequest(
            symbol=symbol, qty=qty, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, **more
        )
    )


def test_market_order_is_filled_and_is_a_position(exchange: Any) -> None:
    trading = client(exchange)
    order = buy(trading, "AAPL", 10)
    assert order.status == OrderStatus.PENDING_NEW
    done = filled(trading, order.id)
    assert float(done.filled_qty) == 10
    position = trading.get_open_position("AAPL")
    assert position.qty == "10"
    assert position.avg_entry_price == str(done.filled_avg_price)
    assert float(trading.get_account().cash) < 100_000


def test_trading_stream_delivers_the_life_of_an_order(exchange: Any) -> None:
    key = uuid.uuid4().hex
    stream = TradingStream(key, "secret", url_override=exchange["stream"])
    seen: list[Any] = []

    async def on_update(update: Any) -> None:
        seen.append(update)

    with listening(stream, lambda: stream.subscribe_trade_updates(on_update)):
        trading = client(exchange, key)
        control = exchange["control"] + "/status"
        eventually(lambda: _listening(control, key))
        order = buy(trading, "MSFT", 3)
        eventually(lambda: any(update.event == "fill" for update in seen))
    assert [str(update.event) for update in seen] == ["pending_new", "new", "fill"]
    assert {update.order.id for update in seen} == {order.id}
    assert seen[-1].qty == 3 and seen[-1].position_qty == 3


def _listening(url: str, key: str) -> bool:
    with urllib.request.urlopen(url, timeout=60) as reply:
        streams = json.load(reply)["streams"]
    return any(s["key"] == key and s["listening"] for s in streams)


def test_limit_order_is_replaced_and_canceled(exchange: Any) -> None:
    trading = client(exchange)
    request = LimitOrderRequest(
        symbol="AAPL",
        qty=2,
        side=OrderSide.BUY,
        time_in_force=TimeInForce.GTC,
        limit_price=1.5,
        client_order_id="first",
    )
    order = trading.submit_order(request)
    eventually(lambda: trading.get_order_by_id(order.id).status == OrderStatus.NEW)
    changed = trading.replace_order_by_id(order.id, ReplaceOrderRequest(limit_price=1.6))
    assert changed.id != order.id and changed.replaces == order.id
    eventually(lambda: trading.get_order_by_id(order.id).status == OrderStatus.REPLACED)
    trading.cancel_order_by_id(changed.id)
    eventually(lambda: trading.get_order_by_id(changed.id).status == OrderStatus.CANCELED)
    assert trading.get_order_by_client_id("first").replaced_by == changed.id


def test_client_order_id_is_used_once_for_ever(exchange: Any) -> None:
    trading = client(exchange)
    buy(trading, client_order_id="once")
    with pytest.raises(APIError) as refused:
        buy(trading, client_order_id="once")
    assert refused.value.status_code == 422
    assert refused.value.code == 40010001
    assert refused.value.message == "client_order_id must be unique"


def test_refusals_carry_alpacas_words(exchange: Any) -> None:
    trading = client(exchange)
    with pytest.raises(APIError, match="insufficient buying power") as refused:
        buy(trading, "AAPL", 1_000_000)
    assert refused.value.status_code == 403
    with pytest.raises(APIError, match="position does not exist"):
        trading.get_open_position("AAPL")
    with pytest.raises(APIError, match="not found"):
        buy(trading, "NOSUCHTHING")


def test_bracket_has_legs_and_all_is_canceled_at_once(exchange: Any) -> None:
    trading = client(exchange)
    order = trading.submit_order(
        LimitOrderRequest(
            symbol="AAPL",
            qty=1,
            side=OrderSide.BUY,
            time_in_force=TimeInForce.GTC,
            limit_price=10,
            order_class=OrderClass.BRACKET,
            take_profit=TakeProfitRequest(limit_price=20),
            stop_loss=StopLossRequest(stop_price=5),
        )
    )
    assert order.legs is not None and {leg.status for leg in order.legs} == {OrderStatus.HELD}
    canceled = trading.cancel_orders()
    assert order.id in {item.id for item in canceled}
    eventually(lambda: trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN)) == [])


def test_positions_are_closed_one_by_one_and_all_together(exchange: Any) -> None:
    trading = client(exchange)
    for symbol in ("AAPL", "MSFT"):
        filled(trading, buy(trading, symbol, 4).id)
    part = trading.close_position("AAPL", ClosePositionRequest(qty="1"))
    filled(trading, part.id)
    assert trading.get_open_position("AAPL").qty == "3"
    closed = trading.close_all_positions(cancel_orders=True)
    assert {item.status for item in closed} == {200}
    eventually(lambda: trading.get_all_positions() == [])


def test_account_assets_clock_calendar_and_history_parse(exchange: Any) -> None:
    trading = client(exchange)
    account = trading.get_account()
    assert (account.cash, account.multiplier, account.buying_power) == ("100000", "4", "400000")
    configurations = trading.get_account_configurations()
    configurations.no_shorting = True
    assert trading.set_account_configurations(configurations).no_shorting
    assert trading.get_asset("AAPL").fractionable
    assert len(trading.get_all_assets(GetAssetsRequest())) > 50
    assert trading.get_clock().is_open
    days = trading.get_calendar(
        GetCalendarRequest(start=datetime(2026, 11, 20).date(), end=datetime(2026, 11, 30).date())
    )
    assert len(days) >= 6
    history = trading.get_portfolio_history(GetPortfolioHistoryRequest(period="1D"))
    assert len(history.timestamp) == len(history.equity)


def test_notional_and_crypto_orders_fill(exchange: Any) -> None:
    trading = client(exchange)
    notional = trading.submit_order(
        MarketOrderRequest(
            symbol="AAPL", notional=100, side=OrderSide.BUY, time_in_force=TimeInForce.DAY
        )
    )
    done = filled(trading, notional.id)
    spent = float(done.filled_qty) * float(done.filled_avg_price)
    assert 99 < spent <= 100
    coins = trading.submit_order(
        MarketOrderRequest(
            symbol="BTC/USD", qty=0.01, side=OrderSide.BUY, time_in_force=TimeInForce.GTC
        )
    )
    filled(trading, coins.id)
    assert {position.symbol for position in trading.get_all_positions()} == {"AAPL", "BTCUSD"}


def test_historical_and_latest_data_parse(exchange: Any) -> None:
    stocks = StockHistoricalDataClient("k", "s", url_override=exchange["data"])
    quote = stocks.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="AAPL"))["AAPL"]
    assert 0 < quote.bid_price <= quote.ask_price
    trade = stocks.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="AAPL"))["AAPL"]
    assert trade.price > 0
    shot = stocks.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=["AAPL", "SPY"]))
    assert shot["SPY"].latest_quote.ask_price > 0
    now = datetime.now(UTC)
    bars = stocks.get_stock_bars(
        StockBarsRequest(
            symbol_or_symbols=["AAPL", "MSFT"],
            timeframe=TimeFrame.Minute,
            start=now - timedelta(minutes=30),
            end=now,
        )
    )
    assert len(bars["AAPL"]) > 10 and all(bar.low <= bar.high for bar in bars["MSFT"])
    coins = CryptoHistoricalDataClient(url_override=exchange["data"])
    pair = coins.get_crypto_latest_quote(CryptoLatestQuoteRequest(symbol_or_symbols="BTC/USD"))
    assert pair["BTC/USD"].ask_price > 0


def _until_received(stream: Any, subscribe: Callable[[Any], None], wanted: int) -> list[Any]:
    seen: list[Any] = []

    async def take(message: Any) -> None:
        seen.append(message)

    with listening(stream, lambda: subscribe(take)):
        eventually(lambda: len(seen) >= wanted)
    return seen


def test_stock_data_stream_delivers_quotes_and_trades(exchange: Any) -> None:
    stream = StockDataStream("k", "s", url_override=exchange["data_stream"])
    quotes = _until_received(stream, lambda take: stream.subscribe_quotes(take, "AAPL", "SPY"), 3)
    assert {quote.symbol for quote in quotes} <= {"AAPL", "SPY"}
    assert all(0 < quote.bid_price <= quote.ask_price for quote in quotes)
    stream = StockDataStream("k", "s", url_override=exchange["data_stream"])
    trades = _until_received(stream, lambda take: stream.subscribe_trades(take, "SPY"), 1)
    assert trades[0].price > 0


def test_halt_is_told_on_the_data_stream(exchange: Any) -> None:
    stream = StockDataStream("k", "s", url_override=exchange["data_stream"])
    seen: list[Any] = []

    async def take(status: Any) -> None:
        seen.append(status)

    with listening(stream, lambda: stream.subscribe_trading_statuses(take, "KO")):
        eventually(lambda: _subscribed(exchange, "KO"))
        _post(exchange["control"] + "/halt", {"symbol": "KO", "reason": "T1"})
        eventually(lambda: seen)
        _post(exchange["control"] + "/resume", {"symbol": "KO"})
        eventually(lambda: len(seen) == 2)
    assert seen[0].symbol == "KO" and seen[0].reason_code == "T1"


def test_crypto_data_stream_delivers(exchange: Any) -> None:
    stream = CryptoDataStream("k", "s", url_override=exchange["crypto_stream"])
    quotes = _until_received(stream, lambda take: stream.subscribe_quotes(take, "BTC/USD"), 2)
    assert quotes[0].symbol == "BTC/USD"


def _post(url: str, body: Any) -> Any:
    request = urllib.request.Request(url, data=json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


def _subscribed(exchange: Any, symbol: str) -> bool:
    with urllib.request.urlopen(exchange["control"] + "/status", timeout=60) as reply:
        streams = json.load(reply)["streams"]
    return any(symbol in s.get("subscribed", {}).get("statuses", []) for s in streams)
