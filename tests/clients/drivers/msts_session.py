"""msts-trader: its Alpaca broker, step by step; its command is run among the bots."""

from decimal import Decimal

from msts_trader.brokers.alpaca import Alpaca
from msts_trader.models import Order, Side
from steps import KEY, SECRET, absent, play, wait_for

broker = Alpaca(KEY, SECRET, paper=True)
BUY = next(side for side in Side if str(side.value).upper().startswith("B"))


def identity(placed):
    found = placed.get("order_id") or placed.get("id")
    assert found, placed
    return str(found)


def account():
    assert broker.balances().cash == 100_000


def order():
    found = identity(broker.place_market(Order("AAPL", BUY, Decimal(2))))
    wait_for(lambda: "filled" in str(broker.order_status(found)).lower(), "fill")


def cancel():
    found = identity(broker.place_limit(Order("AAPL", BUY, Decimal(1)), Decimal(1)))
    wait_for(lambda: broker.cancel_order(found), "cancel")
    wait_for(lambda: "cancel" in str(broker.order_status(found)).lower(), "cancel")


def position():
    assert broker.positions()["AAPL"].quantity == 2


def data():
    assert broker.quote(["AAPL"])["AAPL"] > 0


def stop():
    assert identity(broker.place_stop("AAPL", Decimal(2), Decimal(10)))


play(account=account, quotes=absent, order=order, cancel=cancel, position=position,
     updates=absent, data=data, lists=stop)  # fmt: skip
