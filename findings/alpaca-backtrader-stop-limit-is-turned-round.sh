#!/bin/bash
# alpaca-backtrader-api 0.15.0 with backtrader 1.9.76.123: a stop-limit order goes out with its two prices exchanged.
#
# In backtrader `price` is where a StopLimit triggers and `plimit` the limit it then has. Alpaca's own package for live
# trading with backtrader sends price as limit_price and plimit as stop_price. "Sell at 95, not below 94" becomes "when
# it is at 94, sell at 95 or better": a valid order, and the very same code is filled in the backtest.
# For a trader: the protective sale cannot fill while the price falls, which is what it is for. (A trailpercent, in
# backtrader a fraction, goes out unchanged too, as a hundredth of what was meant.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
# It asks for libraries of 2021 that a Python of today cannot build; newer ones do for the one function that runs here.
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 pandas==3.1.1 requests==2.34.2 \
    pytz==2026.6 exchange-calendars==4.13.2 websockets==9.1 websocket-client==1.9.2 msgpack==1.2.4 PyYAML==6.0.4 \
    aiohttp==3.14.5 urllib3==1.26.20
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps alpaca-backtrader-api==0.15.0 \
    backtrader==1.9.76.123 alpaca-trade-api==1.4.3
"$folder/venv/bin/python" - <<'PY'
import queue
import sys

import backtrader as bt
import pandas as pd
from alpaca_backtrader_api import AlpacaStore

PRICES = [100.0, 100.0, 100.0, 96.0, 94.8, 94.2, 93.0, 92.0, 91.0, 90.0]
TRIGGER, LIMIT = 95.0, 94.0
DAYS = pd.bdate_range("2026-11-02", periods=len(PRICES))
BARS = pd.DataFrame({name: PRICES for name in ("open", "high", "low", "close")}, index=DAYS).assign(volume=1000)


class Store:
    """What AlpacaStore.order_create uses of its store: the names of the types, and the queue of its sender."""

    _ORDEREXECS = AlpacaStore._ORDEREXECS

    def __init__(self):
        self.q_ordercreate = queue.Queue()


store = Store()
sent, sold_at = [], []


class Protected(bt.Strategy):
    """Ten shares, and a stop-limit below them."""

    def next(self):
        if len(self) == 1:
            self.buy(size=10)
        if len(self) == 3:
            self.sell(size=10, exectype=bt.Order.StopLimit, price=TRIGGER, plimit=LIMIT)

    def notify_order(self, order):
        if order.status == order.Submitted and order.exectype == bt.Order.StopLimit:
            AlpacaStore.order_create(store, order)
            sent.append(store.q_ordercreate.get()[1])
        if order.status == order.Completed and order.issell():
            sold_at.append(order.executed.price)


def sale(stop, limit):
    """The price at which a stop-limit sale of these two prices fills, if it does."""
    triggered = False
    for price in PRICES[3:]:
        triggered = triggered or price <= stop
        if triggered and price >= limit:
            return price
    return None


cerebro = bt.Cerebro()
cerebro.adddata(bt.feeds.PandasData(dataname=BARS, name="SPY"))
cerebro.addstrategy(Protected)
cerebro.run()
(order,) = sent
stop, limit = float(order["stop_price"]), float(order["limit_price"])
print("prices:", PRICES[3:])
print(f"asked: sell when at {TRIGGER}, for {LIMIT} or better; the backtest sold at {sold_at}")
print("sent: ", order)
print("by hand, filled at: as asked", sale(TRIGGER, LIMIT), "- as sent", sale(stop, limit))
still = order["type"] == "stop_limit" and (stop, limit) == (LIMIT, TRIGGER)
still = still and sold_at == [94.8] and sale(TRIGGER, LIMIT) == 94.8 and sale(stop, limit) is None
print("still so: the sale waits above the price that falls" if still else "CHANGED")
sys.exit(not still)
PY
