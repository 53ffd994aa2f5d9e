"""ccxt in Python: its Alpaca trades crypto pairs."""

import ccxt
from steps import KEY, SECRET, absent, play, wait_for

exchange = ccxt.alpaca({"apiKey": KEY, "secret": SECRET})
exchange.set_sandbox_mode(True)
PAIR = "BTC/USD"


def account():
    assert exchange.fetch_balance()["USD"]["total"] == 100_000


def order():
    placed = exchange.create_order(PAIR, "market", "buy", 0.01)
    wait_for(lambda: exchange.fetch_order(placed["id"], PAIR)["status"] == "closed", "fill")


def cancel():
    placed = exchange.create_order(PAIR, "limit", "buy", 0.01, 1000)
    exchange.cancel_order(placed["id"], PAIR)
    wait_for(lambda: exchange.fetch_order(placed["id"], PAIR)["status"] == "canceled", "cancel")


def position():
    assert exchange.fetch_my_trades(PAIR)[0]["amount"] == 0.01


def data():
    assert exchange.fetch_ohlcv(PAIR, "1m", limit=5)
    assert exchange.fetch_order_book(PAIR)["bids"]


play(account=account, quotes=absent, order=order, cancel=cancel, position=position,
     updates=absent, data=data, lists=absent)  # fmt: skip
