"""py-alpaca-api, as its manual shows it: hosts are written into it."""

from py_alpaca_api import PyAlpacaAPI
from steps import KEY, SECRET, absent, play, wait_for

api = PyAlpacaAPI(api_key=KEY, api_secret=SECRET, api_paper=True)
orders = api.trading.orders


def status_of(order, wanted):
    wait_for(lambda: orders.get_by_id(order.id).status == wanted, wanted)


def account():
    assert api.trading.account.get().cash == 100_000


def order():
    status_of(orders.market(symbol="AAPL", qty=2, side="buy"), "filled")


def cancel():
    placed = orders.limit(symbol="AAPL", limit_price=1, qty=1, side="buy")
    status_of(placed, "new")
    orders.cancel_by_id(placed.id)
    status_of(placed, "canceled")


def position():
    assert api.trading.positions.get("AAPL").qty == 2


def data():
    assert len(api.stock.history.get_latest_bars(["AAPL", "MSFT"]))


def lists():
    api.trading.watchlists.create(name="w", symbols="AAPL")
    assert api.trading.watchlists.get_all()


play(account=account, quotes=absent, order=order, cancel=cancel, position=position,
     updates=absent, data=data, lists=lists)  # fmt: skip
