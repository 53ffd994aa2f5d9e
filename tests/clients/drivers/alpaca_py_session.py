"""Alpaca's own SDK in Python, as its manual shows it; no URL is given anywhere."""

from datetime import UTC, datetime, timedelta

from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.historical.news import NewsClient
from alpaca.data.historical.screener import ScreenerClient
from alpaca.data.live import CryptoDataStream, StockDataStream
from alpaca.data.requests import (
    CorporateActionsRequest,
    CryptoLatestQuoteRequest,
    MarketMoversRequest,
    MostActivesRequest,
    NewsRequest,
    StockBarsRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import (
    CreateWatchlistRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
)
from alpaca.trading.stream import TradingStream
from steps import KEY, SECRET, in_background, play, wait_for

client = TradingClient(KEY, SECRET, paper=True)
trading_stream, quote_stream = TradingStream(KEY, SECRET), StockDataStream(KEY, SECRET)
coin_stream = CryptoDataStream(KEY, SECRET)
updates, quotes, coins = [], [], []


async def on_update(update):
    updates.append(str(getattr(update.event, "value", update.event)))


async def on_quote(quote):
    quotes.append(quote.symbol)


async def on_coin(quote):
    coins.append(quote.symbol)


trading_stream.subscribe_trade_updates(on_update)
quote_stream.subscribe_quotes(on_quote, "SPY")
coin_stream.subscribe_quotes(on_coin, "BTC/USD")
for stream in (trading_stream, quote_stream, coin_stream):
    in_background(stream.run)


def status_of(order, wanted):
    wait_for(lambda: client.get_order_by_id(order.id).status == wanted, wanted)


def account():
    assert float(client.get_account().cash) == 100_000


def quotes_arrive():
    wait_for(lambda: quotes and coins, "quotes")


def order():
    bought = MarketOrderRequest(symbol="AAPL", qty=2, side="buy", time_in_force="day")
    status_of(client.submit_order(bought), "filled")


def cancel():
    resting = LimitOrderRequest(
        symbol="AAPL", qty=1, side="buy", time_in_force="gtc", limit_price=1
    )
    placed = client.submit_order(resting)
    status_of(placed, "new")
    changed = client.replace_order_by_id(placed.id, ReplaceOrderRequest(limit_price=2))
    status_of(placed, "replaced")
    client.cancel_order_by_id(changed.id)
    status_of(changed, "canceled")


def position():
    assert client.get_open_position("AAPL").qty == "2"


def trade_updates():
    wait_for(lambda: "fill" in updates and "canceled" in updates, "updates")


def data():
    start = datetime.now(UTC) - timedelta(hours=1)
    request = StockBarsRequest(symbol_or_symbols="AAPL", timeframe=TimeFrame.Minute, start=start)
    assert StockHistoricalDataClient(KEY, SECRET).get_stock_bars(request).data["AAPL"]
    latest = CryptoLatestQuoteRequest(symbol_or_symbols="BTC/USD")
    assert CryptoHistoricalDataClient().get_crypto_latest_quote(latest)["BTC/USD"].ask_price


def lists():
    made = client.create_watchlist(CreateWatchlistRequest(name="w", symbols=["AAPL"]))
    assert client.get_watchlist_by_id(made.id).assets[0].symbol == "AAPL"
    since = datetime.now(UTC) - timedelta(days=1)
    assert NewsClient(KEY, SECRET).get_news(NewsRequest(start=since, limit=5)).data["news"]
    screener = ScreenerClient(KEY, SECRET)
    assert screener.get_market_movers(MarketMoversRequest(top=3)).gainers
    assert screener.get_most_actives(MostActivesRequest(top=3)).most_actives
    CorporateActionsClient(KEY, SECRET).get_corporate_actions(CorporateActionsRequest())


play(
    account=account, quotes=quotes_arrive, order=order, cancel=cancel, position=position,
    updates=trade_updates, data=data, lists=lists,
)  # fmt: skip
