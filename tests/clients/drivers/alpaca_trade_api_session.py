"""Alpaca's older SDK in Python, as its manual shows it."""

import asyncio
from datetime import date, timedelta

import alpaca_trade_api as old
from steps import KEY, SECRET, in_background, play, wait_for

api = old.REST()  # everything from the environment
stream = old.Stream(KEY, SECRET)
updates, seen = [], []


async def on_update(update):
    updates.append(update.event)


async def on_quote(quote):
    seen.append(quote.symbol)


stream.subscribe_trade_updates(on_update)
stream.subscribe_quotes(on_quote, "SPY")


async def listen():
    await asyncio.gather(stream._trading_ws._run_forever(), stream._data_ws._run_forever())


in_background(lambda: asyncio.run(listen()))


def status_of(order, wanted):
    wait_for(lambda: api.get_order(order.id).status == wanted, wanted)


def account():
    assert float(api.get_account().cash) == 100_000


def quotes():
    wait_for(lambda: seen, "quotes")


def order():
    status_of(api.submit_order("AAPL", qty=2, side="buy", type="market", time_in_force="day"),
              "filled")  # fmt: skip


def cancel():
    placed = api.submit_order(
        "AAPL", qty=1, side="buy", type="limit", limit_price="1", time_in_force="gtc"
    )
    status_of(placed, "new")
    api.cancel_order(placed.id)
    status_of(placed, "canceled")


def position():
    assert api.get_position("AAPL").qty == "2"


def trade_updates():
    wait_for(lambda: "fill" in updates and "canceled" in updates, "updates")


def data():
    assert len(api.get_bars("AAPL", "1Min", limit=5)) == 5
    assert api.get_latest_quote("AAPL").ap > 0


def lists():
    api.create_watchlist("w", ["AAPL"])
    assert api.get_watchlist_by_name("w").assets[0]["symbol"] == "AAPL"
    assert api.get_news("AAPL", start=str(date.today() - timedelta(days=7)), limit=3)


play(
    account=account, quotes=quotes, order=order, cancel=cancel, position=position,
    updates=trade_updates, data=data, lists=lists,
)  # fmt: skip
